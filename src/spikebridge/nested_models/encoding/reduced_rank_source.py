"""The linear prediction from the source: a few directions of its lagged, smoothed counts, learned like latents.

Reduced-rank regression (Izenman 1975; Semedo et al. 2019, Neuron 102:249): z = x B V, B the ridge solution from the
source to the target, V the leading principal directions of what B predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from spikebridge.models.parts.regressors import PRIOR_WINDOWS, SmoothedPsth, lagged_counts
from spikebridge.nested_models.encoding.design_matrices import FitData, Predictors, at_lags, scaled
from spikebridge.regression import principal_directions, relative_penalty, ridge_slope
from spikebridge.types import Windows

Array = NDArray[np.float64]
RANK = 8
"""Directions: as many as a translator has latents at most."""
MAX_LAG_S = 0.1
SMOOTHINGS_S, RIDGES = (0.05, 0.15), (0.3, 3.0, 30.0)


@dataclass(frozen=True)
class SourceSettings:
    """Settings of the predictors. smoothing_s: SD of the Gaussian kernel. ridge: relative to the mean variance."""

    smoothing_s: float
    ridge: float
    causal: bool


@dataclass(frozen=True)
class _Residuals:
    """Of the training windows, what the PSTH leaves over; y of each unit divided by the root of its mean."""

    of_x: SmoothedPsth
    of_y: SmoothedPsth
    gram: Array
    cross: Array

    def directions(self, ridge: float) -> tuple[Array, Array]:
        """(predictor, k) into the latents and (k, unit) back to the weighted target."""
        slope = ridge_slope(self.gram, self.cross, relative_penalty(self.gram, ridge))
        v = principal_directions(slope, self.gram)[:, :RANK]
        return slope @ v, v.T


def reduced_rank_predictors(data: FitData, settings: SourceSettings) -> Predictors:
    """Linear latents of the source, learned on every training window, labelled or not, as the translator is."""
    m = _moments(data.train, settings.smoothing_s, settings.causal)
    into, _ = m.directions(settings.ridge)
    return scaled(*((source_predictors(w, settings.smoothing_s, settings.causal) - m.of_x.expected(w)) @ into
                    for w in (data.learn, data.score)))  # fmt: skip


def choose_source_settings(data: FitData, causal: bool) -> SourceSettings:
    """The smoothing and ridge whose residual in the scored windows' target is least, in squares by mean rate."""
    least, best = np.inf, SourceSettings(SMOOTHINGS_S[0], RIDGES[-1], causal)
    for smoothing_s in SMOOTHINGS_S:
        m = _moments(data.train, smoothing_s, causal)
        x = source_predictors(data.score, smoothing_s, causal) - m.of_x.expected(data.score)
        y = (data.score.target - m.of_y.expected(data.score)) * _weights(m.of_y)
        for ridge in RIDGES:
            into, back = m.directions(ridge)
            residual = float(((y - x @ into @ back) ** 2).sum())
            if residual < least:
                least, best = residual, SourceSettings(smoothing_s, ridge, causal)
    return best


def source_predictors(w: Windows, smoothing_s: float, causal: bool) -> Array:
    """(window, bin, lag * unit), smoothed counts. Two-sided: a Gaussian, at lags up to MAX_LAG_S on either side.
    Causal: the half of it that lies at t and before, at t and up to twice MAX_LAG_S before."""
    if not causal:
        return lagged_counts(w.source, w.bin_s, smoothing_s, MAX_LAG_S)
    width = smoothing_s / w.bin_s
    kernel = np.exp(-0.5 * (np.arange(int(np.ceil(4 * width)), -1, -1) / width) ** 2)
    half = np.concatenate([kernel / kernel.sum(), np.zeros(len(kernel) - 1)])  # its middle is bin t
    smooth = correlate1d(np.asarray(w.source, dtype=np.float64), half, axis=1, mode="nearest")
    step = max(1, round(MAX_LAG_S / w.bin_s))
    lags: Sequence[int] = (0, step, 2 * step)
    return at_lags(smooth, lags)


def _moments(train: Windows, smoothing_s: float, causal: bool) -> _Residuals:
    x = source_predictors(train, smoothing_s, causal)
    of_x = SmoothedPsth.fit(x, train, prior_windows=PRIOR_WINDOWS)
    of_y = SmoothedPsth.fit(train.target, train, prior_windows=PRIOR_WINDOWS)
    x = (x - of_x.expected(train)).reshape(-1, x.shape[2])
    y = ((train.target - of_y.expected(train)) * _weights(of_y)).reshape(len(x), -1)
    return _Residuals(of_x, of_y, x.T @ x / len(x), x.T @ y / len(x))


def _weights(of_y: SmoothedPsth) -> Array:
    """(unit,), so that a spike counts like in a Poisson likelihood; 0 for a unit that never fired."""
    fires = of_y.mean > 0
    return np.where(fires, 1 / np.sqrt(np.where(fires, of_y.mean, 1.0)), 0.0)
