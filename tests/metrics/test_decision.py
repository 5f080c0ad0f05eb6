"""Against scikit-learn, for two and more classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from spikebridge.metrics import decision


def made(rng: np.random.Generator, k: int, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    label = rng.integers(0, k, n)
    p = np.round(rng.dirichlet(np.ones(k), n) + 0.4 * np.eye(k)[label], 2)  # rounded: ties
    p /= p.sum(axis=1, keepdims=True)
    return label, p.argmax(axis=1), p


@pytest.mark.parametrize("k", [2, 3, 5])
def test_agrees_with_scikit_learn(rng: np.random.Generator, k: int) -> None:
    label, predicted, p = made(rng, k)
    p[0] = np.eye(k)[(label[0] + 1) % k]  # certain and wrong: clipped
    area = oracle.roc_auc_score(label, p[:, 1]) if k == 2 else oracle.roc_auc_score(label, p, multi_class="ovr")
    found = {
        "accuracy": (decision.accuracy(label, predicted), oracle.accuracy_score(label, predicted)),
        "balanced": (decision.balanced_accuracy(label, predicted), oracle.balanced_accuracy_score(label, predicted)),
        "log loss": (decision.log_loss(label, p), oracle.log_loss(label, p)),
        "brier": (decision.brier(label, p), oracle.brier_score_loss(label, p, labels=list(range(k)))),
        "auc": (decision.auc(label, p), area),
    }
    for name, (ours, theirs) in found.items():
        assert ours == pytest.approx(theirs, rel=1e-12), name


def test_one_class_only(rng: np.random.Generator) -> None:
    p = rng.dirichlet([1, 1], 10)
    label = np.zeros(10, dtype=np.int64)
    assert np.isnan(decision.auc(label, p))
    assert decision.balanced_accuracy(label, p.argmax(1)) == decision.accuracy(label, p.argmax(1))


def test_within_blocks_by_hand() -> None:
    label = np.array([0, 0, 1, 0, 1, 1, 0, 0])
    predicted = np.array([0, 1, 1, 0, 0, 0, 1, 1])
    block = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    found = decision.balanced_accuracy_within_blocks(label, predicted, block, 2)
    np.testing.assert_allclose(found, [0.75, 0.5, np.nan])  # the last block has one class only


def test_constant_predictions_are_at_chance_in_every_block(rng: np.random.Generator) -> None:
    label = rng.integers(0, 3, 300)
    block = np.repeat(np.arange(10), 30)
    constant = rng.integers(0, 3, 10)[block]
    np.testing.assert_allclose(decision.balanced_accuracy_within_blocks(label, constant, block, 3), 1 / 3)


def test_no_information_rate() -> None:
    assert decision.no_information_rate(np.array([0, 1, 1, 2])) == 0.5


def test_weighted_trials_within_blocks_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    label, predicted, block = rng.integers(0, 3, 120), rng.integers(0, 3, 120), np.repeat(np.arange(3), 40)
    weight = rng.uniform(0, 2, 120)
    found = decision.balanced_accuracy_within_blocks(label, predicted, block, 3, weight)
    expected = [
        oracle.balanced_accuracy_score(label[block == b], predicted[block == b], sample_weight=weight[block == b])
        for b in range(3)
    ]
    np.testing.assert_allclose(found, expected)
