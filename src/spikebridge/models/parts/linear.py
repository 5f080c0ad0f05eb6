"""What linear translators share: predictors, the course of a trial, the floor, and their files."""

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
from spikebridge.models.parts.arrays import doubles, load_arrays, save_arrays
from spikebridge.models.parts.lagged import MAX_S, lagged, lags
from spikebridge.models.parts.psth import SHRINK_WINDOWS, LockedMean
from spikebridge.types import Predictions, Windows

FLOOR = 0.05  # of a unit's mean rate: a linear prediction can be negative, a rate cannot
Array = NDArray[np.float64]


class LinearTranslator(Model):
    """target(t) = m(t) + W (x(t) - x_m(t)), x the lagged smoothed source; m, x_m means, or courses of a trial (psth).

    Rates are floored at 5 % of a unit's mean.
    """

    decides = False
    translates = True

    class Params(base.Params):
        smoothing_s: float = Field(0.1, gt=0, le=MAX_S, description="SD of the Gaussian kernel")
        max_lag_s: float = Field(0.2, ge=0, le=MAX_S, description="longest lag, either way")
        penalty: float = Field(3.0, gt=0, description="relative to the mean variance of the predictors")
        psth: bool = Field(False, description="regress what the course of a trial leaves over")

    space = {
        "smoothing_s": ("log", 0.03, 0.3),
        "max_lag_s": ("categorical", 0.0, 0.1, 0.2, 0.4),
        "penalty": ("log", 0.3, 30.0),
        "psth": ("categorical", False, True),
    }

    @abstractmethod
    def _slope(self, x: Array, y: Array, mean: Array) -> Array:
        """(predictor, unit), from x (window, bin, predictor) and y (window, bin, unit) without their means.

        mean: (unit,), spikes per bin.
        """

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        p: Any = self.params
        shrink = SHRINK_WINDOWS if p.psth else None
        self.weights: dict[str, dict[str, Array]] = {}
        for w in train:
            x = self._predictors(w)
            of_x, of_y = LockedMean.fit(x, w, shrink=shrink), LockedMean.fit(w.target, w, shrink=shrink)
            slope = self._slope(x - of_x.of(w), w.target - of_y.of(w), of_y.mean)
            self.weights[w.recording] = {
                "mean": of_x.mean, "curve": of_x.curve, "base": of_y.mean, "base_curve": of_y.curve, "slope": slope
            }  # fmt: skip

    def predict(self, windows: Windows) -> Predictions:
        part = self.weights[self.known(windows.recording)]
        x = self._predictors(windows) - LockedMean(part["mean"], part["curve"]).of(windows)
        course = LockedMean(part["base"], part["base_curve"]).of(windows)
        rates, alone = (np.maximum(r, FLOOR * part["base"]) for r in (course + x @ part["slope"], course))
        return Predictions(rates=rates.astype(np.float32), baseline=alone.astype(np.float32))

    def _predictors(self, w: Windows) -> Array:
        p: Any = self.params
        return lagged(w.source, w.bin_s, p.smoothing_s, p.max_lag_s)

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            save_arrays(folder / f"{i}.safetensors", self.weights[name])

    def _load(self, folder: Path) -> None:
        p: Any = self.params
        n_lags, bins = len(lags(self.bin_s, p.smoothing_s, p.max_lag_s)), self.n_bins
        self.weights = {}
        for i, (name, units) in enumerate(self.units.items()):
            x, y = n_lags * len(units["source_units"]), len(units["target_units"])
            expected = doubles(mean=(x,), curve=(bins, x), base=(y,), base_curve=(bins, y), slope=(x, y))
            self.weights[name] = load_arrays(folder / f"{i}.safetensors", expected)


def ridge_slope(gram: Array, cross: Array, penalty: float) -> Array:
    """(G + s I)^-1 C, s = penalty * mean of G's diagonal. gram: (p, p); cross: (p, unit)."""
    strength = penalty * np.trace(gram) / len(gram)
    if not strength > 0:  # a source without a spike
        return np.zeros_like(cross)
    return np.asarray(np.linalg.solve(gram + strength * np.eye(len(gram)), cross))
