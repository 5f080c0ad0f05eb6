"""Bayesian correlated t test: the probability that a is worse than, practically equal to, or better than b.

Assumptions: normal differences with one variance, and the flat prior p(mean, sd) ~ 1 / sd, so that the posterior of the
mean is a t distribution; a known correlation between units (clusters 0, folds n_test / (n_train + n_test)). The region
of practical equivalence (ROPE) is fixed beforehand. With a flat prior the numbers are those of one-sided t tests: no
level is guaranteed. Descriptive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from spikebridge.errors import DataError


@dataclass(frozen=True)
class Rope:
    """Posterior probabilities of the mean difference a - b; worse, equal and better sum to one. NaN below two units.

    Parameters
    ----------
    estimate : float
        Mean difference.
    worse, equal, better : float
        Probability that the mean lies below -margin, within the margin, above it.
    ci_low, ci_high : float
        Central credible interval.
    n : int
        Number of units used.
    """

    estimate: float
    worse: float
    equal: float
    better: float
    ci_low: float
    ci_high: float
    n: int


def rope(differences: ArrayLike, margin: float, correlation: float = 0.0, alpha: float = 0.05) -> Rope:
    """Return the posterior: t of n - 1 degrees of freedom, centre mean, scale sqrt((1/n + rho / (1 - rho)) s^2).

    Parameters
    ----------
    differences : ArrayLike, shape (unit,)
        Score of a minus score of b in each cluster or fold. NaN is left out.
    margin : float
        Half width of the region of practical equivalence, in the unit of the score.
    correlation : float
        Correlation rho between units.
    alpha : float
        One minus the probability in the credible interval.

    Returns
    -------
    Rope
        Posterior probabilities and interval.

    Raises
    ------
    DataError
        Where the margin is negative or the correlation not in [0, 1).

    References
    ----------
    Corani & Benavoli 2015, Machine Learning 100:285. Benavoli, Corani, Demsar & Zaffalon 2017, JMLR 18(77).
    """
    if not (margin >= 0 and 0 <= correlation < 1):
        raise DataError(f"rope: expected margin of 0 or more and correlation in [0, 1), got {margin} and {correlation}")
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    n, nan = len(d), math.nan
    if n < 2:
        return Rope(float(d.mean()) if n else nan, nan, nan, nan, nan, nan, n)
    mean = float(d.mean())
    scale = math.sqrt((1 / n + correlation / (1 - correlation)) * float(d.var(ddof=1)))
    if scale == 0:
        worse, better = float(mean < -margin), float(mean > margin)
        return Rope(mean, worse, 1 - worse - better, better, mean, mean, n)
    worse = float(special.stdtr(n - 1, (-margin - mean) / scale))
    better = float(special.stdtr(n - 1, (mean - margin) / scale))
    reach = float(special.stdtrit(n - 1, 1 - alpha / 2)) * scale
    return Rope(mean, worse, max(0.0, 1 - worse - better), better, mean - reach, mean + reach, n)
