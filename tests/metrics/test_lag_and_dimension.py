"""Lag and dimension from counts, against data with a known lag and dimension."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from spikebridge.errors import DataError
from spikebridge.metrics import (
    DimensionEstimate,
    LagEstimate,
    bits_per_spike,
    coupling_curves,
    estimate_dimension,
    estimate_lag,
    information,
    lag_and_dimension,
    pooled_dimension,
    pooled_lag,
)

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
    estimate = estimate_lag(*pair(rng, lag, 2), BIN_S, 0.4)
    assert estimate.lag_s == pytest.approx(lag * BIN_S, abs=0.02)
    assert estimate.lags_s[np.argmax(estimate.score)] == pytest.approx(lag * BIN_S)
    assert estimate.ci_low <= estimate.lag_s <= estimate.ci_high
    assert estimate.ci_high - estimate.ci_low < BIN_S


@pytest.mark.parametrize("dimension", [1, 2, 4])
@pytest.mark.parametrize("lag", [-2, 2])
def test_dimension(rng: np.random.Generator, lag: int, dimension: int) -> None:
    assert estimate_dimension(*pair(rng, lag, dimension), lag_bins=lag).dimension == dimension


def test_no_link_has_no_lag_and_no_dimension(rng: np.random.Generator) -> None:
    counts = pair(rng, 2, 2, strength=0.0)
    lag, dimension = estimate_lag(*counts, BIN_S, 0.4), estimate_dimension(*counts)
    assert np.isnan([lag.lag_s, lag.ci_low, lag.ci_high]).all()
    assert dimension.dimension == 0
    assert np.isnan(pooled_lag([lag, lag]).lag_s)
    assert pooled_dimension([dimension, dimension]).dimension == 0


@pytest.mark.parametrize("folds", [2, 5])
def test_scores_are_the_bits_per_spike_of_held_out_runs(rng: np.random.Generator, folds: int) -> None:
    """Against ridge of scikit-learn, with its own intercept, scored by the library's measure of translation."""
    source, target = pair(rng, 0, 2, strength=2.0)
    x, steps = np.sqrt(source), 2
    kept = slice(steps, x.shape[1] - steps)
    scale = np.sqrt(target[:, kept].mean(axis=(0, 1)))
    estimate = estimate_lag(source, target, BIN_S, steps * BIN_S, folds=folds)
    best = []
    for penalty in lag_and_dimension.PENALTIES:
        nats, spikes = [], []
        for run in np.array_split(np.arange(len(x)), folds):
            train = np.setdiff1d(np.arange(len(x)), run)
            flat = x[train, kept].reshape(-1, x.shape[2])
            weight = penalty * np.sum(flat.var(axis=0)) * len(flat) / flat.shape[1]
            fitted = Ridge(weight).fit(flat, target[train, kept].reshape(-1, target.shape[2]) / scale)
            base = target[train, kept].mean(axis=(0, 1))
            rates = fitted.predict(x[run, kept].reshape(-1, x.shape[2])) * scale
            rates = np.maximum(rates, lag_and_dimension.RATE_SHARE * base).reshape(target[run, kept].shape)
            each = information(rates, target[run, kept], base)
            nats.append(each[0].sum())
            spikes.append(each[1].sum())
        best.append((bits_per_spike(nats, spikes), nats))
    near = min(best, key=lambda pair: abs(pair[0] - estimate.score[steps]))
    assert estimate.score[steps] == pytest.approx(near[0], rel=1e-9)
    np.testing.assert_allclose(estimate.nats[:, steps], near[1], rtol=1e-9)
    assert near[0] > 0.98 * max(bits for bits, _ in best)
    np.testing.assert_allclose(estimate.nats.sum(axis=0) / estimate.spikes.sum() / np.log(2), estimate.score)


def test_pooled_lag_peaks_where_the_mean_does() -> None:
    lags = np.arange(-2, 3) * 0.1

    def made(lag_s: float, *nats: list[float]) -> LagEstimate:
        each = np.array(nats)
        score = each.sum(axis=0) / (10.0 * len(each) * np.log(2))
        return LagEstimate(lag_s, lags, score, each, np.full(len(each), 10.0), np.nan, np.nan)

    first = made(0.1, [0.0, 0.0, 0.1, 0.3, 0.1], [0.0, 0.0, 0.1, 0.3, 0.1])
    second = made(0.0, [0.0, 0.1, 0.2, 0.2, 0.0], [0.0, 0.1, 0.2, 0.1, 0.0])
    none = made(float("nan"), [9.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0])
    alone = pooled_lag([first, none])
    assert (alone.lag_s, alone.ci_low, alone.ci_high) == pytest.approx((0.1, 0.1, 0.1))
    both = pooled_lag([first, second, none])
    assert 0.05 < both.lag_s < 0.1
    assert 0.0 <= both.ci_low < both.lag_s < both.ci_high <= 0.1 + 1e-12
    assert len(both.nats) == 4  # runs
    many = pooled_lag([first, second] * 3)
    assert len(many.nats) == 6  # recordings
    assert many.lag_s == pytest.approx(both.lag_s)
    assert np.isnan(pooled_lag([]).lag_s)


def test_the_interval_holds_the_lag_as_often_as_it_says() -> None:
    """On noisy curves whose mean peaks at 0.13; ten runs make a percentile interval a little too narrow."""
    lags = np.arange(-4, 5) * 0.1
    mean = 1.0 - 8.0 * (lags - 0.13) ** 2
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        nats = 100 * mean + rng.normal(0, 12.0, (10, len(lags)))
        estimate = coupling_curves.lag_of_scores(lags, nats, np.full(10, 100.0), seed)
        held += estimate.ci_low <= 0.13 <= estimate.ci_high
    assert 0.85 <= held / 200 <= 0.99


def test_pooled_dimension_is_of_the_ranks_that_all_tried() -> None:
    def made(*nats: list[float]) -> DimensionEstimate:
        return coupling_curves.dimension_of_scores(np.array(nats), np.full(len(nats), 10.0))

    first = made([1.0, 2.0, 2.01], [1.1, 2.0, 2.0], [1.0, 2.1, 2.1])
    second = made([1.0, 1.9], [1.0, 2.1], [1.0, 2.0])
    pooled = pooled_dimension([first, second])
    assert pooled.dimension == 2
    assert len(pooled.score) == 2
    assert pooled.score[1] == pytest.approx((first.nats[:, 1].sum() + second.nats[:, 1].sum()) / 60 / np.log(2))
    # Equal numbers of spikes make the ratio's standard error that of a mean
    bits = np.concatenate([first.nats[:, :2], second.nats]) / 10 / np.log(2)
    np.testing.assert_allclose(pooled.sem, bits.std(axis=0, ddof=1) / np.sqrt(6))


def test_scores_equal_ridge_of_scikit_learn(rng: np.random.Generator) -> None:
    x, y = (np.sqrt(a) for a in pair(rng, 0, 2))
    x, y = x - x.mean(axis=(0, 1)), y - y.mean(axis=(0, 1))
    runs = np.array_split(np.arange(len(x)), 5)
    rest = 0.0
    for run in runs:
        train = np.setdiff1d(np.arange(len(x)), run)
        flat, out = x[train].reshape(-1, x.shape[2]), y[train].reshape(-1, y.shape[2])
        penalty = lag_and_dimension.PENALTIES[4] * np.trace(flat.T @ flat) / flat.shape[1]
        fitted = Ridge(penalty, fit_intercept=False).fit(flat, out)
        rest += np.sum((y[run].reshape(-1, y.shape[2]) - fitted.predict(x[run].reshape(-1, x.shape[2]))) ** 2)
    ours = lag_and_dimension.ridge_scores(lag_and_dimension.run_moments(x, y, 5))
    assert ours[4] == pytest.approx(1 - rest / np.sum(y**2), rel=1e-9)


def test_full_rank_is_plain_ridge(rng: np.random.Generator) -> None:
    source, target = pair(rng, 0, 2)
    for fold in lag_and_dimension.held_out_runs(source, target, lag_and_dimension.PENALTIES[4], 5):
        assert lag_and_dimension.rank_nats(fold, target.shape[2])[-1] == pytest.approx(
            fold.nats(fold.x @ fold.b), rel=1e-9
        )


def test_short_windows_and_single_trials_are_refused(rng: np.random.Generator) -> None:
    counts = np.ones((3, 10, 2))
    with pytest.raises(DataError, match="lag: expected"):
        estimate_lag(counts, counts, BIN_S, 0.4)
    with pytest.raises(DataError, match="two trials or more, got 1"):
        estimate_lag(counts[:1], counts[:1], BIN_S, 0.1)


def test_a_best_lag_at_the_edge_stays_there() -> None:
    assert coupling_curves.parabola_peak(np.arange(3), np.array([3.0, 2.0, 1.0])) == 0.0


# --- chosen bins ------------------------------------------------------------------------------------------------------


def test_all_bins_chosen_are_all_bins(rng: np.random.Generator) -> None:
    source, target = pair(rng, 2, 2)
    every = np.ones(source.shape[:2], dtype=bool)
    whole, chosen = (estimate_lag(source, target, BIN_S, 0.2, bins=bins) for bins in (None, every))
    np.testing.assert_allclose(whole.nats, chosen.nats, rtol=1e-9)
    assert chosen.lag_s == pytest.approx(whole.lag_s)
    for lag in (-2, 0, 3):
        without_bins, with_bins = (estimate_dimension(source, target, lag, bins=bins) for bins in (None, every))
        np.testing.assert_allclose(without_bins.nats, with_bins.nats, rtol=1e-9)


def stretches(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Bins of a state that changes every ten bins or so."""
    return (np.cumsum(rng.random(shape) < 0.1, axis=1) + rng.integers(0, 2, (shape[0], 1))) % 2 == 1


def test_surrounded_bins_have_their_neighbours_in_the_stretch(rng: np.random.Generator) -> None:
    inside = stretches(rng, (30, 20))
    for before, after in ((0, 0), (2, 1), (0, 3), (25, 0)):
        mask = lag_and_dimension.surrounded(inside, before, after)
        for i in range(30):
            for b in range(20):
                fits = b - before >= 0 and b + after < 20
                assert mask[i, b] == (fits and inside[i, b - before : b + after + 1].all())


def test_no_pair_of_bins_crosses_the_edge_of_a_state(rng: np.random.Generator) -> None:
    """What lies outside the state does not matter: with other counts there the estimates are the same."""
    source, target = pair(rng, 2, 2)
    inside = stretches(rng, source.shape[:2])
    spoilt = [np.where(inside[:, :, None], c, rng.poisson(20.0, c.shape)) for c in (source, target)]
    around, behind = lag_and_dimension.surrounded(inside, 3, 3), lag_and_dimension.surrounded(inside, 2, 0)
    lags = [estimate_lag(*counts, BIN_S, 3 * BIN_S, bins=around) for counts in ((source, target), spoilt)]
    np.testing.assert_array_equal(lags[0].nats, lags[1].nats)
    assert lags[0].lag_s == pytest.approx(2 * BIN_S, abs=0.02)
    ranks = [estimate_dimension(*counts, 2, bins=behind) for counts in ((source, target), spoilt)]
    np.testing.assert_array_equal(ranks[0].nats, ranks[1].nats)
    assert ranks[0].dimension == 2
    assert lags[0].spikes.sum() == target[around].sum()


def test_too_few_runs_with_chosen_bins_are_refused(rng: np.random.Generator) -> None:
    source, target = pair(rng, 0, 1)
    few = np.zeros(source.shape[:2], dtype=bool)
    few[:3, 10:20] = True
    with pytest.raises(DataError, match="two runs of trials or more, got 30 bins"):
        estimate_lag(source, target, BIN_S, 0.1, bins=few)
