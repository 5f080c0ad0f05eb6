"""Spike times -> counts, in one vectorised pass over the sorted spikes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EDGE = 1e-6
"""Fraction of a bin by which a spike may lie before an edge and still count as on it: 50 ns in a bin of 50 ms."""
CELLS = 2**22
"""Windows are taken in blocks of about this many counts: np.bincount works in int64, eight times the result."""


def bin_windows(
    spike_times: NDArray[np.float64],
    spike_units: NDArray[np.int64],
    n_units: int,
    start_s: NDArray[np.float64],
    n_bins: int,
    bin_s: float,
) -> NDArray[np.unsignedinteger]:
    """Counts of spikes in windows that may overlap, touch or leave time out.

    spike_times: (spike,), seconds, sorted over all units together. spike_units: (spike,), 0 .. n_units - 1.
    start_s: (window,), seconds, in any order.
    Returns (window, bin, unit), spikes per bin, in the smallest unsigned integer type that holds the largest count.

    Bin b of a window covers [start + b bin_s, start + (b + 1) bin_s). In floating point 0.15 / 0.05 is
    2.9999999999999996, so a spike less than `EDGE` bins before an edge counts as lying on it; the same holds for the
    ends of a window, hence windows that touch share no spike and lose none.
    """
    block = max(1, CELLS // max(1, n_bins * n_units))
    starts = [start_s[i : i + block] for i in range(0, max(len(start_s), 1), block)]
    return np.concatenate([_bin_block(spike_times, spike_units, n_units, part, n_bins, bin_s) for part in starts])


def _bin_block(
    spike_times: NDArray[np.float64],
    spike_units: NDArray[np.int64],
    n_units: int,
    start_s: NDArray[np.float64],
    n_bins: int,
    bin_s: float,
) -> NDArray[np.unsignedinteger]:
    """All windows of a block at once: each spike of each window gets the number of its cell, and cells are counted."""
    slack = EDGE * bin_s
    first = np.searchsorted(spike_times, start_s - slack, side="left")
    last = np.searchsorted(spike_times, start_s + n_bins * bin_s - slack, side="left")
    n = last - first
    window = np.repeat(np.arange(len(start_s)), n)
    spike = np.arange(n.sum()) + np.repeat(first - (np.cumsum(n) - n), n)
    position = (spike_times[spike] - start_s[window]) / bin_s
    bins = np.clip(np.floor(position + EDGE).astype(np.int64), 0, n_bins - 1)
    cells = (window * n_bins + bins) * n_units + spike_units[spike]
    counts = np.bincount(cells, minlength=len(start_s) * n_bins * n_units)
    return counts.astype(np.min_scalar_type(counts.max(initial=0))).reshape(len(start_s), n_bins, n_units)
