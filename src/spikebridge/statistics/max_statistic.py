"""Family-wise p over many points (lags, time bins) from the largest t statistic under random signs.

Assumptions: clusters are independent, and without an effect the whole curve of a cluster is as probable as its
negative. Nothing is assumed about the dependence between points: correlated neighbours cost less than under Bonferroni.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.statistics.sign_flip import Alternative, sign_patterns, smallest_p

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FamilyWise:
    """Result of `max_statistic`.

    Parameters
    ----------
    t : NDArray, shape (point,)
        One-sample t of each point.
    p : NDArray, shape (point,)
        p of each point, corrected for all points.
    threshold : float
        t whose corrected p is alpha.
    smallest : float
        Smallest p that this many clusters can give.
    n : int
        Number of clusters.
    """

    t: Array
    p: Array
    threshold: float
    smallest: float
    n: int


def max_statistic(
    values: Array,
    rng: np.random.Generator,
    alternative: Alternative = "greater",
    alpha: float = 0.05,
    n_resamples: int = 10_000,
) -> FamilyWise:
    """Return the p of each point: the share of sign patterns whose largest t over all points reaches that point's t.

    All 2^n sign patterns are used where clusters are few, else random ones and the observed one. A point that is zero
    in every cluster has t = 0; one that never varies has an infinite t.

    Parameters
    ----------
    values : NDArray, shape (cluster, point)
        Effect in each cluster at each point, finite.
    rng : numpy.random.Generator
        Source of random signs.
    alternative : {"greater", "two-sided"}
        Alternative hypothesis.
    alpha : float
        Level of the threshold.
    n_resamples : int
        Number of random sign patterns where not all are used.

    Returns
    -------
    FamilyWise
        t and corrected p of each point.

    Raises
    ------
    DataError
        Where values have another shape, fewer than two clusters, or are not finite.

    References
    ----------
    Nichols & Holmes 2002, Human Brain Mapping 15:1.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] == 0 or x.shape[0] < 2 or not np.isfinite(x).all():
        raise DataError(f"max_statistic: expected finite values (cluster, point), two clusters or more, got {x.shape}")
    n = len(x)
    signs = sign_patterns(n, n_resamples, rng)
    observed = _t(x, np.ones((1, n)))[0]
    flipped = _t(x, signs)
    if alternative == "two-sided":
        observed, flipped = np.abs(observed), np.abs(flipped)
    largest = np.sort(flipped.max(axis=1))
    slack = 1e-9 * np.maximum(np.abs(observed), 1.0)
    slack[np.isinf(observed)] = 0.0
    hits = len(largest) - np.searchsorted(largest, observed - slack, side="left")
    sampled = len(signs) < 2**n
    p = (hits + sampled) / (len(largest) + sampled)
    allowed = int(np.floor(alpha * (len(largest) + sampled) + 1e-9)) - int(sampled)
    threshold = float(largest[len(largest) - allowed]) if allowed >= 1 else float("inf")
    return FamilyWise(_t(x, np.ones((1, n)))[0], p, threshold, smallest_p(n, alternative, n_resamples), n)


def _t(x: Array, signs: Array) -> Array:
    """One-sample t of every point under every pattern of signs. Returns (pattern, point)."""
    n = len(x)
    mean = signs @ x / n
    left = np.maximum((x**2).sum(axis=0) - n * mean**2, 0.0)  # the same under all signs
    constant = left <= 1e-12 * np.maximum((x**2).sum(axis=0), 1e-300)
    t = mean / np.sqrt(np.where(constant, 1.0, left) / (n - 1) / n)
    return np.where(constant & (mean != 0), np.copysign(np.inf, mean), t)
