"""Output of spike sorters: Phy, NeuroScope, MClust, wave_clus, CellExplorer and SpikeInterface."""

from spikebridge.io.formats.sorting.detection import detect_reader, is_output_of
from spikebridge.io.formats.sorting.sorted_units import (
    ClusterGroup,
    SortedUnits,
    agreed_sampling_rate,
    cluster_groups,
    join_sidecars,
    to_samples,
    units_of_clusters,
)

__all__ = [
    "ClusterGroup",
    "SortedUnits",
    "agreed_sampling_rate",
    "cluster_groups",
    "detect_reader",
    "is_output_of",
    "join_sidecars",
    "to_samples",
    "units_of_clusters",
]
