"""Recordings -> windows of counts."""

from spikebridge.preprocess.binning import bin_behavior, bin_windows
from spikebridge.preprocess.filters import filter_lines, total_filters
from spikebridge.preprocess.quality import quality_table, select_units
from spikebridge.preprocess.run import PreprocessSections, write_windows
from spikebridge.preprocess.trials import classes_of, select_trials
from spikebridge.preprocess.windows import make_windows

__all__ = [
    "PreprocessSections",
    "bin_behavior",
    "bin_windows",
    "classes_of",
    "filter_lines",
    "make_windows",
    "quality_table",
    "select_trials",
    "select_units",
    "total_filters",
    "write_windows",
]
