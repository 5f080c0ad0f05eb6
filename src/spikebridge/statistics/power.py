"""Power of a sign-flip test: the difference that it can detect, and the number of clusters that it needs.

Assumptions: the clusters' differences are independent and normal with the spread that they have here. A spread from few
clusters is uncertain, so the detectable difference is an order of magnitude. The test itself needs no normality. Power
at the observed difference adds nothing to its p (Hoenig & Heisey 2001, The American Statistician 55:19); it serves to
plan the next recordings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from spikebridge.statistics.sign_flip import Alternative, clusters_needed

POWER = 0.8
MAX_ENUMERATED = 10
"""Up to this many clusters power is that of the sign flip itself; above, that of the t test, which is then close."""
MAX_CLUSTERS = 100_000
POINTS = 4096
ROUNDING = 1e-12
"""A standard deviation below this is rounding error and counts as zero."""


@dataclass(frozen=True)
class Power:
    """Result of `sign_flip_power`.

    Parameters
    ----------
    detectable : float
        Smallest true mean difference found with 80 % power, in the unit of the score; infinity where no data could
        reach alpha. NaN where the differences do not vary.
    to_decide : int
        Fewest clusters whose smallest p reaches alpha after Holm.
    for_power : float
        Fewest clusters that show the observed difference with 80 % power; infinity where the difference is not above
        zero, NaN where the differences do not vary.
    n : int
        Number of clusters used.
    """

    detectable: float
    to_decide: int
    for_power: float
    n: int


def sign_flip_power(
    differences: ArrayLike,
    alpha: float = 0.05,
    tests: int = 1,
    alternative: Alternative = "greater",
    null_scale: float = 1.0,
) -> Power:
    """Return the power of the sign flip over these clusters.

    Parameters
    ----------
    differences : ArrayLike, shape (cluster,)
        Score of a minus score of b. NaN is left out.
    alpha : float
        Level of the family.
    tests : int
        Number of tests in the Holm family; the level is alpha / tests, that of the first step of Holm.
    alternative : {"greater", "two-sided"}
        Alternative hypothesis.
    null_scale : float
        As in `sign_flip`; the standard deviation between clusters is multiplied by it.

    Returns
    -------
    Power
        Detectable difference and numbers of clusters.
    """
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    n, level = len(d), alpha / tests
    if alternative == "two-sided":
        d = np.abs(d.mean(keepdims=True)) + (d - d.mean()) if n else d
    to_decide = clusters_needed(alpha, tests, alternative)
    sd = null_scale * float(d.std(ddof=1)) if n > 1 else math.nan
    if not sd > ROUNDING:
        return Power(math.nan, to_decide, math.nan, n)
    needed = clusters_for_power(float(d.mean()) / sd, level, alternative)
    return Power(sd * detectable(n, level, alternative), to_decide, needed, n)


def clusters_for_power(
    effect: float, alpha: float, alternative: Alternative = "greater", power: float = POWER
) -> float:
    """Return the fewest clusters that show a mean of `effect` standard deviations; infinity above MAX_CLUSTERS."""
    if not effect > 0:
        return math.inf
    low = clusters_needed(alpha, 1, alternative)
    if detectable(low, alpha, alternative, power) <= effect:
        return float(low)
    high = 2 * low
    while detectable(high, alpha, alternative, power) > effect:
        low, high = high, 2 * high
        if low > MAX_CLUSTERS:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        enough = detectable(middle, alpha, alternative, power) <= effect
        low, high = (low, middle) if enough else (middle, high)
    return float(high)


@lru_cache(maxsize=1024)
def detectable(n: int, alpha: float, alternative: Alternative = "greater", power: float = POWER) -> float:
    """Return the smallest mean, in standard deviations between clusters, that n normal clusters show with this power.

    Few clusters: with z the noise and A the non-empty sets of clusters, flipping A leaves the sum as high where
    mean_A(z) + mean <= 0. The test rejects where that holds for fewer than h = floor(alpha 2^n) of them, so each z has
    a smallest mean, the h-th largest of -mean_A(z), and the answer is the `power` quantile of it over z (Sobol points).
    Many clusters: the t test on n - 1 degrees of freedom. Infinity where h is zero.
    """
    from scipy.stats import qmc  # slow to import

    level = alpha / 2 if alternative == "two-sided" else alpha
    if n < clusters_needed(level):
        return math.inf
    if n > MAX_ENUMERATED:
        noncentrality = special.nctdtrinc(n - 1, 1 - power, special.stdtrit(n - 1, 1 - level))
        return float(noncentrality / math.sqrt(n))
    points = qmc.Sobol(n, scramble=False, seed=0).random(POINTS)
    z = special.ndtri(points[1:])
    members = ((np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)
    margins = -(z @ members.T) / members.sum(axis=1)
    allowed = math.floor(level * 2**n + 1e-9)
    needed = np.partition(margins, -allowed, axis=1)[:, -allowed]
    return float(np.quantile(needed, power))
