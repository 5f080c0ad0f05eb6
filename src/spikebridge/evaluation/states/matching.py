"""Bins of two states with equal numbers and similar rates, chosen without a look at what is scored in them.

The rates of a bin are the mean counts of the source and of the target in the other bins of its stretch, up to REACH_S
on either side. The bin itself does not count: to choose bins by their own spikes would choose those that the rates of
the model predict too low, or too high. Within each block both rates are cut at their terciles over the bins of both
states; of each of the nine cells the state with more bins there gives as many as the other has, evenly spread in time.
So the two states have, in each block, the same number of bins in each cell.

The neighbours' counts are noisy, so bins of equal measured rates still differ a little in their true rates, in the
direction in which the states differ. The tables have the rates that remain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikebridge.metrics import surrounded

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
REACH_S = 0.25
"""Seconds on either side of a bin whose counts give its rates."""
LEVELS = 3
"""Parts into which each rate is cut, of equal numbers of bins."""


def local_rate(counts: Array, inside: Bools, reach: int) -> Array:
    """Mean count of the neighbours of each bin within its stretch of a state, without the bin itself.

    Parameters
    ----------
    counts : NDArray, shape (window, bin)
        Spikes of all units.
    inside : NDArray, shape (window, bin)
        Bins of the state.
    reach : int
        Neighbours on either side.

    Returns
    -------
    NDArray, shape (window, bin)
        Spikes per bin; NaN outside the state, and where a bin has no neighbour in it.
    """
    total, n = np.zeros(counts.shape), np.zeros(counts.shape)
    for step in range(1, min(reach, counts.shape[1] - 1) + 1):
        later, earlier = surrounded(inside, 0, step), surrounded(inside, step, 0)
        total[:, :-step] += np.where(later[:, :-step], counts[:, step:], 0.0)
        total[:, step:] += np.where(earlier[:, step:], counts[:, :-step], 0.0)
        n += later.astype(float) + earlier
    return np.divide(total, n, out=np.full(counts.shape, np.nan), where=n > 0)


def matched_bins(
    first: Bools, second: Bools, rates: Sequence[tuple[Array, Array]], block: NDArray[np.int64]
) -> tuple[Bools, Bools]:
    """As many bins of two states, with the same numbers in each cell of rates within each block.

    Parameters
    ----------
    first, second : NDArray, shape (window, bin)
        Bins of the two states that may be used, windows in the order of time.
    rates : sequence of (NDArray, NDArray), shape (window, bin) each
        Of the source and of the target, as `local_rate` gives them in the first and in the second state. Bins without a
        rate are left out.
    block : NDArray, shape (window,)
        Number of the block of each window.

    Returns
    -------
    NDArray, NDArray, shape (window, bin)
        The chosen bins of the first and of the second state.
    """
    usable = [
        inside & np.logical_and.reduce([np.isfinite(pair[k]) for pair in rates])
        for k, inside in enumerate((first, second))
    ]
    chosen = [np.zeros(first.shape, dtype=bool) for _ in usable]
    for number in np.unique(block):
        here = (block == number)[:, None]
        at = [np.flatnonzero(inside & here) for inside in usable]
        cells = _cells([(pair[0].flat[at[0]], pair[1].flat[at[1]]) for pair in rates])
        for cell in np.intersect1d(*cells):
            members = [places[own == cell] for places, own in zip(at, cells, strict=True)]
            fewest = min(map(len, members))
            for k, places in enumerate(members):
                chosen[k].flat[places[_spread(len(places), fewest)]] = True
    return chosen[0], chosen[1]


def _cells(rates: Sequence[tuple[Array, Array]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the cell of each bin of the first and of the second state. rates: of each region, (bin,) and (bin,)."""
    cells = [np.zeros(len(side), dtype=np.int64) for side in rates[0]]
    for pair in rates:
        both = np.concatenate(pair)
        if not len(both):
            continue
        edges = np.quantile(both, np.arange(1, LEVELS) / LEVELS)
        cells = [LEVELS * cell + np.searchsorted(edges, own) for cell, own in zip(cells, pair, strict=True)]
    return cells[0], cells[1]


def _spread(n: int, m: int) -> NDArray[np.int64]:
    """m of the numbers 0 .. n - 1, evenly spread."""
    return np.asarray((np.arange(m) + 0.5) * n / m, dtype=np.int64)
