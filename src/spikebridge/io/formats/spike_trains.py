"""Spike trains as readers return them: a table with columns unit and time_s, grouped by unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PIECE = 1 << 20
"""Spikes brought into order in one go."""


def by_unit(units: NDArray[np.int64], owner: NDArray[Any], times: NDArray[np.float64]) -> pd.DataFrame:
    """Spikes grouped by unit in the order of `units` (unit,), each unit's in the order of the file.

    owner, times: (spike,); every owner is one of the units.
    """
    return spike_table(units, *grouped_times(units, owner, times))


def grouped_times(
    units: NDArray[np.int64], owner: NDArray[Any], samples: NDArray[Any], rate_hz: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Seconds (spike,) grouped by unit as in `by_unit`, and how many spikes each unit has (unit,).

    Piece by piece: beside the arrays given, the times are the only array as long as the recording.
    """
    index = pd.Index(units)
    pieces = [slice(first, first + PIECE) for first in range(0, len(owner), PIECE)]
    counts = np.zeros(len(units), dtype=np.int64)
    for piece in pieces:
        counts += np.bincount(index.get_indexer(owner[piece]), minlength=len(units))
    times = np.empty(len(owner))
    first = np.cumsum(counts) - counts  # where the next spike of each unit goes
    for piece in pieces:
        rank = index.get_indexer(owner[piece])
        sequence = grouping(rank, len(units))
        n = np.bincount(rank, minlength=len(units))
        within = np.arange(len(rank)) - np.repeat(np.cumsum(n) - n, n)
        times[np.repeat(first, n) + within] = samples[piece][sequence] / rate_hz
        first += n
    return times, counts


def spike_table(units: NDArray[np.int64], times: NDArray[np.float64], counts: NDArray[np.int64]) -> pd.DataFrame:
    """Columns unit and time_s, of what `grouped_times` gives."""
    return pd.DataFrame({"unit": np.repeat(units.astype(np.int64, copy=False), counts), "time_s": times}, copy=False)


def grouping(rank: NDArray[Any], n: int) -> NDArray[np.intp]:
    """The order that brings spikes of one unit together, each unit's as they were. rank: (spike,), below n."""
    return np.argsort(rank.astype(np.uint16) if n <= 2**16 else rank, kind="stable")  # numpy sorts 16 bits by radix


def joined(units: NDArray[np.int64], trains: Sequence[NDArray[Any]]) -> pd.DataFrame:
    """Spikes of one train a unit, in seconds."""
    n = [len(t) for t in trains]
    times = np.concatenate([np.asarray(t, dtype=np.float64) for t in trains]) if trains else np.empty(0)
    return spike_table(np.asarray(units), times, np.array(n, dtype=np.int64))


def integer_ids(ids: Sequence[Any]) -> tuple[NDArray[np.int64], list[str] | None]:
    """(unit,) ids as integers, and their names where they are none: then units are counted from 0.

    Text that is a whole number ("12") is that number.
    """
    words = [str(i) for i in ids]
    if all(w.isdecimal() and str(int(w)) == w and len(w) < 19 for w in words) and len(set(words)) == len(words):
        return np.array([int(w) for w in words], dtype=np.int64), None
    return np.arange(len(words), dtype=np.int64), words
