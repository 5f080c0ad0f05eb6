"""Shrinkage of predicted rates towards the baseline, as strong as held-out windows ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.baseline.terms import CHUNK

SCALES = tuple(k / 20 for k in range(25))
"""Candidate factors on log(rate / baseline), from 0 (the baseline) to 1.2."""
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
    """Choose the scale of `shrink` with the highest Poisson likelihood of held-out counts.

    The likelihood is concave in the scale. Of equals the smallest is chosen.

    Parameters
    ----------
    rates, baseline : NDArray, shape (window, bin, unit), spikes per bin
        Predicted with and without the source, by fits that did not see the counts.
    counts : NDArray, shape (window, bin, unit), spikes per bin
        Of the target.

    Returns
    -------
    float
        One of SCALES.
    """
    nats = np.zeros(len(SCALES))
    for start in range(0, len(counts), CHUNK):
        rows = slice(start, start + CHUNK)
        known = baseline[rows].astype(np.float64)
        modulation = np.log(np.maximum(rates[rows] / known, MIN_RATIO))
        linear = float((counts[rows] * modulation).sum())
        nats += [s * linear - float((known * np.expm1(s * modulation)).sum()) for s in SCALES]
    return SCALES[int(nats.argmax())]
