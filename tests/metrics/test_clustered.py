"""Weighted scores against the plain scores of data that were really copied."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from spikebridge.metrics import clustered, decision


def area(label: np.ndarray, p: np.ndarray) -> float:
    """Area under the ROC curve by scikit-learn; of more than two classes the mean of one-vs-rest."""
    classes = [1] if p.shape[1] == 2 else np.unique(label)
    return float(np.mean([roc_auc_score(label == c, p[:, c]) for c in classes]))


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("metric", ["balanced_accuracy", "auc", "log_loss"])
def test_weights_equal_copies(rng: np.random.Generator, k: int, metric: str) -> None:
    n, n_clusters = 120, 7
    label, cluster = rng.integers(0, k, n), np.r_[np.arange(n_clusters), rng.integers(0, n_clusters, n - n_clusters)]
    p = np.round(rng.dirichlet(np.ones(k), n), 1)
    predicted = p.argmax(1)
    plain: Callable[[np.ndarray], float]
    if metric == "balanced_accuracy":
        score = clustered.balanced_accuracy(label, predicted, cluster, k)
        plain = lambda rows: decision.balanced_accuracy(label[rows], predicted[rows])  # noqa: E731
    elif metric == "auc":
        score = clustered.auc(label, p, cluster)
        plain = lambda rows: area(label[rows], p[rows])  # noqa: E731
    else:
        score = clustered.mean(decision.log_loss_per_trial(label, p), cluster)
        plain = lambda rows: decision.log_loss(label[rows], p[rows])  # noqa: E731
    weights = np.vstack([np.ones(n_clusters), rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), 6)])
    expected = [plain(np.repeat(np.arange(n), w[cluster].astype(int))) for w in weights]
    np.testing.assert_allclose(score(weights), expected, rtol=1e-12)


def test_ratio_without_denominator_is_nan() -> None:
    score = clustered.ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]), np.array([0, 1]))
    np.testing.assert_allclose(score(np.array([[1.0, 1.0], [0.0, 2.0]])), [0.5, np.nan])


def test_one_class_drawn_has_no_area() -> None:
    score = clustered.auc(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]))
    np.testing.assert_allclose(score(np.array([[1.0, 1.0], [2.0, 0.0]])), [1.0, np.nan])


def test_weighted_trials_have_the_area_of_scikit_learn(rng: np.random.Generator) -> None:
    label, cluster = rng.integers(0, 2, 90), np.arange(90) % 4
    p = np.round(rng.dirichlet(np.ones(2), 90), 1)
    own = rng.uniform(0, 2, 90)
    drawn = np.array([[1.0, 1, 1, 1], [2, 0, 1, 1]])
    expected = [roc_auc_score(label, p[:, 1], sample_weight=own * w[cluster]) for w in drawn]
    np.testing.assert_allclose(clustered.auc(label, p, cluster, own)(drawn), expected, rtol=1e-12)
