"""Condition shuffle: do translated rates predict the single trial, or only what trials of its condition share?

As the trial shuffle, but trials are exchanged only with trials of the same condition (the same label, or the same value
of a column that the user names) of the same test block. The null keeps the mean time course of each condition, so a
translator that only separates decisions does not pass. It breaks the single-trial relation beside them, the "noise
correlation" of the two regions (Averbeck, Latham & Pouget 2006; Cohen & Kohn 2011).

Assumptions: SPAN successive trials of a condition are exchangeable under the null hypothesis. Not all trials of a block
are, because drift in both regions correlates the trials of minutes (see trial_shuffle). Trials of a rare condition lie
far apart, so that even SPAN of them may span minutes: there the null fails, with too many false positives under drift.
A condition with a single trial in a block is not shuffled; with a column whose values hardly repeat no trials are
exchanged, and p is 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.result import NullResult
from spikebridge.statistics.nulls.trial_shuffle import SPAN, shuffled

NAME = "condition_shuffle"
ASSUMPTIONS = f"runs of {SPAN} successive trials of one condition exchangeable within a test block"


def runs(condition: NDArray[np.int64]) -> NDArray[np.int64]:
    """Group of each trial: SPAN successive trials of one condition. condition: (trial,), in the order of time."""
    kinds, index = np.unique(condition, return_inverse=True)
    rank = np.zeros(len(condition), dtype=np.int64)
    for k in range(len(kinds)):
        rank[index == k] = np.arange(np.count_nonzero(index == k))
    return np.asarray(np.unique(index * (len(condition) + 1) + rank // SPAN, return_inverse=True)[1], dtype=np.int64)


def condition_shuffle(
    blocks: Sequence[NDArray[np.float64]],
    conditions: Sequence[NDArray[np.int64]],
    observed_nats: float,
    spikes: float,
    rng: np.random.Generator,
    n_resamples: int = 2_000,
) -> NullResult:
    """p of bits/spike under random pairings within runs of one condition.

    blocks, observed_nats, spikes: as in trial_shuffle. conditions: (trial,) of each block, number of the condition.
    """
    return shuffled(blocks, [runs(c) for c in conditions], observed_nats, spikes, rng, n_resamples)
