"""How much the dependence between trials inflates McNemar's test, and the test corrected for it.

Assumptions: clusters are independent; within one, trials may depend on each other in any way. With few clusters the
design effect itself is known only roughly (its square root about as well as a standard deviation of that many numbers),
so the corrected test refers to t and never gains from a design effect below one. Descriptive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special


@dataclass(frozen=True)
class DesignEffect:
    """Result of `design_effect`.

    Parameters
    ----------
    estimate : float
        Difference in accuracy, a minus b.
    effect : float
        Variance over clusters over the variance of as many independent trials. NaN for fewer than two clusters, or
        where the two models never differ; so are icc and p.
    icc : float
        Intraclass correlation: of two trials of one cluster, in the difference of correctness.
    effective_n : float
        Number of independent trials with the same variance, at most the number of trials.
    p : float
        Two-sided p of McNemar's statistic divided by the effect (at least 1), on t of n_clusters - 1 degrees of
        freedom.
    n : int
        Number of trials.
    n_clusters : int
        Number of clusters with trials.
    """

    estimate: float
    effect: float
    icc: float
    effective_n: float
    p: float
    n: int
    n_clusters: int


def design_effect(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_], cluster: NDArray[np.int64]) -> DesignEffect:
    """Return the design effect of the paired difference in correctness d = right_a - right_b.

    With n_c trials and sum S_c of d in cluster c of k, n trials in all and mean m: effect = [k / (k - 1) sum_c (S_c -
    n_c m)^2 / n^2] / [var(d) / n]; statistic: z^2 = n m^2 / (mean(d^2) effect), where n m^2 / mean(d^2) is McNemar's
    chi-squared (b - c)^2 / (b + c).

    Parameters
    ----------
    right_a, right_b : NDArray of bool, shape (trial,)
        Whether each model predicted the trial correctly.
    cluster : NDArray of int, shape (trial,)
        Number of each trial's cluster, from 0.

    Returns
    -------
    DesignEffect
        Design effect, effective number of trials and corrected p.

    References
    ----------
    Kish 1965, Survey Sampling. Obuchowski 1998, Statistics in Medicine 17:1495. Durkalski et al. 2003, Statistics in
    Medicine 22:2417.
    """
    d = right_a.astype(np.float64) - right_b.astype(np.float64)
    size = np.bincount(cluster).astype(np.float64)
    total = np.bincount(cluster, weights=d).astype(np.float64)
    total, size = total[size > 0], size[size > 0]
    n, k = len(d), len(size)
    mean = float(d.mean()) if n else math.nan
    spread = float(((d - mean) ** 2).sum())
    if k < 2 or spread <= 0:
        return DesignEffect(mean, math.nan, math.nan, float(n), math.nan, n, k)
    between = k / (k - 1) * float(((total - size * mean) ** 2).sum()) / n**2
    effect = between / (spread / (n - 1) / n)
    t = mean * math.sqrt(n / (float((d**2).mean()) * max(effect, 1.0)))
    p = float(2 * special.stdtr(k - 1, -abs(t)))
    return DesignEffect(mean, effect, _icc(d, total, size), n / max(effect, 1.0), p, n, k)


def _icc(d: NDArray[np.float64], total: NDArray[np.float64], size: NDArray[np.float64]) -> float:
    """Analysis-of-variance estimate for clusters of unequal size (Donner 1986); the effect is about 1 + (m - 1) icc."""
    n, k = len(d), len(size)
    if n <= k:
        return math.nan
    between = float((size * (total / size - d.mean()) ** 2).sum()) / (k - 1)
    within = float((d**2).sum() - (total**2 / size).sum()) / (n - k)
    typical = (n - float((size**2).sum()) / n) / (k - 1)
    bottom = between + (typical - 1) * within
    return (between - within) / bottom if bottom > 0 else math.nan
