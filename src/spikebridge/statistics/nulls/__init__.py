"""Null distributions, one a file: scores that occur where predictions and truth are independent of each other.

Each file has NAME, ASSUMPTIONS (one line, for the tables) and a docstring that says what the null keeps, what it
breaks, its paper, and how it fails.
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
