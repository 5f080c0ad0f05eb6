"""Where training starts: a closed-form linear translator, so that the network only learns what that one leaves.

Reduced-rank regression (Izenman 1975; Semedo et al. 2019, Neuron 102:249) of the target's on the source's smoothed
counts gives each recording the source directions that predict the target best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]


def read_in_directions(source: Array, target: Array, sigma_bins: float, n: int, ridge: float = 0.1) -> Array:
    """(source unit, n): orthogonal source directions, the best predicting first; each predictor has unit variance.

    source, target: (window, bin, unit), standardised counts. Directions beyond the rank are zero.
    """
    x = gaussian_filter1d(source, sigma_bins, axis=1, mode="nearest").reshape(-1, source.shape[2])
    y = gaussian_filter1d(target, sigma_bins, axis=1, mode="nearest").reshape(-1, target.shape[2])
    gram = x.T @ x / len(x)
    weights = np.linalg.solve(gram + ridge * np.trace(gram) / len(gram) * np.eye(len(gram)), x.T @ y / len(x))
    # Principal axes of the fitted values span the best predictors of each rank.
    values, axes = np.linalg.eigh(weights.T @ gram @ weights)
    axes = axes[:, np.argsort(values)[::-1][:n]]
    directions = weights @ axes
    spread = np.sqrt(np.einsum("ik,ij,jk->k", directions, gram, directions))
    directions = directions / np.maximum(spread, 1e-9)
    padded = np.zeros((source.shape[2], n))
    padded[:, : directions.shape[1]] = directions
    return padded
