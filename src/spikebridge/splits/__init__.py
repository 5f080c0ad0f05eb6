"""Outer and inner folds with gaps: made, stored and verified."""

from spikebridge.splits.gap import decorrelation_s, gap_s
from spikebridge.splits.make import make_splits
from spikebridge.splits.manifest import (
    check_consumed,
    consumed_intervals,
    load_splits,
    save_splits,
    splits_from_dict,
    splits_to_dict,
    take,
    verify,
)
from spikebridge.splits.verify import audit, short_gaps

__all__ = [
    "audit",
    "check_consumed",
    "consumed_intervals",
    "decorrelation_s",
    "gap_s",
    "load_splits",
    "make_splits",
    "save_splits",
    "short_gaps",
    "splits_from_dict",
    "splits_to_dict",
    "take",
    "verify",
]
