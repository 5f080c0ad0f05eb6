"""Sign-flip test of paired differences between clusters.

Assumptions: the clusters' differences are independent, and without an effect each is as likely d as -d. No normality,
no equal variances, and nothing about trials within a cluster. Exact for any number of clusters when enumerated
(Fisher 1935; Winkler et al. 2014, "Permutation inference for the general linear model"). Where clusters are not quite
independent the null can be taken wider than that of the signs, by a factor that has been measured elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Alternative = Literal["greater", "two-sided"]
ENUMERATED = 14
"""Up to this many clusters all 2^n sign patterns are visited, above it random ones."""


@dataclass(frozen=True)
class SignFlip:
    """estimate: mean difference. smallest: the smallest p that this many clusters can give. n: clusters used."""

    estimate: float
    p: float
    smallest: float
    n: int


def sign_flip(
    differences: NDArray[np.float64],
    rng: np.random.Generator,
    alternative: Alternative = "greater",
    resamples: int = 10_000,
    wider: float = 1.0,
) -> SignFlip:
    """p of the mean difference under random signs.

    differences: (cluster,), score of a minus score of b; NaN (a cluster without a score) is left out. wider: spread of
    the null over that of the random signs, at least 1.
    Random patterns count the observed one: p = (1 + k) / (1 + resamples) (Phipson & Smyth 2010).
    """
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    n = len(d)
    if n == 0:
        return SignFlip(float("nan"), float("nan"), 1.0, 0)
    exact = n <= ENUMERATED
    sums = wider * (sign_patterns(n, resamples, rng) @ d)
    observed = d.sum()
    if alternative == "two-sided":
        sums, observed = np.abs(sums), abs(observed)
    hits = int(np.count_nonzero(sums >= observed - 1e-12 * max(np.abs(d).sum(), 1e-300)))
    p = hits / len(sums) if exact else (1 + hits) / (1 + resamples)
    return SignFlip(float(d.mean()), float(p), smallest_p(n, alternative, resamples, wider), n)


def smallest_p(
    n_clusters: int, alternative: Alternative = "greater", resamples: int = 10_000, wider: float = 1.0
) -> float:
    """The p of this many clusters that all differ by the same: the smallest that the test can give with a null that is
    not widened. With one that is, patterns with a few signs changed come as far as the observed one, too."""
    if n_clusters == 0:
        return 1.0
    both = 2 if alternative == "two-sided" else 1
    changed = math.floor(n_clusters * (1 - 1 / wider) / 2 + 1e-9)
    smallest = min(1.0, both * sum(math.comb(n_clusters, k) for k in range(changed + 1)) * 0.5**n_clusters)
    return smallest if n_clusters <= ENUMERATED else max(smallest, 1 / (1 + resamples))


def clusters_needed(alpha: float, tests: int = 1, alternative: Alternative = "greater") -> int:
    """Fewest clusters with which the smallest p, times the tests of a Holm family, reaches alpha."""
    both = 2 if alternative == "two-sided" else 1
    return max(1, math.ceil(math.log2(both * tests / alpha) - 1e-12))


def sign_patterns(n: int, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """All 2^n patterns of 1 and -1 up to ENUMERATED clusters, else random ones. Returns (pattern, cluster)."""
    if n <= ENUMERATED:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits = rng.integers(0, 2, size=(resamples, n))
    return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)
