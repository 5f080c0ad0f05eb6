"""Where training starts: a closed-form linear translator, so that the network only learns what that one leaves.

Reduced-rank regression (Izenman 1975; Semedo et al. 2019, Neuron 102:249) of the target's on the source's smoothed
counts gives each recording the source directions that predict the target best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spikebridge.models.parts.baseline import LogGain
from spikebridge.models.seq2seq.dataset import chunks, smooth
from spikebridge.regression import principal_directions, relative_penalty, ridge_slope
from spikebridge.types import Windows

Array = NDArray[np.float64]
LEAST_SPREAD = 0.05  # spikes per bin


@dataclass(frozen=True)
class LinearStart:
    """mean, spread: (source unit,), of smoothed counts. rate, target_spread: (target unit,), of counts per bin.

    directions: (source unit, n). weights: (n, target unit). See `read_in_directions`; both for standardised counts.
    """

    mean: Array
    spread: Array
    rate: Array
    target_spread: Array
    directions: Array
    weights: Array


def linear_start(w: Windows, gain: LogGain, sigma_bins: float, n: int, penalty: float) -> LinearStart:
    """The linear translator of one recording to what its baseline leaves, from one pass over the counts.

    gain: of the baseline in the windows w. sigma_bins: SD of the Gaussian kernel on source and target.
    """
    units, bins = (w.source.shape[2], w.target.shape[2]), w.n_bins
    sum_x, sum_xx, sum_xy, sum_xk = np.zeros(units[0]), np.zeros((units[0],) * 2), np.zeros(units), np.zeros(units)
    sums = np.zeros((5, units[1]))
    for rows in chunks(len(w)):
        counts = w.target[rows].astype(np.float64)
        known = np.exp(gain.log(rows).astype(np.float64))
        x, y, k = (_smooth(values, sigma_bins) for values in (w.source[rows], counts, known))
        sum_x, sum_xx = sum_x + x.sum(axis=0), sum_xx + x.T @ x
        sum_xy, sum_xk = sum_xy + x.T @ y, sum_xk + x.T @ k
        sums += [
            y.sum(axis=0),
            k.sum(axis=0),
            *((v**i).sum(axis=(0, 1)) for v, i in ((counts, 1), (counts, 2), (known, 1))),
        ]
    total = len(w) * bins
    mean, (smooth_y, smooth_k, rate, square, known_mean) = sum_x / total, sums / total
    gram = sum_xx / total - np.outer(mean, mean)
    spread = np.maximum(np.sqrt(np.maximum(np.diag(gram), 0.0)), LEAST_SPREAD)
    target_spread = np.maximum(np.sqrt(np.maximum(square - rate**2, 0.0)), LEAST_SPREAD)
    # The target that the source has to tell: counts - rate * known / known_mean, smoothed.
    left = rate / known_mean
    cross = (sum_xy - sum_xk * left) / total - np.outer(mean, smooth_y - smooth_k * left)
    cross /= np.outer(spread, target_spread)
    directions, weights = read_in_directions(gram / np.outer(spread, spread), cross, n, penalty)
    return LinearStart(mean, spread, rate, target_spread, directions, weights)


def read_in_directions(gram: Array, cross: Array, n: int, penalty: float) -> tuple[Array, Array]:
    """Reduced-rank regression of the smoothed target y on the source x, both standardised.

    gram: (source unit, source unit), mean of x x'. cross: (source unit, target unit), mean of x y'.
    Returns directions (source unit, n), the best predicting first, each predictor of unit variance, and weights
    (n, target unit): x @ directions @ weights is the ridge regression of y, cut to rank n. Beyond the rank all is zero.
    """
    n_in, n_out = cross.shape
    slope = ridge_slope(gram, cross, relative_penalty(gram, penalty))
    axes = principal_directions(slope, gram)
    axes = axes[:, np.arange(min(n, n_out))]  # a copy: products with a view in reverse order round otherwise
    directions = slope @ axes
    spread = np.maximum(np.sqrt(np.einsum("ik,ij,jk->k", directions, gram, directions)), 1e-9)
    padded, weights = np.zeros((n_in, n)), np.zeros((n, n_out))
    padded[:, : axes.shape[1]] = directions / spread
    weights[: axes.shape[1]] = axes.T * spread[:, None]
    return padded, weights


def _smooth(values: NDArray[np.generic], sigma_bins: float) -> Array:
    """(window, bin, unit) -> (window * bin, unit)."""
    found = smooth(torch.from_numpy(values.astype(np.float64)), sigma_bins).numpy()
    return np.asarray(found.reshape(-1, values.shape[2]))
