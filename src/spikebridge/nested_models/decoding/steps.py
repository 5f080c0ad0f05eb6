"""The steps of the ladder of a decision, from the least to the most that has to be assumed; declared before any data.

Each step is a model of its own, its settings chosen from a small grid on the inner folds. Its gain is over the step
that it names as reference; where it names none, over the best of those before it, by their inner log-loss. What is
claimed of latents has a fixed reference and a family of tests; everything else is described, for a longer list of tests
could not be decided with six recordings (see spikebridge.config.declared_tests).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spikebridge import models
from spikebridge.artifacts.latents import LatentsByRecording
from spikebridge.config import Config
from spikebridge.errors.messages import listed
from spikebridge.models import Model
from spikebridge.models.parts.decoder import FeatureDecoder
from spikebridge.models.parts.readout import SUMMARIES
from spikebridge.nested_models.decoding.confounds import CONFOUND, Matched, Residualised
from spikebridge.nested_models.decoding.inputs import (
    check_columns,
    target_as_source,
    with_columns,
    with_latents,
)
from spikebridge.nested_models.decoding.latent_decoders import LatentDecoder, LatentTaskDecoder
from spikebridge.preprocess.covariates import LABEL_BACK
from spikebridge.types import Windows

View = Callable[[Windows, LatentsByRecording], Windows]
BASE = "majority"
LADDER, BEYOND = "ladder", "ladder_beyond_confounds"
"""Families: what latents add over the source's counts and over the task; what is left beyond the confounds."""
WEAK, STRONG = (1.0, 10.0, 100.0), (30.0, 300.0, 3000.0)
"""Penalties of few features, and of counts."""
COUNTS: Mapping[str, Sequence[Any]] = {"n_segments": (1, 2, 4), "penalty": STRONG}
OF_LATENTS: Mapping[str, Sequence[Any]] = {"summary": tuple(SUMMARIES), "penalty": WEAK}


@dataclass(frozen=True)
class Step:
    """One rung. make: settings -> a decoder. grid: setting -> values to choose from. view: what the decoder sees.

    reference: name of the step that the gain is over; "": the best before, as found on inner folds. family: of the
    test of the gain; "": described. missing: why the data do not allow the step, in words; "" where they do.
    of_latents: whether a translator learned before the decoder did.
    """

    name: str
    make: Callable[[Mapping[str, Any]], Model]
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    view: View = lambda w, latents: w
    reference: str = ""
    family: str = ""
    missing: str = ""
    of_latents: bool = False


def decision_steps(config: Config, data: Sequence[Windows], by: str, lacking_latents: str) -> list[Step]:
    """Every step, those that are left out included.

    by: how the manifest holds out. lacking_latents: why there are none, or "".
    Raises ConfigError for a column under `nested_models:` that the windows do not hold.
    """
    settings = config.nested_models
    task = config.trials.covariates if settings.task_columns is None else settings.task_columns
    check_columns(data, task, "nested_models.task_columns")
    check_columns(data, settings.confounds, "nested_models.confounds")
    no_task = "" if task else "no columns are named: trials.covariates is empty"
    still = [w.recording for w in data if not w.behavior_names]
    forgetful = any(LABEL_BACK.format(1) not in w.covariate_names for w in data)

    def task_and_latents(w: Windows, latents: LatentsByRecording) -> Windows:
        return with_latents(with_columns(w, task), latents)

    steps = [
        Step(BASE, _model("majority")),
        Step("choice_history", _model("choice_history"), {"n_previous_trials": (1, 2, 3), "penalty": WEAK},
             missing="the windows hold no earlier labels" if forgetful else ""),
        Step("time_in_recording", _model("time_in_recording"), {"n_pieces": (1, 2, 4, 8), "penalty": WEAK}),
        Step("task_variables", _model("trial_columns"), {"interactions": (False, True), "penalty": WEAK},
             lambda w, _: with_columns(w, task), missing=no_task),
        Step("behavior", _model("behavior"), {"n_segments": (1, 2, 4), "squared_terms": (False, True), "penalty": WEAK},
             missing=f"no behaviour was recorded in {listed(still, 1)}" if still else ""),
        Step("target_region", _model("logistic"), COUNTS, lambda w, _: target_as_source(w)),
        Step("source_region", _model("logistic"), COUNTS),
        Step("translated_latents", LatentDecoder, OF_LATENTS, with_latents,
             "source_region", LADDER, lacking_latents, of_latents=True),
        Step("latents_and_task", LatentTaskDecoder, {**OF_LATENTS, "interactions": (False, True)}, task_and_latents,
             "task_variables", LADDER, lacking_latents or no_task, of_latents=True),
        *(_beyond(settings.confounds, settings.confound_control, lacking_latents) if settings.confounds else ()),
    ]  # fmt: skip
    if by != "block":
        why = f"split.by: {by} holds out whole recordings, and a decoder is fitted to each recording"
        steps = [steps[0], *(replace(s, missing=why) for s in steps[1:])]
    return steps


def _beyond(names: Sequence[str], how: str, lacking_latents: str) -> list[Step]:
    """What the confounds tell by themselves, and what source and latents tell beyond them."""
    wrap = Residualised if how == "residualise" else Matched

    def beyond(of: Callable[[Mapping[str, Any]], Model]) -> Callable[[Mapping[str, Any]], Model]:
        def make(params: Mapping[str, Any]) -> Model:
            base = of(params)
            assert isinstance(base, FeatureDecoder)
            return wrap(base)

        return make

    def confounds(w: Windows, _: LatentsByRecording) -> Windows:
        return with_columns(w, names, CONFOUND)

    return [
        Step("confounds", _model("trial_columns"), {"interactions": (False, True), "penalty": WEAK},
             lambda w, _: with_columns(w, names), BASE),
        Step("source_beyond_confounds", beyond(_model("logistic")), COUNTS, confounds, BASE, BEYOND),
        Step("latents_beyond_confounds", beyond(LatentDecoder), OF_LATENTS,
             lambda w, latents: with_latents(confounds(w, latents), latents),
             BASE, BEYOND, lacking_latents, of_latents=True),
    ]  # fmt: skip


def _model(name: str) -> Callable[[Mapping[str, Any]], Model]:
    return lambda params: models.create(name, params)
