"""Translators other than seq2seq: known answers, second implementations, closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_windows import low_rank_link, parts, windows_of
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import PoissonRegressor

from spikebridge import metrics, models
from spikebridge.baseline import Baselines, fit_baseline
from spikebridge.config import BaselineConfig
from spikebridge.models.parts.regressors import SmoothedPsth, spike_history
from spikebridge.types import Windows

STILL = {"smoothing_s": 0.001, "max_lag_s": 0.0}  # no smoothing, no lags: the predictors are the counts


def fitted(name: str, train: Windows, course: bool = False, **params: Any) -> models.Model:
    """course: whether the PSTH is in the baseline; there is no drift."""
    model = models.create(name, params, baselines=Baselines(BaselineConfig(psth=course, drift=False)))
    model.fit([train], [], np.random.default_rng(0))
    return model


def bits(model: models.Model, train: Windows, test: Windows) -> float:
    rates = model.predict(test).rates
    assert rates is not None
    return metrics.bits_per_spike(*metrics.information(rates, test.target, train.target.mean(axis=(0, 1))))


# --- mean rate and PSTH ----------------------------------------------------------------------------------------------


def test_mean_rate_is_the_training_mean_and_zero_bits() -> None:
    train, test = parts(low_rank_link(1))
    model = fitted("mean_rate", train)
    np.testing.assert_allclose(model.predict(test).rates[3, 4], train.target.mean(axis=(0, 1)), rtol=1e-6)
    assert bits(model, train, test) == pytest.approx(0.0, abs=1e-7)


@pytest.fixture(scope="module")
def locked() -> tuple[Windows, Windows]:
    """Trials whose rates follow a course, and continuous windows at another, constant rate."""
    rng = np.random.default_rng(1)
    course = 2.0 + 1.5 * np.sin(np.arange(20) / 3)[:, None] * np.array([1.0, -1.0, 0.5])
    rates = np.tile(course, (200, 1, 1))
    rates[1::2] = 3.0
    trial = np.where(np.arange(200) % 2 == 0, np.arange(200), -1)
    return parts(windows_of(rng.poisson(1.0, (200, 20, 4)), rng.poisson(rates), trial=trial))


def test_psth_is_the_shrunk_smoothed_mean_of_trials(locked: tuple[Windows, Windows]) -> None:
    train, test = locked
    rates = fitted("psth", train, smoothing_s=0.1, shrink_windows=10.0).predict(test).rates
    mean, n = train.target.mean(axis=(0, 1)), int(train.in_trial.sum())
    course = np.mean([w for w, t in zip(train.target, train.trial, strict=True) if t >= 0], axis=0)
    course = gaussian_filter1d(course, 1.0, axis=0, mode="nearest")
    np.testing.assert_allclose(rates[test.in_trial][0], (n * course + 10 * mean) / (n + 10), rtol=1e-5)
    np.testing.assert_allclose(rates[~test.in_trial][0], np.tile(mean, (20, 1)), rtol=1e-6)


def test_psth_finds_the_course_and_nothing_where_there_is_none(locked: tuple[Windows, Windows]) -> None:
    train, test = locked
    inside = test.select(test.in_trial)
    truth = 2.0 + 1.5 * np.sin(np.arange(20) / 3)[:, None] * np.array([1.0, -1.0, 0.5])
    rates = fitted("psth", train).predict(inside).rates[0]
    assert np.corrcoef(rates.ravel(), truth.ravel())[0, 1] > 0.97
    assert bits(fitted("psth", train), train, inside) > 0.05
    still = low_rank_link(1)
    assert abs(bits(fitted("psth", parts(still)[0]), *parts(still))) < 0.002


@pytest.mark.parametrize("name", ["ridge", "reduced_rank", "poisson_glm", "target_history", "target_history_source"])
def test_the_course_of_a_trial_as_a_term(name: str, locked: tuple[Windows, Windows]) -> None:
    """A source that says nothing: all that can be predicted is the course, and the model with it predicts that."""
    train, test = locked
    inside = test.select(test.in_trial)
    penalty = {"penalty": 1e4} | ({"source_penalty": 1e4} if name == "target_history_source" else {})
    with_course = bits(fitted(name, train, course=True, **penalty), train, inside)
    best = bits(fitted("psth", train, smoothing_s=0.15), train, inside)
    without = bits(fitted(name, train, **penalty), train, inside)
    assert with_course > without + 0.02
    assert with_course > 0.9 * best


def test_no_course_is_the_mean(locked: tuple[Windows, Windows]) -> None:
    train, _ = locked
    part = SmoothedPsth.fit(train.target, train)
    np.testing.assert_allclose(part.curve, np.tile(part.mean, (20, 1)))


def test_ridge_with_a_course_is_regression_of_what_it_leaves(locked: tuple[Windows, Windows]) -> None:
    """The target without its cross-fitted course, then least squares with the penalty, by normal equations."""
    train = locked[0].select(locked[0].in_trial)
    test = locked[1].select(locked[1].in_trial)
    rates = fitted("ridge", train, course=True, penalty=0.3, **STILL).predict(test).rates
    known = fit_baseline(train, psth=True, drift=False)
    mean = train.source.mean(axis=(0, 1))
    x = (train.source - mean).reshape(-1, 4)
    y = (train.target - known.crossed_rates().astype(float)).reshape(-1, 3)
    strength = 0.3 * np.mean(x**2) * len(x)
    slope = np.linalg.solve(x.T @ x + strength * np.eye(4), x.T @ y)
    without = known.baseline.rates(test)
    expected = without + (test.source - mean) @ slope
    np.testing.assert_allclose(rates, np.maximum(expected, 0.05 * without), rtol=1e-5)


# --- reduced rank ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2, 4])
def test_reduced_rank_finds_the_rank(rank: int) -> None:
    ranks = [fitted("reduced_rank", low_rank_link(rank, seed), penalty=0.3, **STILL).rank("made") for seed in range(5)]
    assert sum(f == rank for f in ranks) >= 4, ranks


def test_reduced_rank_beats_ridge_where_the_link_has_few_dimensions() -> None:
    train, test = parts(low_rank_link(2, n=80))
    ridge, reduced = (fitted(name, train, penalty=0.01, **STILL) for name in ("ridge", "reduced_rank"))
    assert bits(reduced, train, test) > bits(ridge, train, test) + 0.002 > 0.05


def test_full_rank_is_ridge_and_rank_zero_the_mean() -> None:
    train, test = parts(low_rank_link(2, n=60))
    ridge = fitted("ridge", train, penalty=0.5).predict(test).rates
    np.testing.assert_allclose(
        fitted("reduced_rank", train, penalty=0.5, rank=15).predict(test).rates, ridge, rtol=1e-4
    )
    mean = fitted("mean_rate", train).predict(test).rates
    np.testing.assert_allclose(fitted("reduced_rank", train, rank=0).predict(test).rates, mean, rtol=1e-6)


def test_reduced_rank_is_the_best_approximation_of_that_rank() -> None:
    """Truncated singular values of the ridge prediction, in units of the root of the mean rate (Izenman 1975)."""
    train, _ = parts(low_rank_link(3, n=60))
    model = fitted("reduced_rank", train, penalty=0.2, rank=2, **STILL)
    x = (train.source - train.source.mean(axis=(0, 1))).reshape(-1, 20)
    scale = np.sqrt(train.target.mean(axis=(0, 1)))
    y = ((train.target - train.target.mean(axis=(0, 1))) / scale).reshape(-1, 15)
    full = x @ np.linalg.solve(x.T @ x + 0.2 * np.mean(x**2) * len(x) * np.eye(20), x.T @ y)
    u, s, v = np.linalg.svd(full, full_matrices=False)
    expected = train.target.mean(axis=(0, 1)) + ((u[:, :2] * s[:2]) @ v[:2] * scale).reshape(train.target.shape)
    floored = np.maximum(expected, 0.05 * train.target.mean(axis=(0, 1)))
    np.testing.assert_allclose(model.predict(train).rates, floored, rtol=1e-4)


# --- Poisson GLM -----------------------------------------------------------------------------------------------------


def test_poisson_glm_is_that_regression_on_the_predictors_of_ridge() -> None:
    train, test = parts(low_rank_link(2, n=60))
    penalty = 0.5
    model = fitted("poisson_glm", train, penalty=penalty, **STILL)
    x = train.source.reshape(-1, 20).astype(float)
    mean = x.mean(axis=0)
    y = train.target.reshape(-1, 15)
    alpha = penalty * np.mean((x - mean) ** 2) * y.mean()
    for u in (0, 7):
        oracle = PoissonRegressor(alpha=alpha, tol=1e-10, max_iter=5000).fit(x - mean, y[:, u])
        highest = oracle.predict(x - mean).max()
        expected = np.minimum(oracle.predict(test.source.reshape(-1, 20) - mean), highest)
        np.testing.assert_allclose(model.predict(test).rates[..., u].ravel(), expected, rtol=5e-3)


def test_poisson_glm_finds_a_multiplicative_link() -> None:
    """log rate linear in the source: the GLM reaches what the true rates reach, ridge does not."""
    rng = np.random.default_rng(0)
    source = rng.poisson(1.0, (400, 10, 5))
    rates = np.exp(-0.5 + (source - 1.0) @ rng.normal(0, 0.5, (5, 6)))
    train, test = parts(windows_of(source, np.minimum(rng.poisson(rates), 255)))
    glm, ridge = (fitted(name, train, penalty=0.01, **STILL) for name in ("poisson_glm", "ridge"))
    oracle = metrics.bits_per_spike(
        *metrics.information(rates[len(train) :], test.target, train.target.mean(axis=(0, 1)))
    )
    assert bits(glm, train, test) > 0.98 * oracle
    assert bits(glm, train, test) > bits(ridge, train, test) + 0.05


@pytest.mark.parametrize("name", ["ridge", "reduced_rank", "psth", "poisson_glm", "target_history_source"])
def test_silent_units_do_no_harm(name: str) -> None:
    w = low_rank_link(1, n=40)
    source, target = w.source.copy(), w.target.copy()
    source[:, :, 3], target[:, :, 5] = 0, 0
    silent = windows_of(source, target)
    rates = fitted(name, silent).predict(silent).rates
    assert np.isfinite(rates).all() and rates[..., 5].max() < 1e-5 and rates[..., 4].min() > 0
    dead = windows_of(0 * source, 0 * target)
    assert fitted(name, dead).predict(dead).rates.max() < 1e-5


# --- the target's own past -------------------------------------------------------------------------------------------


def autoregressive(gain: float, seed: int = 0) -> Windows:
    """Twelve target units of which each follows the last bin of its neighbour and its own; the source drives unit 0."""
    rng = np.random.default_rng(seed)
    source = rng.poisson(1.0, (300, 15, 3))
    target = np.zeros((300, 15, 12))
    for t in range(15):
        before = target[:, t - 1] if t else np.full((300, 12), 1.0)
        log_rate = gain * (np.minimum(before, 4) - 1) + gain / 2 * (np.minimum(np.roll(before, 1, axis=1), 4) - 1)
        log_rate[:, 0] += 0.5 * (source[:, t, 0] - 1)
        target[:, t] = rng.poisson(np.exp(log_rate))
    return windows_of(source, np.minimum(target, 255))


def test_target_history_predicts_an_autoregressive_population() -> None:
    train, test = parts(autoregressive(0.3))
    history = fitted("target_history", train, history_tau_s=0.05, penalty=1.0)
    assert bits(history, train, test) > 0.05
    assert bits(fitted("poisson_glm", train, penalty=1.0, **STILL), train, test) < 0.02
    train, test = parts(autoregressive(0.0))
    alone = bits(
        fitted("target_history", train, history_tau_s=0.05, penalty=100.0, self_history_penalty=1.0), train, test
    )
    assert abs(alone) < 0.005


def test_the_source_adds_what_it_drives() -> None:
    """Unit 0 alone follows the source: history with source gains there, and all but nothing elsewhere."""
    train, test = parts(autoregressive(0.3))
    common = {"history_tau_s": 0.05, "penalty": 1.0}
    without = fitted("target_history", train, **common).predict(test).rates
    joined = fitted("target_history_source", train, source_penalty=1.0, **common, **STILL).predict(test).rates
    base = train.target.mean(axis=(0, 1))

    def each(rates: np.ndarray) -> np.ndarray:
        units = [metrics.information(rates[..., [u]], test.target[..., [u]], base[[u]]) for u in range(12)]
        return np.array([metrics.bits_per_spike(*u) for u in units])

    gain = each(joined) - each(without)
    assert gain[0] > 0.1
    assert np.abs(gain[1:]).max() < 0.02


def test_the_past_is_an_exponential_average_of_the_bins_before() -> None:
    rng = np.random.default_rng(0)
    counts, base, decay = rng.poisson(1.0, (3, 6, 2)), np.array([0.5, 2.0]), 0.7
    history = spike_history(counts, base, decay)
    for w, t, u in np.ndindex(3, 6, 2):
        terms = [0.3 * decay ** (t - 1 - s) * (counts[w, s, u] - base[u]) for s in range(t)]
        assert history[w, t, u] == pytest.approx(sum(terms))
    np.testing.assert_array_equal(spike_history(counts, base, 0.0)[:, 1:], counts[:, :-1] - base)
