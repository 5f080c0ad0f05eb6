"""The baseline without the source: recovered where it is there, absent where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spikebridge.baseline import Baseline, fit_baseline
from spikebridge.types import Windows

N, BINS, UNITS = 200, 20, 12


def windows(rates: np.ndarray, rng: np.random.Generator) -> Windows:
    """Trial windows two seconds apart; rates: (window, bin, unit), expected spikes."""
    start = 2.0 * np.arange(len(rates))
    counts = rng.poisson(rates).astype(np.uint8)
    return Windows(
        recording="r", source=counts, target=counts, start_s=start, bin_s=0.05, trial=np.arange(len(rates)),
        label=np.zeros(len(rates), np.int64), decision_s=start + 1, classes=("a", "b"),
        source_units=np.arange(UNITS), target_units=np.arange(UNITS),
    )  # fmt: skip


@pytest.fixture
def drifting() -> tuple[Windows, np.ndarray]:
    """Units that drift and follow the window, and the truth in logs, each unit's mean taken out."""
    rng = np.random.default_rng(3)
    slow = 0.6 * np.sin(2 * np.pi * np.arange(N)[:, None] / N + rng.uniform(0, 6, UNITS))
    shape = 0.8 * np.sin(np.linspace(0, 3, BINS)[:, None] + rng.uniform(0, 6, UNITS))
    truth = slow[:, None, :] + shape
    return windows(0.3 * np.exp(truth), rng), truth


def test_drift_and_window_mean_are_recovered(drifting: tuple[Windows, np.ndarray]) -> None:
    w, truth = drifting
    held = np.arange(90, 105)  # predicted from the other windows
    baseline, _ = fit_baseline(w.select(np.setdiff1d(np.arange(N), held)), psth=True, drift=True)
    offset = baseline.log_offset(w.select(held)).array()
    for part, true in (
        (offset.mean(axis=1), truth[held].mean(axis=1)),
        (offset.mean(axis=0), truth[held].mean(axis=0)),
    ):
        assert np.corrcoef((part - part.mean()).ravel(), (true - true.mean()).ravel())[0, 1] > 0.85


def test_nothing_is_found_in_steady_units() -> None:
    w = windows(np.full((N, BINS, UNITS), 0.3), np.random.default_rng(5))
    baseline, crossed = fit_baseline(w, psth=True, drift=True)
    assert np.abs(baseline.log_offset(w).array()).max() < 0.1
    assert np.abs(crossed.array()).max() < 0.1


def test_the_offset_of_a_window_is_fitted_to_other_windows(drifting: tuple[Windows, np.ndarray]) -> None:
    """Cross-fitting: the offset of a block stays when its counts change, other choices fixed."""
    w, _ = drifting
    first = np.arange(N) < N // 5
    loud = replace(w, target=np.where(first[:, None, None], w.target * 2, w.target))
    before, after = (fit_baseline(x, psth=False, drift=True)[1].array() for x in (w, loud))
    np.testing.assert_allclose(before[first], after[first], atol=0.35)  # the mean rate it is relative to has moved
    inside = fit_baseline(loud, psth=False, drift=True)[0].log_offset(loud).array()[first].mean()
    assert after[first].mean() < inside - 0.1


@pytest.mark.parametrize("what", ["psth", "drift"])
def test_what_is_not_asked_for_is_not_there(drifting: tuple[Windows, np.ndarray], what: str) -> None:
    w, _ = drifting
    baseline, _ = fit_baseline(w, psth=what == "psth", drift=what == "drift")
    gain = baseline.log_offset(w).array()
    assert np.ptp(gain, axis=1 if what == "drift" else 0).max() == 0
    assert np.ptp(gain, axis=0 if what == "drift" else 1).max() > 0.1


def test_other_windows_have_no_window_mean_and_unknown_times_no_drift(drifting: tuple[Windows, np.ndarray]) -> None:
    w, _ = drifting
    baseline, _ = fit_baseline(w, psth=True, drift=True)
    between = replace(w, trial=np.full(N, -1))
    assert np.ptp(baseline.log_offset(between).array(), axis=1).max() == 0
    whenever = replace(w, start_s=np.full(N, np.nan), trial=np.full(N, -1))
    assert (baseline.log_offset(whenever).array() == 0).all()


def test_kernel_mean_by_hand(drifting: tuple[Windows, np.ndarray]) -> None:
    w, _ = drifting
    totals = w.target.sum(axis=1).astype(float)
    baseline = Baseline(np.ones((BINS, UNITS)), w.start_s, totals, np.ones(UNITS), kernel_s=30.0, prior=3.0)
    weight = [np.exp(-0.5 * ((w.start_s[7] - t) / 30.0) ** 2) for t in w.start_s]
    top = sum(k * spikes[4] for k, spikes in zip(weight, totals, strict=True)) + 3.0
    bottom = sum(weight) * totals[:, 4].mean() + 3.0
    assert baseline.log_offset(w).array()[7, 11, 4] == pytest.approx(np.log(top / bottom))


def test_silent_units_and_few_windows_stay_finite() -> None:
    w = windows(np.zeros((3, BINS, UNITS)), np.random.default_rng(0))
    baseline, crossed = fit_baseline(w, psth=True, drift=True)
    assert np.isfinite(baseline.log_offset(w).array()).all() and np.isfinite(crossed.array()).all()


def test_it_comes_back_from_its_arrays(drifting: tuple[Windows, np.ndarray]) -> None:
    w, _ = drifting
    baseline, _ = fit_baseline(w, psth=True, drift=True)
    again = Baseline.from_arrays({k: np.atleast_1d(v) for k, v in baseline.arrays().items()})
    assert np.array_equal(baseline.log_offset(w).array(), again.log_offset(w).array())
