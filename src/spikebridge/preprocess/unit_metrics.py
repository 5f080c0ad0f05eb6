"""How well a unit was recorded, from its spikes alone: refractoriness, presence, steadiness of its rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.types.intervals import Intervals, merge_intervals
from spikebridge.types.spike_trains import Train

Array = NDArray[np.float64]
FEWEST_BINS = 10
"""Below this many bins one missing spike decides over presence, so it is not judged."""
FEWEST_INTERVALS = 20
"""With fewer short intervals between spikes than this, a grid cannot be told from chance."""
SAME_S = 1e-5
"""Intervals nearer than this are the same, give or take the rounding of a file."""
CANDIDATES = 5
MOST = 0.6
"""Above one half, which multiples of two steps reach on a grid of one."""


@dataclass(frozen=True)
class ObservedTrain:
    """Spikes of one unit inside the observed time.

    position_s: (spike,), seconds of observed time before the spike: gaps are cut out, as they are missing data.
    isi_s: (interval,), seconds from one spike to the next, none of them across a gap. total_s: seconds observed.
    """

    position_s: Array
    isi_s: Array
    total_s: float

    @staticmethod
    def of(train: Train, observed: Intervals) -> ObservedTrain:
        """train: (spike,), seconds, sorted. observed: (interval, 2), seconds; an interval's end is outside."""
        pairs = merge_intervals(observed)
        length = pairs[:, 1] - pairs[:, 0]
        first, last = (np.searchsorted(train, edge, side="left") for edge in pairs.T)
        n = last - first
        begin = np.cumsum(n) - n
        shift = np.cumsum(length) - length - pairs[:, 0]
        if len(pairs) == 1:
            inside = train[first[0] : last[0]]
            return ObservedTrain(inside + shift[0], np.diff(inside), float(length.sum()))
        inside = train[np.arange(n.sum()) + np.repeat(first - begin, n)]
        within = np.ones(len(inside) + 1, dtype=bool)
        within[begin] = False  # no interval leads across a gap to the first spike of the next interval
        return ObservedTrain(inside + np.repeat(shift, n), np.diff(inside)[within[1:-1]], float(length.sum()))

    def __len__(self) -> int:
        return len(self.position_s)


def isi_violations(train: ObservedTrain, refractory_s: float) -> tuple[float, float]:
    """Contamination as a ratio of rates, and the number of intervals between spikes shorter than `refractory_s`.

    ratio = violations * T / (2 * N^2 * refractory_s), with N spikes in T seconds: the rate of spikes of other neurons
    that would give as many violations, over the rate of the unit (Hill, Mehta & Kleinfeld 2011, J Neurosci 31:8699;
    as in SpikeInterface and the Allen Institute's pipeline). It is no probability: spikes without any refractory time
    (Poisson) give 0.5, bursts of artefacts more than 1. In a unit of few spikes a single violation can pass any limit:
    look at the number too. NaN for a unit without spikes.
    """
    n = len(train)
    if not n:
        return float("nan"), float("nan")
    violations = int((train.isi_s < refractory_s).sum())
    return violations * train.total_s / (2 * n**2 * refractory_s), float(violations)


def presence_ratio(train: ObservedTrain, bin_s: float) -> float:
    """Share of the whole bins of `bin_s` seconds of observed time that hold a spike.

    As in SpikeInterface, whose recording has no gaps. NaN where fewer than `FEWEST_BINS` fit, or there is no spike.
    """
    n_bins = int(np.floor(train.total_s / bin_s + 1e-9))
    if n_bins < FEWEST_BINS or not len(train):
        return float("nan")
    bins = (train.position_s / bin_s).astype(np.int64)
    new = np.diff(bins, prepend=-1) > 0
    return int((new & (bins < n_bins)).sum()) / n_bins


def rate_change(train: ObservedTrain) -> float:
    """Rate in the last third of the observed time over that in the first third: 1 is steady, 0.5 half of it lost.

    (n_last + 1/2) / (n_first + 1/2), in spikes; the halves keep it finite. NaN for a unit without spikes.
    """
    if not len(train):
        return float("nan")
    n_first, upto = np.searchsorted(train.position_s, [train.total_s / 3, 2 * train.total_s / 3])
    return float((len(train) - upto + 0.5) / (n_first + 0.5))


def grid_s(isi_s: Array, shortest_s: float) -> float:
    """Seconds between the points of a grid that spike times keep to, if it is coarser than `shortest_s`; else 0.

    isi_s: (interval,), seconds between spikes of a unit, of many units. Times that were binned once come back often
    with exactly the same intervals. Candidates are the commonest intervals; the grid is the largest of which most
    intervals are multiples (one in ten would be by chance). Not all need to be: files may spread the spikes of a bin
    evenly over it. Only intervals up to ten steps are asked, as each trial may have a grid of its own.
    """
    value, n = np.unique(np.round(isi_s[isi_s > shortest_s] / SAME_S), return_counts=True)
    common = SAME_S * value[np.argsort(-n, kind="stable")[:CANDIDATES]]
    return max((float(step) for step in common if _keep_to(isi_s / step)), default=0.0)


def _keep_to(steps: Array) -> bool:
    near = steps[(steps > 0.5) & (steps < 10.5)]
    return len(near) >= FEWEST_INTERVALS and float((np.abs(near - np.round(near)) < 0.05).mean()) > MOST
