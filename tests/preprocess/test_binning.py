"""Binning against a loop, against numpy.histogram, and at the edges of bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikebridge.preprocess import bin_windows, binning
from spikebridge.preprocess.binning import bin_trains


def brute_force(times, units, n_units, starts, n_bins, bin_s):  # type: ignore[no-untyped-def]
    out = np.zeros((len(starts), n_bins, n_units), dtype=int)
    for w, start in enumerate(starts):
        for b in range(n_bins):
            for t, u in zip(times, units, strict=True):
                out[w, b, u] += start + b * bin_s <= t < start + (b + 1) * bin_s
    return out


def test_a_hand_made_case() -> None:
    counts = bin_windows(np.array([0.1, 0.1, 0.6, 1.2]), np.array([0, 0, 1, 0]), 2, np.array([0.0, 1.0]), 2, 0.5)
    assert counts.tolist() == [[[2, 0], [0, 1]], [[1, 0], [0, 0]]]
    assert counts.dtype == np.uint8


@pytest.mark.parametrize("seed", range(3))
def test_against_a_loop_with_overlapping_and_unsorted_windows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(-1, 6, 200))
    units = rng.integers(0, 3, 200)
    starts = rng.uniform(0, 4, 7)
    expected = brute_force(times, units, 3, starts, 5, 0.3)
    assert np.array_equal(bin_windows(times, units, 3, starts, 5, 0.3), expected)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 6), st.sampled_from([0.07, 0.3]), st.booleans())
def test_against_a_loop_in_windows_of_any_kind(seed: int, n_units: int, n_bins: int, bin_s: float, chain: bool) -> None:
    """Windows that touch in chains (in any order), overlap, are equal, or leave time out; units by any grouping."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(-0.5, 5, rng.integers(0, 80)))
    units = rng.integers(0, n_units, len(times))
    length = n_bins * bin_s
    starts = np.arange(1, 6) * length if chain else rng.integers(0, 5, 6) * length / 2 + rng.choice([0, 0.11], 6)
    starts = rng.permutation(starts)
    expected = brute_force(times, units, n_units, starts, n_bins, bin_s)
    assert np.array_equal(bin_windows(times, units, n_units, starts, n_bins, bin_s), expected)
    order = np.argsort(units, kind="stable")
    assert np.array_equal(bin_windows(times[order], units[order], n_units, starts, n_bins, bin_s), expected)


def test_against_numpy_histogram() -> None:
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 10, 1000))
    counts = bin_windows(times, np.zeros(1000, dtype=int), 1, np.array([2.0]), 60, 0.1)
    assert np.array_equal(counts[0, :, 0], np.histogram(times, 2.0 + 0.1 * np.arange(61))[0])


@pytest.mark.parametrize("start", [0.0, 0.1, 71.202703, 86400.3])
@pytest.mark.parametrize("bin_s", [0.01, 0.02, 0.05, 0.1])
def test_spikes_on_the_edges_fall_into_the_bin_that_begins_there(start: float, bin_s: float) -> None:
    """0.15 / 0.05 is 2.9999999999999996 in floating point; such a spike opens bin 3."""
    edges = start + np.arange(40) * bin_s
    counts = bin_windows(edges, np.zeros(40, dtype=int), 1, np.array([start]), 40, bin_s)
    assert (counts == 1).all()
    # nor does the spike at the end of the window belong to it
    last = bin_windows(np.array([start + 40 * bin_s]), np.zeros(1, dtype=int), 1, np.array([start]), 40, bin_s)
    assert last.sum() == 0


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 4000), max_size=60).map(sorted),
    st.sampled_from([0.01, 0.05, 0.07, 1 / 3]),
    st.integers(1, 7),
    st.floats(0, 1e5, allow_subnormal=False),
)
def test_windows_that_tile_time_conserve_spikes(ms: list[int], bin_s: float, n_bins: int, start: float) -> None:
    times = start + np.array(ms, dtype=float) / 1000
    units = np.arange(len(ms)) % 3
    starts = start + np.arange(int(4.1 / (n_bins * bin_s)) + 2) * (n_bins * bin_s)
    counts = bin_windows(times, units, 3, starts, n_bins, bin_s)
    assert np.array_equal(counts.sum(axis=(0, 1)), np.bincount(units, minlength=3))


def test_no_spike_falls_between_windows_that_touch() -> None:
    """Every float next to the ends of three windows, where each end is rounded in its own way."""
    starts = 71.202703 + np.arange(3) * 0.3
    near = np.concatenate([starts[1:] - 1e-6 * 0.1, starts[:-1] + 0.3 - 1e-6 * 0.1])
    times = np.sort(np.unique([near + k * np.spacing(71.0) for k in range(-20, 21)]))
    counts = bin_windows(times, np.zeros(len(times), dtype=int), 1, starts, 3, 0.1)
    assert counts.sum() == len(times)


@pytest.mark.parametrize(("n", "dtype"), [(0, np.uint8), (255, np.uint8), (256, np.uint16), (70_000, np.uint32)])
def test_smallest_type_that_holds_the_largest_count(n: int, dtype: type) -> None:
    counts = bin_windows(np.full(n, 0.2), np.zeros(n, dtype=int), 1, np.array([0.0]), 1, 1.0)
    assert counts.dtype == dtype
    assert counts.sum() == n


@pytest.mark.parametrize("busy", [0, 3, 6])
@pytest.mark.parametrize("n", [254, 255, 256, 300, 66_000])
def test_blocks_of_units_make_no_difference(monkeypatch: pytest.MonkeyPatch, busy: int, n: int) -> None:
    """Also where they differ in their largest count, hence in type: narrow before wide, and wide before narrow."""
    rng = np.random.default_rng(n)
    trains = [np.sort(rng.uniform(0, 20, 300)) for _ in range(7)]
    trains[busy] = np.sort(np.concatenate([trains[busy], np.full(n, 7.05)]))
    starts = rng.permutation(np.arange(0.0, 20.0))
    whole = bin_trains(trains, starts, 10, 0.1)
    monkeypatch.setattr(binning, "UNITS_AT_ONCE", 2)
    blocks = bin_trains(trains, starts, 10, 0.1)
    assert np.array_equal(blocks, whole)
    assert blocks.dtype == whole.dtype == np.min_scalar_type(whole.max())
    alone = [bin_trains([train], starts, 10, 0.1)[..., 0] for train in trains]
    assert np.array_equal(whole, np.stack(alone, axis=-1))
    assert whole.flags.c_contiguous
    assert whole.sum() == sum(map(len, trains))


def test_no_windows_and_no_units() -> None:
    assert bin_windows(np.array([0.2]), np.array([0]), 4, np.empty(0), 3, 1.0).shape == (0, 3, 4)
    assert bin_windows(np.empty(0), np.empty(0, dtype=int), 0, np.zeros(2), 3, 1.0).shape == (2, 3, 0)
    assert bin_trains([], np.empty(0), 3, 1.0).dtype == np.uint8
