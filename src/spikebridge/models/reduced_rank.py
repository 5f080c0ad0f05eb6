"""Reduced-rank regression (Izenman 1975) with a ridge penalty: a linear translator through few shared dimensions.

Semedo, Zandvakili, Machens, Yu & Kohn 2019, "Cortical areas interact through a communication subspace", Neuron 102:249.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from spikebridge.models.parts.linear import Array, LinearTranslator, Single, moments
from spikebridge.regression import held_out_explained, one_sem_rank, principal_directions, relative_penalty, ridge_slope

N_BLOCKS = 5


class ReducedRank(LinearTranslator):
    """W = B V_r V_r', B the ridge solution, V_r the first r principal directions of what it predicts.

    Target units are weighted by 1 / sqrt(mean rate), as in a Poisson likelihood. The rank is
    the smallest within one SEM of the best over contiguous blocks of training windows (1-SEM rule), unless it is given.
    At full rank it equals ridge.
    """

    name = "reduced_rank"

    class Params(LinearTranslator.Params):
        rank: int | None = Field(None, ge=0, description="null: by the 1-SEM rule")

    def rank(self, recording: str) -> int:
        """Dimensions that the fit of a recording uses."""
        return int(np.linalg.matrix_rank(self.weights[self.check_recording(recording)]["slope"]))

    def _slope(self, x: Single, y: Single, mean: Array) -> Array:
        p: Any = self.params
        scale = np.sqrt(np.where(mean > 0, mean, np.inf))
        y = (y / scale).astype(np.float32)
        blocks = [
            (*moments(a, b), float((b**2).sum(dtype=np.float64)), b.shape[0] * b.shape[1]) for a, b in _blocks(x, y)
        ]
        gram, cross = np.sum([b[0] for b in blocks], axis=0), np.sum([b[1] for b in blocks], axis=0)
        n = sum(b[3] for b in blocks)
        rank = p.rank
        if rank is None:
            rank = _rank(held_out_explained(blocks, p.penalty)) if len(blocks) > 1 else y.shape[2]
        slope = ridge_slope(gram / n, cross / n, relative_penalty(gram / n, p.penalty))
        v = principal_directions(slope, gram)[:, :rank]
        return (slope @ v) @ v.T * np.where(np.isfinite(scale), scale, 0.0)


def _rank(shares: Array) -> int:
    """By the 1-SEM rule. shares: (block, rank 0 ..), held-out R2."""
    return one_sem_rank(shares.mean(axis=0), shares.std(axis=0, ddof=1) / np.sqrt(len(shares)))


def _blocks(x: Single, y: Single) -> list[tuple[Single, Single]]:
    """Contiguous blocks of windows, as many as there are enough windows for."""
    n = max(1, min(N_BLOCKS, len(x) // 2))
    return list(zip(np.array_split(x, n), np.array_split(y, n), strict=True))
