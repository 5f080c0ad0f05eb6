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


@dataclass(frozen=True)
class Trains:
    """unit: (train,), ids, in the order of the file. start: (train,), index of the first spike of each.

    times: (spike,), seconds, the finite ones alone, train after train.
    """

    unit: NDArray[np.int64]
    start: NDArray[np.int64]
    times: NDArray[np.float64]

    @property
    def n(self) -> NDArray[np.int64]:
        """(train,): spikes."""
        return np.diff(self.start, append=len(self.times))

    @cached_property
    def span(self) -> tuple[float, float]:
        """The earliest and the latest spike, seconds."""
        return (float(self.times.min()), float(self.times.max())) if len(self.times) else (np.nan, np.nan)

    @cached_property
    def intervals(self) -> Intervals:
        """What the intervals between the spikes of a unit are like."""
        repeats = np.zeros(len(self.unit), dtype=np.int64)
        falls: dict[int, int] = {}
        below, squares = np.zeros((len(BELOW_S), len(self.unit)), dtype=np.int64), np.zeros(len(self.unit))
        n_short, n, shortest = 0, 0, np.inf
        for first, steps in self._steps():
            back, same = np.flatnonzero(steps < 0) + first, np.flatnonzero(steps == 0) + first
            for train, at in zip(*np.unique(self._train(back), return_index=True), strict=True):
                falls.setdefault(int(train), int(back[at]))
            repeats += np.bincount(self._train(same), minlength=len(repeats))
            ahead = steps > 0
            n_short += int((ahead & (steps < SHORT_S)).sum())
            n += int(ahead.sum()) - int(np.isinf(steps).sum())
            shortest = min(shortest, float(steps[ahead].min(initial=np.inf)))
            here, at = self._pieces(first, len(steps))
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

    n, n_short: intervals above zero, and how many of them are below `SHORT_S`. shortest_s: the least of them.
    below: (limit, train), intervals above zero and below each of `BELOW_S`. squares: (train,), seconds^2, sum of the
    squared intervals.
    """

    falls: dict[int, int]
    repeats: NDArray[np.int64]
    n: int
    n_short: int
    shortest_s: float
    below: NDArray[np.int64]
    squares: NDArray[np.float64]


def trains_of(spikes: pd.DataFrame) -> Trains:
    """The finite spikes, in the order of the file within each unit. Spikes of one unit need not lie together."""
    units = spikes["unit"].to_numpy(dtype=np.int64)
    times = spikes["time_s"].to_numpy(dtype=np.float64)
    finite = np.isfinite(times)
    if not finite.all():
        units, times = units[finite], times[finite]
    start = _starts(units)
    if len(np.unique(units[start])) < len(start):
        order = np.argsort(units, kind="stable")
        units, times = units[order], times[order]
        start = _starts(units)
    return Trains(units[start], start, times)


def _starts(units: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(np.r_[True, units[1:] != units[:-1]]) if len(units) else np.zeros(0, dtype=np.int64)
