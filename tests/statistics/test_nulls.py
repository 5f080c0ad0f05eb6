from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from processes import not_above, walk
from scipy import stats

from spikebridge.statistics.nulls import linear_shift, session_permutation, trial_shuffle


def test_session_permutation_by_brute_force(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(4, 4)) + np.eye(4)
    means = [np.mean([scores[i, deal[i]] for i in range(4)]) for deal in permutations(range(4))]
    result = session_permutation.session_permutation(scores, rng)
    assert result.observed == pytest.approx(np.trace(scores) / 4)
    assert result.p == np.mean(np.array(means) >= result.observed - 1e-12)
    assert result.smallest == 1 / 24
    assert result.null_mean == pytest.approx(scores.mean())


def test_session_permutation_of_many_recordings_is_sampled(rng: np.random.Generator) -> None:
    result = session_permutation.session_permutation(np.eye(10), rng, n_resamples=300)
    assert result.p == result.smallest == 1 / 301


def test_session_permutation_holds_its_level_under_drift(rng: np.random.Generator) -> None:
    studies, hits, naive = 300, 0, 0
    for _ in range(studies):
        neural, labels = (np.array([walk(rng, 60, 15) for _ in range(6)]) for _ in range(2))
        scores = np.corrcoef(neural, labels)[:6, 6:] ** 2
        hits += session_permutation.session_permutation(scores, rng).p <= 0.05
        naive += stats.pearsonr(neural[0], labels[0]).pvalue <= 0.05
    assert not_above(hits, studies)
    assert naive / studies > 0.2  # what taking trials for independent does


def test_linear_shift_counts_the_observed_one() -> None:
    scores = np.zeros(11)
    scores[5] = 1.0
    result = linear_shift.linear_shift(scores)
    assert result.p == result.smallest == pytest.approx(1 / 6)
    scores[2] = np.nan  # a shift without a score counts against us
    assert linear_shift.linear_shift(scores).p == pytest.approx(2 / 6)
    assert np.isnan(linear_shift.linear_shift(np.full(3, np.nan)).p)


@pytest.mark.slow
def test_linear_shift_holds_its_level_under_stationary_drift(rng: np.random.Generator) -> None:
    studies, hits, n = 300, 0, 39
    for _ in range(studies):
        neural, label = walk(rng, 160, 12), walk(rng, 160, 12)
        shifted = [np.corrcoef(neural[n:-n], label[n + s : 160 - n + s])[0, 1] for s in range(-n, n + 1)]
        hits += linear_shift.linear_shift(np.array(shifted)).p <= 0.05
    assert not_above(hits, studies)


def test_largest_shift() -> None:
    assert linear_shift.largest_shift(600) == 39
    assert linear_shift.largest_shift(60) == 20


def test_trial_shuffle_against_every_pairing(rng: np.random.Generator) -> None:
    """Six trials, a run of four and one of two: the null is drawn from all of the 24 x 2 pairings, and widened."""
    y = rng.poisson(1.0, (6, 4)).astype(float)
    rates = rng.gamma(2, 0.5, (6, 4))

    def nats(order: Sequence[int]) -> float:
        return float(np.sum(y * np.log(rates[list(order)]) - (rates[list(order)] - 1.0)))

    pairs = np.log(rates) @ y.T - rates.sum(axis=1)[:, None]
    result = trial_shuffle.trial_shuffle([pairs], nats(range(6)), y.sum(), rng, 5_000)
    orders = [(*first, *last) for first in permutations(range(4)) for last in permutations(range(4, 6))]
    every = np.array([nats(order) for order in orders]) / (y.sum() * np.log(2))
    narrow = result.null.mean() + (result.null - result.null.mean()) / np.sqrt(2)
    assert set(np.round(narrow, 9)) == set(np.round(every, 9))
    assert result.null.mean() == pytest.approx(every.mean(), abs=4 * every.std() / np.sqrt(5_000))
    share = np.mean(every.mean() + np.sqrt(2) * (every - every.mean()) >= result.observed)
    assert result.p == pytest.approx(share, abs=4 * np.sqrt(share / 5_000))


def test_trial_shuffle_does_not_take_common_drift_for_a_link(rng: np.random.Generator) -> None:
    """Prediction and counts drift apart from each other, both slowly: over a block they correlate by chance."""
    studies, hits = 200, 0
    for _ in range(studies):
        y = rng.poisson(np.exp(0.5 * walk(rng, 24, 20))[:, None] * np.ones(12)).astype(float)
        rates = np.exp(0.5 * walk(rng, 24, 20))[:, None] * np.ones(12)
        pairs = np.log(rates) @ y.T - rates.sum(axis=1)[:, None]
        hits += trial_shuffle.trial_shuffle([pairs], float(np.trace(pairs)), y.sum(), rng, 199).p <= 0.05
    assert not_above(hits, studies)  # shuffling whole blocks: about 0.18


def test_trial_shuffle_holds_its_level_for_a_mere_time_course(rng: np.random.Generator) -> None:
    """Rates that differ between trials for no reason, around a PSTH that is right."""
    studies, hits = 200, 0
    psth = np.exp(np.sin(np.linspace(0, 3, 12)))
    for _ in range(studies):
        y = rng.poisson(psth, (15, 12)).astype(float)
        rates = psth * np.exp(rng.normal(0, 0.3, (15, 12)))
        pairs = np.log(rates) @ y.T - rates.sum(axis=1)[:, None]
        hits += trial_shuffle.trial_shuffle([pairs], float(np.trace(pairs)), y.sum(), rng, 199).p <= 0.05
    assert not_above(hits, studies)


def test_session_permutation_never_gives_zero_for_scores_that_are_missing(rng: np.random.Generator) -> None:
    scores = np.eye(4)
    scores[0, 1] = np.nan  # reaches the observed score in every permutation that it is part of
    with_it = sum(deal[0] == 1 for deal in permutations(range(4)))
    assert session_permutation.session_permutation(scores, rng).p == (1 + with_it) / 24
    scores[2, 2] = np.nan
    assert np.isnan(session_permutation.session_permutation(scores, rng).p)


@pytest.mark.parametrize("null", ["session_permutation", "linear_shift"])
def test_power(null: str, rng: np.random.Generator) -> None:
    """A correlation of 0.7 in six recordings of 60 trials, or one of 160."""
    rejections = 0
    for _ in range(20):
        neural = np.array([walk(rng, 160, 3) for _ in range(6)])
        label = neural + rng.normal(size=neural.shape)
        if null == "session_permutation":
            scores = np.corrcoef(neural[:, :60], label[:, :60])[:6, 6:]
            rejections += session_permutation.session_permutation(scores, rng).p <= 0.05
        else:
            a, b, n = neural[0], label[0], 39
            shifted = [np.corrcoef(a[n:-n], b[n + s : 160 - n + s])[0, 1] for s in range(-n, n + 1)]
            rejections += linear_shift.linear_shift(np.array(shifted)).p <= 0.05
    assert rejections >= 16


def test_trial_shuffle_finds_a_link_of_single_trials(rng: np.random.Generator) -> None:
    """Two test blocks: with one, there are no folds that learn from each other, for which the null is widened."""
    rejections = 0
    for _ in range(20):
        blocks, nats, spikes = [], 0.0, 0.0
        for _ in range(2):
            rates = np.exp(rng.normal(0, 0.5, (20, 1))) * np.ones((20, 12))
            y = rng.poisson(rates).astype(float)
            blocks.append(np.log(rates) @ y.T - rates.sum(axis=1)[:, None])
            nats, spikes = nats + float(np.trace(blocks[-1])), spikes + y.sum()
        rejections += trial_shuffle.trial_shuffle(blocks, nats, spikes, rng, 199).p <= 0.05
    assert rejections >= 16
