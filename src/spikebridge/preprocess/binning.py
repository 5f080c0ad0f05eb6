"""Spikes and behaviour in the bins of windows.

Spikes are counted unit by unit, so that hardly more memory is used than spikes and counts take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.types.spike_trains import Train, spike_trains

EDGE_TOLERANCE = 1e-6
"""Fraction of a bin by which a spike may lie before an edge and still count as on it: 50 ns in a bin of 50 ms."""
UNITS_AT_ONCE = 16
"""Units put into the result at once: enough for wide writes, few enough that their counts stay in the cache."""

MAX_AGE = 2.0
"""Median intervals between samples for which a sample holds, where a bin contains no sample."""

Counts = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class WindowEdges:
    """Windows sorted by start, as edges: where one window ends and the next begins there is one edge for both.

    edges_s: (edge,), seconds, sorted, each `EDGE` bins early. first, last: (window,), the edges of each window.
    cell: (window,), number of the first cell of each window in the result.
    """

    edges_s: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    cell: NDArray[np.signedinteger]
    n_bins: int
    bin_s: float

    @staticmethod
    def of(start_s: NDArray[np.float64], n_bins: int, bin_s: float) -> WindowEdges:
        order, slack = np.argsort(start_s, kind="stable"), EDGE_TOLERANCE * bin_s
        opens = np.asarray(start_s, dtype=np.float64)[order] - slack
        closes = opens + n_bins * bin_s
        closes[:-1] = np.where(np.abs(closes[:-1] - opens[1:]) < slack / 10, opens[1:], closes[:-1])
        edges, place = np.unique(np.concatenate([opens, closes]), return_inverse=True)
        first, last = place.reshape(2, -1)
        small = len(opens) * n_bins * UNITS_AT_ONCE < 2**31
        return WindowEdges(edges, first, last, (order * n_bins).astype(np.int32 if small else np.int64), n_bins, bin_s)

    @property
    def n_cells(self) -> int:
        return len(self.cell) * self.n_bins


def bin_windows(
    spike_times: NDArray[np.float64],
    spike_units: NDArray[np.int64],
    n_units: int,
    start_s: NDArray[np.float64],
    n_bins: int,
    bin_s: float,
) -> Counts:
    """Count spikes in windows that may overlap, touch or leave time out.

    Bin b of a window covers [start + b bin_s, start + (b + 1) bin_s). In floating point 0.15 / 0.05 is
    2.9999999999999996, so a spike less than `EDGE_TOLERANCE` bins before an edge counts as lying on it; the same holds
    for the ends of a window. So windows that touch share no spike and lose none.

    Parameters
    ----------
    spike_times : NDArray, shape (spike,), seconds
        Sorted within each unit.
    spike_units : NDArray, shape (spike,)
        Unit of each spike, 0 to n_units - 1; fastest where spikes are grouped by unit (never decreasing).
    n_units : int
        Number of units.
    start_s : NDArray, shape (window,), seconds
        Starts of the windows, in any order.
    n_bins : int
        Bins of a window.
    bin_s : float
        Width of a bin, seconds.

    Returns
    -------
    NDArray, shape (window, bin, unit), spikes per bin
        Of the smallest unsigned integer type that holds the largest count.
    """
    return bin_trains(spike_trains(spike_times, spike_units, np.arange(n_units)), start_s, n_bins, bin_s)


def bin_trains(trains: Sequence[Train], start_s: NDArray[np.float64], n_bins: int, bin_s: float) -> Counts:
    """(window, bin, unit), as `bin_windows`, from one sorted train a unit."""
    grid = WindowEdges.of(start_s, n_bins, bin_s)
    counts: Counts = np.empty((len(start_s) * n_bins, len(trains)), dtype=np.uint8)
    block: Counts = np.empty((0, 0), dtype=np.uint8)
    for i in range(0, len(trains), UNITS_AT_ONCE):
        block = _count_block(
            trains[i : i + UNITS_AT_ONCE],
            grid,
            _zeros(block, (len(counts), len(trains[i : i + UNITS_AT_ONCE])), counts),
        )
        counts = counts.astype(block.dtype, copy=False)  # a larger count than any before it widens all
        _cells_as_items(counts[:, i : i + UNITS_AT_ONCE])[...] = _cells_as_items(block)
    return counts.reshape(len(start_s), n_bins, len(trains))


def _zeros(block: Counts, shape: tuple[int, int], like: Counts) -> Counts:
    """Zeros, in the room of the last block where they fit: fresh memory costs more than the counting."""
    if block.shape != shape or block.dtype != like.dtype:
        return np.zeros(shape, dtype=like.dtype)
    block.fill(0)
    return block


def _count_block(trains: Sequence[Train], grid: WindowEdges, block: Counts) -> Counts:
    """(cell, unit): `block`, which holds zeros, filled; of the smallest wider type where a count does not fit."""
    for k, times in enumerate(trains):
        cells = _cells(times, grid)
        if _may_exceed_a_byte(cells):
            counts = np.bincount(cells, minlength=grid.n_cells)
            block = block.astype(np.promote_types(block.dtype, np.min_scalar_type(counts.max())), copy=False)
            block[:, k] = counts
        else:
            cells *= len(trains)
            cells += k
            np.add.at(block.reshape(-1), cells, block.dtype.type(1))
    return block


def _may_exceed_a_byte(cells: NDArray[np.signedinteger]) -> bool:
    """Whether a count may be over 255. A cell's spikes are neighbours, so 256 of them hold two of every 128th."""
    few = cells[::128]
    return bool((few[1:] == few[:-1]).any())


def _cells_as_items(counts: Counts) -> NDArray[np.void]:
    """(cell,): the counts of a cell's units as one item, so that numpy moves them together: four times as fast."""
    return counts.view(f"V{counts.shape[1] * counts.itemsize}")[:, 0]


def _spread(values: NDArray[Any], n: NDArray[np.int64]) -> NDArray[Any]:
    """A value a window -> a value a spike, n of each."""
    return values if len(values) == 1 else np.repeat(values, n)


def _cells(times: Train, grid: WindowEdges) -> NDArray[np.signedinteger]:
    """(spike of a window,): the number of its cell, window after window; a spike comes once for each that holds it."""
    at = np.searchsorted(times, grid.edges_s, side="left")
    first, last = at[grid.first], at[grid.last]
    n = last - first
    if np.array_equal(first[1:], last[:-1]):  # no spike twice, none left out: no need to pick them one by one
        times = times[first[0] : last[-1]] if len(n) else times[:0]
    else:
        times = times[np.arange(n.sum()) + np.repeat(first - (np.cumsum(n) - n), n)]
    position = times - _spread(grid.edges_s[grid.first], n)
    position /= grid.bin_s
    cells = position.astype(grid.cell.dtype)
    if (cells[np.cumsum(n)[n > 0] - 1] >= grid.n_bins).any():  # rounding, next to the end of a window
        np.minimum(cells, grid.n_bins - 1, out=cells)
    if grid.cell.any():
        cells += _spread(grid.cell, n)
    return cells


def bin_behavior(
    table: pd.DataFrame, start_s: NDArray[np.float64], n_bins: int, bin_s: float
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Mean of the finite samples of each behavioural series in each bin, and the names of the series.

    Nothing is interpolated: a sample after the window, which may lie after the decision, is not used.

    Parameters
    ----------
    table : DataFrame
        Columns series, time_s (seconds) and value.
    start_s : NDArray, shape (window,), seconds
        Starts of the windows, in any order; windows may overlap.
    n_bins : int
        Bins of a window.
    bin_s : float
        Width of a bin, seconds. Edges are rounded as in `bin_windows`.

    Returns
    -------
    NDArray, shape (window, bin, series), in the unit of the series
        NaN where a bin has no sample.
    tuple of str
        Names of the series, sorted.
    """
    means, names = [], []
    for name, rows in table.groupby("series", sort=True) if len(table) else ():
        time, value = rows["time_s"].to_numpy(np.float64), rows["value"].to_numpy(np.float64)
        known = np.isfinite(time) & np.isfinite(value)
        order = np.argsort(time[known], kind="stable")
        means.append(_bin_means(time[known][order], value[known][order], start_s, n_bins, bin_s))
        names.append(str(name))
    if not means:
        return np.empty((len(start_s), n_bins, 0), np.float32), ()
    return np.stack(means, axis=2), tuple(names)


def _bin_means(
    time: NDArray[np.float64], value: NDArray[np.float64], start_s: NDArray[np.float64], n_bins: int, bin_s: float
) -> NDArray[np.float32]:
    edges = start_s[:, None] + (np.arange(n_bins + 1) - EDGE_TOLERANCE) * bin_s
    at = np.searchsorted(time, edges, side="left")
    n = np.diff(at, axis=1)
    # Sums from differences of a running sum lose the digits that all samples have in common: take the middle away.
    middle = value.mean() if len(value) else 0.0
    running = np.concatenate([[0.0], np.cumsum(value - middle)])
    sums = np.diff(running[at], axis=1)
    means = np.full(n.shape, np.nan)
    np.divide(sums, n, out=means, where=n > 0)
    return (means + middle).astype(np.float32)


def held_values(
    time: NDArray[np.float64], value: NDArray[np.float64], start_s: NDArray[np.float64], n_bins: int, bin_s: float
) -> NDArray[np.float64]:
    """Value of one behavioural series in each bin, also of a series that is sampled more slowly than bins follow.

    The mean of the finite samples in the bin; where it has no sample, the last one before it, if that is at most
    MAX_AGE median intervals of the series older than the start of the bin. Nothing after the bin is used.

    Parameters
    ----------
    time, value : NDArray, shape (sample,)
        The series, in any order; seconds, and the unit of the series.
    start_s : NDArray, shape (window,), seconds
        Starts of the windows, in any order; windows may overlap.
    n_bins : int
        Bins of a window.
    bin_s : float
        Width of a bin, seconds.

    Returns
    -------
    NDArray, shape (window, bin), in the unit of the series
        NaN where the value is not known.
    """
    timed = np.isfinite(time)
    order = np.argsort(time[timed], kind="stable")
    time, value = time[timed][order], value[timed][order]
    known = np.isfinite(value)
    means = _bin_means(time[known], value[known], start_s, n_bins, bin_s).astype(np.float64)
    if len(time) < 2:
        return means
    start = start_s[:, None] + (np.arange(n_bins) - EDGE_TOLERANCE) * bin_s
    last = np.searchsorted(time, start, side="left") - 1
    steps = np.diff(time)
    longest = MAX_AGE * float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    holds = (last >= 0) & (start - time[np.maximum(last, 0)] <= longest)
    empty = np.searchsorted(time, start + bin_s, side="left") == last + 1
    return np.where(empty & holds, value[np.maximum(last, 0)], means)
