"""Shrinkage of predicted rates towards the baseline, as strong as held-out windows ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

SCALES = tuple(k / 20 for k in range(25))
"""Candidate factors on log(rate / baseline), from 0 (the baseline) to 1.2."""
LOCAL = 4
"""Windows over which rates hardly drift."""
MIN_GAIN = 1.92
"""Nats: half of the 95 % quantile of chi-squared with one degree of freedom, which a free factor gains by chance."""
MAX_P = 0.05
"""Level of the one-sided t test that the mean gain of the runs of windows lies above zero."""
MIN_RATIO = 1e-6
"""Of rate and baseline: a predicted rate of zero has no logarithm."""


def shrink(rates: NDArray[Any], baseline: NDArray[Any], scale: float) -> NDArray[np.float32]:
    """Scale the log ratio of rates and baseline: baseline * (rates / baseline)^scale.

    Parameters
    ----------
    rates, baseline : NDArray, shape (window, bin, unit), spikes per bin
        Predicted with and without the source.
    scale : float
        0: the baseline; 1: the rates.

    Returns
    -------
    NDArray, shape (window, bin, unit)
        Spikes per bin.
    """
    if scale == 1:
        return np.asarray(rates, dtype=np.float32)
    ratio = np.maximum(rates / baseline, MIN_RATIO)
    return np.asarray(baseline * ratio**scale, dtype=np.float32)


def best_scale(rates: NDArray[Any], baseline: NDArray[Any], counts: NDArray[Any]) -> float:
    """Choose the scale of `shrink` by held-out counts: the smaller of two.

    The first has the highest Poisson likelihood, which is concave in the scale: with it, and with any smaller one, the
    held-out likelihood is at least that of the baseline. The second has the highest likelihood with a free level of
    every unit in each run of LOCAL windows, and is 0 where that gains less than MIN_GAIN, or where the gains of the
    runs do not lie above zero by a t test. Two regions that drift without a link agree or disagree over a whole
    held-out block by chance ("nonsense correlations", Harris 2020); within a run they hardly drift. The t test is
    needed because spike counts vary more than Poisson counts, so that a few runs can gain MIN_GAIN by chance.

    Parameters
    ----------
    rates, baseline : NDArray, shape (window, bin, unit), spikes per bin
        Predicted with and without the source, by fits that did not see the counts.
    counts : NDArray, shape (window, bin, unit), spikes per bin
        Of the target, windows in the order of time.

    Returns
    -------
    float
        One of SCALES. Of equals the smallest.
    """
    whole, local = np.zeros(len(SCALES)), []
    for start in range(0, len(counts), LOCAL):
        rows = slice(start, start + LOCAL)
        known, y = baseline[rows].astype(np.float64), counts[rows]
        modulation = np.log(np.maximum(rates[rows] / known, MIN_RATIO))
        linear, spikes = float((y * modulation).sum()), y.sum(axis=(0, 1))
        scaled = [known * np.exp(s * modulation) for s in SCALES]
        fixed = linear * np.array(SCALES)
        whole += fixed - [float(each.sum()) for each in scaled]
        local.append(fixed - [float((spikes * np.log(each.sum(axis=(0, 1)))).sum()) for each in scaled])
    return smaller_scale(whole, np.array(local))


def smaller_scale(whole: Sequence[float] | NDArray[Any], local: NDArray[Any]) -> float:
    """Choose the smaller of two scales of highest likelihood; see `best_scale`.

    Parameters
    ----------
    whole : sequence of float, shape (scale,), nats
        Log likelihood with each of SCALES.
    local : NDArray, shape (run, scale), nats
        Log likelihood of each run of LOCAL windows.

    Returns
    -------
    float
        One of SCALES; 0 where the second likelihood gains less than MIN_GAIN, or its runs do not gain.
    """
    local = local.reshape(-1, len(SCALES))  # also without any window
    total = local.sum(axis=0)
    if total.max() - total[0] < MIN_GAIN or not runs_gain(local[:, 1] - local[:, 0]):
        return 0.0
    return SCALES[min(int(np.argmax(whole)), int(np.argmax(total)))]


def runs_gain(gains: NDArray[Any]) -> bool:
    """Whether the mean gain of independent runs lies above zero: a one-sided t test at MAX_P.

    The gain of a small step away from the baseline is the score of the scale, so that this is a score test with the
    variance between runs in place of that of Poisson counts (White 1982).

    Parameters
    ----------
    gains : NDArray, shape (run,), nats
        Log likelihood with the smallest scale above 0, less that of the baseline.

    Returns
    -------
    bool
        True for one run, whose variance is not known.
    """
    n = len(gains)
    if n < 2:
        return True
    error = gains.std(ddof=1) / np.sqrt(n)
    return bool(gains.mean() > error * stats.t.ppf(1 - MAX_P, n - 1))
