"""Ridge and reduced-rank regression from moments against fits from the samples themselves."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from spikebridge.regression import held_out_explained, one_sem_rank, principal_directions, relative_penalty, ridge_slope


def data(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 6)) * [1, 2, 0.5, 1, 1, 3]
    return x, x[:, :4] @ rng.normal(size=(4, 5)) + rng.normal(size=(n, 5))


def test_ridge_is_scikit_learns() -> None:
    x, y = data()
    penalty = relative_penalty(x.T @ x, 0.3)
    assert penalty == pytest.approx(0.3 * np.mean(np.sum(x**2, axis=0)))
    oracle = Ridge(alpha=penalty, fit_intercept=False).fit(x, y)
    np.testing.assert_allclose(ridge_slope(x.T @ x, x.T @ y, penalty).T, oracle.coef_, atol=1e-10)


def test_predictors_that_do_not_vary_have_no_weight() -> None:
    gram = np.zeros((3, 3))
    assert not ridge_slope(gram, np.ones((3, 2)), relative_penalty(gram, 1.0)).any()


def test_directions_are_the_right_singular_vectors_of_the_predictions() -> None:
    x, y = data()
    slope = ridge_slope(x.T @ x, x.T @ y, 1.0)
    v, expected = principal_directions(slope, x.T @ x), np.linalg.svd(x @ slope)[2].T
    np.testing.assert_allclose(np.abs(np.sum(v[:, :4] * expected[:, :4], axis=0)), 1.0, atol=1e-8)


def test_held_out_shares_are_those_of_refits() -> None:
    """The running sums over directions against predicting each run, rank by rank, from scratch."""
    rng = np.random.default_rng(3)
    runs = [(x := rng.normal(size=(40, 6)), x[:, :4] + rng.normal(size=(40, 4))) for _ in range(3)]
    blocks = [(x.T @ x, x.T @ y, float((y**2).sum()), len(x)) for x, y in runs]
    shares = held_out_explained(blocks, 0.1)
    for k in range(3):
        x, y = (np.concatenate([r[i] for j, r in enumerate(runs) if j != k]) for i in (0, 1))
        slope = np.linalg.solve(x.T @ x + 0.1 * np.trace(x.T @ x) / 6 * np.eye(6), x.T @ y)
        v = np.linalg.svd(x @ slope)[2].T
        for rank in range(5):
            left = runs[k][1] - runs[k][0] @ slope @ v[:, :rank] @ v[:, :rank].T
            assert shares[k, rank] == pytest.approx(1 - (left**2).sum() / (runs[k][1] ** 2).sum())


def test_the_one_sem_rule_by_hand() -> None:
    shares = np.array([[0, 0.2, 0.30, 0.31, 0.29], [0, 0.1, 0.20, 0.22, 0.21], [0, 0.3, 0.39, 0.38, 0.38]])
    assert (
        one_sem_rank(*mean_and_sem(shares)) == 2
    )  # best 0.303 at rank 3, SEM 0.046; 0.297 at rank 2 is within it, 0.2 is not
    assert one_sem_rank(*mean_and_sem(np.zeros((3, 4)))) == 0


def mean_and_sem(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return shares.mean(axis=0), shares.std(axis=0, ddof=1) / np.sqrt(len(shares))
