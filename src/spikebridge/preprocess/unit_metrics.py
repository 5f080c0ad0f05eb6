"""How well units were recorded, from their spikes alone: refractory period, presence, steadiness of rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.types import Recording
from spikebridge.types.intervals import Intervals, merge_intervals, total_s
from spikebridge.types.spike_trains import Train, spike_trains

Array = NDArray[np.float64]
MIN_BINS = 10
"""With fewer bins the presence ratio depends on single spikes, so it is not computed."""
MIN_INTERVALS = 20
"""With fewer short inter-spike intervals, a time grid cannot be distinguished from chance."""
ISI_STEP_S = 1e-5
"""Inter-spike intervals are compared in steps of this size, which allows for the rounding of a file."""
N_CANDIDATES = 5
MIN_SHARE_ON_GRID = 0.6
"""Above one half, which multiples of two steps reach on a grid of one."""
MAX_RATE_CHANGE = 1.5
"""Ratio of population rates above which a warning is given. None of the four recordings of Steinmetz et al. 2019 that
the tests use changes more than 1.14 times in source or target."""
MIN_OBSERVED_S = 300.0
"""In a shorter recording a few bursts change the rate as much as drift does."""
MIN_STANDARD_ERRORS = 5.0
"""The change must also exceed this many of its standard errors, computed as if all spikes were independent."""


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

    As in SpikeInterface, whose recording has no gaps. NaN where fewer than `MIN_BINS` fit, or there is no spike.
    """
    n_bins = int(np.floor(train.total_s / bin_s + 1e-9))
    if n_bins < MIN_BINS or not len(train):
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


def spike_time_grid_s(isi_s: Array, shortest_s: float) -> float:
    """Seconds between the points of a grid that spike times keep to, if it is coarser than `shortest_s`; else 0.

    isi_s: (interval,), seconds between spikes of a unit, of many units. Times that were binned once come back often
    with exactly the same intervals. Candidates are the commonest intervals; the grid is the largest of which most
    intervals are multiples (one in ten would be by chance). Not all need to be: files may spread the spikes of a bin
    evenly over it. Only intervals up to ten steps count, because the grid may differ between trials.
    """
    value, n = np.unique(np.round(isi_s[isi_s > shortest_s] / ISI_STEP_S), return_counts=True)
    common = ISI_STEP_S * value[np.argsort(-n, kind="stable")[:N_CANDIDATES]]
    return max((float(step) for step in common if _keep_to(isi_s / step)), default=0.0)


def _keep_to(steps: Array) -> bool:
    near = steps[(steps > 0.5) & (steps < 10.5)]
    return len(near) >= MIN_INTERVALS and float((np.abs(near - np.round(near)) < 0.05).mean()) > MIN_SHARE_ON_GRID


def drift_warnings(recording: Recording, kept: Mapping[str, NDArray[np.int64]]) -> Iterator[Finding]:
    """A warning for each role whose population rate changes from the first to the last third of the observed time.

    Slow drift in both regions, or in one region and the decisions, looks like coupling (Harris 2020, "Nonsense
    correlations in neuroscience"; Elber-Dorozko & Loewenstein 2018).

    kept: {role: (unit,)}, the units that are used. The change is n_last / n_first, over all spikes of these units.
    """
    if total_s(recording.observed) < MIN_OBSERVED_S:
        return
    for role, ids in kept.items():
        n_first, n_last = spikes_in_thirds(recording, ids)
        change = (n_last + 0.5) / (n_first + 0.5)
        error = np.sqrt(1 / (n_last + 0.5) + 1 / (n_first + 0.5))
        if abs(np.log(change)) > max(np.log(MAX_RATE_CHANGE), MIN_STANDARD_ERRORS * error):
            yield Finding.warning(
                "rate-drift",
                role,
                f"the population rate of {role} changes {change:.2g} times from the first to the last third of the "
                "observed time: slow drift that both regions share passes for coupling;",
                "see the nulls, or limit the units by quality.max_rate_change",
            )


def spikes_in_thirds(recording: Recording, ids: NDArray[np.int64]) -> tuple[int, int]:
    """Spikes of some units in the first and in the last third of the observed time."""
    spikes, n_first, n_last = recording.spikes, 0, 0
    for train in spike_trains(spikes["time_s"].to_numpy(), spikes["unit"].to_numpy(), ids):
        seen = ObservedTrain.of(train, recording.observed)
        upto, since = np.searchsorted(seen.position_s, [seen.total_s / 3, 2 * seen.total_s / 3])
        n_first, n_last = n_first + int(upto), n_last + len(seen) - int(since)
    return n_first, n_last
