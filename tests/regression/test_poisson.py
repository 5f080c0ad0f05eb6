"""Poisson regression of many units at once against scikit-learn and statsmodels, unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize
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
        coefficients = np.concatenate([[fit.bias[u]], fit.weights[:, u], fit.own_weights[:, u]])
        np.testing.assert_allclose(coefficients, oracle.params, atol=1e-4)


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


def test_single_precision_is_within_a_thousandth_of_scipys_optimum() -> None:
    """As in translators: correlated predictors, rates from 0.003 to 1 spikes per bin, offsets that vary in time."""
    rng = np.random.default_rng(3)
    x = gaussian_filter1d(rng.poisson(0.2, (3000, 60)).astype(float), 2, axis=0)
    x = np.concatenate([np.roll(x, lag, axis=0) for lag in (-2, 0, 2)], axis=1)
    x = (x - x.mean(axis=0)) / np.sqrt(3.0 * x.var(axis=0).mean())
    offset = np.log(np.geomspace(0.003, 1.0, 12)) + 0.7 * np.sin(np.arange(3000) / 40)[:, None]
    own = gaussian_filter1d(rng.normal(size=(3000, 2, 12)), 5, axis=0)
    y = rng.poisson(np.exp(offset + x @ rng.normal(0, 0.1, (180, 12)) + 0.5 * own[:, 0])).astype(float)
    penalty = float(y.mean())
    arrays = (a.astype(np.float32) for a in (x, y, offset, own))
    x32, y32, offset32, own32 = arrays
    fit = fit_poisson(x32, y32, offset32, penalty, own32, penalty, tolerance=1e-7)
    for u in range(12):
        design = np.column_stack([np.ones(3000), x, own[:, :, u]])
        ridge = np.r_[0.0, np.full(182, 3000 * penalty)]

        def loss(
            w: np.ndarray, design: np.ndarray = design, ridge: np.ndarray = ridge, u: int = u
        ) -> tuple[float, np.ndarray]:
            eta = offset[:, u] + design @ w
            value = (np.exp(eta) - y[:, u] * eta).sum() + 0.5 * (ridge * w**2).sum()
            return value, design.T @ (np.exp(eta) - y[:, u]) + ridge * w

        start = np.r_[np.log(y[:, u].mean() / np.exp(offset[:, u]).mean()), np.zeros(182)]
        oracle = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-8}).x
        coefficients = np.r_[fit.bias[u], fit.weights[:, u], fit.own_weights[:, u]]
        rate = np.exp(offset[:, u] + design @ oracle)
        assert np.sqrt(np.average((design @ (coefficients - oracle)) ** 2, weights=rate)) < 1e-3


def test_units_do_not_depend_on_each_other(regression: tuple[np.ndarray, np.ndarray]) -> None:
    """Whether the search of one unit takes long does not change what is found for another."""
    x, y = regression
    together = fit_poisson(x, y, np.zeros(y.shape), 0.05, **TIGHT)
    for u in range(y.shape[1]):
        alone = fit_poisson(x, y[:, [u]], np.zeros((len(y), 1)), 0.05, **TIGHT)
        np.testing.assert_allclose(together.weights[:, [u]], alone.weights, atol=1e-7)
        np.testing.assert_allclose(together.bias[u], alone.bias[0], atol=1e-7)


def test_a_search_that_begins_at_the_optimum_stays_there(regression: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = regression
    optimum = fit_poisson(x, y, np.zeros(y.shape), 0.05, **TIGHT)
    again = fit_poisson(x, y, np.zeros(y.shape), 0.05, initial=optimum, max_iter=1)
    np.testing.assert_allclose(again.weights, optimum.weights, atol=1e-6)
    np.testing.assert_allclose(again.bias, optimum.bias, atol=1e-6)


def test_a_first_step_that_is_much_too_long_is_shortened() -> None:
    """A few samples with a predictor far from all others: the quadratic model of the loss is poor."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(500, 3))
    x[:3] = 40.0
    x -= x.mean(axis=0)
    y = rng.poisson(0.5, (500, 2)).astype(float)
    y[:3] = 60.0
    fit = fit_poisson(x, y, np.zeros(y.shape), 1e-6, **TIGHT)
    for u in range(2):
        oracle = PoissonRegressor(alpha=1e-6, tol=1e-10, max_iter=5000, solver="newton-cholesky").fit(x, y[:, u])
        np.testing.assert_allclose(fit.weights[:, u], oracle.coef_, atol=1e-5)
