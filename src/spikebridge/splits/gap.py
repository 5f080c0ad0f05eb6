"""The gap around a test block, from the decorrelation time of the population rate.

Rates drift and fluctuate together over seconds, so a training window just beside a test block shares its noise with it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spikebridge.types import Windows

MAX_DECORRELATION_S = 30.0
"""Cap of the decorrelation time. No gap keeps out drift slower than this: nulls and baselines must show it."""
MIN_PAIRS = 10


def gap_s(windows: Windows, smoothing_s: float = 0.0) -> float:
    """Time to leave out around a test block: window + half-width of any smoothing + decorrelation time.

    Uses population rates only, never labels.

    Parameters
    ----------
    windows : Windows
        Windows of one recording.
    smoothing_s : float
        Half-width, in seconds, of any smoothing in time that a model applies across windows.

    Returns
    -------
    float
        Seconds.
    """
    gap = windows.n_bins * windows.bin_s + smoothing_s + decorrelation_s(windows)
    return math.ceil(gap * 1000) / 1000  # a readable number, and no rounding noise in the hash of the manifest


def decorrelation_s(windows: Windows, longest_s: float = MAX_DECORRELATION_S) -> float:
    """Decorrelation time of the population rate: the larger of the source's and the target's.

    The rate is the mean over one window, since the folds consist of windows; correlation that is shorter than a window
    is covered by the window's own length in the gap. The autocovariance at lag d is

        c(d) = mean over pairs of observed windows with starts d apart of (r_i - mean r)(r_j - mean r)

    so time that was not observed is not used, and windows that exist only inside short trials are enough. Pairs are
    grouped by lag, as wide as the median step between windows. Spiking noise is in c(0) alone, where a window is paired
    with itself: the curve is therefore normalised by its first group of distinct, disjoint windows, and the result is
    where it first falls below 1/e, interpolated. Where the first group is within two standard errors of zero, the
    result is its lag.

    Parameters
    ----------
    windows : Windows
        Windows of one recording.
    longest_s : float
        Largest result, seconds.

    Returns
    -------
    float
        Seconds.
    """
    return max(
        _decorrelation_of(windows.source, windows, longest_s), _decorrelation_of(windows.target, windows, longest_s)
    )


def _decorrelation_of(counts: NDArray[np.unsignedinteger], windows: Windows, longest_s: float) -> float:
    rate = counts.sum(axis=(1, 2), dtype=np.float64)
    rate = rate - rate.mean()
    lags, covariance, pairs = _autocovariance(rate, windows, longest_s)
    if not len(lags):
        return longest_s  # neighbours are farther apart than the cap, or too few to tell
    if covariance[0] <= 2 * np.mean(rate**2) / np.sqrt(pairs[0]):
        return float(min(lags[0], longest_s))
    curve = covariance / covariance[0]
    below = np.flatnonzero(curve < np.exp(-1))
    if not len(below):
        return longest_s
    k = below[0]
    share = (curve[k - 1] - np.exp(-1)) / (curve[k - 1] - curve[k])
    return float(min(lags[k - 1] + share * (lags[k] - lags[k - 1]), longest_s))


def _autocovariance(
    rate: NDArray[np.float64], windows: Windows, longest_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean lag (s), mean product and number of pairs of every lag group with enough pairs, by rising lag.

    One pass for each distance in order (next window, next but one, ...), each over all windows at once.
    """
    start, length = windows.start_s, windows.n_bins * windows.bin_s
    if len(start) < 2:
        return np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)
    width = max(float(np.median(np.diff(start))), length)
    reach = longest_s + width
    n_groups = int(reach / width) + 2
    sums = np.zeros((3, n_groups))
    for step in range(1, len(start)):
        lag = start[step:] - start[:-step]
        near = (lag >= length * (1 - 1e-9)) & (lag <= reach)
        if lag.min() > reach:
            break
        group = np.maximum(np.rint(lag[near] / width).astype(np.int64), 1)
        products = (rate[step:] * rate[:-step])[near]
        for row, weights in enumerate((lag[near], products, np.ones(len(group)))):
            sums[row] += np.bincount(group, weights, minlength=n_groups)
    enough = sums[2] >= MIN_PAIRS
    lag_sum, product_sum, pairs = sums[:, enough]
    return lag_sum / pairs, product_sum / pairs, pairs.astype(np.int64)
