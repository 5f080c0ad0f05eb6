"""Arithmetic on sets of time intervals: (interval, 2) arrays of [start, stop) in seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOLERANCE_S = 1e-6
"""Times nearer than this are one time: far below a sample of any amplifier (33 us), far above rounding of float64."""

Intervals = NDArray[np.float64]


def as_intervals(intervals: ArrayLike) -> Intervals:
    """Any nested sequence of pairs as a (interval, 2) array; empty gives (0, 2)."""
    return np.asarray(intervals, dtype=np.float64).reshape(-1, 2)


def merge_intervals(intervals: ArrayLike, slack_s: float = TOLERANCE_S) -> Intervals:
    """The union, sorted and disjoint. Intervals at most `slack_s` apart become one; empty or NaN ones vanish."""
    pairs = as_intervals(intervals)
    pairs = pairs[pairs[:, 1] > pairs[:, 0]]
    if not len(pairs):
        return pairs
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    reach = np.maximum.accumulate(pairs[:, 1])
    first = np.r_[True, pairs[1:, 0] > reach[:-1] + slack_s]
    last = np.r_[first[1:], True]
    return np.column_stack([pairs[first, 0], reach[last]])


def intersect_intervals(sets: Sequence[ArrayLike]) -> Intervals:
    """The time that lies in every one of the sets."""
    merged = [merge_intervals(s) for s in sets]
    pairs = np.concatenate(merged) if merged else as_intervals([])
    times = pairs.T.ravel()
    steps = np.repeat([1, -1], len(pairs))
    order = np.lexsort((steps, times))  # at equal times an end comes before a start: touching is not overlapping
    times, depth = times[order], np.cumsum(steps[order])
    inside = np.flatnonzero(depth == len(merged))
    inside = inside[inside + 1 < len(times)]
    return merge_intervals(np.column_stack([times[inside], times[inside + 1]]))


def subtract_intervals(intervals: ArrayLike, holes: ArrayLike) -> Intervals:
    """The time that lies in `intervals` and in none of the `holes`."""
    merged = merge_intervals(holes)
    outside = np.r_[-np.inf, merged.ravel(), np.inf].reshape(-1, 2)
    return intersect_intervals([intervals, outside])


def inside_intervals(start_s: ArrayLike, stop_s: ArrayLike, intervals: ArrayLike) -> NDArray[np.bool_]:
    """Which of [start, stop) lie wholly inside one of the intervals, give or take `TOLERANCE_S`. NaN lies nowhere."""
    merged = merge_intervals(intervals)
    start, stop = np.asarray(start_s, dtype=np.float64), np.asarray(stop_s, dtype=np.float64)
    if not len(merged):
        return np.zeros(start.shape, dtype=bool)
    home = np.searchsorted(merged[:, 0], start + TOLERANCE_S, side="right") - 1
    return (home >= 0) & (stop <= merged[np.maximum(home, 0), 1] + TOLERANCE_S) & (stop >= start)


def distance_to(start_s: NDArray[np.float64], stop_s: NDArray[np.float64], span: ArrayLike) -> NDArray[np.float64]:
    """Seconds between each [start, stop) and one span (2,); negative where they overlap."""
    first, last = np.asarray(span, dtype=np.float64)
    return np.maximum(first - stop_s, start_s - last)


def total_s(intervals: ArrayLike) -> float:
    """Seconds covered by the union."""
    merged = merge_intervals(intervals)
    return float(np.sum(merged[:, 1] - merged[:, 0]))
