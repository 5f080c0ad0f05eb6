"""Lag and dimension from counts, against data with a known lag and dimension."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from spikebridge.errors import DataError
from spikebridge.metrics import LagEstimate, coupling, estimate_dimension, estimate_lag, pooled_lag

BIN_S = 0.05


def pair(rng: np.random.Generator, lag: int, dimension: int, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Counts (trial, bin, unit) of two regions that share latents, the target `lag` bins later."""
    n_trials, n_bins, margin = 150, 40, 10
    length = n_bins + 2 * margin
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
    raw = rng.normal(size=(n_trials, length + len(kernel) - 1, dimension))
    z = np.apply_along_axis(lambda v: np.convolve(v, kernel, mode="valid"), 1, raw)
    z /= z.std()
    loads = [np.linalg.qr(rng.normal(size=(k, dimension)))[0].T * np.sqrt(k / dimension) for k in (30, 24)]
    source = 4 + z[:, margin : margin + n_bins] @ loads[0]
    target = 4 + strength * z[:, margin - lag : margin - lag + n_bins] @ loads[1]
    return rng.poisson(np.maximum(source, 0.05)), rng.poisson(np.maximum(target, 0.05))


@pytest.mark.parametrize("lag", [-2, 0, 2, 4])
def test_lag(rng: np.random.Generator, lag: int) -> None:
    found = estimate_lag(*pair(rng, lag, 2), BIN_S, 0.4)
    assert found.lag_s == pytest.approx(lag * BIN_S, abs=0.02)
    assert found.lags_s[np.argmax(found.score)] == pytest.approx(lag * BIN_S)


@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_dimension(rng: np.random.Generator, dimension: int) -> None:
    assert estimate_dimension(*pair(rng, 2, dimension), lag_bins=2).dimension == dimension


def test_no_link_has_no_lag_and_no_dimension(rng: np.random.Generator) -> None:
    counts = pair(rng, 2, 2, strength=0.0)
    assert np.isnan(estimate_lag(*counts, BIN_S, 0.4).lag_s)
    assert estimate_dimension(*counts).dimension == 0


def test_pooled_lag_peaks_where_the_mean_does() -> None:
    lags = np.arange(-2, 3) * 0.1
    one = LagEstimate(0.1, lags, np.array([0.0, 0.0, 0.1, 0.3, 0.1]))
    two = LagEstimate(0.0, lags, np.array([0.0, 0.1, 0.2, 0.2, 0.0]))
    none = LagEstimate(float("nan"), lags, np.array([9.0, 0.0, 0.0, 0.0, 0.0]))
    assert pooled_lag([one, none]) == pytest.approx(0.1)
    assert 0.05 < pooled_lag([one, two, none]) < 0.1
    assert np.isnan(pooled_lag([none]))


def test_scores_equal_ridge_of_scikit_learn(rng: np.random.Generator) -> None:
    x, y = (np.sqrt(a) for a in pair(rng, 0, 2))
    x, y = x - x.mean(axis=(0, 1)), y - y.mean(axis=(0, 1))
    runs = np.array_split(np.arange(len(x)), 5)
    rest = 0.0
    for run in runs:
        train = np.setdiff1d(np.arange(len(x)), run)
        flat, out = x[train].reshape(-1, x.shape[2]), y[train].reshape(-1, y.shape[2])
        penalty = coupling.PENALTIES[4] * np.trace(flat.T @ flat) / flat.shape[1]
        fitted = Ridge(penalty, fit_intercept=False).fit(flat, out)
        rest += np.sum((y[run].reshape(-1, y.shape[2]) - fitted.predict(x[run].reshape(-1, x.shape[2]))) ** 2)
    ours = coupling._ridge_scores(coupling._moments(x, y, 5))
    assert ours[4] == pytest.approx(1 - rest / np.sum(y**2), rel=1e-9)


def test_full_rank_is_plain_ridge(rng: np.random.Generator) -> None:
    x, y = (np.sqrt(a) for a in pair(rng, 0, 2))
    m = coupling._moments(x, y, 5)
    ranks = [coupling._rank_scores(m, run, coupling.PENALTIES[4], y.shape[2])[-1] * m.yy[run] for run in range(5)]
    assert sum(ranks) / m.yy.sum() == pytest.approx(coupling._ridge_scores(m)[4], rel=1e-9)


def test_short_windows_and_single_trials_are_refused(rng: np.random.Generator) -> None:
    counts = np.ones((3, 10, 2))
    with pytest.raises(DataError, match="lag: expected"):
        estimate_lag(counts, counts, BIN_S, 0.4)
    with pytest.raises(DataError, match="two trials or more, got 1"):
        estimate_lag(counts[:1], counts[:1], BIN_S, 0.1)


def test_a_best_lag_at_the_edge_stays_there() -> None:
    assert coupling._peak(np.arange(3), np.array([3.0, 2.0, 1.0])) == 0.0
