"""Intervals between spikes against brute force, and the unit of time told from them."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikebridge.io.readers import nwb
from spikebridge.io.validation.time_unit import why_not_seconds
from spikebridge.types import spike_trains as module
from spikebridge.types.spike_trains import ISI_LIMITS_S, SHORT_S, SpikeTrains, spike_trains

SPIKES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 7.0, float("nan"), float("inf"), -1.0]),
    ),
    max_size=30,
)


def table(rows: list[tuple[int, float]]) -> pd.DataFrame:
    units = np.array([u for u, _ in rows], dtype=np.int64)
    return pd.DataFrame({"unit": units, "time_s": np.array([t for _, t in rows], dtype=np.float64)})


@given(SPIKES, st.integers(1, 7))
def test_intervals_against_brute_force(rows: list[tuple[int, float]], piece: int) -> None:
    """Grouped or not, in pieces of any size."""
    finite = [(u, t) for u, t in rows if np.isfinite(t)]
    each = {u: np.diff([t for v, t in finite if v == u]) for u in {u for u, _ in finite}}
    steps = np.concatenate([np.empty(0), *each.values()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", piece)
        trains = SpikeTrains.from_table(table(rows))
        intervals = trains.isi
    assert sorted(trains.unit.tolist()) == sorted(each)
    assert {int(trains.unit[t]) for t in intervals.decreasing} == {u for u, d in each.items() if (d < 0).any()}
    for train, spike in intervals.decreasing.items():
        assert trains.start[train] <= spike < trains.start[train] + trains.n[train] - 1
        assert trains.times[spike + 1] < trains.times[spike]
    assert dict(zip(trains.unit.tolist(), intervals.repeats.tolist(), strict=True)) == {
        u: (d == 0).sum() for u, d in each.items()
    }
    assert intervals.n.sum() == (steps > 0).sum()
    for train, unit in enumerate(trains.unit.tolist()):
        inside = each[unit]
        assert intervals.n[train] == (inside > 0).sum()
        assert intervals.n_short[train] == ((inside > 0) & (inside < SHORT_S)).sum()
        assert intervals.shortest_s[train] == inside[inside > 0].min(initial=np.inf)
        alone = trains.only(trains.unit == unit)
        assert (alone.span, alone.n_spikes) == ((trains.of(train).min(), trains.of(train).max()), len(inside) + 1)
        assert (alone.isi.repeats, alone.isi.below[:, 0].tolist()) == (
            [intervals.repeats[train]],
            intervals.below[:, train].tolist(),
        )
        assert intervals.below[:, train].tolist() == [((inside > 0) & (inside < limit)).sum() for limit in ISI_LIMITS_S]
        assert intervals.squares[train] == (inside**2).sum()


def poisson(rates_hz: list[float], length_s: float) -> SpikeTrains:
    rng = np.random.default_rng(0)
    units = [np.sort(rng.uniform(0, length_s, rng.poisson(r * length_s))) for r in rates_hz]
    return SpikeTrains.from_table(table([(u, t) for u, times in enumerate(units) for t in times]))


@pytest.mark.parametrize(
    ("rates_hz", "length_s"),
    [([1.0] * 5, 60.0), ([0.02] * 20, 7200.0), ([200.0] * 2, 60.0), ([5.0, 20.0, 60.0], 3600.0), ([0.1] * 30, 3.0e5)],
    ids=["minute", "silent cells", "multi-unit", "hour", "four days"],
)
def test_seconds_are_told_from_other_units_of_time(rates_hz: list[float], length_s: float) -> None:
    sound = poisson(rates_hz, length_s)
    assert why_not_seconds(sound) is None
    assert why_not_seconds(replace(sound, times=np.rint(sound.times * 30_000.0)))
    assert why_not_seconds(replace(sound, times=sound.times * 1.0e6))
    assert why_not_seconds(replace(sound, times=sound.times / 3.6e4)) or np.median(rates_hz) < 0.1
    if np.median(rates_hz) < 20.0:
        assert "milliseconds" in str(why_not_seconds(replace(sound, times=sound.times * 1000.0)))


def neurons(rate_hz: float, rest_s: float = 0.003, length_s: float = 600.0, n: int = 4) -> SpikeTrains:
    """Poisson trains with a refractory time."""
    rng = np.random.default_rng(0)
    units = [np.cumsum(rest_s + rng.exponential(1 / rate_hz - rest_s, int(2 * rate_hz * length_s))) for _ in range(n)]
    return SpikeTrains.from_table(table([(u, t) for u, times in enumerate(units) for t in times[times < length_s]]))


@pytest.mark.parametrize("rate_hz", [0.1, 1.0, 5.0, 14.0, 50.0, 100.0])
def test_refractory_neurons_are_in_seconds(rate_hz: float) -> None:
    assert why_not_seconds(neurons(rate_hz)) is None


@pytest.mark.parametrize(
    ("rate_hz", "factor"),
    [(14.0, 100.0), (50.0, 100.0), (5.0, 1e3), (20.0, 1e3), (60.0, 1e3), (1.0, 3e4), (5.0, 1 / 60), (14.0, 1 / 60)],
)
def test_refractory_neurons_in_other_units(rate_hz: float, factor: float) -> None:
    sound = neurons(rate_hz)
    assert why_not_seconds(replace(sound, times=sound.times * factor))


def test_a_pacemaker_is_no_slow_clock() -> None:
    """Regular units of one spike a second have no short interval either, and so have units with a long rest."""
    rng = np.random.default_rng(0)
    for intervals in (rng.gamma(25.0, 1 / 25.0, (4, 3000)), 0.4 + rng.exponential(0.6, (4, 3000))):
        times = np.cumsum(intervals, axis=1)
        rows = [(u, t) for u, train in enumerate(times) for t in train]
        assert why_not_seconds(SpikeTrains.from_table(table(rows))) is None


@pytest.mark.parametrize("factor", [100.0, 1000.0, 1 / 60, 1 / 3600])
@pytest.mark.slow
def test_real_neurons(real_folder: Path, factor: float) -> None:
    """Spikes of 0.4 s around each stimulus, known to 10 ms: no false alarm there, and the wrong unit is told."""
    for path in sorted(real_folder.glob("*.nwb")):
        trains = SpikeTrains.from_table(nwb.read(path, nwb.Options()).spikes)
        assert why_not_seconds(trains) is None
        assert why_not_seconds(replace(trains, times=trains.times * factor)) is not None, path


def test_memory_stays_a_fraction_of_the_spikes() -> None:
    n_units, n = 400, 20_000
    rng = np.random.default_rng(0)
    spikes = pd.DataFrame(
        {"unit": np.repeat(np.arange(n_units), n), "time_s": np.sort(rng.random((n_units, n)) * 3600.0, axis=1).ravel()}
    )
    size = spikes.memory_usage().sum()
    tracemalloc.start()
    assert why_not_seconds(SpikeTrains.from_table(spikes)) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.8 * size


def test_unit_ids_may_be_huge_and_in_any_order() -> None:
    ids = np.array([10**12, 5, 10**9])
    times, units = np.array([3.0, 1.0, 2.0, 0.5]), np.array([10**9, 10**12, 5, 7])
    assert [t.tolist() for t in spike_trains(times, units, ids)] == [[1.0], [2.0], [3.0]]
    grouped = np.argsort(units, kind="stable")
    assert [t.tolist() for t in spike_trains(times[grouped], units[grouped], ids)] == [[1.0], [2.0], [3.0]]


def test_order_is_checked_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grouped spikes give views of the table; others are sorted first."""
    monkeypatch.setattr(module, "CHUNK", 2)
    for units in ([0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 2], [0], []):
        times, ids = np.arange(len(units), dtype=float), np.unique(np.array(units, dtype=int))
        trains = spike_trains(times, np.array(units, dtype=int), ids)
        assert [t.tolist() for t in trains] == [[k for k, u in enumerate(units) if u == unit] for unit in ids]
        assert all(np.shares_memory(t, times) for t in trains) == (units == sorted(units))
