"""The decision told from one part of the window at a time: from the source's counts, and from latents.

The decoders are those of the ladder, with one fixed penalty: what is asked is when a decision can be told, not how well
at best. Latents of a two-sided encoder know the whole window at every time; those of a causal one what came before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikebridge import models
from spikebridge.artifacts.latents import LatentsByRecording
from spikebridge.nested_models.decoding.inputs import with_latents
from spikebridge.nested_models.decoding.latent_decoders import LatentDecoder
from spikebridge.nested_models.decoding.steps import Step
from spikebridge.types import Windows

MOST_PARTS = 10
SOURCE, LATENTS = "source_region", "translated_latents"
COUNTS: Mapping[str, Any] = {"n_segments": 1, "penalty": 300.0}
MEAN: Mapping[str, Any] = {"summary": "mean", "penalty": 10.0}
"""Settings of the two decoders: the middle of the grids that the ladder chooses from."""


@dataclass(frozen=True)
class Part:
    """What is told of, `SOURCE` or `LATENTS`, and the bins [first, stop) that it is told from."""

    of: str
    first: int
    stop: int
    step: Step

    @property
    def about(self) -> dict[str, Any]:
        return {"name": self.step.name, "of": self.of, "first": self.first, "stop": self.stop}


def course(n_bins: int, lacking_latents: str) -> list[Part]:
    """Every part of the window, at most ten of nearly equal length, of the source and then of latents.

    lacking_latents: why there are none, in words, or "".
    """
    edges = np.linspace(0, n_bins, min(MOST_PARTS, n_bins) + 1).round().astype(int)
    spans = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    found = [Part(SOURCE, a, b, _step(SOURCE, k, a, b)) for k, (a, b) in enumerate(spans)]
    if not lacking_latents:
        found += [Part(LATENTS, a, b, _step(LATENTS, k, a, b)) for k, (a, b) in enumerate(spans)]
    return found


def _step(of: str, number: int, first: int, stop: int) -> Step:
    name = f"{of}_{number}"
    if of == SOURCE:
        return Step(name, lambda _: models.create("logistic", COUNTS), view=lambda w, _: _cut(w, first, stop))

    def view(w: Windows, latents: LatentsByRecording) -> Windows:
        of_part = {w.recording: replace(latents[w.recording], latents=latents[w.recording].latents[:, first:stop])}
        return with_latents(_cut(w, first, stop), of_part)

    return Step(name, lambda _: LatentDecoder(MEAN), view=view, of_latents=True)


def _cut(w: Windows, first: int, stop: int) -> Windows:
    """The windows' bins [first, stop)."""
    few: dict[str, Any] = {name: getattr(w, name)[:, first:stop] for name in ("source", "target", "behavior")}
    return replace(w, **few, start_s=w.start_s + first * w.bin_s)
