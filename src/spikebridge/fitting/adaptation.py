"""Adapt a fitted translator to new recordings and score it on held-out blocks, compared with a fit from scratch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge import metrics, models
from spikebridge.artifacts.fitted_on import FittedOn, FittedRecording, settings_of
from spikebridge.artifacts.recordings import IngestedRecordings
from spikebridge.artifacts.served_models import read_fitted_on, write_adapted
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig, ComputeConfig, SplitConfig, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.io import IngestSections, ingest
from spikebridge.models import Model
from spikebridge.models.parts.saved_files import write_manifest
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.preprocess import make_windows, select_trials
from spikebridge.preprocess.windows import count_bins
from spikebridge.splits import make_splits, select_windows
from spikebridge.types import Windows
from spikebridge.types.covariates import without_labels

Row = dict[str, Any]
"""recording, fit (one of FITS), windows, trials, bits_per_spike, balanced_accuracy."""
FITS = ("without labels", "adapted", "from scratch")


@dataclass(frozen=True)
class AdaptationSections(WindowSections):
    """The sections of params.yaml that `adapt` uses, beside those of windows.

    Parameters
    ----------
    data, quality, trials, bins : Section
        The sections of these names.
    seed : int
        Of every random stream.
    split : SplitConfig
        Number of blocks, and the gap.
    baseline : BaselineConfig
        Terms of the baseline.
    compute : ComputeConfig
        The machine.
    """

    seed: int
    split: SplitConfig
    baseline: BaselineConfig
    compute: ComputeConfig


def adapt(
    sections: AdaptationSections, model_folder: Path, out: Path, say: Callable[[str], None] = lambda _: None
) -> list[Row]:
    """Adapt a saved model to the recordings of `data.path`; write it, with adapted.json, into a folder.

    Every recording is scored on `split.n_outer_folds` contiguous blocks, each separated by a gap from the training
    data. Each block is scored three times: with the model adapted to the other blocks without their labels, adapted
    with their labels, and with a model of the same settings fitted only to the other blocks. The saved model is adapted
    to all blocks with their labels.

    Parameters
    ----------
    sections : AdaptationSections
        The settings.
    model_folder : Path
        A saved seq2seq.
    out : Path
        Gets the adapted model; see spikebridge.artifacts.served_models for adapted.json.
    say : callable
        Called with each line of progress.

    Returns
    -------
    list of dict
        One row a recording and fit: recording, fit (one of FITS), windows, trials, bits_per_spike (over each unit's
        mean rate in the training blocks), balanced_accuracy.

    Raises
    ------
    ConfigError
        If bins or window differ from those of the model.
    DataError
        If the model already knows a recording, if a recording has a class that the model does not know, or if it has
        too few windows or trials.
    """
    baselines = Baselines(sections.baseline)
    model = _saved(model_folder, baselines)
    _check_bins(model, sections)
    windows = _windows(sections, model, say)
    rows = [row for w in windows for row in _held_out(w, sections.split, sections.seed, model_folder, baselines, say)]
    for number, w in enumerate(windows):
        part = make_splits([w], sections.split).full
        model.adapt(
            select_windows([w], part.train),
            select_windows([w], part.valid),
            np.random.default_rng([sections.seed, number]),
        )
    model.save(out)
    before = read_fitted_on(model_folder)
    new = {w.recording: FittedRecording.of(w) for w in windows}
    fitted = FittedOn(before.settings or settings_of(sections), {**before.recordings, **new})
    write_adapted([w.recording for w in windows], rows, sections.seed, fitted, out)
    write_manifest(out)
    return rows


def _saved(folder: Path, baselines: Baselines) -> Seq2Seq:
    model = models.load(folder, baselines)
    if not isinstance(model, Seq2Seq):
        raise DataError(f"{folder}: expected a saved {Seq2Seq.name}, whose core can be shared, got {model.name}")
    return model


def _check_bins(model: Model, sections: WindowSections) -> None:
    width, window = sections.bins.width_s, sections.trials.window_s
    if abs(width - model.bin_s) > 1e-9:
        raise ConfigError(f"bins.width_s: the model was fitted on bins of {model.bin_s:g} s, got {width:g}")
    if count_bins(window[1] - window[0], width) != model.n_bins:
        raise ConfigError(
            f"trials.window_s: the model was fitted on windows of {model.n_bins * model.bin_s:g} s, got {list(window)}"
        )


def _windows(sections: AdaptationSections, model: Model, say: Callable[[str], None]) -> list[Windows]:
    windows = []
    with tempfile.TemporaryDirectory() as folder:
        ingest(IngestSections.of(sections), Path(folder), say=say)
        for recording in IngestedRecordings(Path(folder)):
            if recording.name in model.units:
                known = ", ".join(sorted(model.units))
                raise DataError(f"{recording.name}: the model knows this recording already; it knows {known}")
            labels = set(select_trials(recording, sections.trials).label.tolist())
            if unknown := sorted(labels - set(model.classes)):
                raise DataError(
                    f"{recording.name}: trials.label has {', '.join(unknown)}, which the model does not know; its "
                    f"classes are {', '.join(model.classes)}"
                )
            windows.append(make_windows(recording, sections, model.classes)[0])
    return windows


def _held_out(
    w: Windows, split: SplitConfig, seed: int, folder: Path, baselines: Baselines, say: Callable[[str], None]
) -> Iterator[Row]:
    fits: dict[str, list[tuple[float, float, Any]]] = {name: [] for name in FITS}
    folds = make_splits([w], split).folds
    labels = np.concatenate([w.label[fold.test[w.recording]] for fold in folds])
    for fold in folds:
        say(f"{w.recording}: held-out block {fold.fold + 1} of {len(folds)}")
        parts = [select_windows([w], side) for side in (fold.inner[0].train, fold.inner[0].valid)]
        test, mean = w.select(fold.test[w.recording]), w.select(fold.train[w.recording]).target.mean(axis=(0, 1))
        for name, scored in fits.items():
            rng = np.random.default_rng([seed, fold.fold])
            model = _saved(folder, baselines)
            if name == "without labels":
                model.adapt([without_labels(v) for v in parts[0]], [without_labels(v) for v in parts[1]], rng)
            elif name == "adapted":
                model.adapt(parts[0], parts[1], rng)
            else:
                model = type(model)(model.params.model_dump(), baselines=baselines)
                model.fit(parts[0], parts[1], rng)
            predicted = model.predict(test)
            assert predicted.rates is not None and predicted.probabilities is not None
            nats, spikes = metrics.information(predicted.rates, test.target, mean)
            scored.append((nats.sum(), spikes.sum(), model.decide(predicted.probabilities, w.recording)))
    for name, scored in fits.items():
        nats_of, spikes_of, decided = zip(*scored, strict=True)
        yield {
            "recording": w.recording,
            "fit": name,
            "windows": len(w),
            "trials": len(labels),
            "bits_per_spike": metrics.bits_per_spike(nats_of, spikes_of),
            "balanced_accuracy": metrics.balanced_accuracy(labels, np.concatenate(decided)),
        }
