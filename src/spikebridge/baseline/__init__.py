"""The baseline: what can be said of the target without the source, the same for every translator."""

from spikebridge.baseline.fit import MIN_SPIKES, FittedBaseline, fit_baseline
from spikebridge.baseline.memo import Baselines
from spikebridge.baseline.shrinkage import LOCAL, MIN_GAIN, SCALES, best_scale, shrink, smaller_scale
from spikebridge.baseline.terms import Baseline, LogOffset

__all__ = [
    "LOCAL",
    "MIN_GAIN",
    "MIN_SPIKES",
    "SCALES",
    "Baseline",
    "Baselines",
    "FittedBaseline",
    "LogOffset",
    "best_scale",
    "fit_baseline",
    "shrink",
    "smaller_scale",
]
