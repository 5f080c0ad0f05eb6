"""Detection of duplicates: units, and whole recordings, that hold the same spikes."""

from spikebridge.duplicates.recordings import duplicate_recordings, sketch_overlap, spike_sketch
from spikebridge.duplicates.units import (
    equal_trains,
    has_repeated_spikes,
    n_coincident,
    share_beyond_chance,
    shared_spikes,
)

__all__ = [
    "duplicate_recordings",
    "equal_trains",
    "has_repeated_spikes",
    "n_coincident",
    "share_beyond_chance",
    "shared_spikes",
    "sketch_overlap",
    "spike_sketch",
]
