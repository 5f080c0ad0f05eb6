"""Spike trains of a whole recording in a few flat arrays, so that tens of millions of spikes are judged in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PIECE = 1 << 22
"""Spikes looked at in one go: what is worked out of them stays below a hundred megabytes."""
SHORT_S = 0.5
"""Spikes of one unit that follow each other sooner are common in any recording whose times are in seconds."""
BELOW_S = (1.0e-3, 0.1, 1.0)
"""Intervals below each of these are counted unit by unit: a refractory time, and one that is a hundred and a
thousand times too long."""

MANY_REPEATS = 0.1
MIN_REPEATS = 10
"""Spikes at the time of the spike before: a share, and a number, from which a unit was counted twice or rounded."""


@dataclass(frozen=True)
class Trains:
    """unit: (train,), ids, in the order of the file. start: (train,), index of the first spike of each.

    times: (spike,), seconds, the finite ones alone, train after train. some_n: (train,), spikes of each where these are
    some of all trains (`only`), and `times` holds those of the others too.
    """

    unit: NDArray[np.int64]
    start: NDArray[np.int64]
    times: NDArray[np.float64]
    some_n: NDArray[np.int64] | None = None

    @property
    def n(self) -> NDArray[np.int64]:
        """(train,): spikes."""
        return np.diff(self.start, append=len(self.times)) if self.some_n is None else self.some_n

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

    def only(self, kept: NDArray[np.bool_]) -> Trains:
        """Some of the trains, without a copy of their times. kept: (train,)."""
        if kept.all():
            return self
        part = Trains(self.unit[kept], self.start[kept], self.times, self.n[kept])
        part.__dict__.update(ends=self.ends[:, kept], intervals=self.intervals.only(kept))  # as if cached
        return part

    @cached_property
    def intervals(self) -> Intervals:
        """What the intervals between the spikes of a unit are like."""
        repeats = np.zeros(len(self.unit), dtype=np.int64)
        falls: dict[int, int] = {}
        below, squares = np.zeros((len(BELOW_S), len(self.unit)), dtype=np.int64), np.zeros(len(self.unit))
        n_short, n = np.zeros_like(repeats), np.zeros_like(repeats)
        shortest = np.full(len(repeats), np.inf)
        for first, steps in self._steps():
            back, same = np.flatnonzero(steps < 0) + first, np.flatnonzero(steps == 0) + first
            for train, at in zip(*np.unique(self._train(back), return_index=True), strict=True):
                falls.setdefault(int(train), int(back[at]))
            repeats += np.bincount(self._train(same), minlength=len(repeats))
            ahead = steps > 0
            here, at = self._pieces(first, len(steps))
            n_short[here] += np.add.reduceat(ahead & (steps < SHORT_S), at, dtype=np.int64)
            n[here] += np.add.reduceat(ahead & (steps < np.inf), at, dtype=np.int64)
            shortest[here] = np.minimum(shortest[here], np.minimum.reduceat(np.where(ahead, steps, np.inf), at))
            for row, limit in enumerate(BELOW_S):
                below[row, here] += np.add.reduceat(ahead & (steps < limit), at, dtype=np.int64)
            squares[here] += np.add.reduceat(np.where(np.isinf(steps), 0.0, steps) ** 2, at)
        return Intervals(falls, repeats, n, n_short, shortest, below, squares)

    def _pieces(self, first: int, n: int) -> tuple[slice, NDArray[np.int64]]:
        """Trains with a spike among the n that begin at `first`, and where in these each of them begins."""
        one, last = self._train(np.array([first, first + n - 1])).tolist()
        return slice(one, last + 1), np.maximum(self.start[one : last + 1] - first, 0)

    def _train(self, spikes: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self.start, spikes, side="right") - 1

    def _steps(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Index of a spike, and the time from it and each following one to the next; infinite between two units."""
        for first in range(0, len(self.times) - 1, PIECE):
            steps = np.diff(self.times[first : first + PIECE + 1])
            borders = self.start[1:] - 1 - first
            steps[borders[(borders >= 0) & (borders < len(steps))]] = np.inf
            yield first, steps


@dataclass(frozen=True)
class Intervals:
    """falls: train -> index of the spike before the first step back. repeats: (train,), spikes at the time of the last.

    n, n_short: (train,), intervals above zero, and how many of them are below `SHORT_S`. shortest_s: (train,), the
    least of them, infinite where there is none.
    below: (limit, train), intervals above zero and below each of `BELOW_S`. squares: (train,), seconds^2, sum of the
    squared intervals.
    """

    falls: dict[int, int]
    repeats: NDArray[np.int64]
    n: NDArray[np.int64]
    n_short: NDArray[np.int64]
    shortest_s: NDArray[np.float64]
    below: NDArray[np.int64]
    squares: NDArray[np.float64]

    def only(self, kept: NDArray[np.bool_]) -> Intervals:
        """Those of some trains. kept: (train,)."""
        place = np.cumsum(kept) - 1
        falls = {int(place[train]): spike for train, spike in self.falls.items() if kept[train]}
        return Intervals(
            falls,
            self.repeats[kept],
            self.n[kept],
            self.n_short[kept],
            self.shortest_s[kept],
            self.below[:, kept],
            self.squares[kept],
        )


def trains_of(spikes: pd.DataFrame) -> Trains:
    """The finite spikes, in the order of the file within each unit. Spikes of one unit need not lie together."""
    units = spikes["unit"].to_numpy(dtype=np.int64)
    times = spikes["time_s"].to_numpy(dtype=np.float64)
    if not all(np.isfinite(times[first : first + PIECE]).all() for first in range(0, len(times), PIECE)):
        finite = np.isfinite(times)
        units, times = units[finite], times[finite]
    start = starts_of(units)
    if len(np.unique(units[start])) < len(start):
        order = np.argsort(units, kind="stable")
        units, times = units[order], times[order]
        start = starts_of(units)
    return Trains(units[start], start, times)


def starts_of(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """(train,): where another unit begins. units: (spike,). Looked through piece by piece, to spare memory."""
    found = [np.zeros(min(len(units), 1), dtype=np.int64)]
    for first in range(0, len(units) - 1, PIECE):
        piece = units[first : first + PIECE + 1]
        found.append(np.flatnonzero(piece[1:] != piece[:-1]) + first + 1)
    return np.concatenate(found)


def is_doubled(repeats: NDArray[np.int64], n: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(unit,): whether so many of the n spikes of a unit lie at the time of the spike before."""
    doubled: NDArray[np.bool_] = repeats >= np.maximum(MANY_REPEATS * n, MIN_REPEATS)
    return doubled
