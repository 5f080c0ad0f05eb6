"""Nulls, one a file: what a score would be if predictions and truth had nothing to do with each other."""

from spikebridge.statistics.nulls import linear_shift, session_permutation, trial_shuffle
from spikebridge.statistics.nulls.result import NullResult

__all__ = ["NullResult", "linear_shift", "session_permutation", "trial_shuffle"]
