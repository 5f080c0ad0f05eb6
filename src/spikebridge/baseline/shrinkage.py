"""Shrinkage of predicted rates towards the baseline, as strong as held-out windows ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALES = tuple(k / 20 for k in range(25))
"""Candidate factors on log(rate / baseline), from 0 (the baseline) to 1.2."""
LOCAL = 4
"""Windows over which rates hardly drift."""
MIN_GAIN = 1.92
"""Nats: half of the 95 % quantile of chi-squared with one degree of freedom, which a free factor gains by chance."""
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
    every unit in each run of LOCAL windows, and is 0 where that gains less than MIN_GAIN. Two regions that drift
    without a link agree or disagree over a whole held-out block by chance ("nonsense correlations", Harris 2020);
    within a run they hardly drift.

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
    whole, local = np.zeros(len(SCALES)), np.zeros(len(SCALES))
    for start in range(0, len(counts), LOCAL):
        rows = slice(start, start + LOCAL)
        known, y = baseline[rows].astype(np.float64), counts[rows]
        modulation = np.log(np.maximum(rates[rows] / known, MIN_RATIO))
        linear, spikes = float((y * modulation).sum()), y.sum(axis=(0, 1))
        for k, s in enumerate(SCALES):
            scaled = known * np.exp(s * modulation)
            whole[k] += s * linear - float(scaled.sum())
            local[k] += s * linear - float((spikes * np.log(scaled.sum(axis=(0, 1)))).sum())
    return smaller_scale(whole, local)


def smaller_scale(whole: Sequence[float] | NDArray[Any], local: Sequence[float] | NDArray[Any]) -> float:
    """Choose the smaller of two scales of highest likelihood; see `best_scale`.

    Parameters
    ----------
    whole, local : sequence of float, shape (scale,), nats
        Log likelihoods with each of SCALES.

    Returns
    -------
    float
        One of SCALES; 0 where the second likelihood gains less than MIN_GAIN.
    """
    if max(local) - local[0] < MIN_GAIN:
        return 0.0
    return SCALES[min(int(np.argmax(whole)), int(np.argmax(local)))]
