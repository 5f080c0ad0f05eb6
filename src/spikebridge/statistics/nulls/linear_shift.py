"""Linear shift: do predictions fit the labels of their own trials better than those of trials before and after?

For few recordings, where session permutation cannot give a small p. Labels are shifted against the predictions without
wrapping around; only those trials are scored that every shift leaves.

Assumptions: labels and predictions are independent under the null hypothesis and one of the two is stationary over the
recording (Harris 2020). Then p = m / (n + 1) holds its level, m being the number of shifts in -n .. n, zero included,
that score at least as well as no shift: among n + 1 neighbouring shifts at most m can each be one of the m best within
n on both sides. It is conservative: independent labels would give about m / (2 n + 1). Recordings are shifted together,
so that independent recordings form one stationary sequence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.result import NullResult, at_least

NAME = "linear_shift"
ASSUMPTIONS = "labels or predictions stationary over the recording; conservative"


def largest_shift(n_trials: int, alpha: float = 0.05) -> int:
    """How far to shift recordings whose shortest has n_trials: for a smallest p of alpha / 2, at most a third of it."""
    return min(int(np.ceil(2 / alpha)) - 1, n_trials // 3)


def linear_shift(scores: NDArray[np.float64]) -> NullResult:
    """p of the score without shift. scores: (2 n + 1,), scores of the shifts -n .. n, all on equally many trials.

    NaN scores (no trials of a class left) count as reaching the observed one.
    """
    return conservative(scores)


def conservative(scores: NDArray[np.float64]) -> NullResult:
    """p = m / (n + 1); see above. scores: (2 n + 1,), the observed one in the middle. NaN where that one is NaN."""
    n = len(scores) // 2
    observed = float(scores[n])
    others = np.delete(scores, n)
    if not np.isfinite(observed):
        return NullResult(observed, others[np.isfinite(others)], float("nan"), 1 / (n + 1))
    hits = 1 + int(np.count_nonzero(at_least(others, observed) | ~np.isfinite(others)))
    return NullResult(observed, others[np.isfinite(others)], min(1.0, hits / (n + 1)), 1 / (n + 1))
