"""Nulls that hold predicted rates against other counts: condition shuffle and time shift."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from processes import not_above, walk

from spikebridge.statistics.nulls import condition_shuffle, time_shift, trial_shuffle

Rng = np.random.Generator


def pairs_of(rates: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.log(rates) @ y.T - rates.sum(axis=1)[:, None]


def test_runs_are_of_one_condition_and_at_most_four_trials() -> None:
    condition = np.array([0, 1, 0, 0, 1, 0, 0, 0, 1])
    groups = condition_shuffle.runs(condition)
    assert groups.tolist() == [0, 2, 0, 0, 2, 0, 1, 1, 2]
    assert condition_shuffle.runs(np.array([7, 7, -1])).tolist() == [1, 1, 0]


def test_condition_shuffle_against_every_pairing(rng: Rng) -> None:
    """Trials 0, 2, 3 of one condition and 1, 4 of the other: 3! x 2! pairings."""
    condition = np.array([0, 1, 0, 0, 1])
    rates, y = rng.gamma(2, 0.5, (5, 6)), rng.poisson(1.0, (5, 6)).astype(float)
    every = []
    for a in permutations([0, 2, 3]):
        for b in permutations([1, 4]):
            order = np.array([a[0], b[0], a[1], a[2], b[1]])
            every.append(float(np.sum(y * np.log(rates[order]) - rates[order])))
    scale = y.sum() * np.log(2)
    observed = float(np.sum(y * np.log(rates) - rates))
    result = condition_shuffle.condition_shuffle([pairs_of(rates, y)], [condition], observed, y.sum(), rng, 3_000)
    centre = result.null.mean()  # the null is widened around it
    plain = centre + (result.null - centre) / trial_shuffle.NULL_SCALE
    assert set(np.round(plain, 9)) == set(np.round(np.array(every) / scale, 9))
    wider = np.mean(every) + trial_shuffle.NULL_SCALE * (np.array(every) - np.mean(every))
    share = np.mean(wider >= observed - 1e-12)
    assert result.p == pytest.approx(share, abs=4 * np.sqrt(share / 3_000))
    assert result.smallest == pytest.approx(1 / 12)


def test_condition_shuffle_with_nothing_to_shuffle(rng: Rng) -> None:
    result = condition_shuffle.condition_shuffle([rng.normal(size=(5, 5))], [np.arange(5)], 1.0, 2.0, rng, 50)
    assert result.p == result.smallest == 1


def test_rates_that_tell_conditions_apart_pass_the_trial_shuffle_only(rng: Rng) -> None:
    studies, hits, rejections = 200, 0, 0
    courses = np.exp([np.sin(np.linspace(0, 3, 12)), np.cos(np.linspace(0, 3, 12))])
    for _ in range(studies):
        condition = rng.integers(0, 2, 24)
        y = rng.poisson(courses[condition]).astype(float)
        rates = courses[condition] * np.exp(rng.normal(0, 0.2, (24, 12)))
        pairs = pairs_of(rates, y)
        nats = float(np.trace(pairs))
        hits += condition_shuffle.condition_shuffle([pairs], [condition], nats, y.sum(), rng, 99).p <= 0.05
        rejections += trial_shuffle.trial_shuffle([pairs], nats, y.sum(), rng, 99).p <= 0.05
    assert not_above(hits, studies)
    assert rejections / studies > 0.9


def test_condition_shuffle_does_not_take_common_drift_for_a_link(rng: Rng) -> None:
    studies, hits, whole = 300, 0, 0
    for _ in range(studies):
        condition = rng.integers(0, 2, 24)
        y = rng.poisson(np.exp(1.2 * walk(rng, 24, 40))[:, None] * np.ones(12)).astype(float)
        rates = np.exp(1.2 * walk(rng, 24, 40))[:, None] * np.ones(12)
        pairs = pairs_of(rates, y)
        nats = float(np.trace(pairs))
        hits += condition_shuffle.condition_shuffle([pairs], [condition], nats, y.sum(), rng, 99).p <= 0.05
        whole += trial_shuffle.shuffled([pairs], [condition], nats, y.sum(), rng, 99).p <= 0.05
    assert not_above(hits, studies)
    assert not not_above(whole, studies)  # why not all trials of the block change places


def test_condition_shuffle_finds_a_link_of_single_trials(rng: Rng) -> None:
    rejections = 0
    for _ in range(20):
        rates = np.exp(rng.normal(0, 0.5, (24, 1))) * np.ones((24, 12))
        y = rng.poisson(rates).astype(float)
        pairs, condition = pairs_of(rates, y), rng.integers(0, 2, 24)
        rejections += (
            condition_shuffle.condition_shuffle([pairs], [condition], np.trace(pairs), y.sum(), rng, 99).p <= 0.05
        )
    assert rejections >= 16


def test_shifted_nats_by_brute_force(rng: Rng) -> None:
    rates, y = rng.gamma(2, 0.5, (11, 3, 2)), rng.poisson(1.0, (11, 3, 2)).astype(float)
    shifted = time_shift.shifted_nats(rates, y, 2, 2)
    for k, value in zip((-2, -1, 0, 1, 2), shifted, strict=True):
        expected = sum(np.sum(y[b] * np.log(rates[b + 2 * k]) - rates[b + 2 * k]) for b in range(4, 7))
        assert value == pytest.approx(expected)


def test_steps_are_longer_than_the_memory() -> None:
    start = np.arange(30) * 8.0
    assert time_shift.trials_a_step(start, 5.0) == 1
    assert time_shift.trials_a_step(start, 8.0) == 2
    assert time_shift.trials_a_step(start, 30.0) == 4
    assert time_shift.trials_a_step(start, 1e6) == 30
    assert time_shift.steps(110, 1) == 39
    assert time_shift.steps(110, 2) == 22
    assert time_shift.steps(100, 3) == 13
    assert time_shift.steps(600, 2) == 39
    assert time_shift.steps(20, 20) == 0


def test_nothing_to_shift_decides_nothing() -> None:
    result = time_shift.time_shift(np.array([0.3]))
    assert result.p == result.smallest == 1


@pytest.mark.parametrize("step", [1, 2])
def test_time_shift_holds_its_level_under_stationary_drift(step: int, rng: Rng) -> None:
    studies, hits = 300, 0
    n_trials = 110 * step
    n = time_shift.steps(n_trials, step)
    for _ in range(studies):
        y = rng.poisson(np.exp(0.5 * walk(rng, n_trials, 10))[:, None] * np.ones(6)).astype(float)
        rates = np.exp(0.5 * walk(rng, n_trials, 10))[:, None] * np.ones(6)
        hits += time_shift.time_shift(time_shift.shifted_nats(rates, y, step, n)).p <= 0.05
    assert not_above(hits, studies)


def test_time_shift_finds_a_link(rng: Rng) -> None:
    rejections, n = 0, time_shift.steps(110, 1)
    for _ in range(20):
        rates = np.exp(0.5 * walk(rng, 110, 3))[:, None] * np.ones(6)
        y = rng.poisson(rates).astype(float)
        rejections += time_shift.time_shift(time_shift.shifted_nats(rates, y, 1, n)).p <= 0.05
    assert rejections >= 18
