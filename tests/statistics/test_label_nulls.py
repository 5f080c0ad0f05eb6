"""Nulls that draw labels: pseudosession, block permutation, circular shift."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest
from processes import alignment, chain, not_above, walk
from sklearn.linear_model import LogisticRegression

from spikebridge.statistics.nulls import block_permutation, circular_shift, pseudosession
from spikebridge.statistics.nulls.label_memory import autocorrelation, memory
from spikebridge.statistics.nulls.result import NullResult, sampled

Rng = np.random.Generator
DRAWS = 99


def test_autocorrelation_of_two_classes_is_that_of_the_indicator(rng: Rng) -> None:
    label = chain(rng, 50)
    z = label - label.mean()
    expected = [np.mean(z[d:] * z[:-d]) / np.mean(z**2) for d in (1, 2, 3)]
    assert np.allclose(autocorrelation(label[None], 2, 3)[0], expected)
    assert (autocorrelation(np.zeros((1, 9), int), 2, 3) == 0).all()


def test_memory_of_labels(rng: Rng) -> None:
    assert np.median([memory(rng.integers(0, 3, 200), 3, 40) for _ in range(20)]) == 1
    assert 3 <= np.median([memory(chain(rng, 400, 0.7), 2, 40) for _ in range(20)]) <= 9
    assert memory(np.repeat([0, 1], 100), 2, 20) == 20


def test_the_label_process_is_drawn_as_it_is_written(rng: Rng) -> None:
    """All eight sessions of three trials: their frequencies against their probabilities, multiplied out by hand."""
    process = pseudosession.LabelProcess(
        np.array([0.4, 0.6]), np.array([[0.2, 0.0], [1.0, -0.5], [0.0, 0.3], [0.8, -1.0], [-0.4, 0.6]])
    )
    keep = np.exp(-1 / pseudosession.TRACE_TRIALS)

    def probability(session: tuple[int, ...]) -> float:
        previous = trace = process.base
        total = 1.0
        for c in session:
            x = np.concatenate([[1.0], previous - process.base, trace - process.base])
            score = np.exp(x @ process.weights)
            total *= score[c] / score.sum()
            previous = np.eye(2)[c]
            trace = keep * trace + (1 - keep) * previous
        return total

    n = 20_000
    drawn = Counter(map(tuple, process.draw(3, n, rng).tolist()))
    for session in product(range(2), repeat=3):
        p = probability(session)
        assert drawn[session] / n == pytest.approx(p, abs=4.5 * np.sqrt(p * (1 - p) / n))


def test_the_fit_agrees_with_scikit_learn(rng: Rng) -> None:
    label = chain(rng, 150, 0.5, (0.2, 0.3, 0.5))
    process = pseudosession.fit(label, 3)
    keep, truth = np.exp(-1 / pseudosession.TRACE_TRIALS), np.eye(3)[label]
    trace, features = process.base, []
    for t in range(150):
        previous = truth[t - 1] if t else process.base
        trace = keep * trace + (1 - keep) * previous if t else trace
        features.append(np.concatenate([previous, trace]) - np.tile(process.base, 2))
    other = LogisticRegression(C=1 / pseudosession.PENALTY, tol=1e-10, max_iter=10_000).fit(features, label)
    assert np.allclose(process.weights[1:], other.coef_.T, atol=1e-3)
    ours = process.weights[0] - process.weights[0].mean()
    assert np.allclose(ours, other.intercept_ - other.intercept_.mean(), atol=1e-3)


@pytest.mark.parametrize(
    ("stay", "shares"), [(0.6, (0.35, 0.65)), (0.0, (0.8, 0.2)), (0.5, (0.2, 0.3, 0.5))], ids=["runs", "rare", "three"]
)
def test_pseudosessions_have_the_base_rate_and_autocorrelation(
    stay: float, shares: tuple[float, ...], rng: Rng
) -> None:
    label, k = chain(rng, 800, stay, shares), len(shares)
    drawn = pseudosession.fit(label, k).draw(800, 300, rng)
    assert [np.mean(drawn == c) for c in range(k)] == pytest.approx(np.bincount(label) / 800, abs=0.03)
    ours, theirs = autocorrelation(label[None], k, 4)[0], autocorrelation(drawn, k, 4).mean(axis=0)
    assert theirs == pytest.approx(ours, abs=0.08)
    assert not pseudosession.strange(label, drawn, k)


def test_alternation_is_reproduced(rng: Rng) -> None:
    label = (np.arange(300) + (rng.random(300) < 0.2)) % 2
    drawn = pseudosession.fit(label, 2).draw(300, 200, rng)
    assert autocorrelation(label[None], 2, 1)[0, 0] < -0.2
    assert autocorrelation(drawn, 2, 1).mean() == pytest.approx(autocorrelation(label[None], 2, 1)[0, 0], abs=0.08)


def test_labels_of_one_class_give_sessions_of_it_alone(rng: Rng) -> None:
    assert (pseudosession.fit(np.ones(20, int), 3).draw(20, 10, rng) == 1).all()
    assert set(np.unique(pseudosession.fit(chain(rng, 40), 3).draw(40, 50, rng))) == {0, 1}


def test_labels_unlike_any_drawn_session_are_noticed(rng: Rng) -> None:
    """A shuffled list of as many of one as of the other in every ten: no chance process keeps its share so well."""
    schedule = np.concatenate([rng.permutation([0] * 5 + [1] * 5) for _ in range(30)])
    far = pseudosession.LabelProcess(np.array([0.5, 0.5]), pseudosession.fit(chain(rng, 300), 2).weights)
    assert pseudosession.strange(schedule, far.draw(300, 400, rng), 2)


def test_block_permutation_against_every_arrangement(rng: Rng) -> None:
    label = np.array([0, 1, 1, 1, 0, 0, 1])
    blocks, rest = [label[0:2], label[2:4], label[4:6]], label[6:]
    every = [np.concatenate([*(blocks[i] for i in order), rest]) for order in permutations(range(3))]
    dealt = block_permutation.permute_blocks(label, 2, 3_000, rng)
    assert set(map(tuple, dealt.tolist())) == set(map(tuple, np.array(every).tolist()))
    values = rng.normal(size=7)
    observed = alignment(values, label[None])[0]
    exact = np.mean(alignment(values, np.array(every)) >= observed - 1e-12)
    result = block_permutation.block_permutation(observed, alignment(values, dealt), [3])
    assert result.p == pytest.approx(exact, abs=4 * np.sqrt(exact / 3_000))
    assert result.smallest == pytest.approx(1 / 6)


def test_block_length(rng: Rng) -> None:
    assert block_permutation.block_length(rng.permutation(np.repeat([0, 1], 100)), 2) <= 6
    assert block_permutation.block_length(np.repeat([0, 1], 100), 2) == 40
    assert block_permutation.block_length(np.array([0, 1, 0]), 2) == 1


def test_circular_shift_against_every_shift(rng: Rng) -> None:
    label = np.array([0, 1, 1, 0, 0])
    turned = circular_shift.rotate(label, 500, rng)
    assert set(map(tuple, turned.tolist())) == {tuple(np.roll(label, -s).tolist()) for s in range(1, 5)}
    assert circular_shift.circular_shift(1.0, np.zeros(500), [5]).p == pytest.approx(1 / 5)


def p_of(name: str, label: np.ndarray, values: np.ndarray, rng: Rng) -> NullResult:
    """Of the correlation of values (trial,) with labels."""
    drawn = {
        "pseudosession": lambda: pseudosession.fit(label, 2).draw(len(label), DRAWS, rng),
        "block_permutation": lambda: block_permutation.permute_blocks(
            label, block_permutation.block_length(label, 2), DRAWS, rng
        ),
        "circular_shift": lambda: circular_shift.rotate(label, DRAWS, rng),
        "shuffle": lambda: rng.permuted(np.tile(label, (DRAWS, 1)), axis=1),
    }[name]()
    return sampled(float(alignment(values, label[None])[0]), alignment(values, drawn))


@pytest.mark.parametrize("name", ["pseudosession", "block_permutation"])
@pytest.mark.slow
def test_level_with_labels_in_runs_and_drifting_predictions(name: str, rng: Rng) -> None:
    studies, hits, naive = 200, 0, 0
    for _ in range(studies):
        label, values = chain(rng, 120), walk(rng, 120, 10)
        hits += p_of(name, label, values, rng).p <= 0.05
        naive += p_of("shuffle", label, values, rng).p <= 0.05
    assert not_above(hits, studies)
    assert naive / studies > 0.15  # what taking trials for exchangeable does


@pytest.mark.parametrize("name", ["pseudosession", "block_permutation", "circular_shift"])
def test_power(name: str, rng: Rng) -> None:
    rejections = 0
    for _ in range(20):
        label = chain(rng, 120)
        rejections += p_of(name, label, label + 1.2 * rng.normal(size=120), rng).p <= 0.05
    assert rejections >= 18


def test_circular_shift_fails_under_drift(rng: Rng) -> None:
    """Labels and predictions that both change over the session, for reasons of their own: two trends, no link."""
    studies, hits = 60, 0
    trend = np.linspace(-1, 1, 120)
    for _ in range(studies):
        label = (trend + 0.5 * rng.normal(size=120) > 0).astype(int)
        hits += p_of("circular_shift", label, trend + 0.3 * rng.normal(size=120), rng).p <= 0.05
    assert hits / studies > 0.9
