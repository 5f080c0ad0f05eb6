"""Measures of units against brute force, closed forms and SpikeInterface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikebridge.preprocess.unit_metrics import (
    ObservedTrain,
    isi_violations,
    presence_ratio,
    rate_change,
    spike_time_grid_s,
)

GAPS = np.array([[0.0, 130.0], [200.0, 520.0], [520.5, 1000.0]])
REFRACTORY_S = 0.0015
BIN_S = 60.0


def poisson(rng: np.random.Generator, rate_hz: float, seconds: float) -> np.ndarray:
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate_hz * seconds)))


def peers() -> Any:
    """SpikeInterface's metrics."""
    why = "SpikeInterface is the oracle; it comes with the extra dev"
    return pytest.importorskip("spikeinterface.metrics.quality.misc_metrics", reason=why)


def brute(train: np.ndarray, observed: np.ndarray) -> tuple[int, float]:
    """Violations and presence, spike by spike."""
    home = [next((k for k, (a, b) in enumerate(observed) if a <= t < b), None) for t in train]
    violations = sum(
        home[i] is not None and home[i] == home[i + 1] and train[i + 1] - train[i] < REFRACTORY_S
        for i in range(len(train) - 1)
    )
    before = np.cumsum(np.r_[0, np.diff(observed, axis=1).ravel()])
    places = [before[h] + t - observed[h, 0] for h, t in zip(home, train, strict=True) if h is not None]
    n_bins = int(before[-1] // BIN_S)
    seen = {int(p // BIN_S) for p in places if p // BIN_S < n_bins}
    return violations, len(seen) / n_bins


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [0.02, 3.0, 80.0])
@pytest.mark.parametrize("observed", [np.array([[0.0, 1000.0]]), GAPS], ids=["whole", "gaps"])
@pytest.mark.quick_cases(4)
def test_against_brute_force(seed: int, rate: float, observed: np.ndarray) -> None:
    train = poisson(np.random.default_rng(seed), rate, 1000.0)
    observed_train = ObservedTrain.of(train, observed)
    violations, presence = brute(train, observed)
    assert isi_violations(observed_train, REFRACTORY_S)[1] == violations
    assert presence_ratio(observed_train, BIN_S) == pytest.approx(presence)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [0.02, 3.0, 80.0])
def test_isi_violations_against_spikeinterface(seed: int, rate: float) -> None:
    """Its recordings come in segments, as ours in observed intervals."""
    train = poisson(np.random.default_rng(seed), rate, 1000.0)
    segments = [train[(train >= a) & (train < b)] for a, b in GAPS]
    ratio, _, count = peers().isi_violations(segments, float(np.diff(GAPS).sum()), REFRACTORY_S)
    assert isi_violations(ObservedTrain.of(train, GAPS), REFRACTORY_S) == (pytest.approx(ratio), count)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [0.005, 0.03, 3.0])
@pytest.mark.parametrize("seconds", [610.0, 1000.0])
def test_presence_ratio_against_spikeinterface(seed: int, rate: float, seconds: float) -> None:
    train = np.append(0.5, poisson(np.random.default_rng(seed), rate, seconds)[1:])
    edges = np.arange(0, seconds + 1e-9, BIN_S)
    theirs = peers().presence_ratio(train, bin_edges=edges)
    assert presence_ratio(ObservedTrain.of(train, np.array([[0.0, seconds]])), BIN_S) == pytest.approx(theirs)


@pytest.mark.slow
def test_a_whole_recording_in_spikeinterface() -> None:
    """Through its own front door, with its own bins and segments."""
    quality, core = peers(), pytest.importorskip("spikeinterface.core")
    rng, clock = np.random.default_rng(0), 30_000.0
    samples = [np.sort(rng.integers(0, int(750 * clock), n)) for n in (20, 400, 40_000)]
    sorting = core.NumpySorting.from_unit_dict([dict(enumerate(samples))], clock)
    recording = core.generate_recording(num_channels=2, sampling_frequency=clock, durations=[750.0], seed=0)
    analyzer = core.create_sorting_analyzer(sorting, recording, sparse=False)
    ratio, count = quality.compute_isi_violations(analyzer)
    presence = quality.compute_presence_ratios(analyzer)
    for unit, ticks in enumerate(samples):
        observed_train = ObservedTrain.of(ticks / clock, np.array([[0.0, 750.0]]))
        assert isi_violations(observed_train, REFRACTORY_S) == (pytest.approx(ratio[unit]), count[unit])
        assert presence_ratio(observed_train, BIN_S) == pytest.approx(presence[unit])


def test_contamination_is_recovered() -> None:
    """A refractory unit with spikes of a Poisson unit mixed in: the ratio is near their share, its meaning."""
    rng = np.random.default_rng(0)
    clean = np.cumsum(0.003 + rng.exponential(0.097, 40_000))
    clean = clean[clean < 3600]
    foreign = poisson(rng, 0.1 * len(clean) / 3600, 3600.0)
    mixed = ObservedTrain.of(np.sort(np.concatenate([clean, foreign])), np.array([[0.0, 3600.0]]))
    share = len(foreign) / len(mixed)
    expected = share * (1 - share) + share**2 / 2  # foreign with own, foreign with foreign: pairs over N^2
    assert isi_violations(mixed, REFRACTORY_S)[0] == pytest.approx(expected, rel=0.15)
    assert isi_violations(ObservedTrain.of(clean, np.array([[0.0, 3600.0]])), REFRACTORY_S) == (0.0, 0.0)


def test_no_interval_crosses_a_gap() -> None:
    train = np.array([0.9995, 2.0, 2.0005, 2.9999])
    observed_train = ObservedTrain.of(train, np.array([[0.0, 1.0], [2.0, 3.0]]))
    assert observed_train.isi_s == pytest.approx([0.0005, 0.9994])
    assert observed_train.position_s == pytest.approx([0.9995, 1.0, 1.0005, 1.9999])
    assert isi_violations(observed_train, REFRACTORY_S)[1] == 1


@settings(max_examples=60)
@given(
    st.lists(st.floats(0, 20), max_size=40).map(sorted),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5)).map(lambda p: (p[0], p[0] + p[1])), max_size=5),
)
def test_observed_trains_hold_what_was_observed(train: list[float], observed: list[tuple[float, float]]) -> None:
    observed_train = ObservedTrain.of(np.array(train), np.array(observed).reshape(-1, 2))
    assert (np.diff(observed_train.position_s) >= -1e-9).all()
    assert (observed_train.position_s >= -1e-9).all()
    assert (observed_train.position_s <= observed_train.total_s + 1e-9).all()
    assert (observed_train.isi_s >= 0).all()
    assert len(observed_train.isi_s) <= max(len(observed_train) - 1, 0)


@pytest.mark.parametrize(("first", "last", "expected"), [(30, 30, 1.0), (99, 0, 0.5 / 99.5), (10, 31, 3.0)])
def test_rate_change(first: int, last: int, expected: float) -> None:
    train = np.concatenate([np.linspace(0, 99, first), np.linspace(110, 190, 7), np.linspace(201, 299, last)])
    assert rate_change(ObservedTrain.of(train, np.array([[0.0, 300.0]]))) == pytest.approx(expected)


def test_a_silent_unit_is_not_judged() -> None:
    silent = ObservedTrain.of(np.empty(0), np.array([[0.0, 1000.0]]))
    assert np.isnan([*isi_violations(silent, REFRACTORY_S), presence_ratio(silent, BIN_S), rate_change(silent)]).all()


@pytest.mark.parametrize("step", [0.0, 1 / 30_000, 0.001, 0.002, 0.005, 0.01, 0.1])
@pytest.mark.parametrize("each_trial", [False, True])
def test_grid(step: float, each_trial: bool) -> None:
    """The grid of the file, or of each trial; it matters only where it is coarser than the refractory time."""
    rng = np.random.default_rng(0)
    observed = np.column_stack([2.0 * np.arange(100), 2.0 * np.arange(100) + 1])
    trains = [poisson(rng, 12.0, 200.0) for _ in range(20)]
    if step:
        trains = [np.floor(t / step) * step for t in trains]
    if each_trial:
        trains = [t + np.floor(t / 2) * 0.0001234 for t in trains]
    grid_s = spike_time_grid_s(np.concatenate([ObservedTrain.of(t, observed).isi_s for t in trains]), REFRACTORY_S)
    assert grid_s == (pytest.approx(step, rel=0.01) if step > REFRACTORY_S else 0.0)


def test_grid_of_files_that_spread_the_spikes_of_a_bin() -> None:
    """k spikes of a 10 ms bin at k even places in it."""
    rng = np.random.default_rng(0)
    trains = []
    for _ in range(20):
        counts = rng.poisson(0.1, 5000)
        trains.append(np.concatenate([0.01 * b + 0.01 * np.arange(k) / k for b, k in enumerate(counts) if k]))
    assert spike_time_grid_s(np.concatenate([np.diff(t) for t in trains]), REFRACTORY_S) == pytest.approx(0.01)


@pytest.mark.parametrize("n", [0, 1, 15])
def test_few_spikes_show_no_grid(n: int) -> None:
    assert spike_time_grid_s(np.full(n, 0.01), REFRACTORY_S) == 0.0
