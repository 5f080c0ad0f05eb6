"""The decision predicted from one part of the window at a time: from the source's counts, and from latents.

The decoders are those of the nested models, with one fixed penalty: the question is when a decision can be predicted,
not how well. Latents of an encoder that is not causal know the whole window at every time; those of a causal one only
what came before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spikebridge import models
from spikebridge.artifacts.latents import LatentsByRecording
from spikebridge.artifacts.nested_models import WindowPart
from spikebridge.nested_models.decoding.decoders import LatentDecoder, NestedDecoder
from spikebridge.nested_models.decoding.inputs import with_latents
from spikebridge.types import Windows

MAX_PARTS = 10
SOURCE, LATENTS = "source_region", "translated_latents"
COUNTS: Mapping[str, Any] = {"n_segments": 1, "penalty": 300.0}
MEAN: Mapping[str, Any] = {"summary": "mean", "penalty": 10.0}
"""Settings of the two decoders: the middle of the grids that the nested models choose from."""


def window_parts(n_bins: int, has_latents: bool) -> list[WindowPart]:
    """At most ten parts of nearly equal length, of the source and then, where there are any, of latents."""
    edges = np.linspace(0, n_bins, min(MAX_PARTS, n_bins) + 1).round().astype(int)
    spans = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    kinds = (SOURCE, LATENTS) if has_latents else (SOURCE,)
    return [WindowPart(f"{of}_{k}", of, first, stop) for of in kinds for k, (first, stop) in enumerate(spans)]


def part_decoder(part: WindowPart) -> NestedDecoder:
    """The decoder that is given one part of the window alone."""

    def counts(w: Windows, _: LatentsByRecording) -> Windows:
        return _cut(w, part.first, part.stop)

    def latents(w: Windows, latents: LatentsByRecording) -> Windows:
        of_recording = latents[w.recording]
        cut = replace(of_recording, latents=of_recording.latents[:, part.first : part.stop])
        return with_latents(_cut(w, part.first, part.stop), {w.recording: cut})

    if part.of == SOURCE:
        return NestedDecoder(part.name, lambda _: models.create("logistic", COUNTS), inputs=counts)
    return NestedDecoder(part.name, lambda _: LatentDecoder(MEAN), inputs=latents, uses_latents=True)


def _cut(w: Windows, first: int, stop: int) -> Windows:
    """The windows' bins [first, stop)."""
    arrays: dict[str, Any] = {name: getattr(w, name)[:, first:stop] for name in ("source", "target", "behavior")}
    return replace(w, **arrays, start_s=w.start_s + first * w.bin_s)
