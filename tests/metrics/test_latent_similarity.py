from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from spikebridge.metrics import consistency, latent_r2, linear_map, r2, truth_at


def test_latent_r2_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    truth = rng.normal(size=(40, 10, 2))
    latents = truth @ rng.normal(size=(2, 4)) + rng.normal(size=(40, 10, 4))
    is_test = np.arange(40) < 10
    flat = [a.reshape(-1, a.shape[-1]) for a in (latents[~is_test], truth[~is_test], latents[is_test], truth[is_test])]
    predicted = LinearRegression().fit(flat[0], flat[1]).predict(flat[2])
    expected = r2_score(flat[3], predicted, multioutput="raw_values")
    np.testing.assert_allclose(latent_r2([(latents, truth, is_test)]), expected)


def test_folds_are_scored_together_each_by_its_own_fit(rng: np.random.Generator) -> None:
    truth = rng.normal(size=(20, 5, 2))
    turned = [truth @ rng.normal(size=(2, 2)) for _ in range(2)]  # each fold has its own axes
    tests = [np.arange(20) < 10, np.arange(20) >= 10]
    np.testing.assert_allclose(latent_r2([(z, truth, t) for z, t in zip(turned, tests, strict=True)]), 1.0)


def test_collinear_latents_and_constant_truth(rng: np.random.Generator) -> None:
    x = rng.normal(size=(50, 1))
    fitted = linear_map(np.hstack([x, x]), 3 * x + 1)
    np.testing.assert_allclose(fitted(np.hstack([x, x])), 3 * x + 1)
    assert np.isnan(r2(np.ones((5, 1)), np.ones((5, 1)))[0])


def test_truth_between_and_outside_samples() -> None:
    time = np.array([0.0, 1.0, 2.0])
    found = truth_at(time, np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]), np.array([[0.5, 2.5]]))
    np.testing.assert_allclose(found, [[[1.0, 1.0], [np.nan, np.nan]]])


def test_consistency(rng: np.random.Generator) -> None:
    z = rng.normal(size=(30, 8, 3))
    assert consistency([z, z @ rng.normal(size=(3, 3)) + 2]) == pytest.approx(1.0)
    assert consistency([z, rng.normal(size=(30, 8, 3))]) < 0.1
    assert np.isnan(consistency([z]))
