"""Shared spikes against brute force, and what is no copy."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spikebridge.duplicates import n_coincident, share_beyond_chance, shared_spikes
from spikebridge.duplicates.units import COINCIDENCE_S
from spikebridge.types.spike_trains import SpikeTrains

TIMES = st.lists(st.integers(0, 200), max_size=40).map(lambda t: np.sort(np.array(t, dtype=float)) / 4000.0)


def trains(*units: NDArray[np.float64]) -> SpikeTrains:
    n = [len(t) for t in units]
    return SpikeTrains(np.arange(len(units)), np.cumsum([0, *n[:-1]]), np.concatenate(units))


def poisson(rate_hz: float, seed: int, length_s: float = 600.0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0.0, length_s, rng.poisson(rate_hz * length_s)))


def largest_shares(*units: NDArray[np.float64]) -> list[float]:
    """Shares of the first unit with each of the others that it shares most spikes with."""
    return [share for _, _, share in shared_spikes(trains(*units), np.array([0]), np.arange(1, len(units)))]


@given(TIMES, TIMES)
def test_spikes_met_against_brute_force(train: NDArray[np.float64], other_train: NDArray[np.float64]) -> None:
    away = np.abs(train[:, None] - other_train[None, :]).min(axis=1, initial=np.inf)
    clear = np.abs(away - COINCIDENCE_S) > 1e-9  # at the very limit rounding decides
    assert n_coincident(train[clear], other_train) == (away[clear] < COINCIDENCE_S).sum()


@pytest.mark.parametrize("rate_hz", [0.2, 5.0, 80.0])
@pytest.mark.parametrize("kept", [1.0, 0.8, 0.6, 0.4])
def test_the_share_of_a_copy(rate_hz: float, kept: float) -> None:
    """A share of the spikes, a sample away, in a train of other spikes: the longer of the two may be either."""
    rng = np.random.default_rng(1)
    source = poisson(rate_hz, 0)
    copied = source[rng.random(len(source)) < kept] + rng.choice([-1, 0, 1], 1) / 30_000
    target = np.sort(np.r_[copied, poisson(rate_hz * (1 - kept), 2)])
    share = share_beyond_chance(*sorted((source, target), key=len))
    assert share == pytest.approx(kept, abs=0.1)
    assert largest_shares(source, poisson(3.0, 5), target) == ([] if kept < 0.5 else [share])


def test_chance_is_no_copy() -> None:
    """Fast units, units that follow one rhythm, and times rounded to 10 ms meet often without sharing a spike."""
    rng = np.random.default_rng(0)
    assert largest_shares(poisson(60.0, 0), poisson(400.0, 1)) == []
    bursts = np.arange(0.0, 600.0, 0.5)
    common = [np.sort((bursts[:, None] + rng.normal(0, 0.01, (len(bursts), 4))).ravel()) for _ in range(2)]
    assert largest_shares(*common) == []
    assert largest_shares(*(np.unique(np.round(poisson(60.0, k), 2)) for k in range(2))) == []


def test_equal_trains_and_short_ones_are_told_elsewhere() -> None:
    train = poisson(5.0, 0)
    assert largest_shares(train, train) == []
    assert largest_shares(train[:40], train[:39]) == []
    assert largest_shares(train, train[:-3]) == [1.0]


def test_falling_times_are_another_error() -> None:
    train = poisson(5.0, 0)
    assert largest_shares(train, train[::-1] + 1e-5) == []


@pytest.mark.slow
def test_a_thousand_units_take_no_memory() -> None:
    """Nor time: a third of a second, where every pair in full takes a quarter of an hour."""
    n_units, n = 1000, 36_000
    times = np.sort(np.random.default_rng(0).random((n_units, n)) * 3600.0, axis=1)
    times[999, :-3] = times[0, 3:] + 1 / 30_000
    both = SpikeTrains(np.arange(n_units), np.arange(n_units) * n, np.sort(times, axis=1).ravel())
    assert both.isi.n.sum() > 0
    tracemalloc.start()
    pairs = list(shared_spikes(both, np.arange(500), np.arange(500, 1000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(a, b) for a, b, _ in pairs] == [(0, 999)]
    assert peak < 20e6
