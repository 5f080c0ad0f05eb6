"""The mean rate: predicts the target without any input. Zero bits/spike by definition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.saved_arrays import float64_arrays, load_arrays, save_arrays
from spikebridge.types import Predictions, Windows


class MeanRate(Model):
    """Every unit at its mean over all training bins, always."""

    name = "mean_rate"
    decides = False
    translates = True
    yardstick = True

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.rates = {w.recording: w.target.mean(axis=(0, 1), dtype=np.float64) for w in train}

    def _predict(self, windows: Windows) -> Predictions:
        rate = self.rates[self.check_recording(windows.recording)].astype(np.float32)
        return Predictions(rates=np.tile(rate, (len(windows), windows.n_bins, 1)))

    def _save(self, folder: Path) -> None:
        save_arrays(folder / "rates.safetensors", {str(i): self.rates[name] for i, name in enumerate(self.units)})

    def _load(self, folder: Path) -> None:
        sizes = {str(i): (len(units["target_units"]),) for i, units in enumerate(self.units.values())}
        rates = load_arrays(folder / "rates.safetensors", float64_arrays(**sizes))
        self.rates = {name: rates[str(i)] for i, name in enumerate(self.units)}
