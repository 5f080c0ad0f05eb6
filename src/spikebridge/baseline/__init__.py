"""The baseline: what can be said of the target without the source, the same for every translator."""

from spikebridge.baseline.fit import MIN_SPIKES, FittedBaseline, fit_baseline
from spikebridge.baseline.memo import Baselines
from spikebridge.baseline.shrinkage import LOCAL, SCALES, WindowRun, best_scale, scale_of_runs, shrink
from spikebridge.baseline.terms import Baseline, LogOffset

__all__ = [
    "LOCAL",
    "MIN_SPIKES",
    "SCALES",
    "Baseline",
    "Baselines",
    "FittedBaseline",
    "LogOffset",
    "WindowRun",
    "best_scale",
    "fit_baseline",
    "scale_of_runs",
    "shrink",
]
