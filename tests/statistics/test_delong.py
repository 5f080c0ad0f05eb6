from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from spikebridge.metrics import clustered
from spikebridge.statistics import delong
from spikebridge.statistics.delong import structural


def scores(rng: np.random.Generator, label: np.ndarray, strength: float, k: int) -> np.ndarray:
    p = np.exp(rng.normal(size=(len(label), k)) + strength * np.eye(k)[label])
    return np.round(p / p.sum(axis=1, keepdims=True), 2)  # ties


def kernels(label: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Area, V10 and V01 over every pair, as DeLong et al. wrote them."""
    x, y = score[label == 1], score[label == 0]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return psi.mean(), psi.mean(axis=1), psi.mean(axis=0)


def test_two_classes_by_brute_force(rng: np.random.Generator) -> None:
    label = rng.integers(0, 2, 90)
    a, b = scores(rng, label, 1.5, 2), scores(rng, label, 0.8, 2)
    comparison = delong(label, a, b)
    (auc_a, x_a, y_a), (auc_b, x_b, y_b) = kernels(label, a[:, 1]), kernels(label, b[:, 1])
    variance = np.var(x_a - x_b, ddof=1) / len(x_a) + np.var(y_a - y_b, ddof=1) / len(y_a)
    assert (comparison.auc_a, comparison.auc_b) == pytest.approx((auc_a, auc_b))
    assert comparison.auc_a == pytest.approx(roc_auc_score(label, a[:, 1]))
    assert comparison.se == pytest.approx(np.sqrt(variance))
    assert comparison.p == pytest.approx(2 * stats.norm.sf(abs(auc_a - auc_b) / np.sqrt(variance)))


@pytest.mark.slow
def test_three_classes_have_the_area_of_the_metric_and_the_spread_of_resamples(rng: np.random.Generator) -> None:
    label = rng.integers(0, 3, 150)
    a, b = scores(rng, label, 1.0, 3), scores(rng, label, 0.5, 3)
    comparison = delong(label, a, b)
    area = clustered.auc(label, a, np.zeros(len(label), dtype=np.int64))
    assert comparison.auc_a == pytest.approx(area(np.ones((1, 1)))[0])
    assert comparison.auc_a == pytest.approx(np.mean([roc_auc_score(label == c, a[:, c]) for c in range(3)]))
    of_class = [np.flatnonzero(label == c) for c in range(3)]
    drawn = []
    for _ in range(600):
        rows = np.concatenate([rng.choice(i, len(i)) for i in of_class])
        drawn.append(structural(label[rows], a[rows])[0] - structural(label[rows], b[rows])[0])
    assert comparison.se == pytest.approx(np.std(drawn), rel=0.12)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.slow
def test_holds_its_level_and_covers_for_independent_trials(rng: np.random.Generator, k: int) -> None:
    studies, hits = 600, 0
    for _ in range(studies):
        label = rng.integers(0, k, 100)
        comparison = delong(label, scores(rng, label, 0.8, k), scores(rng, label, 0.8, k))
        hits += comparison.p <= 0.05
        assert (comparison.p > 0.05) == (comparison.ci_low < 0 < comparison.ci_high)
    assert 0.02 < hits / studies < 0.075


def test_trials_that_are_not_independent_make_it_fail(rng: np.random.Generator) -> None:
    """Each model is better in some recordings: the reason why it is only descriptive."""
    studies, hits = 200, 0
    for _ in range(studies):
        label, recording = rng.integers(0, 2, 300), np.repeat(np.arange(6), 50)
        strengths = rng.uniform(0, 2, (2, 6))
        a, b = (rng.normal(size=(300, 2)) + strength[recording, None] * np.eye(2)[label] for strength in strengths)
        hits += delong(label, a, b).p <= 0.05
    assert hits / studies > 0.2


def test_one_class_or_the_same_model() -> None:
    same = np.array([[0.3, 0.7], [0.6, 0.4], [0.2, 0.8], [0.9, 0.1]])
    assert delong(np.array([0, 1, 0, 1]), same, same).p == 1
    assert np.isnan(delong(np.zeros(4, dtype=np.int64), same, same).estimate)
