"""Recordings -> windows of counts. See windows."""

from spikebridge.preprocess.binning import bin_windows
from spikebridge.preprocess.filters import said as filters_said
from spikebridge.preprocess.filters import summed as filters_summed
from spikebridge.preprocess.quality import quality_table, select_units
from spikebridge.preprocess.store import write_windows
from spikebridge.preprocess.trials import classes_of, select_trials
from spikebridge.preprocess.windows import make_windows

__all__ = [
    "bin_windows",
    "classes_of",
    "filters_said",
    "filters_summed",
    "make_windows",
    "quality_table",
    "select_trials",
    "select_units",
    "write_windows",
]
