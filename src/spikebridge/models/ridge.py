"""The linear translator: ridge regression of target counts on lagged, smoothed source counts, one a recording.

Hoerl & Kennard 1970. The yardstick that a nonlinear translator has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter1d

from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.arrays import load_arrays, save_arrays
from spikebridge.types import Predictions, Windows

FLOOR = 0.05  # of a unit's mean rate: a linear prediction can be negative, a rate cannot


class Ridge(Model):
    """target(t) = b + sum_l W_l smooth(source)(t - l), l in seconds from -reach to +reach (smoothing two-sided).

    The prediction is drawn towards the unit's mean by the penalty, and floored at 5 % of it. Windows are handled apart:
    beyond a window's edge the nearest bin stands in.
    """

    name = "ridge"
    decides = False
    translates = True

    class Params(base.Params):
        smoothing_s: float = Field(0.1, gt=0, description="SD of the Gaussian kernel")
        reach_s: float = Field(0.2, ge=0, description="longest lag, either way")
        penalty: float = Field(3.0, gt=0, description="relative to the mean variance of the predictors")

    space = {
        "smoothing_s": ("log", 0.03, 0.3),
        "reach_s": ("categorical", 0.0, 0.1, 0.2, 0.4),
        "penalty": ("log", 0.3, 30.0),
    }

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        p: Any = self.params
        self.weights: dict[str, dict[str, NDArray[np.float64]]] = {}
        for w in train:
            x = self._predictors(w)
            y = w.target.reshape(-1, w.target.shape[2]).astype(np.float64)
            mean, base_rate = x.mean(axis=0), y.mean(axis=0)
            x -= mean
            gram = x.T @ x / len(x)
            strength = p.penalty * np.trace(gram) / len(gram)
            slope = np.linalg.solve(gram + strength * np.eye(len(gram)), x.T @ (y - base_rate) / len(x))
            self.weights[w.recording] = {"mean": mean, "base": base_rate, "slope": slope}

    def predict(self, windows: Windows) -> Predictions:
        part = self.weights[self.known(windows.recording)]
        x = self._predictors(windows) - part["mean"]
        rates = np.maximum(part["base"] + x @ part["slope"], FLOOR * part["base"])
        return Predictions(rates=rates.reshape(len(windows), windows.n_bins, len(part["base"])).astype(np.float32))

    def _predictors(self, w: Windows) -> NDArray[np.float64]:
        """(window * bin, lag * unit), smoothed counts at every lag."""
        p: Any = self.params
        smooth = gaussian_filter1d(w.source.astype(np.float64), p.smoothing_s / w.bin_s, axis=1, mode="nearest")
        # Lags nearer than the kernel is wide say the same twice, and four either way resolve what is left.
        reach = round(p.reach_s / w.bin_s)
        each_way = min(4, reach // max(1, round(p.smoothing_s / w.bin_s)))
        lags = sorted({round(lag) for lag in np.linspace(-reach, reach, 2 * each_way + 1)}) if each_way else [0]
        at = np.arange(w.n_bins)
        shifted = [smooth[:, np.clip(at - lag, 0, w.n_bins - 1)] for lag in lags]
        return np.concatenate(shifted, axis=2).reshape(len(w) * w.n_bins, len(lags) * w.source.shape[2])

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            save_arrays(folder / f"{i}.safetensors", self.weights[name])

    def _load(self, folder: Path) -> None:
        self.weights = {name: load_arrays(folder / f"{i}.safetensors") for i, name in enumerate(self.units)}
