"""The decorrelation time on rates whose memory is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from spikebridge.splits import decorrelation_s, gap_s
from spikebridge.types import Windows

Make = Callable[..., Windows]


def wandering(n: int, tau_windows: float, seed: int, size: float = 10.0) -> np.ndarray:
    """(window,): Poisson counts around an Ornstein-Uhlenbeck rate, acf exp(-lag / tau), plus spiking noise."""
    rng = np.random.default_rng(seed)
    keep = np.exp(-1 / tau_windows)
    x = np.zeros(n)
    for i in range(1, n):
        x[i] = keep * x[i - 1] + np.sqrt(1 - keep**2) * rng.normal()
    return rng.poisson(np.clip(60 + size * x, 1, 200))


@pytest.mark.parametrize("tau", [3.0, 6.0])
def test_recovers_the_time_constant_despite_spiking_noise(make_windows: Make, tau: float) -> None:
    estimates = [decorrelation_s(make_windows(600, rate=wandering(3000, tau, seed))) for seed in range(5)]
    # one window more than tau: the curve is normalised at the first lag, not at zero
    assert np.median(estimates) == pytest.approx(tau + 1, rel=0.25)


def test_works_where_spikes_exist_only_inside_trials(make_windows: Make) -> None:
    estimates = []
    for seed in range(5):
        rate = wandering(3000, 12.0, seed)[::5]
        estimates.append(decorrelation_s(make_windows(600, continuous=False, rate=rate)))
    assert np.median(estimates) == pytest.approx(17.0, rel=0.35)


def test_white_noise_has_the_shortest_measurable_memory(make_windows: Make) -> None:
    rate = np.random.default_rng(0).poisson(50, 3000)
    assert decorrelation_s(make_windows(600, rate=rate)) == pytest.approx(1.0)


def test_drift_is_capped(make_windows: Make) -> None:
    assert decorrelation_s(make_windows(200, rate=np.linspace(20, 200, 1000).astype(int))) == 30.0


def test_too_few_windows_to_tell(make_windows: Make) -> None:
    assert decorrelation_s(make_windows(1, continuous=False)) == 30.0
    assert decorrelation_s(make_windows(20, continuous=False, every_s=100.0)) == 30.0


def test_the_larger_of_source_and_target(make_windows: Make) -> None:
    noise = make_windows(600, rate=np.random.default_rng(0).poisson(50, 3000))
    slow = make_windows(600, rate=wandering(3000, 6.0, 1))
    assert decorrelation_s(replace(noise, target=slow.target)) == decorrelation_s(slow)
    assert decorrelation_s(replace(noise, source=slow.source)) == decorrelation_s(slow)


def test_gap_adds_window_and_smoothing(make_windows: Make) -> None:
    w = make_windows(600, rate=np.random.default_rng(0).poisson(50, 3000))
    assert gap_s(w, smoothing_s=0.25) == pytest.approx(1.0 + 0.25 + 1.0, abs=2e-3)


def test_labels_do_not_matter(make_windows: Make) -> None:
    w = make_windows(200, rate=wandering(1000, 4.0, 0))
    assert gap_s(replace(w, label=np.where(w.label >= 0, 1 - w.label, -1))) == gap_s(w)
