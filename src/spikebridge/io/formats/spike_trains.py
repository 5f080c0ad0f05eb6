"""Spike trains as readers return them: a table with columns unit and time_s, grouped by unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MIN_SPIKES = 50
"""Spikes of a channel from which the intervals between them show the unit of time."""
MIN_MEDIAN_MS, MAX_NEAR_MS = 1.0, 1000.0
"""Intervals between spikes of a channel: the median is not shorter, since detection waits 1.5 ms after a spike; and one
in a hundred is shorter than 1 s, unless the channel has less than 0.01 spikes a second."""
BLOCK = 1 << 20
"""Spikes brought into order in one go."""


def group_by_unit(units: NDArray[np.int64], owner: NDArray[Any], times: NDArray[np.float64]) -> pd.DataFrame:
    """Group spikes by unit, each unit's in the order of the file.

    Parameters
    ----------
    units : NDArray, shape (unit,)
        Ids of the units, in the order in which they are returned.
    owner : NDArray, shape (spike,)
        Unit of each spike; every owner is one of the units.
    times : NDArray, shape (spike,)
        Times in seconds.

    Returns
    -------
    pd.DataFrame
        Columns unit and time_s, as in Contents.
    """
    return spike_table(units, *group_times(units, owner, times))


def group_times(
    units: NDArray[np.int64], owner: NDArray[Any], samples: NDArray[Any], rate_hz: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Seconds (spike,) grouped by unit as in `group_by_unit`, and how many spikes each unit has (unit,).

    Piece by piece: beside the arrays given, the times are the only array as long as the recording.
    """
    index = pd.Index(units)
    pieces = [slice(first, first + BLOCK) for first in range(0, len(owner), BLOCK)]
    counts = np.zeros(len(units), dtype=np.int64)
    for piece in pieces:
        counts += np.bincount(index.get_indexer(owner[piece]), minlength=len(units))
    times = np.empty(len(owner))
    first = np.cumsum(counts) - counts  # where the next spike of each unit goes
    for piece in pieces:
        rank = index.get_indexer(owner[piece])
        sequence = group_order(rank, len(units))
        n = np.bincount(rank, minlength=len(units))
        within = np.arange(len(rank)) - np.repeat(np.cumsum(n) - n, n)
        times[np.repeat(first, n) + within] = samples[piece][sequence] / rate_hz
        first += n
    return times, counts


def spike_table(units: NDArray[np.int64], times: NDArray[np.float64], counts: NDArray[np.int64]) -> pd.DataFrame:
    """Columns unit and time_s, of what `group_times` gives."""
    return pd.DataFrame({"unit": np.repeat(units.astype(np.int64, copy=False), counts), "time_s": times}, copy=False)


def group_order(rank: NDArray[Any], n: int) -> NDArray[np.intp]:
    """The order that brings spikes of one unit together, each unit's as they were. rank: (spike,), below n."""
    return np.argsort(rank.astype(np.uint16) if n <= 2**16 else rank, kind="stable")  # numpy sorts 16 bits by radix


def concatenate_trains(units: NDArray[np.int64], trains: Sequence[NDArray[Any]]) -> pd.DataFrame:
    """Make the table of spikes of one train a unit.

    Parameters
    ----------
    units : NDArray, shape (unit,)
        Ids of the units.
    trains : Sequence of NDArray, shape (spike,)
        Times of each unit, in seconds.

    Returns
    -------
    pd.DataFrame
        Columns unit and time_s, as in Contents.
    """
    n = [len(t) for t in trains]
    times = np.concatenate([np.asarray(t, dtype=np.float64) for t in trains]) if trains else np.empty(0)
    return spike_table(np.asarray(units), times, np.array(n, dtype=np.int64))


def integer_ids(ids: Sequence[Any]) -> tuple[NDArray[np.int64], list[str] | None]:
    """Make ids of units integers.

    Parameters
    ----------
    ids : Sequence
        Ids as the format has them. Text that is a whole number ("12") is that number.

    Returns
    -------
    numbers : NDArray, shape (unit,), int64
        The ids; counted from 0 where one of them is no whole number.
    names : list of str or None
        The ids as text where they are counted; else None.
    """
    words = [str(i) for i in ids]
    if all(w.isdecimal() and str(int(w)) == w and len(w) < 19 for w in words) and len(set(words)) == len(words):
        return np.array([int(w) for w in words], dtype=np.int64), None
    return np.arange(len(words), dtype=np.int64), words


@dataclass(frozen=True)
class Implausible:
    """Why times are hardly milliseconds. observation: what the times would mean. likely_unit: s or us."""

    observation: str
    likely_unit: str


def implausible_as_ms(trains: Sequence[NDArray[np.float64]]) -> Implausible | None:
    """Whether the intervals between spikes of each channel are too long or too short for times in ms; None where not.

    trains: (spike,) each; those with fewer than `MIN_SPIKES` are not used.
    """
    steps = [np.diff(np.sort(t)) for t in trains if len(t) >= MIN_SPIKES and np.isfinite(t).all()]
    near = [float(np.quantile(s, 0.01)) for s in steps]
    middle = [float(np.median(s)) for s in steps]
    if near and min(near) > MAX_NEAR_MS:
        return Implausible(f"99 of 100 spikes of a channel are at least {min(near):.6g} ms apart", "us")
    if middle and max(middle) < MIN_MEDIAN_MS:
        return Implausible(f"half of the spikes of every channel are less than {max(middle):.3g} ms apart", "s")
    return None
