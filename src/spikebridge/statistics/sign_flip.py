"""Sign-flip test of paired differences between clusters.

Assumptions: the clusters' differences are independent, and without an effect each is as probable as its negative. No
normality, no equal variances, and nothing about trials within a cluster. Exact for any number of clusters when all sign
patterns are enumerated. Where clusters are not quite independent the null distribution can be scaled by a factor that
was measured elsewhere. Not scipy.stats.permutation_test, which has no scaled null distribution and no smallest p.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Alternative = Literal["greater", "two-sided"]
MAX_ENUMERATED = 14
"""Up to this many clusters all 2^n sign patterns are enumerated; above, random ones are drawn."""


@dataclass(frozen=True)
class SignFlip:
    """Result of `sign_flip`.

    Parameters
    ----------
    estimate : float
        Mean difference.
    p : float
        p of the mean difference.
    smallest : float
        Smallest p that this many clusters can give.
    n : int
        Number of clusters used.
    """

    estimate: float
    p: float
    smallest: float
    n: int


def sign_flip(
    differences: NDArray[np.float64],
    rng: np.random.Generator,
    alternative: Alternative = "greater",
    n_resamples: int = 10_000,
    null_scale: float = 1.0,
) -> SignFlip:
    """Return the p of the mean difference under random signs.

    Random patterns count the observed one: p = (1 + k) / (1 + n_resamples) (Phipson & Smyth 2010).

    Parameters
    ----------
    differences : NDArray, shape (cluster,)
        Score of a minus score of b. NaN (a cluster without a score) is left out.
    rng : numpy.random.Generator
        Source of random signs.
    alternative : {"greater", "two-sided"}
        Alternative hypothesis.
    n_resamples : int
        Number of random sign patterns where not all are enumerated.
    null_scale : float
        Standard deviation of the null distribution over that of random signs, at least 1.

    Returns
    -------
    SignFlip
        Mean difference and p; NaN without clusters.

    References
    ----------
    Fisher 1935, The Design of Experiments. Winkler et al. 2014, NeuroImage 92:381. Phipson & Smyth 2010, Statistical
    Applications in Genetics and Molecular Biology 9:39.
    """
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    n = len(d)
    if n == 0:
        return SignFlip(float("nan"), float("nan"), 1.0, 0)
    exact = n <= MAX_ENUMERATED
    sums = null_scale * (sign_patterns(n, n_resamples, rng) @ d)
    observed = d.sum()
    if alternative == "two-sided":
        sums, observed = np.abs(sums), abs(observed)
    hits = int(np.count_nonzero(sums >= observed - 1e-12 * max(np.abs(d).sum(), 1e-300)))
    p = hits / len(sums) if exact else (1 + hits) / (1 + n_resamples)
    return SignFlip(float(d.mean()), float(p), smallest_p(n, alternative, n_resamples, null_scale), n)


def smallest_p(
    n_clusters: int, alternative: Alternative = "greater", n_resamples: int = 10_000, null_scale: float = 1.0
) -> float:
    """Return the p of this many clusters that all differ by the same amount: the smallest that the test can give.

    With a scaled null distribution, patterns with a few signs changed reach the observed sum, too.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    alternative : {"greater", "two-sided"}
        Alternative hypothesis.
    n_resamples : int
        Number of random sign patterns where not all are enumerated.
    null_scale : float
        As in `sign_flip`.

    Returns
    -------
    float
        The smallest p; 1 without clusters.
    """
    if n_clusters == 0:
        return 1.0
    sides = 2 if alternative == "two-sided" else 1
    changed = math.floor(n_clusters * (1 - 1 / null_scale) / 2 + 1e-9)
    smallest = min(1.0, sides * sum(math.comb(n_clusters, k) for k in range(changed + 1)) * 0.5**n_clusters)
    return smallest if n_clusters <= MAX_ENUMERATED else max(smallest, 1 / (1 + n_resamples))


def clusters_needed(alpha: float, tests: int = 1, alternative: Alternative = "greater") -> int:
    """Return the fewest clusters with which the smallest p, times the tests of a Holm family, reaches alpha.

    Parameters
    ----------
    alpha : float
        Level of the family.
    tests : int
        Number of tests in the family.
    alternative : {"greater", "two-sided"}
        Alternative hypothesis.

    Returns
    -------
    int
        Number of clusters, at least 1.
    """
    sides = 2 if alternative == "two-sided" else 1
    return max(1, math.ceil(math.log2(sides * tests / alpha) - 1e-12))


def sign_patterns(n: int, n_resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return all 2^n patterns of 1 and -1 up to MAX_ENUMERATED clusters, else random ones; shape (pattern, cluster)."""
    if n <= MAX_ENUMERATED:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits = rng.integers(0, 2, size=(n_resamples, n))
    return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)
