"""Behaviour without spikes: position, speed and other series recorded in the window; one fit per recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from spikebridge.errors import ConfigError
from spikebridge.errors.messages import listed
from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.models.parts.saved_arrays import Expected, float64_arrays
from spikebridge.types import Windows


class Behavior(FeatureDecoder):
    """Logistic in the mean of every behaviour series in `segments` parts of the window, and (`squares`) its square."""

    name = "behavior"
    from_source = False

    class Params(FeatureDecoder.Params):
        n_segments: int = Field(2, ge=1)
        squared_terms: bool = False

    space = {
        "n_segments": ("categorical", 1, 2, 4),
        "squared_terms": ("categorical", False, True),
        "penalty": ("log", 0.1, 1000.0),
    }

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        without = [w.recording for w in train if not w.behavior_names]
        if without:
            raise ConfigError(
                f"models.behavior: expected behaviour in every recording, found no series in {listed(without)}: take "
                "models.behavior out, or leave these recordings out"
            )
        super()._fit(train, valid, rng, on_epoch)

    def prepare(self, w: Windows) -> dict[str, Any]:
        known = np.isfinite(w.behavior)
        n = np.maximum(known.sum(axis=(0, 1)), 1)
        return {"middle": np.where(known, w.behavior, 0).sum(axis=(0, 1), dtype=np.float64) / n}

    def features(self, w: Windows, prepared: Arrays) -> Array:
        p: Any = self.params
        values = w.behavior.astype(np.float64) - prepared["middle"]
        known = np.isfinite(values)
        edges = np.linspace(0, w.n_bins, min(p.n_segments, w.n_bins) + 1).round().astype(int)[:-1]
        sums = np.add.reduceat(np.where(known, values, 0.0), edges, axis=1)
        n = np.add.reduceat(known.astype(np.int64), edges, axis=1)
        means = np.full(sums.shape, np.nan)
        np.divide(sums, n, out=means, where=n > 0)
        flat = means.reshape(len(w), -1)
        return np.concatenate([flat, flat**2], axis=1) if p.squared_terms else flat

    def _prepared(self, path: Path, arrays: Arrays, n_source: int) -> tuple[Expected, int]:
        p: Any = self.params
        series = np.asarray(arrays.get("middle", ())).size
        return float64_arrays(middle=(series,)), min(p.n_segments, self.n_bins) * series * (2 if p.squared_terms else 1)
