"""Outer and inner folds with gaps: made, stored and verified."""

from spikebridge.splits.gap import decorrelation_s, gap_s
from spikebridge.splits.make import make_splits
from spikebridge.splits.manifest import (
    FULL,
    check_training_intervals,
    inner_partitions,
    load_splits,
    save_splits,
    splits_from_dict,
    splits_to_dict,
    take,
    training_intervals,
    verify,
)
from spikebridge.splits.verify import audit, short_gaps

__all__ = [
    "FULL",
    "audit",
    "check_training_intervals",
    "decorrelation_s",
    "gap_s",
    "inner_partitions",
    "load_splits",
    "make_splits",
    "save_splits",
    "short_gaps",
    "splits_from_dict",
    "splits_to_dict",
    "take",
    "training_intervals",
    "verify",
]
