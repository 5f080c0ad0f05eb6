"""Block permutation: do predictions fit the labels of their own time better than those of other parts of the session?

Each recording's labels are cut into blocks of consecutive trials of one length, and the blocks change places; the
predictions stay. What remains under the null is what labels within one block have in common (runs, alternation) and the
base rate of the recording; what is lost is where in the session they stood. (Blocks against serial dependence:
Carlstein 1986; Politis & Romano 1994. Exchangeable blocks: Winkler et al. 2015, NeuroImage 123:253.)

Assumptions: blocks are exchangeable: labels are stationary over the recording, and hardly remember beyond one block.
The length is SPAN times the memory of the labels (label_memory), at least SHORTEST trials, and at most so long that
there are FEWEST blocks.
Fails, with too many false positives, under drift that is slower than a block: then blocks of one half of the session
are unlike those of the other, in labels and predictions alike. With labels that remember for a quarter of the session
no length does both; their number of arrangements still bounds p.
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
SPAN, SHORTEST, FEWEST = 3, 5, 5
Labels = NDArray[np.int64]


def block_length(label: Labels, n_classes: int) -> int:
    """Trials a block: SPAN times the memory of the labels, between SHORTEST and a FEWESTth of the session."""
    most = max(len(label) // FEWEST, 1)
    return int(min(max(SPAN * memory(label, n_classes, most), SHORTEST), most))


def deal(label: Labels, length: int, draws: int, rng: np.random.Generator) -> Labels:
    """(draw, trial): the labels with their blocks of `length` trials in random order.

    label: (trial,). Trials beyond the last whole block stay where they are, so that every block has the same length and
    the arrangements form a group.
    """
    blocks = len(label) // length
    order = rng.permuted(np.tile(np.arange(blocks), (draws, 1)), axis=1)
    at = (order[:, :, None] * length + np.arange(length)).reshape(draws, blocks * length)
    rest = np.tile(np.arange(blocks * length, len(label)), (draws, 1))
    return np.asarray(label[np.hstack([at, rest])])


def block_permutation(observed: float, null: NDArray[np.float64], blocks: Sequence[int]) -> NullResult:
    """p of the observed score among dealt ones. null: (draw,). blocks: number of blocks of each recording."""
    return sampled(observed, null, float(np.prod([float(factorial(min(b, 20))) for b in blocks])))
