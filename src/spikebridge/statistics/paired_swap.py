"""Swap test of a score of pooled clusters under two conditions: the sign flip for scores that are no mean of clusters.

The lag of a cross-correlation, or a dimension chosen on a curve, belongs to all clusters together: a single cluster has
none, or a very noisy one. The test exchanges the two conditions within random clusters and computes both scores anew.
For a mean of clusters this is `sign_flip` exactly.

Assumptions: clusters are independent, and without an effect the two conditions of a cluster are exchangeable. That
holds only if they have the same amount of data and the same noise: match them first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.sign_flip import MAX_ENUMERATED, SignFlip, sign_patterns, smallest_p

Array = NDArray[np.float64]


def paired_swap(
    score: Callable[[Array], Array], n_clusters: int, rng: np.random.Generator, n_resamples: int = 10_000
) -> SignFlip:
    """Return the two-sided p of the difference of a score between two conditions.

    Random patterns count the observed one: p = (1 + k) / (1 + n_resamples) (Phipson & Smyth 2010).

    Parameters
    ----------
    score : callable
        Takes weights (draw, 2 n_clusters), how often each cluster counts under the first condition and, behind these,
        under the second; returns the score of each draw, shape (draw,).
    n_clusters : int
        Number of clusters, each with data of both conditions.
    rng : numpy.random.Generator
        Source of random patterns.
    n_resamples : int
        Number of random patterns where not all are enumerated.

    Returns
    -------
    SignFlip
        Score of the first condition less that of the second, and p; NaN without clusters, or where a score is NaN.

    References
    ----------
    Fisher 1935, The Design of Experiments. Phipson & Smyth 2010, Statistical Applications in Genetics and Molecular
    Biology 9:39.
    """
    nan, smallest = float("nan"), smallest_p(n_clusters, "two-sided", n_resamples)
    if n_clusters == 0:
        return SignFlip(nan, nan, 1.0, 0)
    kept = (1 + np.concatenate([np.ones((1, n_clusters)), sign_patterns(n_clusters, n_resamples, rng)])) / 2
    first = score(np.concatenate([kept, 1 - kept], axis=1))
    differences = first - score(np.concatenate([1 - kept, kept], axis=1))
    observed, under_null = float(differences[0]), np.abs(differences[1:])
    if not np.isfinite(observed):
        return SignFlip(nan, nan, smallest, n_clusters)
    hits = int(np.count_nonzero(under_null >= abs(observed) - 1e-9 * max(abs(observed), 1e-300)))
    exact = n_clusters <= MAX_ENUMERATED
    p = hits / len(under_null) if exact else (1 + hits) / (1 + n_resamples)
    return SignFlip(observed, float(p), smallest, n_clusters)
