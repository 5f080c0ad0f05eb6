"""Intervals from resampling whole clusters: trials of one recording are not independent, recordings are.

Assumptions: clusters are exchangeable and independent. A paired difference is the same thing: give the difference of
two scores under the same weights.

Percentiles of few clusters are too narrow: the bootstrap variance is (n - 1) / n of the right one, and normal instead
of t tails are used. The percentiles taken are therefore moved outwards to Phi(t_{alpha/2, n-1} sqrt(n / (n - 1)))
(Hesterberg 2015, "What teachers should know about the bootstrap", expanded percentile interval). Below eight clusters
or so even the widest resample can be too narrow: it cannot pass the most extreme cluster.

Two levels, `nested_weights`: recordings (or animals) are drawn, and blocks within each drawn one. That speaks for new
recordings where resampling the blocks of few recordings speaks only for these; it counts the spread of blocks once too
often, by one part in the number of recordings (Davison & Hinkley 1997, section 3.8), which errs to the wide side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A score of the data as they are and the interval of its resamples; NaN limits for fewer than two clusters."""

    value: float
    ci_low: float
    ci_high: float


def resample_weights(n_clusters: int, resamples: int, rng: np.random.Generator) -> Array:
    """How often each cluster is drawn, n_clusters draws with replacement. Returns (resample, cluster)."""
    return rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=resamples).astype(np.float64)


def nested_weights(parent: NDArray[np.int64], resamples: int, rng: np.random.Generator) -> Array:
    """How often each block is drawn when parents are drawn with replacement and, each time, as many blocks as a parent
    has from within it.

    parent: (block,), number of the block's recording or animal from 0. Returns (resample, block). Give `from_samples`
    the number of parents for its clusters: they are what is independent.
    """
    weights = np.zeros((resamples, len(parent)))
    n_parents = int(parent.max()) + 1
    drawn = rng.multinomial(n_parents, np.full(n_parents, 1 / n_parents), size=resamples)
    for p in range(n_parents):
        inside = np.flatnonzero(parent == p)
        weights[:, inside] = rng.multinomial(drawn[:, p] * len(inside), np.full(len(inside), 1 / len(inside)))
    return weights


def interval(
    score: Callable[[Array], Array], weights: Array, alpha: float = 0.05, independent: int | None = None
) -> Interval:
    """Score of the whole data and its interval.

    score: weights (resample, cluster) -> (resample,), the score with clusters taken that often; NaN where it is not
    defined (no trial of a class drawn), which is left out. weights: from `resample_weights` or `nested_weights`.
    independent: number of independent clusters; None: all, as for `resample_weights`.
    """
    n_clusters = weights.shape[1]
    value = float(score(np.ones((1, n_clusters)))[0])
    samples = score(weights)
    return from_samples(value, samples, independent or n_clusters, alpha)


def from_samples(value: float, samples: Array, n_clusters: int, alpha: float = 0.05) -> Interval:
    """Expanded percentile interval of resampled scores (resample,)."""
    samples = samples[np.isfinite(samples)]
    if n_clusters < 2 or len(samples) == 0:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(samples, [tail(n_clusters, alpha), 1 - tail(n_clusters, alpha)])
    return Interval(value, float(low), float(high))


def tail(n_clusters: int, alpha: float) -> float:
    """Share of resamples outside the interval on each side."""
    t = stats.t.ppf(alpha / 2, n_clusters - 1) * np.sqrt(n_clusters / (n_clusters - 1))
    return float(stats.norm.cdf(t))
