"""The data objects that rooms hand to each other, and the arithmetic on time intervals."""

from spikebridge.types.comparison import Comparison, Difference, Power, Sample, Significance
from spikebridge.types.records import (
    Fold,
    History,
    Index,
    Partition,
    Predictions,
    Recording,
    Splits,
    Windows,
)

__all__ = [
    "Comparison",
    "Difference",
    "Fold",
    "History",
    "Index",
    "Partition",
    "Power",
    "Predictions",
    "Recording",
    "Sample",
    "Significance",
    "Splits",
    "Windows",
]
