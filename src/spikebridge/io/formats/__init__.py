"""What readers share: one package a format, and modules that all of them use.

The readers themselves are one file each in spikebridge.io.readers.
"""

from spikebridge.io.formats.containers import check_chunks, incomplete_arrays, walk_hdf5
from spikebridge.io.formats.log import ReadLog, error_summary, precision_notes, raise_errors
from spikebridge.io.formats.sidecars import (
    Sidecars,
    join_units,
    read_sidecars,
    sidecars_of,
    with_sidecars,
    write_sidecars,
)
from spikebridge.io.formats.spike_trains import concatenate_trains, group_by_unit, integer_ids

__all__ = [
    "ReadLog",
    "Sidecars",
    "check_chunks",
    "concatenate_trains",
    "error_summary",
    "group_by_unit",
    "incomplete_arrays",
    "integer_ids",
    "join_units",
    "precision_notes",
    "raise_errors",
    "read_sidecars",
    "sidecars_of",
    "walk_hdf5",
    "with_sidecars",
    "write_sidecars",
]
