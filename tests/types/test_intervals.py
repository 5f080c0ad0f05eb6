"""Interval arithmetic against a brute-force grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikebridge.types.intervals import (
    distance_to,
    inside_intervals,
    intersect_intervals,
    merge_intervals,
    subtract_intervals,
    total_s,
)

# Whole seconds, so that a grid of half seconds tells exactly which moments are covered.
pairs = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)).map(lambda p: (p[0], p[0] + p[1])), max_size=8)
GRID = np.arange(-1, 30) + 0.5


def covered(intervals: object) -> np.ndarray:
    array = np.asarray(intervals, dtype=float).reshape(-1, 2)
    return np.any((array[:, :1] <= GRID) & (array[:, 1:] > GRID), axis=0) if len(array) else np.zeros(len(GRID), bool)


@given(pairs)
def test_merge_covers_the_same_time_once(intervals: list[tuple[int, int]]) -> None:
    merged = merge_intervals(intervals)
    assert np.array_equal(covered(merged), covered(intervals))
    assert (merged[1:, 0] > merged[:-1, 1]).all()
    assert total_s(intervals) == covered(intervals).sum()


@given(pairs, pairs, pairs)
def test_intersection_and_difference(a: list, b: list, c: list) -> None:
    assert np.array_equal(covered(intersect_intervals([a, b, c])), covered(a) & covered(b) & covered(c))
    assert np.array_equal(covered(subtract_intervals(a, b)), covered(a) & ~covered(b))


def test_empty_sets() -> None:
    assert merge_intervals([]).shape == (0, 2)
    assert intersect_intervals([[(0, 1)], []]).shape == (0, 2)
    assert intersect_intervals([]).shape == (0, 2)
    assert not inside_intervals([0.0], [1.0], []).any()


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(0.0, 1.0, True), (0.5, 2.0, True), (2.9, 3.1, False), (-1e-9, 1.0, True), (3.0, 5.0 + 1e-9, True),
     (3.0, 5.1, False), (np.nan, 1.0, False), (0.0, np.nan, False)],
)  # fmt: skip
def test_inside(start: float, stop: float, expected: bool) -> None:
    # the first two touch and are one
    assert inside_intervals([start], [stop], [(0, 1), (1, 2), (3, 5)]).tolist() == [expected]


def test_distance() -> None:
    start, stop = np.array([0.0, 4.0, 12.0]), np.array([1.0, 6.0, 13.0])
    assert distance_to(start, stop, [5, 10]).tolist() == [4.0, -1.0, 2.0]


def test_nan_intervals_vanish() -> None:
    assert merge_intervals([(0, 1), (np.nan, 2), (3, np.nan)]).tolist() == [[0, 1]]
