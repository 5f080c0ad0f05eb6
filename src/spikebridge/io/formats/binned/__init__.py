"""Counts in bins: arrays (trial, bin, unit) in .npz, HDF5 and MATLAB files."""

from spikebridge.io.formats.binned.arrays import array_headers, load_array
from spikebridge.io.formats.binned.layout import axis_order, choose_count_arrays, holds_counts
from spikebridge.io.formats.binned.recording import write_counts

__all__ = ["array_headers", "axis_order", "choose_count_arrays", "holds_counts", "load_array", "write_counts"]
