"""What the source tells linearly: a few directions of its lagged, smoothed counts, learned like a translator's latents.

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
from spikebridge.nested_models.encoding.design_matrices import Block, View, at_lags, scaled
from spikebridge.regression import principal_directions, relative_penalty, ridge_slope
from spikebridge.types import Windows

Array = NDArray[np.float64]
RANK = 8
"""Directions: as many as a translator has latents at most."""
REACH_S = 0.1
SMOOTHINGS_S, RIDGES = (0.05, 0.15), (0.3, 3.0, 30.0)


@dataclass(frozen=True)
class Source:
    """How the source is seen. smoothing_s: SD of the Gaussian kernel. ridge: relative to the mean variance."""

    smoothing_s: float
    ridge: float
    causal: bool


@dataclass(frozen=True)
class _Moments:
    """Of the training windows, what the course of a trial leaves over; y of each unit by the root of its mean."""

    of_x: SmoothedPsth
    of_y: SmoothedPsth
    gram: Array
    cross: Array

    def directions(self, ridge: float) -> tuple[Array, Array]:
        """(predictor, k) into the latents and (k, unit) back to the weighted target."""
        slope = ridge_slope(self.gram, self.cross, relative_penalty(self.gram, ridge))
        v = principal_directions(slope, self.gram)[:, :RANK]
        return slope @ v, v.T


def linear_source(view: View, how: Source) -> Block:
    """Linear latents of the source, learned on every training window, labelled or not, as the translator is."""
    m = _moments(view.train, how.smoothing_s, how.causal)
    into, _ = m.directions(how.ridge)
    return scaled(*((source_predictors(w, how.smoothing_s, how.causal) - m.of_x.expected(w)) @ into
                    for w in (view.learn, view.score)))  # fmt: skip


def best_linear(view: View, causal: bool) -> Source:
    """The smoothing and ridge that leave the least of the scored windows' target over, in squares by mean rate."""
    best, found = np.inf, Source(SMOOTHINGS_S[0], RIDGES[-1], causal)
    for smoothing_s in SMOOTHINGS_S:
        m = _moments(view.train, smoothing_s, causal)
        x = source_predictors(view.score, smoothing_s, causal) - m.of_x.expected(view.score)
        y = (view.score.target - m.of_y.expected(view.score)) * _weights(m.of_y)
        for ridge in RIDGES:
            into, back = m.directions(ridge)
            left = float(((y - x @ into @ back) ** 2).sum())
            if left < best:
                best, found = left, Source(smoothing_s, ridge, causal)
    return found


def source_predictors(w: Windows, smoothing_s: float, causal: bool) -> Array:
    """(window, bin, lag * unit), smoothed counts. Two-sided: a Gaussian, at lags up to REACH_S on either side. Causal:
    the half of it that lies at t and before, at t and up to twice REACH_S before."""
    if not causal:
        return lagged_counts(w.source, w.bin_s, smoothing_s, REACH_S)
    width = smoothing_s / w.bin_s
    kernel = np.exp(-0.5 * (np.arange(int(np.ceil(4 * width)), -1, -1) / width) ** 2)
    half = np.concatenate([kernel / kernel.sum(), np.zeros(len(kernel) - 1)])  # its middle is bin t
    smooth = correlate1d(np.asarray(w.source, dtype=np.float64), half, axis=1, mode="nearest")
    step = max(1, round(REACH_S / w.bin_s))
    lags: Sequence[int] = (0, step, 2 * step)
    return at_lags(smooth, lags)


def _moments(train: Windows, smoothing_s: float, causal: bool) -> _Moments:
    x = source_predictors(train, smoothing_s, causal)
    of_x = SmoothedPsth.fit(x, train, prior_windows=PRIOR_WINDOWS)
    of_y = SmoothedPsth.fit(train.target, train, prior_windows=PRIOR_WINDOWS)
    x = (x - of_x.expected(train)).reshape(-1, x.shape[2])
    y = ((train.target - of_y.expected(train)) * _weights(of_y)).reshape(len(x), -1)
    return _Moments(of_x, of_y, x.T @ x / len(x), x.T @ y / len(x))


def _weights(of_y: SmoothedPsth) -> Array:
    """(unit,), so that a spike counts like in a Poisson likelihood; 0 for a unit that never fired."""
    fires = of_y.mean > 0
    return np.where(fires, 1 / np.sqrt(np.where(fires, of_y.mean, 1.0)), 0.0)
