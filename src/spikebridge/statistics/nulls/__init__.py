"""Nulls, one a file: what a score would be if predictions and truth had nothing to do with each other.

Each file has NAME, ASSUMPTIONS (in a line, for the tables) and, in its docstring, what the null keeps, what it breaks,
its paper, and how it fails.
"""

from spikebridge.statistics.nulls import (
    block_permutation,
    circular_shift,
    condition_shuffle,
    foreign_latents,
    linear_shift,
    pseudosession,
    session_permutation,
    time_shift,
    trial_shuffle,
)
from spikebridge.statistics.nulls.result import NullResult

__all__ = [
    "NullResult",
    "block_permutation",
    "circular_shift",
    "condition_shuffle",
    "foreign_latents",
    "linear_shift",
    "pseudosession",
    "session_permutation",
    "time_shift",
    "trial_shuffle",
]
