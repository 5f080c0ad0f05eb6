"""Logistic regressions solved together against scikit-learn one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from spikebridge.regression import fit_logistic


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_every_problem_is_scikit_learns(classes: int) -> None:
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(90, 6)) * rng.uniform(0.2, 3, 6)
    label = (x @ rng.normal(size=(6, classes)) + rng.normal(size=(90, classes))).argmax(axis=1)
    weight = rng.uniform(0.1, 3, (4, 90))
    weight[1, :20] = weight[2, 50:] = 0.0
    penalty = np.array([0.05, 1.0, 30.0, 2000.0])
    fits = fit_logistic(x, label, weight, penalty)
    for k, log_p in enumerate(fits.log_probabilities(x)):
        oracle = LogisticRegression(C=1 / penalty[k], max_iter=1000, tol=1e-10, solver="newton-cg").fit(
            x, label, weight[k]
        )
        np.testing.assert_allclose(np.exp(log_p), oracle.predict_proba(x), atol=1e-6)
        np.testing.assert_allclose(fits.weights[k].T, oracle.coef_, atol=1e-5)
        np.testing.assert_allclose(fits.bias[k], oracle.intercept_, atol=1e-5)


def test_labels_that_a_plane_parts_are_fitted_too() -> None:
    """Where a full Newton step overshoots: hardly any penalty, and trials far out."""
    rng = np.random.default_rng(0)
    x = 50 * rng.standard_t(2, (60, 3))
    label = (x[:, 0] > 0).astype(np.int64)
    fit = fit_logistic(x, label, np.ones((1, 60)), np.array([1e-6]))
    p = np.exp(fit.log_probabilities(x)[0])
    slope = x.T @ (p[:, 1] - label) + 1e-6 * fit.weights[0, :, 0]
    assert np.abs(slope).max() < 1e-4
    assert (p.argmax(axis=1) == label).all()
