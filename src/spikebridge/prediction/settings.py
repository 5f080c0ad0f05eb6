"""The settings by which new recordings are read for a saved model: those of its fit, or of a file that agrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spikebridge.artifacts.fitted_on import SECTIONS
from spikebridge.config import BinsConfig, ComputeConfig, DataConfig, QualityConfig, TrialsConfig, WindowSections
from spikebridge.errors import ConfigError
from spikebridge.labels.trial_labels import label_text
from spikebridge.preprocess.windows import count_bins
from spikebridge.tracking.served_model import ServedModel

OF_THE_FITTED_FILES = {"path", "recordings", "exclude_units", "offset_s"}
"""Settings of `data` that name recordings, units or times of the files that the model was fitted on."""


@dataclass(frozen=True)
class PredictionSections(WindowSections):
    """The sections of params.yaml by which new recordings are read.

    Parameters
    ----------
    data, quality, trials, bins, compute : Section
        The sections of these names.
    """

    compute: ComputeConfig


def prediction_sections(model: ServedModel, data: Path, given: PredictionSections | None) -> PredictionSections:
    """The settings for new recordings.

    Parameters
    ----------
    model : ServedModel
        The saved model.
    data : Path
        A recording, or a folder of recordings.
    given : PredictionSections, optional
        Those of a parameter file; None: those that the model was fitted with.

    Returns
    -------
    PredictionSections
        With `data` as data.path.

    Raises
    ------
    ConfigError
        Where the model has no settings and none are given, or where bins, window, alignment, label or regions differ
        from those of the fit, with every such setting.
    """
    fitted = _fitted_sections(model)
    sections = given or fitted
    if sections is None:
        raise ConfigError(
            "--params: the files of this model do not hold the settings of its fit; name the parameter file of the fit"
        )
    if given is not None and (wrong := [*_differences(model, fitted, given)]):
        raise ConfigError(f"--params: not as the model was fitted: {'; '.join(wrong)}")
    here = sections.data.model_copy(update={"path": str(data)})
    return PredictionSections(
        here, sections.quality, sections.trials, sections.bins, sections.compute.on_this_machine()
    )


def _fitted_sections(model: ServedModel) -> PredictionSections | None:
    settings = model.fitted_on.settings
    if not all(name in settings for name in SECTIONS):
        return None
    data: dict[str, Any] = {k: v for k, v in settings["data"].items() if k not in OF_THE_FITTED_FILES}
    try:
        return PredictionSections(
            DataConfig.model_validate({**data, "path": "."}),
            QualityConfig.model_validate(settings["quality"]),
            TrialsConfig.model_validate(settings["trials"]),
            BinsConfig.model_validate(settings["bins"]),
            ComputeConfig(),
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"the settings in the files of the model are not valid here ({key}: {first['msg']}); name a parameter file "
            "with --params"
        ) from None


def _differences(model: ServedModel, fitted: PredictionSections | None, given: PredictionSections) -> Iterator[str]:
    """Every setting that cannot be another one than in the fit."""
    width, window = given.bins.width_s, given.trials.window_s
    if abs(width - model.bin_s) > 1e-9:
        yield f"bins.width_s: expected {model.bin_s:g} s, got {width:g}"
    elif count_bins(window[1] - window[0], width) != model.n_bins:
        yield f"trials.window_s: expected a window of {model.n_bins * model.bin_s:g} s, got {list(window)}"
    elif fitted is not None and tuple(fitted.trials.window_s) != tuple(window):
        yield f"trials.window_s: expected {list(fitted.trials.window_s)}, got {list(window)}"
    if fitted is None:
        return
    for key in ("align", "decision"):
        before, now = getattr(fitted.trials, key), getattr(given.trials, key)
        if before != now:
            yield f"trials.{key}: expected {before}, got {now}"
    if fitted.trials.label != given.trials.label:
        yield f"trials.label: expected {label_text(fitted.trials.label)}, got {label_text(given.trials.label)}"
    for key in ("source", "target"):
        regions, asked = getattr(fitted.data, key), getattr(given.data, key)
        if sorted(regions) != sorted(asked):
            yield f"data.{key}: expected {', '.join(regions)}, got {', '.join(asked)}"
