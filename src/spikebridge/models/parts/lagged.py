"""Counts as predictors: smoothed and lagged source, and the target's own past. Windows are handled apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

MAX_S = 60.0
"""Longest kernel and lag, seconds: wider ones than any window would only cost memory."""


def lagged(counts: NDArray[np.generic], bin_s: float, smoothing_s: float, reach_s: float) -> NDArray[np.float64]:
    """(window, bin, lag * unit), counts (window, bin, unit) smoothed by a Gaussian, at every lag from -reach to +reach.

    smoothing_s: SD of the kernel. Beyond a window's edge the nearest bin stands in. Lags nearer than the kernel is wide
    say the same twice, and four either way resolve what is left.
    """
    smooth = gaussian_filter1d(counts.astype(np.float64), smoothing_s / bin_s, axis=1, mode="nearest")
    n = counts.shape[1]
    at = np.arange(n)
    return np.concatenate([smooth[:, np.clip(at - lag, 0, n - 1)] for lag in lags(bin_s, smoothing_s, reach_s)], axis=2)


def lags(bin_s: float, smoothing_s: float, reach_s: float) -> list[int]:
    """The lags of `lagged`, in bins."""
    reach = round(reach_s / bin_s)
    each_way = min(4, reach // max(1, round(smoothing_s / bin_s)))
    return sorted({round(lag) for lag in np.linspace(-reach, reach, 2 * each_way + 1)}) if each_way else [0]


def past(counts: NDArray[np.generic], base: NDArray[np.float64], decay: float) -> NDArray[np.float64]:
    """(window, bin, unit), exponentially weighted excess over base in the bins before each one, 0 in the first.

    h(t) = decay h(t - 1) + (1 - decay) (y(t - 1) - base): where little of the past is seen, little is said.
    """
    excess = counts.astype(np.float64) - base
    h = np.zeros_like(excess)
    for t in range(1, h.shape[1]):
        h[:, t] = decay * h[:, t - 1] + (1 - decay) * excess[:, t - 1]
    return h
