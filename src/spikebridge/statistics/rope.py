"""Bayesian correlated t test: how probable it is that a is worse than, practically equal to, or better than b.

Assumptions: normal differences with one variance, and the flat prior p(mean, sd) ~ 1 / sd, so that the posterior of the
mean is a t distribution; between units (clusters 0, folds n_test / (n_train + n_test)) a known correlation (Benavoli,
Corani, Demsar & Zaffalon 2017; Corani & Benavoli 2015). The region of practical equivalence is fixed beforehand.
With a flat prior the numbers are those of one-sided t tests: no protection of a level. Descriptive.
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
    """Posterior probabilities of the mean difference a - b: worse (below -margin), equal, better; they sum to one.

    ci_low, ci_high: central credible interval. n: units used; NaN for fewer than two.
    """

    estimate: float
    worse: float
    equal: float
    better: float
    ci_low: float
    ci_high: float
    n: int


def rope(differences: ArrayLike, margin: float, correlation: float = 0.0, alpha: float = 0.05) -> Rope:
    """Posterior t of n - 1 degrees of freedom, centre mean, scale sqrt((1/n + rho / (1 - rho)) s^2).

    differences: (unit,), score of a minus score of b; NaN is left out. margin: half width of the region in which a
    difference does not matter. correlation: rho between units.
    Raises DataError where margin or correlation cannot be one.
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
