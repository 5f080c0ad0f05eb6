"""Corrected t test over folds: training sets overlap, so folds are not independent.

Assumptions: the difference of two models in every fold has one mean and variance, folds correlate as n_test / (n_train
+ n_test) (a rule of thumb; Bengio & Grandvalet 2004 show that no unbiased estimate of the variance exists), and their
mean is near enough to normal. The test was made for random resampling; for plain k-fold cross-validation the factor is
1/k + n_test / n_train = 1/k + 1/(k - 1), for ten folds more than twice the uncorrected one. Dependence of trials across
folds (slow drift) is not corrected. Descriptive.
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
    """Result of `nadeau_bengio`; NaN for fewer than two folds.

    Parameters
    ----------
    estimate : float
        Mean difference over folds.
    t : float
        Corrected t statistic.
    p : float
        Two-sided p.
    ci_low, ci_high : float
        Confidence interval of the mean difference.
    n : int
        Number of folds used.
    """

    estimate: float
    t: float
    p: float
    ci_low: float
    ci_high: float
    n: int


def nadeau_bengio(differences: ArrayLike, n_train: float, n_test: float, alpha: float = 0.05) -> CorrectedT:
    """Return t = mean / sqrt((1/k + n_test / n_train) s^2) on k - 1 degrees of freedom, with p and interval.

    Parameters
    ----------
    differences : ArrayLike, shape (fold,)
        Score of a minus score of b. NaN (a fold without a score) is left out. Folds that do not vary at all give p = 0,
        or 1 where their difference is zero.
    n_train, n_test : float
        Number of training and test trials of a typical fold.
    alpha : float
        One minus the level of the interval.

    Returns
    -------
    CorrectedT
        Estimate, p and interval.

    Raises
    ------
    DataError
        Where n_train is not above 0 or n_test is negative.

    References
    ----------
    Nadeau & Bengio 2003, Machine Learning 52:239.
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
