"""Confidence intervals from resampling whole clusters: trials of one recording are not independent, recordings are.

Assumptions: clusters are exchangeable and independent. The interval of a paired difference is made in the same way,
from the difference of two scores under the same weights.

Percentiles of few clusters are too narrow: the bootstrap variance is (n - 1) / n of the right one, and normal instead
of t tails are used. The percentiles are therefore moved outwards to Phi(t_{alpha/2, n-1} sqrt(n / (n - 1))), the
expanded percentile interval of Hesterberg 2015. scipy.stats.bootstrap has no such interval and no clusters. Below eight
clusters or so even the widest resample can be too narrow: it cannot pass the most extreme cluster.

Two levels, `nested_weights`: recordings (or animals) are drawn, and blocks within each drawn one. Such an interval
holds for new recordings, where resampling the blocks of few recordings holds only for these. It counts the variance of
blocks once too often, by one part in the number of recordings, so it errs to the wide side (Davison & Hinkley 1997,
section 3.8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """The score of the data and the interval of its resamples.

    Parameters
    ----------
    value : float
        Score of the data as they are.
    ci_low, ci_high : float
        Ends of the interval, in the unit of the score. NaN for fewer than two clusters.
    """

    value: float
    ci_low: float
    ci_high: float


def resample_weights(n_clusters: int, n_resamples: int, rng: np.random.Generator) -> Array:
    """Draw n_clusters clusters with replacement, many times.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    n_resamples : int
        Number of resamples.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    NDArray, shape (resample, cluster)
        How often each cluster was drawn.
    """
    return rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=n_resamples).astype(np.float64)


def nested_weights(parent: NDArray[np.int64], n_resamples: int, rng: np.random.Generator) -> Array:
    """Draw parents with replacement and, each time, as many blocks as the parent has from within it.

    Parameters
    ----------
    parent : NDArray, shape (block,)
        Number of the recording or animal of each block, from 0.
    n_resamples : int
        Number of resamples.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    NDArray, shape (resample, block)
        How often each block was drawn. Give `interval_interval_from_samples` the number of parents: they are
        independent.
    """
    weights = np.zeros((n_resamples, len(parent)))
    n_parents = int(parent.max()) + 1
    drawn = rng.multinomial(n_parents, np.full(n_parents, 1 / n_parents), size=n_resamples)
    for p in range(n_parents):
        inside = np.flatnonzero(parent == p)
        weights[:, inside] = rng.multinomial(drawn[:, p] * len(inside), np.full(len(inside), 1 / len(inside)))
    return weights


def bootstrap_interval(
    score: Callable[[Array], Array], weights: Array, alpha: float = 0.05, independent: int | None = None
) -> Interval:
    """Return the score of the whole data and its bootstrap interval.

    Parameters
    ----------
    score : callable
        Takes weights (resample, cluster) and returns the score of each resample, shape (resample,); NaN where it is not
        defined (no trial of a class drawn). Such resamples are left out.
    weights : NDArray, shape (resample, cluster)
        From `resample_weights` or `nested_weights`.
    alpha : float
        One minus the level of the interval.
    independent : int, optional
        Number of independent clusters. None: all of them, as for `resample_weights`.

    Returns
    -------
    Interval
        Score and expanded percentile interval.

    References
    ----------
    Hesterberg 2015, The American Statistician 69:371.
    """
    n_clusters = weights.shape[1]
    value = float(score(np.ones((1, n_clusters)))[0])
    samples = score(weights)
    return interval_from_samples(value, samples, independent or n_clusters, alpha)


def interval_from_samples(value: float, samples: Array, n_clusters: int, alpha: float = 0.05) -> Interval:
    """Return the expanded percentile interval of resampled scores.

    Parameters
    ----------
    value : float
        Score of the data as they are.
    samples : NDArray, shape (resample,)
        Scores of the resamples. NaN is left out.
    n_clusters : int
        Number of independent clusters.
    alpha : float
        One minus the level of the interval.

    Returns
    -------
    Interval
        Score and interval.
    """
    samples = samples[np.isfinite(samples)]
    if n_clusters < 2 or len(samples) == 0:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(samples, [tail(n_clusters, alpha), 1 - tail(n_clusters, alpha)])
    return Interval(value, float(low), float(high))


def tail(n_clusters: int, alpha: float) -> float:
    """Return the share of resamples that lie outside the interval on each side."""
    from scipy import stats  # slow to import

    t = stats.t.ppf(alpha / 2, n_clusters - 1) * np.sqrt(n_clusters / (n_clusters - 1))
    return float(stats.norm.cdf(t))
