"""What a sign-flip test could have seen, and how many clusters it would need.

Assumptions: the clusters' differences are independent and normal with the spread that they have here; a spread from few
clusters is itself uncertain, so "could have seen" is an order of magnitude. The test itself needs no normality.
Power at the difference that was observed says no more than its p (Hoenig & Heisey 2001); it is for planning the next
recordings, not for excusing these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.stats import qmc

from spikebridge.statistics.sign_flip import Alternative, clusters_needed

POWER = 0.8
VISITED = 10
"""Up to this many clusters power is that of the sign flip itself, above it that of the t test, by then near to it."""
MOST_CLUSTERS = 100_000
POINTS = 4096
ROUNDING = 1e-12
"""A spread below this is that of the last digits: there is none."""


@dataclass(frozen=True)
class Power:
    """detectable: smallest true mean difference found with 80 % power, in the unit of the score; infinity where no
    data could reach alpha. to_decide: fewest clusters whose smallest p reaches alpha after Holm. for_power: fewest
    that would show the observed difference with 80 % power; infinity where it is not above zero, NaN without spread.
    n: clusters used.
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
    wider: float = 1.0,
) -> Power:
    """Power of the sign flip over these clusters.

    differences: (cluster,), score of a minus score of b; NaN is left out. tests: size of the Holm family; the level is
    alpha / tests, what the first of its steps asks for. wider: as of `sign_flip`; the mean of the clusters varies by as
    much more.
    """
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    n, level = len(d), alpha / tests
    if alternative == "two-sided":
        d = np.abs(d.mean(keepdims=True)) + (d - d.mean()) if n else d
    to_decide = clusters_needed(alpha, tests, alternative)
    sd = wider * float(d.std(ddof=1)) if n > 1 else math.nan
    if not sd > ROUNDING:
        return Power(math.nan, to_decide, math.nan, n)
    needed = clusters_for_power(float(d.mean()) / sd, level, alternative)
    return Power(sd * detectable(n, level, alternative), to_decide, needed, n)


def clusters_for_power(
    effect: float, alpha: float, alternative: Alternative = "greater", power: float = POWER
) -> float:
    """Fewest clusters that show a mean of `effect` standard deviations; infinity above MOST_CLUSTERS."""
    if not effect > 0:
        return math.inf
    low = clusters_needed(alpha, 1, alternative)
    if detectable(low, alpha, alternative, power) <= effect:
        return float(low)
    high = 2 * low
    while detectable(high, alpha, alternative, power) > effect:
        low, high = high, 2 * high
        if low > MOST_CLUSTERS:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        enough = detectable(middle, alpha, alternative, power) <= effect
        low, high = (low, middle) if enough else (middle, high)
    return float(high)


@lru_cache(maxsize=1024)
def detectable(n: int, alpha: float, alternative: Alternative = "greater", power: float = POWER) -> float:
    """Smallest mean, in standard deviations between clusters, that n normal clusters show with this power.

    Few clusters: with z the noise and A the non-empty sets of clusters, flipping A leaves the sum as high where
    mean_A(z) + mean <= 0. The test rejects where that holds for fewer than h = floor(alpha 2^n) of them, so each z has
    a least mean, the h-th largest of -mean_A(z), and the answer is the `power` quantile of it over z (Sobol points).
    Many: the t test on n - 1 degrees of freedom. Infinity where h is zero.
    """
    level = alpha / 2 if alternative == "two-sided" else alpha
    if n < clusters_needed(level):
        return math.inf
    if n > VISITED:
        noncentrality = special.nctdtrinc(n - 1, 1 - power, special.stdtrit(n - 1, 1 - level))
        return float(noncentrality / math.sqrt(n))
    points = qmc.Sobol(n, scramble=False, seed=0).random(POINTS)
    z = special.ndtri(points[1:])
    members = ((np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)
    margins = -(z @ members.T) / members.sum(axis=1)
    allowed = math.floor(level * 2**n + 1e-9)
    least = np.partition(margins, -allowed, axis=1)[:, -allowed]
    return float(np.quantile(least, power))
