"""Spike times -> counts, unit by unit, so that hardly more memory is used than spikes and counts take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.types.spike_trains import Train, spike_trains

EDGE = 1e-6
"""Fraction of a bin by which a spike may lie before an edge and still count as on it: 50 ns in a bin of 50 ms."""
BLOCK = 16
"""Units put into the result at once: enough for wide writes, few enough that their counts stay in the cache."""

Counts = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Grid:
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
    def of(start_s: NDArray[np.float64], n_bins: int, bin_s: float) -> Grid:
        order, slack = np.argsort(start_s, kind="stable"), EDGE * bin_s
        opens = np.asarray(start_s, dtype=np.float64)[order] - slack
        closes = opens + n_bins * bin_s
        closes[:-1] = np.where(np.abs(closes[:-1] - opens[1:]) < slack / 10, opens[1:], closes[:-1])
        edges, place = np.unique(np.concatenate([opens, closes]), return_inverse=True)
        first, last = place.reshape(2, -1)
        small = len(opens) * n_bins * BLOCK < 2**31
        return Grid(edges, first, last, (order * n_bins).astype(np.int32 if small else np.int64), n_bins, bin_s)

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
    block: Counts = np.empty((0, 0), dtype=np.uint8)
    for i in range(0, len(trains), BLOCK):
        block = _count_block(
            trains[i : i + BLOCK], grid, _blank(block, (len(counts), len(trains[i : i + BLOCK])), counts)
        )
        counts = counts.astype(block.dtype, copy=False)  # a larger count than any before it widens all
        _as_one(counts[:, i : i + BLOCK])[...] = _as_one(block)
    return counts.reshape(len(start_s), n_bins, len(trains))


def _blank(block: Counts, shape: tuple[int, int], like: Counts) -> Counts:
    """Zeros, in the room of the last block where they fit: fresh memory costs more than the counting."""
    if block.shape != shape or block.dtype != like.dtype:
        return np.zeros(shape, dtype=like.dtype)
    block.fill(0)
    return block


def _count_block(trains: Sequence[Train], grid: Grid, block: Counts) -> Counts:
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


def _as_one(counts: Counts) -> NDArray[np.void]:
    """(cell,): the counts of a cell's units as one item, so that numpy moves them together: four times as fast."""
    return counts.view(f"V{counts.shape[1] * counts.itemsize}")[:, 0]


def _spread(values: NDArray[Any], n: NDArray[np.int64]) -> NDArray[Any]:
    """A value a window -> a value a spike, n of each."""
    return values if len(values) == 1 else np.repeat(values, n)


def _cells(times: Train, grid: Grid) -> NDArray[np.signedinteger]:
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
