"""Foreign latents: do the latents of a recording predict its own target better than those of another recording?

The latents of another recording replace the own ones, trial by trial in the order of time. A read-out from latents to
target is fitted anew for every pair, in training trials: linear, bin by bin, with a ridge penalty. The null keeps what
latents of all sessions share: their time course around the event, their smoothness, their slow changes over the
session, their number. It breaks the relation to the events of this session.

    score[i, j] = held-out R2 of sqrt(counts) of the target of recording i from the latents of recording j

The square root gives the Poisson noise of all units one variance (Anscombe 1948); R2 is over all test bins and units
together, against the means of the training trials. p by session permutation of the matrix (Harris 2020; Meijer 2021).

Assumptions: recordings are exchangeable and independent of each other (as in session_permutation).
Fails where the order of trials is the same in all recordings by design: then foreign latents carry the trial type, and
the null is too strict. The own latents come from a network that was trained on the target of the training trials but
not of the scored ones, so this does not favour them. With n recordings p >= 1 / n!: two or three cannot decide at 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.regression import relative_penalty, ridge_slope
from spikebridge.statistics.nulls.result import NullResult
from spikebridge.statistics.nulls.session_permutation import session_permutation

NAME = "foreign_latents"
ASSUMPTIONS = "recordings exchangeable and independent of each other; read-out refitted for every pair"
RIDGE = 0.01
Array = NDArray[np.float64]


@dataclass(frozen=True)
class FoldSides:
    """One recording in one fold: its training trials, which the fit was given, and its test trials, in order of time.

    latents: (trial, bin, latent). counts: (trial, bin, unit), spikes per bin.
    """

    train_latents: NDArray[np.floating]
    train_counts: NDArray[np.unsignedinteger]
    test_latents: NDArray[np.floating]
    test_counts: NDArray[np.unsignedinteger]


def score_matrix(recordings: Sequence[Mapping[int, FoldSides]]) -> Array:
    """(recording, recording): R2 of the target of the first from the latents of the second, over the folds both have.

    recordings: fold -> FoldSides of each. Pairs are cut to the shorter, by rank of the trial in its side of the fold.
    NaN where a pair shares no fold.
    """
    scores = np.full((len(recordings), len(recordings)), np.nan)
    for i, own in enumerate(recordings):
        for j, other in enumerate(recordings):
            sums = [_residuals(own[f], other[f]) for f in sorted(own.keys() & other.keys())]
            if sums:
                rest, total = np.sum(sums, axis=0)
                scores[i, j] = 1 - rest / total if total > 0 else np.nan
    return scores


def foreign_latents(scores: Array, rng: np.random.Generator, n_resamples: int = 10_000) -> NullResult:
    """p of the mean R2 of own latents among all ways to deal out latents to targets. scores: (recording, recording)."""
    return session_permutation(scores, rng, n_resamples)


def _residuals(own: FoldSides, other: FoldSides) -> tuple[float, float]:
    """Residual and total sum of squares over the test trials, of the read-out fitted in the training trials."""
    train, test = (
        min(len(a), len(b)) for a, b in ((own.train_counts, other.train_latents), (own.test_counts, other.test_latents))
    )
    if not train or not test:
        return 0.0, 0.0
    z, z_test = _flat(other.train_latents[:train]), _flat(other.test_latents[:test])
    y, y_test = np.sqrt(_flat(own.train_counts[:train])), np.sqrt(_flat(own.test_counts[:test]))
    z_mean, y_mean = z.mean(axis=0), y.mean(axis=0)
    z, y = z - z_mean, y - y_mean
    gram = z.T @ z
    slope = ridge_slope(gram, z.T @ y, relative_penalty(gram, RIDGE) + np.finfo(float).tiny)
    predicted = (z_test - z_mean) @ slope
    wanted = y_test - y_mean
    return float(np.sum((wanted - predicted) ** 2)), float(np.sum(wanted**2))


def _flat(x: NDArray) -> Array:
    return np.asarray(x, dtype=np.float64).reshape(-1, x.shape[-1])
