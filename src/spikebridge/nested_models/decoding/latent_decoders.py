"""Logistic read-outs of latents, alone and beside the task; the other steps take the models that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.models.parts.readout import SUMMARIES
from spikebridge.models.trial_columns import TrialColumns
from spikebridge.types import Windows


class LatentDecoder(FeatureDecoder):
    """Logistic in a summary of the latents over the window, which lie in the windows' behaviour (views.with_latents).

    The same read-out as every other step has, so that a gain is one of information. The decisions of seq2seq itself
    come from a richer one.
    """

    name = "translated_latents"
    from_source = False

    class Params(FeatureDecoder.Params):
        summary: str = Field("recent quarter", pattern="|".join(f"^{name}$" for name in SUMMARIES))

    def _features(self, w: Windows, prepared: Arrays) -> Array:
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

    def _prepare(self, w: Windows) -> dict[str, Any]:
        return self.task._prepare(w)

    def _features(self, w: Windows, prepared: Arrays) -> Array:
        return np.column_stack([super()._features(w, prepared), self.task._features(w, prepared)])
