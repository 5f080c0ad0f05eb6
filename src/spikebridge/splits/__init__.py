"""Outer and inner folds with gaps between training and test: made and verified."""

from spikebridge.splits.gap import decorrelation_s, gap_s
from spikebridge.splits.make import make_splits
from spikebridge.splits.partitions import (
    FULL,
    fit_partition,
    inner_partitions,
    restricted,
    select_windows,
    training_intervals,
)
from spikebridge.splits.verify import check_training_intervals, find_leaks, short_gaps

__all__ = [
    "FULL",
    "check_training_intervals",
    "decorrelation_s",
    "find_leaks",
    "fit_partition",
    "gap_s",
    "inner_partitions",
    "make_splits",
    "restricted",
    "select_windows",
    "short_gaps",
    "training_intervals",
]
