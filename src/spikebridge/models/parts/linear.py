"""The base class of linear translators: predictors, lowest rate, and files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.regressors import (
    MAX_S,
    MIN_RATE_SHARE,
    lag_bins,
    lagged_counts,
)
from spikebridge.models.parts.saved_arrays import float64_arrays, load_arrays, save_arrays
from spikebridge.types import Predictions, Windows

Array = NDArray[np.float64]
Single = NDArray[np.float32]


class LinearTranslator(Model):
    """target(t) = baseline(t) + W (x(t) - x_m), x the lagged smoothed source, x_m its mean.

    Rates are at least 5 % of the baseline. Predictors and their moments are computed in single precision, which takes
    half the time; the regression is solved in double precision.
    """

    decides = False
    translates = True

    class Params(base.Params):
        smoothing_s: float = Field(0.1, gt=0, le=MAX_S, description="SD of the Gaussian kernel")
        max_lag_s: float = Field(0.2, ge=0, le=MAX_S, description="longest lag, either way")
        penalty: float = Field(3.0, gt=0, description="relative to the mean variance of the predictors")

    space = {
        "smoothing_s": ("log", 0.03, 0.3),
        "max_lag_s": ("categorical", 0.0, 0.1, 0.2, 0.4),
        "penalty": ("log", 0.3, 30.0),
    }

    @abstractmethod
    def _slope(self, x: Single, y: Single, mean: Array) -> Array:
        """(predictor, unit), from x (window, bin, predictor) minus its mean, y (window, bin, unit) minus the baseline.

        mean: (unit,), spikes per bin.
        """

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.weights: dict[str, dict[str, Array]] = {}
        for w in train:
            x = self._predictors(w)
            mean = x.mean(axis=(0, 1), dtype=np.float64)
            x -= mean.astype(np.float32)
            left = w.target.astype(np.float32) - self.cross_fitted_baseline(w)
            slope = self._slope(x, left, w.target.mean(axis=(0, 1)))
            self.weights[w.recording] = {"mean": mean, "slope": slope}

    def _predict(self, windows: Windows) -> Predictions:
        fit_arrays = self.weights[self.check_recording(windows.recording)]
        mean, slope = (fit_arrays[name].astype(np.float32) for name in ("mean", "slope"))
        x, known = self._predictors(windows) - mean, self.baseline_rates(windows)
        return Predictions(rates=np.maximum(known + x @ slope, MIN_RATE_SHARE * known))

    def _predictors(self, w: Windows) -> Single:
        p: Any = self.params
        return lagged_counts(w.source, w.bin_s, p.smoothing_s, p.max_lag_s, np.float32)

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            save_arrays(folder / f"{i}.safetensors", self.weights[name])

    def _load(self, folder: Path) -> None:
        p: Any = self.params
        n_lags = len(lag_bins(self.bin_s, p.smoothing_s, p.max_lag_s))
        self.weights = {}
        for i, (name, units) in enumerate(self.units.items()):
            x, y = n_lags * len(units["source_units"]), len(units["target_units"])
            self.weights[name] = load_arrays(folder / f"{i}.safetensors", float64_arrays(mean=(x,), slope=(x, y)))


def moments(x: Single, y: Single) -> tuple[Array, Array]:
    """X'X and X'Y, x (..., predictor), y (..., unit); sums over all other axes."""
    x, y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    return (x.T @ x).astype(np.float64), (x.T @ y).astype(np.float64)
