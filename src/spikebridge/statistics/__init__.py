"""Tests and intervals, one a file, each with its assumptions. They know arrays, not models or metrics."""

from spikebridge.statistics.cluster_bootstrap import Interval, from_samples, interval, resample_weights
from spikebridge.statistics.equivalence import Equivalence, equivalence
from spikebridge.statistics.mcnemar import McNemar, mcnemar
from spikebridge.statistics.multiplicity import holm
from spikebridge.statistics.sign_flip import SignFlip, clusters_needed, sign_flip, smallest_p

__all__ = [
    "Equivalence",
    "Interval",
    "McNemar",
    "SignFlip",
    "clusters_needed",
    "equivalence",
    "from_samples",
    "holm",
    "interval",
    "mcnemar",
    "resample_weights",
    "sign_flip",
    "smallest_p",
]
