"""Session permutation: do predictions fit the labels of their own recording better than those of others?

Assumptions: recordings are exchangeable (same task, same conditions), one recording is independent of another. Within a
recording neural activity and labels may drift and be autocorrelated: so are the labels of another recording (Harris
2020, "Nonsense correlations in neuroscience"; Meijer 2021).
Limit: the predictions are not refitted to the labels of other recordings. Slow drift that a decoder learned from the
other blocks of the same recording is part of the observed score and not of the null; scoring within test blocks and the
gap around them reduce this gain but do not remove it. Folds also train on each other's test blocks, so that own scores
vary more than those of permuted recordings (see trial_shuffle, where theory gives the factor; here it depends on the
score). The null distribution is therefore scaled by NULL_SCALE around its mean. The factor was measured: 280 studies of
the calibration of tests had 7.6 % [5.0, 11.7] false claims at 5 % without it; docs/calibration.md shows later studies.
"""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.result import NullResult, at_least, sampled

NAME = "session_permutation"
ASSUMPTIONS = "recordings exchangeable and independent of each other; predictions not refitted, null widened for it"
MAX_ENUMERATED = 7
"""Up to this many recordings every permutation is enumerated; above, random ones are drawn."""
NULL_SCALE = 1.2
"""Standard deviation of the null distribution over that of the permutations, because predictions are not refitted."""


def session_permutation(scores: NDArray[np.float64], rng: np.random.Generator, n_resamples: int = 10_000) -> NullResult:
    """p of the mean score of matching recordings among all ways to deal out the labels.

    scores: (recording, recording), entry [i, j] the score of recording i's predictions against recording j's labels,
    both cut to the shorter. Up to 7 recordings every permutation is visited (smallest p = 1 / n!). A NaN among the
    foreign scores counts as reaching the observed one; among the own ones it makes p NaN.
    """
    n = len(scores)
    exact = n <= MAX_ENUMERATED
    if exact:
        deals = np.array(list(permutations(range(n))), dtype=np.int64)
    else:
        deals = rng.permuted(np.tile(np.arange(n), (n_resamples, 1)), axis=1)
    null = scores[np.arange(n), deals].mean(axis=1)
    centre = float(null[np.isfinite(null)].mean()) if np.isfinite(null).any() else float("nan")
    null = centre + NULL_SCALE * (null - centre)
    observed = float(np.diag(scores).mean())
    if not exact:
        return sampled(observed, null)
    known = null[np.isfinite(null)]
    if not np.isfinite(observed):
        return NullResult(observed, known, float("nan"), 1 / factorial(n))
    hits = int(np.count_nonzero(at_least(null, observed) | ~np.isfinite(null)))
    return NullResult(observed, known, hits / len(null), 1 / factorial(n))
