"""Where training starts: a closed-form linear translator, so that the network only learns what that one leaves.

Reduced-rank regression (Izenman 1975; Semedo et al. 2019, Neuron 102:249) of the target's on the source's smoothed
counts gives each recording the source directions that predict the target best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]


def read_in_directions(x: Array, y: Array, sigma_bins: float, n: int, penalty: float) -> tuple[Array, Array]:
    """Reduced-rank regression of the smoothed target on the source.

    x, y: (window, bin, unit), standardised counts; x is smoothed already.
    Returns directions (source unit, n), the best predicting first, each predictor of unit variance, and weights
    (n, target unit): x @ directions @ weights is the ridge regression of y, cut to rank n. Beyond the rank all is zero.
    """
    n_in, n_out = x.shape[2], y.shape[2]
    y = gaussian_filter1d(y, sigma_bins, axis=1, mode="nearest").reshape(-1, n_out)
    x = x.reshape(-1, n_in)
    gram = x.T @ x / len(x)
    slope = np.linalg.solve(gram + penalty * np.trace(gram) / n_in * np.eye(n_in), x.T @ y / len(x))
    # Principal axes of the fitted values span the best predictors of each rank.
    values, axes = np.linalg.eigh(slope.T @ gram @ slope)
    axes = axes[:, np.argsort(values)[::-1][:n]]
    directions = slope @ axes
    spread = np.maximum(np.sqrt(np.einsum("ik,ij,jk->k", directions, gram, directions)), 1e-9)
    padded, weights = np.zeros((n_in, n)), np.zeros((n, n_out))
    padded[:, : axes.shape[1]] = directions / spread
    weights[: axes.shape[1]] = axes.T * spread[:, None]
    return padded, weights
