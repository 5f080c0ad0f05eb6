"""The data objects that rooms hand to each other, and the arithmetic on time intervals."""

from spikebridge.types.comparison import Comparison, DetectableEffect, Difference, Sample, Significance
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
    "DetectableEffect",
    "Difference",
    "Fold",
    "History",
    "Index",
    "Partition",
    "Predictions",
    "Recording",
    "Sample",
    "Significance",
    "Splits",
    "Windows",
]
