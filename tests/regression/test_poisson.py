"""Poisson regression of many units at once against scikit-learn and statsmodels, unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import PoissonRegressor

from spikebridge.regression import fit_poisson

TIGHT: dict[str, Any] = {"tolerance": 1e-15, "max_iter": 2000}


@pytest.fixture(scope="module")
def regression() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 5)) * [1, 2, 0.5, 1, 1]
    x[:, 4] = x[:, 0] + 0.1 * x[:, 4]  # nearly collinear
    x -= x.mean(axis=0)
    y = rng.poisson(np.exp(rng.normal(-0.5, 0.5, 3) + x @ rng.normal(0, 0.3, (5, 3))))
    return x, y.astype(float)


@pytest.mark.parametrize("penalty", [1e-6, 0.1, 2.0])
def test_poisson_regression_is_scikit_learns(regression: tuple[np.ndarray, np.ndarray], penalty: float) -> None:
    x, y = regression
    fit = fit_poisson(x, y, np.zeros(y.shape), penalty, **TIGHT)
    for u in range(3):
        oracle = PoissonRegressor(alpha=penalty, tol=1e-10, max_iter=5000, solver="newton-cholesky").fit(x, y[:, u])
        np.testing.assert_allclose(fit.weights[:, u], oracle.coef_, atol=2e-5)
        assert fit.bias[u] == pytest.approx(oracle.intercept_, abs=1e-5)


def test_poisson_regression_with_offset_and_own_predictors_is_statsmodels(
    regression: tuple[np.ndarray, np.ndarray],
) -> None:
    """All but unpenalised: the maximum of the likelihood, unit by unit, as statsmodels finds it."""
    x, y = regression
    rng = np.random.default_rng(1)
    own, offset = rng.normal(size=(400, 2, 3)), 0.3 * rng.normal(size=y.shape)
    own[:, 1] = own[:, 0] + 0.3 * own[:, 1]
    fit = fit_poisson(x, y, offset, 1e-9, own, 1e-9, **TIGHT)
    for u in range(3):
        design = sm.add_constant(np.column_stack([x, own[:, :, u]]))
        oracle = sm.GLM(y[:, u], design, family=sm.families.Poisson(), offset=offset[:, u]).fit(tol=1e-12)
        found = np.concatenate([[fit.bias[u]], fit.weights[:, u], fit.own_weights[:, u]])
        np.testing.assert_allclose(found, oracle.params, atol=1e-4)


def test_poisson_regression_with_more_predictors_than_samples() -> None:
    """At the optimum the gradient is zero: n penalty w = X'(y - rate), and the rates add up to the counts."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 80))
    x -= x.mean(axis=0)
    y = rng.poisson(2.0, (30, 4)).astype(float)
    fit = fit_poisson(x, y, np.zeros(y.shape), 0.5, **TIGHT)
    rate = np.exp(fit.log_rate(x, np.zeros((30, 0, 4)), np.zeros(y.shape)))
    np.testing.assert_allclose(30 * 0.5 * fit.weights, x.T @ (y - rate), atol=1e-4)
    np.testing.assert_allclose(rate.sum(axis=0), y.sum(axis=0), rtol=1e-5)


def test_the_tolerance_of_the_models_is_enough(regression: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = regression
    quick, exact = (fit_poisson(x, y, np.zeros(y.shape), 0.05, **t) for t in ({}, TIGHT))
    np.testing.assert_allclose(x @ quick.weights + quick.bias, x @ exact.weights + exact.bias, atol=0.02)
