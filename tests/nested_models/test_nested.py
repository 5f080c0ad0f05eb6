"""Nested fits: against scikit-learn and statsmodels; a block that tells nothing is left out; no bin sees its future."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from made_windows import low_rank_link, windows_of

from spikebridge.metrics import information
from spikebridge.nested_models.encoding.design_matrices import (
    SLOW_S,
    FitData,
    Predictors,
    earlier_windows,
    latents,
    own_history,
    population_history,
)
from spikebridge.nested_models.encoding.fit import (
    AddedPredictors,
    CandidatePredictors,
    NestedRegression,
    fitted,
    nats,
    with_predictors,
    with_psth,
)
from spikebridge.nested_models.encoding.reduced_rank_source import SourceSettings, reduced_rank_predictors
from spikebridge.types import Windows

PENALTY = 0.3


def from_source(smoothing_s: float, ridge: float, causal: bool) -> AddedPredictors:
    settings = SourceSettings(smoothing_s, ridge, causal)
    return AddedPredictors("source", "", partial(reduced_rank_predictors, settings=settings), 1.0)


def counts(n: int = 3000, p: int = 6, units: int = 4, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Predictors without their mean, offsets and counts of a Poisson regression."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    x -= x.mean(axis=0)
    offset = rng.normal(-0.5, 0.4, (n, units))
    y = rng.poisson(np.exp(offset + 0.2 + x @ rng.normal(0, 0.2, (p, units))))
    return x, offset, y


def test_ridge_of_one_block_as_in_sklearn() -> None:
    from sklearn.linear_model import PoissonRegressor

    x, _, y = counts()
    zero = np.zeros(y.shape, np.float32)
    _, log_rates, fit = fitted(y.astype(np.float32), zero, zero, [(Predictors(x, x), PENALTY)], np.ones(4, bool), 1e-9)
    for k in range(4):
        oracle = PoissonRegressor(alpha=PENALTY * y.mean(), tol=1e-8, max_iter=1000).fit(x, y[:, k])
        np.testing.assert_allclose(fit.weights[:, k], oracle.coef_, atol=2e-3)
        np.testing.assert_allclose(np.exp(log_rates[:, k]), oracle.predict(x), rtol=5e-3)


def test_offset_and_own_predictors_as_in_statsmodels() -> None:
    import statsmodels.api as sm

    x, offset, y = counts(units=3)
    own = np.random.default_rng(1).normal(size=(len(x), 2, 3))
    blocks = [(Predictors(own, own), 1e-7), (Predictors(x, x), 1e-7)]
    low = offset.astype(np.float32)
    _, _, fit = fitted(y.astype(np.float32), low, low, blocks, np.ones(3, bool), 1e-9)
    for k in range(3):
        design = np.column_stack([np.ones(len(x)), x, own[:, :, k]])
        oracle = sm.GLM(y[:, k], design, family=sm.families.Poisson(), offset=offset[:, k]).fit()
        coefficients = np.concatenate([[fit.bias[k]], fit.weights[:, k], fit.own_weights[:, k]])
        np.testing.assert_allclose(coefficients, oracle.params, atol=2e-3)


def test_a_start_changes_the_way_not_the_end() -> None:
    x, offset, y = counts()
    low, blocks = (
        offset.astype(np.float32),
        [(Predictors(x[:, :3], x[:, :3]), 1.0), (Predictors(x[:, 3:], x[:, 3:]), 0.1)],
    )
    _, _, first = fitted(y.astype(np.float32), low, low, blocks[:1], np.ones(4, bool))
    _, _, cold = fitted(y.astype(np.float32), low, low, blocks, np.ones(4, bool), 1e-9)
    _, _, warm = fitted(y.astype(np.float32), low, low, blocks, np.ones(4, bool), 1e-9, first)
    np.testing.assert_allclose(warm.weights, cold.weights, atol=2e-3)


def test_nats_are_those_of_the_metric() -> None:
    w = low_rank_link(2, n=20)
    rates = np.random.default_rng(0).uniform(3, 9, w.target.shape)
    base = w.target.mean(axis=(0, 1))
    np.testing.assert_allclose(nats(rates, w.target, base).sum(axis=1), information(rates, w.target, base)[0])


def test_predictors_of_noise_are_left_out_and_the_fit_stays_the_same() -> None:
    w = low_rank_link(2, n=120)
    data = split(w)
    nested = with_psth(NestedRegression(data.level()), data)
    rng = np.random.default_rng(3)

    def noise(data: FitData) -> Predictors:
        return Predictors(*(rng.normal(size=(len(part) * w.n_bins, 40)) for part in (data.learn, data.score)))

    assert with_predictors(nested, CandidatePredictors("noise", [("", noise)], (0.1, 1.0)), data) is nested
    source = partial(reduced_rank_predictors, settings=SourceSettings(0.05, 0.3, False))
    grown = with_predictors(nested, CandidatePredictors("source", [("", source)], (0.1, 1.0)), data)
    gain = (nats(grown.rates(data), data.score.target, nested.base) - nats(nested.rates(data), data.score.target,
            nested.base)).sum() / (data.score.target.sum() * np.log(2))  # fmt: skip
    assert gain > 0.02


def test_a_silent_unit_and_a_silent_source_are_no_trouble() -> None:
    w = low_rank_link(2, n=40)
    target, source = w.target.copy(), np.zeros_like(w.source)
    target[:, :, 3] = 0
    data = split(windows_of(source, target))
    added = (AddedPredictors("own", "", partial(own_history, history_s=0.1), 0.1),
             from_source(0.1, 1.0, False))  # fmt: skip
    rates = NestedRegression(np.maximum(data.level(), 1e-6), None, added).rates(data)
    assert np.isfinite(rates).all()
    assert (rates[:, :, 3] < 1e-5).all()


@pytest.mark.parametrize("causal", [True, False])
def test_no_bin_sees_its_own_future(causal: bool) -> None:
    """Counts of scored windows are changed from bin 6 on: the target's never tell of bin 6 or before, nor do a causal
    source's and latents' of bins before 6; a two-sided source's do, as declared."""
    w, at = low_rank_link(2, n=60), 6
    rng = np.random.default_rng(2)
    z = rng.normal(size=(len(w), w.n_bins, 3))
    target, source, late = (a.copy() for a in (w.target, w.source, z))
    target[40:, at:] = rng.poisson(20, target[40:, at:].shape)
    source[40:, at:] = rng.poisson(20, source[40:, at:].shape)
    late[40:, at:] += 3.0
    history = (AddedPredictors("own", "", partial(own_history, history_s=0.2), 0.1),
               AddedPredictors("population", "", partial(population_history, history_s=0.2), 1.0))  # fmt: skip
    of_source = (from_source(0.1, 1.0, causal),
                 AddedPredictors("latents", "", partial(latents, causal=causal), 1.0))  # fmt: skip
    base = w.target.mean(axis=(0, 1)).astype(float)
    nested = NestedRegression(base, None, history)
    then, now = nested.rates(split(w)), nested.rates(split(windows_of(w.source, target)))
    np.testing.assert_array_equal(then[:, : at + 1], now[:, : at + 1])
    assert np.abs(then[:, at + 1 :] - now[:, at + 1 :]).max() > 0.1
    nested = NestedRegression(base, None, (*history, *of_source))
    then, now = nested.rates(split(w, z)), nested.rates(split(windows_of(source, w.target), late))
    same = np.array_equal(then[:, :at], now[:, :at])
    assert same is causal
    assert np.abs(then[:, at:] - now[:, at:]).max() > 0.1


def test_slow_memories_by_brute_force() -> None:
    """Of windows in any order, some of them overlapping, some not to be looked at."""
    rng = np.random.default_rng(0)
    w = low_rank_link(2, n=30)
    start = rng.permutation(np.arange(30) * 1.0 + rng.uniform(0, 0.5, 30))
    w, known = replace(w, start_s=start), np.flatnonzero(rng.random(30) < 0.7)
    memories = earlier_windows(w, known)
    for i in range(30):
        before = known[w.stop_s[known] <= start[i] + 1e-9]
        for m, tau in enumerate(SLOW_S):
            weights = np.exp(-(start[i] - w.stop_s[before]) / tau)
            np.testing.assert_allclose(memories.weight[i, m], weights.sum(), atol=1e-12)
            np.testing.assert_allclose(memories.mean[i, m], weights @ w.target[before].mean(axis=1), atol=1e-12)


def split(w: Windows, z: np.ndarray | None = None) -> FitData:
    """The first forty of sixty windows, or two thirds, and the rest."""
    cut = 2 * len(w) // 3
    first, rest = w.select(np.arange(cut)), w.select(np.arange(cut, len(w)))
    return FitData(first, first, rest) if z is None else FitData(first, first, rest, z[:cut], z[cut:])
