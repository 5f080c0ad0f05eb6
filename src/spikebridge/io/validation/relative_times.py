"""Whether the times of trials count from the start of each trial, instead of on the clock of the spikes.

Such times do not rise from trial to trial, and trials that begin at the same time would all be open at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.types.intervals import TOLERANCE_S

Array = NDArray[np.float64]

MIN_TRIALS, MIN_TRIALS_ALONE = 5, 10
"""Least number of trials that show a pattern in their times: with start_time, and without."""
MIN_FALLS = 0.2
"""Share of steps from trial to trial that go back in time, from which the rows are in no order of time."""
CLOSE, MIN_CLOSE = 0.2, 0.05
"""Steps shorter than this part of the median one are rare where one trial follows the other: trials take their time.
Times drawn at random have one in eight."""
NEARLY_ALL = 0.95


@dataclass(frozen=True)
class TrialTimes:
    """Times of the trials that are asked for, in the order of the table; NaN where there is none. start, stop: None
    where the table has no such column."""

    align: Array
    start: Array | None
    stop: Array | None


def starts_at_once(times: TrialTimes) -> bool:
    """All trials begin at (nearly) the same time, and what they are aligned to does not rise from trial to trial."""
    known = _known(times)
    if known is None:
        return False
    start, align, stop = known
    length = (align if stop is None else np.fmax(stop, align)) - start
    return bool(np.ptp(start) < max(float(np.median(length)), TOLERANCE_S) and _falls(align) >= MIN_FALLS)


def in_no_order(times: TrialTimes) -> bool:
    """Without start_time: times in no order, as close to each other as times drawn at random."""
    align = times.align[np.isfinite(times.align)]
    if times.start is not None and np.isfinite(times.start).any():
        return False
    if len(align) < MIN_TRIALS_ALONE or _falls(align) < MIN_FALLS:
        return False
    steps = np.diff(np.sort(align))
    return int((steps < CLOSE * np.median(steps)).sum()) >= max(2.0, MIN_CLOSE * len(steps))


def from_start(times: TrialTimes) -> bool:
    """start_time is on the clock of the spikes, but what is aligned to counts from it: added to it, it fits."""
    known = _known(times)
    if known is None:
        return False
    start, at, stop = known
    stop = next_starts(start) if stop is None else stop
    beside = (at < start - TOLERANCE_S) | (at > stop + TOLERANCE_S)
    fits = (at >= -TOLERANCE_S) & (start + at <= stop + TOLERANCE_S)
    return bool(2 * beside.sum() >= len(at) and fits.mean() >= NEARLY_ALL)


def row_of_neighbours(times: TrialTimes) -> int:
    """1 (-1) where what is aligned to lies within the trial of the next (previous) row and not within its own; else 0.

    So it looks where the columns of a table were shifted against each other by one row. Times at the very start or end
    of the neighbour say nothing: a trial may end where the next one begins.
    """
    if times.start is None or times.stop is None:
        return 0
    own = (times.align >= times.start - TOLERANCE_S) & (times.align <= times.stop + TOLERANCE_S)
    for step in (1, -1):
        own_rows, other_rows = (slice(None, -1), slice(1, None)) if step > 0 else (slice(1, None), slice(None, -1))
        at, start, stop = times.align[own_rows], times.start[other_rows], times.stop[other_rows]
        known = np.isfinite(at) & np.isfinite(start) & np.isfinite(stop)
        inside = (at > start + TOLERANCE_S) & (at < stop - TOLERANCE_S)
        if known.sum() < MIN_TRIALS_ALONE:
            continue
        if inside[known].mean() >= NEARLY_ALL and own[own_rows][known].mean() <= 1 - NEARLY_ALL:
            return step
    return 0


def next_starts(start: Array) -> Array:
    """(trial,): the start of the trial after each; infinite for the last, and where a start is not known."""
    order = np.flatnonzero(np.isfinite(start))
    order = order[np.argsort(start[order], kind="stable")]
    ends = np.full(len(start), np.inf)
    ends[order[:-1]] = start[order[1:]]
    return ends


def _known(times: TrialTimes) -> tuple[Array, Array, Array | None] | None:
    """(start, align, stop) of the trials whose start and align are known; None for fewer than `MIN_TRIALS` of them."""
    if times.start is None:
        return None
    known = np.isfinite(times.start) & np.isfinite(times.align)
    if known.sum() < MIN_TRIALS:
        return None
    return times.start[known], times.align[known], None if times.stop is None else times.stop[known]


def _falls(times: Array) -> float:
    """Share of steps between neighbouring rows that do not rise."""
    return float((np.diff(times) <= 0).mean()) if len(times) > 1 else 0.0
