"""A table of spikes as one train a unit: views of the table where it is grouped by unit, as readers leave it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Train = NDArray[np.float64]
"""(spike,), seconds, sorted."""
CHECKED = 2**20
"""Spikes looked at in one go when the order is checked: no table of booleans as long as the recording."""


def spike_trains(times_s: Train, units: NDArray[np.int64], ids: NDArray[np.int64]) -> list[Train]:
    """Times of each of `ids`, in that order; ids may be huge and units without a place in `ids` are left out.

    times_s: (spike,), seconds, sorted within each unit. units: (spike,), in any order; grouped (not falling) is fast,
    anything else is first sorted by unit, spikes of one unit keeping their order.
    """
    if not _is_grouped(units):
        order = np.argsort(units, kind="stable")
        times_s, units = times_s[order], units[order]
    first = np.searchsorted(units, ids, side="left")
    last = np.searchsorted(units, ids, side="right")
    return [times_s[a:b] for a, b in zip(first, last, strict=True)]


def _is_grouped(units: NDArray[np.int64]) -> bool:
    """Whether no unit id falls from one spike to the next."""
    return all(
        bool((units[i + 1 : i + 1 + CHECKED] >= units[i : i + CHECKED][: len(units) - i - 1]).all())
        for i in range(0, len(units), CHECKED)
    )
