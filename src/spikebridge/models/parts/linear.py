"""The base class of linear translators: predictors, PSTH, lowest rate, and files."""

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
    PRIOR_WINDOWS,
    SmoothedPsth,
    lag_bins,
    lagged_counts,
)
from spikebridge.models.parts.saved_arrays import float64_arrays, load_arrays, save_arrays
from spikebridge.types import Predictions, Windows

Array = NDArray[np.float64]


class LinearTranslator(Model):
    """target(t) = m(t) + W (x(t) - x_m(t)), x the lagged smoothed source; m and x_m are means or (psth) PSTHs.

    Rates are at least 5 % of a unit's mean.
    """

    decides = False
    translates = True

    class Params(base.Params):
        smoothing_s: float = Field(0.1, gt=0, le=MAX_S, description="SD of the Gaussian kernel")
        max_lag_s: float = Field(0.2, ge=0, le=MAX_S, description="longest lag, either way")
        penalty: float = Field(3.0, gt=0, description="relative to the mean variance of the predictors")
        psth: bool = Field(False, description="regress the deviations from the PSTH")

    space = {
        "smoothing_s": ("log", 0.03, 0.3),
        "max_lag_s": ("categorical", 0.0, 0.1, 0.2, 0.4),
        "penalty": ("log", 0.3, 30.0),
        "psth": ("categorical", False, True),
    }

    @abstractmethod
    def _slope(self, x: Array, y: Array, mean: Array) -> Array:
        """(predictor, unit), from x (window, bin, predictor) and y (window, bin, unit) without their means or PSTHs.

        mean: (unit,), spikes per bin.
        """

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        p: Any = self.params
        prior = PRIOR_WINDOWS if p.psth else None
        self.weights: dict[str, dict[str, Array]] = {}
        for w in train:
            x = self._predictors(w)
            psth_x, psth_y = (SmoothedPsth.fit(values, w, prior_windows=prior) for values in (x, w.target))
            slope = self._slope(x - psth_x.expected(w), w.target - psth_y.expected(w), psth_y.mean)
            self.weights[w.recording] = {
                "mean": psth_x.mean, "curve": psth_x.curve,
                "base": psth_y.mean, "base_curve": psth_y.curve, "slope": slope,
            }  # fmt: skip

    def predict(self, windows: Windows) -> Predictions:
        fit_arrays = self.weights[self.check_recording(windows.recording)]
        x = self._predictors(windows) - SmoothedPsth(fit_arrays["mean"], fit_arrays["curve"]).expected(windows)
        psth = SmoothedPsth(fit_arrays["base"], fit_arrays["base_curve"]).expected(windows)
        lowest = MIN_RATE_SHARE * fit_arrays["base"]
        rates = np.maximum(psth + x @ fit_arrays["slope"], lowest)
        baseline = np.maximum(psth, lowest)
        return Predictions(rates=rates.astype(np.float32), baseline=baseline.astype(np.float32))

    def _predictors(self, w: Windows) -> Array:
        p: Any = self.params
        return lagged_counts(w.source, w.bin_s, p.smoothing_s, p.max_lag_s)

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            save_arrays(folder / f"{i}.safetensors", self.weights[name])

    def _load(self, folder: Path) -> None:
        p: Any = self.params
        n_lags, bins = len(lag_bins(self.bin_s, p.smoothing_s, p.max_lag_s)), self.n_bins
        self.weights = {}
        for i, (name, units) in enumerate(self.units.items()):
            x, y = n_lags * len(units["source_units"]), len(units["target_units"])
            expected = float64_arrays(mean=(x,), curve=(bins, x), base=(y,), base_curve=(bins, y), slope=(x, y))
            self.weights[name] = load_arrays(folder / f"{i}.safetensors", expected)
