"""McNemar's test of two models on the same trials.

Assumptions: the trials are independent. Trials of a session are not (drift, streaks of choices), so p is too small;
it is reported because readers ask for it, as descriptive (McNemar 1947; mid-p: Fagerland, Lydersen & Laake 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom


@dataclass(frozen=True)
class McNemar:
    """only_a, only_b: trials that one of the two got right. smallest: smallest p with this many such trials."""

    only_a: int
    only_b: int
    p_exact: float
    p_mid: float
    smallest_exact: float
    smallest_mid: float


def mcnemar(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> McNemar:
    """Two-sided exact and mid-p McNemar test. right_a, right_b: (trial,), True where a model predicted right.

    mid-p = 2 P(X < k) + P(X = k) with X ~ Binomial(only_a + only_b, 1/2) and k the smaller of the two.
    """
    from statsmodels.stats.contingency_tables import mcnemar as exact  # a second to import

    only_a = int(np.sum(right_a & ~right_b))
    only_b = int(np.sum(right_b & ~right_a))
    n, k = only_a + only_b, min(only_a, only_b)
    table = [[int(np.sum(right_a & right_b)), only_a], [only_b, int(np.sum(~right_a & ~right_b))]]
    p_exact = float(exact(table, exact=True).pvalue) if n else 1.0
    p_mid = float(min(1.0, 2 * binom.cdf(k - 1, n, 0.5) + binom.pmf(k, n, 0.5))) if n else 1.0
    return McNemar(only_a, only_b, p_exact, p_mid, min(1.0, 2.0 * 0.5**n), 0.5**n)
