"""The data objects that rooms hand to each other, and the arithmetic on time intervals."""

from spikebridge.types.records import (
    Comparison,
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
    "Fold",
    "History",
    "Index",
    "Partition",
    "Predictions",
    "Recording",
    "Splits",
    "Windows",
]
