"""Two one-sided tests (TOST): whether a is no worse than b, or equivalent to it, within a margin fixed beforehand.

Assumptions: the clusters' differences are independent and their mean is near enough to normal for t on n - 1 degrees
of freedom (Schuirmann 1987; Lakens 2017). "No difference shown" is no evidence of equivalence: this is. With
differences that do not vary at all (two models that always say the same) t is without bound, and p is 0 or 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from spikebridge.errors import DataError
from spikebridge.statistics.cluster_bootstrap import Interval, from_samples, resample_weights

MOST_CLUSTERS = 10_000
"""Where more would be needed, infinity is said."""


@dataclass(frozen=True)
class Equivalence:
    """estimate: mean difference of a minus b. p: of equivalence, the larger of the two one-sided p.

    p_not_worse: of the null that a is worse by the margin or more. ci_low, ci_high: the (1 - 2 alpha) t interval.
    equivalent, not_worse: p or p_not_worse is at most alpha; the interval, or its lower end, lies inside the margin.
    sd: of the differences between clusters. n: clusters used. With fewer than two, nothing is shown and all are NaN.
    """

    estimate: float
    p: float
    p_not_worse: float
    ci_low: float
    ci_high: float
    equivalent: bool
    not_worse: bool
    sd: float
    n: int
    margin: float
    alpha: float

    @property
    def needed(self) -> float:
        """Fewest clusters that would show equivalence with 80 % power were the models alike; see
        `clusters_for_equivalence`."""
        return clusters_for_equivalence(self.sd, self.margin, self.alpha) if self.n > 1 else float("nan")


def equivalence(differences: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """TOST of the mean difference between clusters.

    differences: (cluster,), score of a minus score of b, higher is better; NaN (a cluster without a score) is left
    out. margin: in the unit of the score, above zero; what difference does not matter, fixed before the data.
    t_low = (mean + margin) / se, t_high = (mean - margin) / se; p_not_worse = P(T > t_low), p = the larger of it and
    P(T < t_high).
    Raises DataError where the margin or alpha cannot be one.
    """
    if not (margin > 0 and math.isfinite(margin)):
        raise DataError(f"equivalence: expected a margin above 0, got {margin}")
    if not 0 < alpha < 0.5:
        raise DataError(f"equivalence: expected alpha between 0 and 0.5, got {alpha}")
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    n, nan = len(d), float("nan")
    if n < 2:
        return Equivalence(float(d.mean()) if n else nan, nan, nan, nan, nan, False, False, nan, n, margin, alpha)
    mean, sd = float(d.mean()), float(d.std(ddof=1))
    se, df = sd / math.sqrt(n), n - 1
    p_not_worse, p_not_better = _upper((mean + margin), se, df), _upper(margin - mean, se, df)
    reach = float(special.stdtrit(df, 1 - alpha)) * se
    p = max(p_not_worse, p_not_better)
    return Equivalence(
        estimate=mean,
        p=p,
        p_not_worse=p_not_worse,
        ci_low=mean - reach,
        ci_high=mean + reach,
        equivalent=p <= alpha,
        not_worse=p_not_worse <= alpha,
        sd=sd,
        n=n,
        margin=margin,
        alpha=alpha,
    )


def bootstrap_interval(
    differences: ArrayLike, rng: np.random.Generator, alpha: float = 0.05, resamples: int = 10_000
) -> Interval:
    """The (1 - 2 alpha) cluster-bootstrap interval of the mean: equivalence where it lies inside the margin.

    differences: (cluster,). Beside the t interval, without its normality; with few clusters trust the wider one.
    """
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    if len(d) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    samples = resample_weights(len(d), resamples, rng) @ d / len(d)
    return from_samples(float(d.mean()), samples, len(d), 2 * alpha)


def clusters_for_equivalence(sd: float, margin: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Fewest clusters with which models that are truly alike are shown equivalent with this power; at least two.

    sd: of the differences between clusters, in the unit of the margin. Infinity above MOST_CLUSTERS.
    """
    low, high = 1, 2
    while tost_power(high, sd, margin, alpha) < power:
        low, high = high, 2 * high
        if low > MOST_CLUSTERS:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tost_power(middle, sd, margin, alpha) >= power else (middle, high)
    return float(high) if high <= MOST_CLUSTERS else math.inf


def tost_power(n: int, sd: float, margin: float, alpha: float = 0.05) -> float:
    """Chance that n normal clusters of mean difference zero are shown equivalent.

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
