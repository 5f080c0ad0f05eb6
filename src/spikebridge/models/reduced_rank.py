"""Reduced-rank regression (Izenman 1975) with a ridge penalty: a linear translator through few shared dimensions.

Semedo, Zandvakili, Machens, Yu & Kohn 2019, "Cortical areas interact through a communication subspace", Neuron 102:249.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikebridge.models.parts.linear import Array, LinearTranslator, ridge_slope

RUNS = 5


class ReducedRank(LinearTranslator):
    """W = B V_r V_r', B the ridge solution, V_r the first r principal directions of what it predicts.

    Target units are weighted by 1 / sqrt(mean rate), so that a spike counts like in a Poisson likelihood. The rank is
    the smallest within one SEM of the best over contiguous runs of training windows (1-SEM rule), unless it is given.
    Otherwise like ridge, to which it is equal at full rank.
    """

    name = "reduced_rank"

    class Params(LinearTranslator.Params):
        rank: int | None = Field(None, ge=0, description="null: by the 1-SEM rule")

    def rank(self, recording: str) -> int:
        """Dimensions that the fit of a recording uses."""
        return int(np.linalg.matrix_rank(self.weights[self.known(recording)]["slope"]))

    def _slope(self, x: Array, y: Array, mean: Array) -> Array:
        p: Any = self.params
        scale = np.sqrt(np.where(mean > 0, mean, np.inf))
        y = y / scale
        runs = [(a.reshape(-1, a.shape[2]), b.reshape(-1, b.shape[2])) for a, b in _runs(x, y)]
        grams = [(a.T @ a, a.T @ b, float((b**2).sum()), len(a)) for a, b in runs]
        gram, cross = np.sum([g[0] for g in grams], axis=0), np.sum([g[1] for g in grams], axis=0)
        n = sum(g[3] for g in grams)
        rank = p.rank
        if rank is None:
            rank = one_sem_rank(held_out(grams, gram, cross, n, p.penalty)) if len(grams) > 1 else y.shape[2]
        slope = ridge_slope(gram / n, cross / n, p.penalty)
        v = _directions(slope, gram)[:, :rank]
        return (slope @ v) @ v.T * np.where(np.isfinite(scale), scale, 0.0)


def held_out(grams: list[tuple[Array, Array, float, int]], gram: Array, cross: Array, n: int, penalty: float) -> Array:
    """(run, rank 0 ..): share of the variance of each run that the fit to the others explains, at every rank.

    grams: X'X, X'Y, |Y|^2 and samples of each run; gram, cross, n: their sums. With orthonormal V the explained part of
    rank r is a running sum over directions: 2 v'C'Bv - (Bv)'G(Bv).
    """
    shares = []
    for one_gram, one_cross, total, m in grams:
        slope = ridge_slope((gram - one_gram) / (n - m), (cross - one_cross) / (n - m), penalty)
        v = _directions(slope, gram - one_gram)
        through = slope @ v
        each = 2 * ((one_cross @ v) * through).sum(axis=0) - ((one_gram @ through) * through).sum(axis=0)
        shares.append(np.concatenate([[0.0], np.cumsum(each)]) / max(total, 1e-12))
    return np.array(shares)


def one_sem_rank(shares: Array) -> int:
    """The smallest rank whose mean over runs is within one SEM of the best. shares: (run, rank 0 ..)."""
    mean, sem = shares.mean(axis=0), shares.std(axis=0, ddof=1) / np.sqrt(len(shares))
    best = int(np.argmax(mean))
    return int(np.argmax(mean >= mean[best] - sem[best]))


def _directions(slope: Array, gram: Array) -> NDArray[np.float64]:
    """(unit, unit): principal directions of the predictions X B, the strongest first, from B'X'XB."""
    _, v = np.linalg.eigh(slope.T @ gram @ slope)
    return np.asarray(v[:, ::-1])


def _runs(x: Array, y: Array) -> list[tuple[Array, Array]]:
    """Contiguous runs of windows, as many as there are enough windows for."""
    n = max(1, min(RUNS, len(x) // 2))
    return list(zip(np.array_split(x, n), np.array_split(y, n), strict=True))
