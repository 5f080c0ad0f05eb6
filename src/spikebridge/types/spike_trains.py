"""Spike trains of a recording: one train a unit, as views of the table of spikes, or all of them in flat arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Train = NDArray[np.float64]
"""(spike,), seconds, sorted."""
CHUNK = 1 << 22
"""Spikes that are processed at a time: temporary arrays stay below a hundred megabytes."""
SHORT_S = 0.5
"""Inter-spike intervals below this are common in any recording whose times are in seconds."""
ISI_LIMITS_S = (1.0e-3, 0.1, 1.0)
"""Intervals below each of these are counted for each unit: a refractory time, and one that is a hundred and a thousand
times too long."""


def spike_trains(times_s: Train, units: NDArray[np.int64], ids: NDArray[np.int64]) -> list[Train]:
    """Spike times of some units: views of `times_s` where the spikes are grouped by unit, as readers leave them.

    Parameters
    ----------
    times_s : NDArray, shape (spike,), seconds
        Sorted within each unit.
    units : NDArray, shape (spike,)
        Unit of each spike. Grouped by unit (never decreasing) is fast; otherwise the spikes are first sorted by unit,
        and spikes of one unit keep their order.
    ids : NDArray, shape (train,)
        Units to return. Ids may be large; spikes of other units are left out.

    Returns
    -------
    list of NDArray, shape (spike,), seconds
        One train for each of `ids`, in that order.
    """
    if any(
        (units[i + 1 : i + 1 + CHUNK] < units[i : i + CHUNK][: len(units) - i - 1]).any()
        for i in range(0, len(units), CHUNK)
    ):
        order = np.argsort(units, kind="stable")
        times_s, units = times_s[order], units[order]
    first = np.searchsorted(units, ids, side="left")
    last = np.searchsorted(units, ids, side="right")
    return [times_s[a:b] for a, b in zip(first, last, strict=True)]


@dataclass(frozen=True)
class SpikeTrains:
    """The spike trains of all units of a recording in flat arrays, so that tens of millions of spikes take seconds.

    Parameters
    ----------
    unit : NDArray, shape (train,)
        Unit ids, in the order of the file.
    start : NDArray, shape (train,)
        Index of the first spike of each train.
    times : NDArray, shape (spike,), seconds
        The finite spike times, train after train.
    subset_n : NDArray, shape (train,), optional
        Spikes of each train where these are a subset of the trains (`only`) and `times` holds the others too.
    """

    unit: NDArray[np.int64]
    start: NDArray[np.int64]
    times: NDArray[np.float64]
    subset_n: NDArray[np.int64] | None = None

    @classmethod
    def from_table(cls, spikes: pd.DataFrame) -> SpikeTrains:
        """The finite spikes of a table with columns unit and time_s (seconds), in its order within each unit.

        Spikes of one unit need not lie together.
        """
        units = spikes["unit"].to_numpy(dtype=np.int64)
        times = spikes["time_s"].to_numpy(dtype=np.float64)
        if not all(np.isfinite(times[i : i + CHUNK]).all() for i in range(0, len(times), CHUNK)):
            finite = np.isfinite(times)
            units, times = units[finite], times[finite]
        start = first_spikes(units)
        if len(np.unique(units[start])) < len(start):
            order = np.argsort(units, kind="stable")
            units, times = units[order], times[order]
            start = first_spikes(units)
        return cls(units[start], start, times)

    @property
    def n(self) -> NDArray[np.int64]:
        """(train,): number of spikes."""
        return np.diff(self.start, append=len(self.times)) if self.subset_n is None else self.subset_n

    @property
    def n_spikes(self) -> int:
        return int(self.n.sum())

    @cached_property
    def ends(self) -> NDArray[np.float64]:
        """(2, train): the earliest and the latest spike of each train, seconds."""
        if not len(self.start):
            return np.empty((2, 0))
        return np.stack([np.minimum.reduceat(self.times, self.start), np.maximum.reduceat(self.times, self.start)])

    @cached_property
    def span(self) -> tuple[float, float]:
        """The earliest and the latest spike, seconds."""
        first, last = self.ends
        return (float(first.min()), float(last.max())) if len(first) else (np.nan, np.nan)

    def of(self, train: int) -> NDArray[np.float64]:
        """(spike,): one train, a view."""
        return self.times[self.start[train] : self.start[train] + self.n[train]]

    def only(self, kept: NDArray[np.bool_]) -> SpikeTrains:
        """Some of the trains, without a copy of their times. kept: (train,)."""
        if kept.all():
            return self
        part = SpikeTrains(self.unit[kept], self.start[kept], self.times, self.n[kept])
        part.__dict__.update(ends=self.ends[:, kept], isi=self.isi.only(kept))  # as if cached
        return part

    @cached_property
    def isi(self) -> IsiSummary:
        """Summary of the inter-spike intervals of each train."""
        repeats = np.zeros(len(self.unit), dtype=np.int64)
        decreasing: dict[int, int] = {}
        below, squares = np.zeros((len(ISI_LIMITS_S), len(self.unit)), dtype=np.int64), np.zeros(len(self.unit))
        n_short, n = np.zeros_like(repeats), np.zeros_like(repeats)
        shortest = np.full(len(repeats), np.inf)
        for first, steps in self._steps():
            back, same = np.flatnonzero(steps < 0) + first, np.flatnonzero(steps == 0) + first
            for train, at in zip(*np.unique(self._train(back), return_index=True), strict=True):
                decreasing.setdefault(int(train), int(back[at]))
            repeats += np.bincount(self._train(same), minlength=len(repeats))
            ahead = steps > 0
            here, at = self._trains_between(first, len(steps))
            n_short[here] += np.add.reduceat(ahead & (steps < SHORT_S), at, dtype=np.int64)
            n[here] += np.add.reduceat(ahead & (steps < np.inf), at, dtype=np.int64)
            shortest[here] = np.minimum(shortest[here], np.minimum.reduceat(np.where(ahead, steps, np.inf), at))
            for row, limit in enumerate(ISI_LIMITS_S):
                below[row, here] += np.add.reduceat(ahead & (steps < limit), at, dtype=np.int64)
            squares[here] += np.add.reduceat(np.where(np.isinf(steps), 0.0, steps) ** 2, at)
        return IsiSummary(decreasing, repeats, n, n_short, shortest, below, squares)

    def _trains_between(self, first: int, n: int) -> tuple[slice, NDArray[np.int64]]:
        """Trains with a spike among the n from spike `first` on, and where among these each of them begins."""
        first_train, last_train = self._train(np.array([first, first + n - 1])).tolist()
        return slice(first_train, last_train + 1), np.maximum(self.start[first_train : last_train + 1] - first, 0)

    def _train(self, spikes: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self.start, spikes, side="right") - 1

    def _steps(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Index of a first spike, and the intervals that follow it; infinite between two units."""
        for first in range(0, len(self.times) - 1, CHUNK):
            steps = np.diff(self.times[first : first + CHUNK + 1])
            borders = self.start[1:] - 1 - first
            steps[borders[(borders >= 0) & (borders < len(steps))]] = np.inf
            yield first, steps


@dataclass(frozen=True)
class IsiSummary:
    """Inter-spike intervals (ISI) of each train.

    decreasing: train -> index of the spike after which the times first decrease.
    repeats: (train,), spikes at the time of the spike before.
    n, n_short: (train,), intervals above zero, and how many of them are below `SHORT_S`.
    shortest_s: (train,), seconds, the shortest interval above zero; infinite where there is none.
    below: (limit, train), intervals above zero and below each of `ISI_LIMITS_S`.
    squares: (train,), seconds^2, sum of the squared intervals.
    """

    decreasing: dict[int, int]
    repeats: NDArray[np.int64]
    n: NDArray[np.int64]
    n_short: NDArray[np.int64]
    shortest_s: NDArray[np.float64]
    below: NDArray[np.int64]
    squares: NDArray[np.float64]

    def only(self, kept: NDArray[np.bool_]) -> IsiSummary:
        """Those of some trains. kept: (train,)."""
        place = np.cumsum(kept) - 1
        decreasing = {int(place[train]): spike for train, spike in self.decreasing.items() if kept[train]}
        return IsiSummary(
            decreasing,
            self.repeats[kept],
            self.n[kept],
            self.n_short[kept],
            self.shortest_s[kept],
            self.below[:, kept],
            self.squares[kept],
        )


def first_spikes(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """(train,): index of the first spike of each run of one unit. units: (spike,), read in chunks to save memory."""
    starts = [np.zeros(min(len(units), 1), dtype=np.int64)]
    for first in range(0, len(units) - 1, CHUNK):
        chunk = units[first : first + CHUNK + 1]
        starts.append(np.flatnonzero(chunk[1:] != chunk[:-1]) + first + 1)
    return np.concatenate(starts)
