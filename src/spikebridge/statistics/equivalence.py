"""Two one-sided tests (TOST): whether a is no worse than b, or equivalent to b, within a margin fixed beforehand.

Assumptions: the clusters' differences are independent and their mean is near enough to normal for t on n - 1 degrees of
freedom. A test that shows no difference is no evidence of equivalence; this test is. Where the differences do not vary
at all (two models that always predict the same) t is unbounded, and p is 0 or 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from spikebridge.errors import DataError

MAX_CLUSTERS = 10_000
"""Where more clusters would be needed, the answer is infinity."""


@dataclass(frozen=True)
class Equivalence:
    """Result of `equivalence`; with fewer than two clusters nothing is shown and every number but n is NaN.

    Parameters
    ----------
    estimate : float
        Mean difference, a minus b.
    p : float
        p of equivalence, the larger of the two one-sided p.
    p_not_worse : float
        p of the null hypothesis that a is worse than b by the margin or more.
    ci_low, ci_high : float
        The (1 - 2 alpha) t interval.
    sd : float
        Standard deviation of the differences between clusters.
    n : int
        Number of clusters used.
    margin : float
        Margin of equivalence, in the unit of the score.
    alpha : float
        Level of each one-sided test.
    """

    estimate: float
    p: float
    p_not_worse: float
    ci_low: float
    ci_high: float
    sd: float
    n: int
    margin: float
    alpha: float

    @property
    def equivalent(self) -> bool:
        """Whether the interval lies inside the margin: p is at most alpha."""
        return self.p <= self.alpha

    @property
    def not_worse(self) -> bool:
        """Whether the lower end of the interval lies inside the margin: p_not_worse is at most alpha."""
        return self.p_not_worse <= self.alpha

    @property
    def needed(self) -> float:
        """Fewest clusters that show equivalence of equal models with 80 % power; see `clusters_for_equivalence`."""
        return clusters_for_equivalence(self.sd, self.margin, self.alpha) if self.n > 1 else float("nan")


def equivalence(differences: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test the mean difference between clusters for equivalence.

    t_low = (mean + margin) / se, t_high = (mean - margin) / se; p_not_worse = P(T > t_low), p = the larger of it and
    P(T < t_high).

    Parameters
    ----------
    differences : ArrayLike, shape (cluster,)
        Score of a minus score of b, higher is better. NaN (a cluster without a score) is left out.
    margin : float
        Largest difference that does not matter, fixed before the data, in the unit of the score; above zero.
    alpha : float
        Level of each one-sided test.

    Returns
    -------
    Equivalence
        Estimate, p and interval.

    Raises
    ------
    DataError
        Where the margin is not above 0 or alpha not between 0 and 0.5.

    References
    ----------
    Schuirmann 1987, J Pharmacokinetics and Biopharmaceutics 15:657. Lakens 2017, Social Psychological and Personality
    Science 8:355.
    """
    if not (margin > 0 and math.isfinite(margin)):
        raise DataError(f"equivalence: expected a margin above 0, got {margin}")
    if not 0 < alpha < 0.5:
        raise DataError(f"equivalence: expected alpha between 0 and 0.5, got {alpha}")
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    n, nan = len(d), float("nan")
    if n < 2:
        return Equivalence(float(d.mean()) if n else nan, nan, nan, nan, nan, nan, n, margin, alpha)
    mean, sd = float(d.mean()), float(d.std(ddof=1))
    se, df = sd / math.sqrt(n), n - 1
    p_not_worse, p_not_better = _upper(mean + margin, se, df), _upper(margin - mean, se, df)
    reach = float(special.stdtrit(df, 1 - alpha)) * se
    p = max(p_not_worse, p_not_better)
    return Equivalence(
        estimate=mean,
        p=p,
        p_not_worse=p_not_worse,
        ci_low=mean - reach,
        ci_high=mean + reach,
        sd=sd,
        n=n,
        margin=margin,
        alpha=alpha,
    )


def clusters_for_equivalence(sd: float, margin: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the fewest clusters, at least two, that show equivalence of equal models with this power.

    sd: between clusters, in the unit of the margin. Infinity above MAX_CLUSTERS.
    """
    low, high = 1, 2
    while tost_power(high, sd, margin, alpha) < power:
        low, high = high, 2 * high
        if low > MAX_CLUSTERS:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tost_power(middle, sd, margin, alpha) >= power else (middle, high)
    return float(high) if high <= MAX_CLUSTERS else math.inf


def tost_power(n: int, sd: float, margin: float, alpha: float = 0.05) -> float:
    """Return the power of TOST with n normal clusters whose true mean difference is zero.

    Mean and spread are independent: E over s of max(0, 2 Phi((margin sqrt(n) - t s) / sd) - 1), t the upper alpha
    point, (n - 1) s^2 / sd^2 chi-squared on n - 1 degrees of freedom (Phillips 1990); the mean over 200 quantiles.
    """
    if sd == 0:
        return 1.0
    upper = (np.arange(200) + 0.5) / 200
    spread: NDArray[np.float64] = np.sqrt(special.chdtri(n - 1, upper) / (n - 1))
    room = margin * math.sqrt(n) / sd - special.stdtrit(n - 1, 1 - alpha) * spread
    return float(np.mean(np.maximum(0.0, 2 * special.ndtr(room) - 1)))


def _upper(distance: float, se: float, df: int) -> float:
    """P(T > distance / se)."""
    if se == 0:
        return 0.0 if distance > 0 else 1.0
    return float(special.stdtr(df, -distance / se))
