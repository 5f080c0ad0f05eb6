"""Block permutation: do predictions fit the labels of their own time better than those of other parts of the session?

The labels of each recording are cut into blocks of consecutive trials of one length, and the blocks are permuted; the
predictions stay in place. The null keeps the dependence of labels within a block (runs, alternation) and the base rate
of the recording. It breaks the position of the blocks in the session. (Blocks against serial dependence: Carlstein
1986; Politis & Romano 1994. Exchangeable blocks: Winkler et al. 2015, NeuroImage 123:253.)

Assumptions: blocks are exchangeable: labels are stationary over the recording, and their autocorrelation ends within
about one block. The length is MEMORIES_PER_BLOCK times the memory of the labels (label_memory), at least MIN_TRIALS
trials, and at most so long that there are MIN_BLOCKS blocks.
Fails, with too many false positives, under drift that is slower than a block: then blocks of one half of the session
differ from those of the other half, in labels and predictions alike. Where labels are correlated over a quarter of the
session no length satisfies both; the number of arrangements still bounds p.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.label_memory import memory
from spikebridge.statistics.nulls.result import NullResult, sampled

NAME = "block_permutation"
ASSUMPTIONS = "blocks of trials longer than the memory of the labels, exchangeable within the recording; no slow drift"
MEMORIES_PER_BLOCK, MIN_TRIALS, MIN_BLOCKS = 3, 5, 5
Labels = NDArray[np.int64]


def block_length(label: Labels, n_classes: int) -> int:
    """Trials a block: MEMORIES_PER_BLOCK times the memory of the labels, MIN_TRIALS or more, in MIN_BLOCKS or more."""
    max_length = max(len(label) // MIN_BLOCKS, 1)
    return int(min(max(MEMORIES_PER_BLOCK * memory(label, n_classes, max_length), MIN_TRIALS), max_length))


def permute_blocks(label: Labels, length: int, draws: int, rng: np.random.Generator) -> Labels:
    """Return the labels with their blocks of `length` trials in random order, shape (draw, trial).

    label: (trial,). Trials after the last whole block stay in place, so that all blocks have the same length and the
    arrangements form a group.
    """
    blocks = len(label) // length
    order = rng.permuted(np.tile(np.arange(blocks), (draws, 1)), axis=1)
    at = (order[:, :, None] * length + np.arange(length)).reshape(draws, blocks * length)
    rest = np.tile(np.arange(blocks * length, len(label)), (draws, 1))
    return np.asarray(label[np.hstack([at, rest])])


def block_permutation(observed: float, null: NDArray[np.float64], blocks: Sequence[int]) -> NullResult:
    """p of the observed score among those of permuted labels. null: (draw,). blocks: number in each recording."""
    return sampled(observed, null, float(np.prod([float(factorial(min(b, 20))) for b in blocks])))
