"""Recordings -> windows of counts -> folds. See windows, splits and manifest."""

from spikebridge.intervals import merge_intervals
from spikebridge.preprocess.audit import audit, short_gaps
from spikebridge.preprocess.binning import bin_windows
from spikebridge.preprocess.filters import said as filters_said
from spikebridge.preprocess.filters import summed as filters_summed
from spikebridge.preprocess.gap import decorrelation_s, gap_s
from spikebridge.preprocess.manifest import (
    check_consumed,
    consumed_intervals,
    load_splits,
    save_splits,
    splits_from_dict,
    splits_to_dict,
    take,
    verify,
)
from spikebridge.preprocess.quality import quality_table, select_units
from spikebridge.preprocess.splits import make_splits
from spikebridge.preprocess.store import load_animals, load_windows, write_windows
from spikebridge.preprocess.trials import classes_of, select_trials
from spikebridge.preprocess.twins import twins
from spikebridge.preprocess.windows import make_windows

__all__ = [
    "audit",
    "bin_windows",
    "check_consumed",
    "classes_of",
    "consumed_intervals",
    "decorrelation_s",
    "filters_said",
    "filters_summed",
    "gap_s",
    "load_animals",
    "load_splits",
    "load_windows",
    "make_splits",
    "make_windows",
    "merge_intervals",
    "quality_table",
    "save_splits",
    "select_trials",
    "select_units",
    "short_gaps",
    "splits_from_dict",
    "splits_to_dict",
    "take",
    "twins",
    "verify",
    "write_windows",
]
