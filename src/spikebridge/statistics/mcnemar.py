"""McNemar's test of two models on the same trials.

Assumptions: the trials are independent. Trials of a session are not (drift, streaks of choices), so p is too small.
Readers ask for this test, so it is reported as descriptive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class McNemar:
    """Result of `mcnemar`.

    Parameters
    ----------
    only_a, only_b : int
        Number of trials that only model a, or only model b, predicted correctly.
    p_exact, p_mid : float
        Two-sided exact p and mid-p.
    smallest_exact, smallest_mid : float
        Smallest p that this many discordant trials can give.
    """

    only_a: int
    only_b: int
    p_exact: float
    p_mid: float
    smallest_exact: float
    smallest_mid: float


def mcnemar(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> McNemar:
    """Return the two-sided exact and mid-p McNemar test.

    mid-p = 2 P(X < k) + P(X = k) with X ~ Binomial(only_a + only_b, 1/2) and k the smaller of the two; statsmodels has
    only the exact one.

    Parameters
    ----------
    right_a, right_b : NDArray of bool, shape (trial,)
        Whether each model predicted the trial correctly.

    Returns
    -------
    McNemar
        Discordant trials and both p.

    References
    ----------
    McNemar 1947, Psychometrika 12:153. Fagerland, Lydersen & Laake 2013, BMC Medical Research Methodology 13:91.
    """
    from scipy.stats import binom  # slow to import
    from statsmodels.stats.contingency_tables import mcnemar as exact  # a second to import

    only_a = int(np.sum(right_a & ~right_b))
    only_b = int(np.sum(right_b & ~right_a))
    n, k = only_a + only_b, min(only_a, only_b)
    table = [[int(np.sum(right_a & right_b)), only_a], [only_b, int(np.sum(~right_a & ~right_b))]]
    p_exact = float(exact(table, exact=True).pvalue) if n else 1.0
    p_mid = float(min(1.0, 2 * binom.cdf(k - 1, n, 0.5) + binom.pmf(k, n, 0.5))) if n else 1.0
    return McNemar(only_a, only_b, p_exact, p_mid, min(1.0, 2.0 * 0.5**n), 0.5**n)
