"""Against scikit-learn, for two and more classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from spikebridge.metrics import calibration_curve, clustered, decision


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
    one_cluster, once = np.zeros(len(label), dtype=np.int64), np.ones((1, 1))
    scores = {
        "balanced": (decision.balanced_accuracy(label, predicted), oracle.balanced_accuracy_score(label, predicted)),
        "log loss": (decision.log_loss(label, p), oracle.log_loss(label, p)),
        "brier": (decision.brier_per_trial(label, p).mean(), oracle.brier_score_loss(label, p, labels=list(range(k)))),
        "auc": (clustered.auc(label, p, one_cluster)(once)[0], area),
    }
    for name, (ours, theirs) in scores.items():
        assert ours == pytest.approx(theirs, rel=1e-12), name


def test_one_class_only(rng: np.random.Generator) -> None:
    p = rng.dirichlet([1, 1], 10)
    label = np.zeros(10, dtype=np.int64)
    assert np.isnan(clustered.auc(label, p, label)(np.ones((1, 1)))[0])
    assert decision.balanced_accuracy(label, p.argmax(1)) == (label == p.argmax(1)).mean()


def test_within_blocks_by_hand() -> None:
    label = np.array([0, 0, 1, 0, 1, 1, 0, 0])
    predicted = np.array([0, 1, 1, 0, 0, 0, 1, 1])
    block = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    accuracies = decision.balanced_accuracy_within_blocks(label, predicted, block, 2)
    np.testing.assert_allclose(accuracies, [0.75, 0.5, np.nan])  # the last block has one class only


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
    accuracies = decision.balanced_accuracy_within_blocks(label, predicted, block, 3, weight)
    expected = [
        oracle.balanced_accuracy_score(label[block == b], predicted[block == b], sample_weight=weight[block == b])
        for b in range(3)
    ]
    np.testing.assert_allclose(accuracies, expected)


def calibration_error(curve: pd.DataFrame) -> float:
    """Mean distance of predicted and observed frequencies, weighted by trials (Naeini et al. 2015)."""
    return float(np.average((curve["predicted"] - curve["observed"]).abs(), weights=curve["n"]))


def test_honest_probabilities_lie_on_the_diagonal(rng: np.random.Generator) -> None:
    p = rng.uniform(size=20_000)
    label = (rng.uniform(size=len(p)) < p).astype(np.int64)
    curve = calibration_curve(label, np.column_stack([1 - p, p]))
    assert len(curve) == 8
    assert curve["n"].sum() == len(p)
    assert (curve["predicted"] - curve["observed"]).abs().max() < 0.03
    assert calibration_error(curve) < 0.02
    assert ((curve["low"] < curve["observed"]) & (curve["observed"] < curve["high"])).all()


def test_boasting_shows(rng: np.random.Generator) -> None:
    label = rng.integers(0, 2, 1000)
    p = np.full((1000, 2), [0.05, 0.95])
    curve = calibration_curve(label, p)
    assert len(curve) == 1  # ties are not parted
    assert calibration_error(curve) == pytest.approx(abs(0.95 - label.mean()))


def test_more_classes_ask_of_the_most_likely_one(rng: np.random.Generator) -> None:
    p = rng.dirichlet(np.ones(3), 300)
    label = rng.integers(0, 3, 300)
    curve = calibration_curve(label, p, n_bins=4)
    assert np.average(curve["observed"], weights=curve["n"]) == pytest.approx((p.argmax(1) == label).mean())
