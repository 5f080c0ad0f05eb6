"""Condition shuffle: do translated rates tell about this very trial, or only what trials of its condition share?

Like the trial shuffle, but trials change places only with trials of the same condition (the same label, or the same
value of a column that the user names) of the same test block. What remains under the null is the mean time course of
each condition, so a translator that only tells decisions apart does not pass; what is lost is the single trial beside
them, the "noise correlation" of the two regions (Averbeck, Latham & Pouget 2006; Cohen & Kohn 2011).

Assumptions: SPAN successive trials of a condition are exchangeable under the null. They are not all of the block, for
drift in both regions makes the trials of minutes correlate (see trial_shuffle); trials of a rare condition lie far
apart, so that even SPAN of them may span minutes: there it fails, with too many false positives under drift.
A condition with a single trial in a block takes no part; with a column whose values hardly repeat nothing changes
places, and p is 1.
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
    resamples: int = 2_000,
) -> NullResult:
    """p of bits/spike under random pairings within runs of one condition.

    blocks, observed_nats, spikes: as in trial_shuffle. conditions: (trial,) of each block, number of the condition.
    """
    return shuffled(blocks, [runs(c) for c in conditions], observed_nats, spikes, rng, resamples)
