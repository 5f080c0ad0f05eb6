"""Corrected t test over folds: training sets overlap, so folds are not independent (Nadeau & Bengio 2003).

Assumptions: the difference of two models in every fold has one mean and variance, folds correlate as n_test /
(n_train + n_test) (a rule of thumb, not a theorem; Bengio & Grandvalet 2004 show that no unbiased estimate of the
variance exists), and their mean is near enough to normal. Made for random resampling; for plain k-fold
cross-validation the factor is 1/k + n_test / n_train = 1/k + 1/(k - 1), for ten folds twice the naive one and more.
Trials that depend on each other across folds (slow drift) are not in it. Descriptive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from spikebridge.errors import DataError


@dataclass(frozen=True)
class CorrectedT:
    """estimate: mean difference over folds. p: two-sided. ci_low, ci_high: its interval. n: folds. NaN below two."""

    estimate: float
    t: float
    p: float
    ci_low: float
    ci_high: float
    n: int


def nadeau_bengio(differences: ArrayLike, n_train: float, n_test: float, alpha: float = 0.05) -> CorrectedT:
    """t = mean / sqrt((1/k + n_test / n_train) s^2) on k - 1 degrees of freedom.

    differences: (fold,), score of a minus score of b; NaN (a fold without a score) is left out. n_train, n_test: trials
    of a typical fold. Folds that do not vary at all give p = 0, or 1 where the difference is none.
    Raises DataError where there is nothing to train on.
    """
    if not (n_train > 0 and n_test >= 0):
        raise DataError(f"nadeau_bengio: expected n_train above 0 and n_test of 0 or more, got {n_train} and {n_test}")
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    k, nan = len(d), math.nan
    if k < 2:
        return CorrectedT(float(d.mean()) if k else nan, nan, nan, nan, nan, k)
    mean = float(d.mean())
    se = math.sqrt((1 / k + n_test / n_train) * float(d.var(ddof=1)))
    if se == 0:
        t = 0.0 if mean == 0 else math.copysign(math.inf, mean)
        return CorrectedT(mean, t, float(mean == 0), mean, mean, k)
    t = mean / se
    reach = float(special.stdtrit(k - 1, 1 - alpha / 2)) * se
    return CorrectedT(mean, t, float(2 * special.stdtr(k - 1, -abs(t))), mean - reach, mean + reach, k)
