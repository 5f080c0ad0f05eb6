"""Tests and intervals, one a file, each with its assumptions. They take arrays and know neither models nor metrics."""

from spikebridge.statistics.bayes_factor import bayes_factor
from spikebridge.statistics.cluster_bootstrap import (
    Interval,
    bootstrap_interval,
    interval_from_samples,
    nested_weights,
    resample_weights,
)
from spikebridge.statistics.correctness_model import CorrectnessModel, correctness_model
from spikebridge.statistics.delong import DeLong, delong
from spikebridge.statistics.design_effect import DesignEffect, design_effect
from spikebridge.statistics.equivalence import Equivalence, equivalence
from spikebridge.statistics.max_statistic import FamilyWise, max_statistic
from spikebridge.statistics.mcnemar import McNemar, mcnemar
from spikebridge.statistics.multiplicity import false_discovery_rate, holm
from spikebridge.statistics.nadeau_bengio import CorrectedT, nadeau_bengio
from spikebridge.statistics.paired_swap import paired_swap
from spikebridge.statistics.power import Power, sign_flip_power
from spikebridge.statistics.rope import Rope, rope
from spikebridge.statistics.sign_flip import SignFlip, clusters_needed, sign_flip, smallest_p
from spikebridge.statistics.verdicts import verdict_columns, verdict_of
from spikebridge.types.verdicts import Verdict, VerdictColumns

__all__ = [
    "CorrectedT",
    "CorrectnessModel",
    "DeLong",
    "DesignEffect",
    "Equivalence",
    "FamilyWise",
    "Interval",
    "McNemar",
    "Power",
    "Rope",
    "SignFlip",
    "Verdict",
    "VerdictColumns",
    "bayes_factor",
    "bootstrap_interval",
    "clusters_needed",
    "correctness_model",
    "delong",
    "design_effect",
    "equivalence",
    "false_discovery_rate",
    "holm",
    "interval_from_samples",
    "max_statistic",
    "mcnemar",
    "nadeau_bengio",
    "nested_weights",
    "paired_swap",
    "resample_weights",
    "rope",
    "sign_flip",
    "sign_flip_power",
    "smallest_p",
    "verdict_columns",
    "verdict_of",
]
