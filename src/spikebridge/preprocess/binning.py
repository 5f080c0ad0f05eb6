"""Spike times -> counts, unit by unit, so that hardly more memory is used than spikes and counts take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.preprocess.trains import Train, spike_trains

EDGE = 1e-6
"""Fraction of a bin by which a spike may lie before an edge and still count as on it: 50 ns in a bin of 50 ms."""
BLOCK = 64
"""Units transposed at once: a row of them fills a cache line of one-byte counts."""

Counts = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Grid:
    """Windows sorted by start. start_s: (window,), seconds. place: (window,), number of the first cell of each."""

    start_s: NDArray[np.float64]
    place: NDArray[np.int64]
    n_bins: int
    bin_s: float

    @staticmethod
    def of(start_s: NDArray[np.float64], n_bins: int, bin_s: float) -> Grid:
        order = np.argsort(start_s, kind="stable")
        return Grid(np.asarray(start_s, dtype=np.float64)[order], order * n_bins, n_bins, bin_s)


def bin_windows(
    spike_times: NDArray[np.float64],
    spike_units: NDArray[np.int64],
    n_units: int,
    start_s: NDArray[np.float64],
    n_bins: int,
    bin_s: float,
) -> Counts:
    """Counts of spikes in windows that may overlap, touch or leave time out.

    spike_times: (spike,), seconds, sorted within each unit. spike_units: (spike,), 0 .. n_units - 1; fastest where they
    are grouped (not falling). start_s: (window,), seconds, in any order.
    Returns (window, bin, unit), spikes per bin, in the smallest unsigned integer type that holds the largest count.

    Bin b of a window covers [start + b bin_s, start + (b + 1) bin_s). In floating point 0.15 / 0.05 is
    2.9999999999999996, so a spike less than `EDGE` bins before an edge counts as lying on it; the same holds for the
    ends of a window, hence windows that touch share no spike and lose none.
    """
    return bin_trains(spike_trains(spike_times, spike_units, np.arange(n_units)), start_s, n_bins, bin_s)


def bin_trains(trains: Sequence[Train], start_s: NDArray[np.float64], n_bins: int, bin_s: float) -> Counts:
    """(window, bin, unit), as `bin_windows`, from one sorted train a unit."""
    grid = Grid.of(start_s, n_bins, bin_s)
    counts: Counts = np.empty((len(start_s) * n_bins, len(trains)), dtype=np.uint8)
    block = min(BLOCK, -(-len(trains) // 8)) or 1  # few units: a block must not be as large as the result
    for i in range(0, len(trains), block):
        rows = _count_block(trains[i : i + block], grid, counts.dtype)
        counts = counts.astype(rows.dtype, copy=False)  # a larger count than any before it widens all
        counts[:, i : i + block] = rows.T
    return counts.reshape(len(start_s), n_bins, len(trains))


def _count_block(trains: Sequence[Train], grid: Grid, dtype: np.dtype[np.unsignedinteger]) -> Counts:
    """(unit, cell) in `dtype`, or in the smallest wider type where a count does not fit."""
    n_cells = len(grid.start_s) * grid.n_bins
    rows: Counts = np.empty((len(trains), n_cells), dtype=dtype)
    for k, times in enumerate(trains):
        counts = np.bincount(_cells(times, grid), minlength=n_cells)
        needed = np.min_scalar_type(counts.max(initial=0))
        rows = rows.astype(np.promote_types(rows.dtype, needed), copy=False)
        rows[k] = counts
    return rows


def _cells(times: Train, grid: Grid) -> NDArray[np.int64]:
    """(spike of a window,): the number of its cell. A spike occurs once for each window that holds it."""
    slack = EDGE * grid.bin_s
    first = np.searchsorted(times, grid.start_s - slack, side="left")
    last = np.searchsorted(times, grid.start_s + (grid.n_bins * grid.bin_s - slack), side="left")
    n = last - first
    if np.array_equal(first[1:], last[:-1]):  # no spike twice, none left out: no need to pick them one by one
        position = times[first[0] : last[-1]] if len(n) else times[:0]
    else:
        position = times[np.arange(n.sum()) + np.repeat(first - (np.cumsum(n) - n), n)]
    position = position - np.repeat(grid.start_s, n)
    position /= grid.bin_s
    position += EDGE
    cells = position.astype(np.int64)  # rounds towards zero: what slack lets in before the first bin belongs to it
    np.minimum(cells, grid.n_bins - 1, out=cells)
    cells += np.repeat(grid.place, n)
    return cells
