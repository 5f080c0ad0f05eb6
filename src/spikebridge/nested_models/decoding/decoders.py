"""The nested models of a decision, from the one that assumes least to the one that assumes most.

They are declared before any data are seen. Each is a decoder whose settings are chosen from a small grid on the inner
folds. Its gain is over the decoder that it names as reference; where it names none, over the best of those before it,
by their inner log loss. Claims about latents have a fixed reference and a family of tests; everything else is
described, since more tests could not be decided with six recordings (see spikebridge.config.declared_tests).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pydantic import Field

from spikebridge import models
from spikebridge.artifacts.latents import LatentsByRecording
from spikebridge.config import NestedModelsConfig
from spikebridge.errors.messages import listed
from spikebridge.models import Model
from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.models.parts.readout import SUMMARIES
from spikebridge.models.trial_columns import TrialColumns
from spikebridge.nested_models.decoding.confounds import CONFOUND, Matched, Residualised
from spikebridge.nested_models.decoding.inputs import (
    require_columns,
    target_as_source,
    with_columns,
    with_latents,
)
from spikebridge.types import Windows
from spikebridge.types.covariates import label_back

SelectInputs = Callable[[Windows, LatentsByRecording], Windows]
BASE = "majority"
LATENTS_FAMILY, CONFOUNDS_FAMILY = "ladder", "ladder_beyond_confounds"
"""Families of tests: what latents add to the source's counts and to the task; what is left beyond the confounds. The
texts are in ladder.csv."""
WEAK, STRONG = (1.0, 10.0, 100.0), (30.0, 300.0, 3000.0)
"""Penalties of few features, and of counts."""
COUNT_GRID: Mapping[str, Sequence[Any]] = {"n_segments": (1, 2, 4), "penalty": STRONG}
LATENT_GRID: Mapping[str, Sequence[Any]] = {"summary": tuple(SUMMARIES), "penalty": WEAK}


class LatentDecoder(FeatureDecoder):
    """Logistic in a summary of the latents over the window, which `with_latents` puts in the place of the behaviour.

    Every other nested model has the same kind of read-out, so that a gain is one of information. The decisions of
    seq2seq itself come from a richer read-out.
    """

    name = "translated_latents"
    from_source = False

    class Params(FeatureDecoder.Params):
        summary: str = Field("recent quarter", pattern="|".join(f"^{name}$" for name in SUMMARIES))

    def features(self, w: Windows, prepared: Arrays) -> Array:
        p: Any = self.params
        return SUMMARIES[p.summary](w.behavior).astype(np.float64)


class LatentTaskDecoder(LatentDecoder):
    """Logistic in that summary and in the task's columns, with one penalty."""

    name = "latents_and_task"

    class Params(LatentDecoder.Params):
        interactions: bool = False

    def __init__(self, params: Mapping[str, Any] | None = None, device: str = "cpu") -> None:
        super().__init__(params, device)
        p: Any = self.params
        self.task = TrialColumns({"interactions": p.interactions})

    def prepare(self, w: Windows) -> dict[str, Any]:
        return self.task.prepare(w)

    def features(self, w: Windows, prepared: Arrays) -> Array:
        return np.column_stack([super().features(w, prepared), self.task.features(w, prepared)])


@dataclass(frozen=True)
class NestedDecoder:
    """One nested model.

    make: settings -> a decoder. grid: setting -> values to choose from. inputs: windows and latents -> the windows that
    the decoder is given.
    reference: name of the model that the gain is over; "": the best before it, by the inner folds. family: of the test
    of the gain; "": described. missing: why the data do not allow the model; "" where they do. uses_latents: whether it
    reads the latents of a translator, which has learned from the data before.
    """

    name: str
    make: Callable[[Mapping[str, Any]], Model]
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    inputs: SelectInputs = lambda w, latents: w
    reference: str = ""
    family: str = ""
    missing: str = ""
    uses_latents: bool = False


def nested_decoders(
    settings: NestedModelsConfig, task: Sequence[str], data: Sequence[Windows], by: str, missing_latents: str
) -> list[NestedDecoder]:
    """Every nested model, including those that the data do not allow.

    task: names of the task's columns. by: how the manifest holds out. missing_latents: why there are none, or "".
    Raises ConfigError for a column under `nested_models:` that the windows do not hold.
    """
    require_columns(data, task, "nested_models.task_columns")
    require_columns(data, settings.confounds, "nested_models.confounds")
    no_task = "" if task else "no columns are named: trials.covariates is empty"
    decoders = [
        *_without_latents(data, task, no_task),
        *_with_latents(task, missing_latents, missing_latents or no_task),
    ]
    if settings.confounds:
        decoders += _confound_controlled(settings.confounds, settings.confound_control, missing_latents)
    if by != "block":
        why = f"split.by: {by} holds out whole recordings, and a decoder is fitted to each recording"
        decoders = [decoders[0], *(replace(d, missing=why) for d in decoders[1:])]
    return decoders


def _without_latents(data: Sequence[Windows], task: Sequence[str], no_task: str) -> list[NestedDecoder]:
    """From the majority class to the counts of either region; no_task: why there are no task columns, or ""."""
    without_behavior = [w.recording for w in data if not w.behavior_names]
    without_history = any(label_back(1) not in w.covariate_names for w in data)
    return [
        NestedDecoder(BASE, _model("majority")),
        NestedDecoder(
            "choice_history",
            _model("choice_history"),
            {"n_previous_trials": (1, 2, 3), "penalty": WEAK},
            missing="the windows hold no earlier labels" if without_history else "",
        ),
        NestedDecoder("time_in_recording", _model("time_in_recording"), {"n_pieces": (1, 2, 4, 8), "penalty": WEAK}),
        NestedDecoder(
            "task_variables",
            _model("trial_columns"),
            {"interactions": (False, True), "penalty": WEAK},
            lambda w, _: with_columns(w, task),
            missing=no_task,
        ),
        NestedDecoder(
            "behavior",
            _model("behavior"),
            {"n_segments": (1, 2, 4), "squared_terms": (False, True), "penalty": WEAK},
            missing=f"no behaviour was recorded in {listed(without_behavior, 1)}" if without_behavior else "",
        ),
        NestedDecoder("target_region", _model("logistic"), COUNT_GRID, lambda w, _: target_as_source(w)),
        NestedDecoder("source_region", _model("logistic"), COUNT_GRID),
    ]


def _with_latents(task: Sequence[str], missing: str, missing_with_task: str) -> list[NestedDecoder]:
    """The latents, alone and with the task; the last two arguments say why there are none, or ""."""

    def task_and_latents(w: Windows, latents: LatentsByRecording) -> Windows:
        return with_latents(with_columns(w, task), latents)

    return [
        NestedDecoder(
            "translated_latents",
            LatentDecoder,
            LATENT_GRID,
            with_latents,
            reference="source_region",
            family=LATENTS_FAMILY,
            missing=missing,
            uses_latents=True,
        ),
        NestedDecoder(
            "latents_and_task",
            LatentTaskDecoder,
            {**LATENT_GRID, "interactions": (False, True)},
            task_and_latents,
            reference="task_variables",
            family=LATENTS_FAMILY,
            missing=missing_with_task,
            uses_latents=True,
        ),
    ]


def _confound_controlled(names: Sequence[str], how: str, missing_latents: str) -> list[NestedDecoder]:
    """What the confounds predict by themselves, and what source and latents predict beyond them."""
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
        NestedDecoder(
            "confounds",
            _model("trial_columns"),
            {"interactions": (False, True), "penalty": WEAK},
            lambda w, _: with_columns(w, names),
            reference=BASE,
        ),
        NestedDecoder(
            "source_beyond_confounds",
            beyond(_model("logistic")),
            COUNT_GRID,
            confounds,
            reference=BASE,
            family=CONFOUNDS_FAMILY,
        ),
        NestedDecoder(
            "latents_beyond_confounds",
            beyond(LatentDecoder),
            LATENT_GRID,
            lambda w, latents: with_latents(confounds(w, latents), latents),
            reference=BASE,
            family=CONFOUNDS_FAMILY,
            missing=missing_latents,
            uses_latents=True,
        ),
    ]


def _model(name: str) -> Callable[[Mapping[str, Any]], Model]:
    return lambda params: models.create(name, params)
