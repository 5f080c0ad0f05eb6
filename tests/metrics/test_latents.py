from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from spikebridge.metrics import consistency, decision_axis, latent_r2, linear_map, r2, truth_at


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
    truth = truth_at(time, np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]), np.array([[0.5, 2.5]]))
    np.testing.assert_allclose(truth, [[[1.0, 1.0], [np.nan, np.nan]]])


def test_consistency(rng: np.random.Generator) -> None:
    z = rng.normal(size=(30, 8, 3))
    assert consistency([z, z @ rng.normal(size=(3, 3)) + 2]) == pytest.approx(1.0)
    assert consistency([z, rng.normal(size=(30, 8, 3))]) < 0.1
    assert np.isnan(consistency([z]))
    nothing = np.ones_like(z)
    assert np.isnan(consistency([nothing, nothing]))
    assert consistency([z, nothing]) == pytest.approx(0.0, abs=0.05)  # the map from nothing to z


def made(rng: np.random.Generator, k: int = 2) -> tuple[np.ndarray, np.ndarray]:
    label = rng.integers(0, k, 120)
    z = rng.normal(size=(120, 10, 4)) + rng.normal(size=(120, 1, 4)) * [3.0, 1.0, 1.0, 1.0]
    z[:, :, 1] += 2.0 * label[:, None]
    return z, label


@pytest.mark.parametrize("k", [2, 3])
def test_points_where_discriminant_analysis_does(rng: np.random.Generator, k: int) -> None:
    z, label = made(rng, k)
    direction = decision_axis(z, label)
    assert direction is not None
    oracle = LinearDiscriminantAnalysis(solver="eigen").fit(z.mean(axis=1), label).scalings_[:, 0]
    cosine = direction.axis @ oracle / np.linalg.norm(direction.axis) / np.linalg.norm(oracle)
    assert abs(cosine) > 0.95
    along = direction(z)
    assert along.shape == (120, 10)
    assert (along.mean(), along.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
    assert along[label == k - 1].mean() > along[label == 0].mean() + 0.5


def test_the_same_axis_however_latents_are_turned(rng: np.random.Generator) -> None:
    z, label = made(rng)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    plain, turned = decision_axis(z, label), decision_axis(z @ turn, label)
    assert plain is not None and turned is not None
    np.testing.assert_allclose(plain(z), turned(z @ turn), atol=1e-9)


def test_noise_has_no_gap_on_held_out_trials(rng: np.random.Generator) -> None:
    z, label = rng.normal(size=(200, 5, 4)), rng.integers(0, 2, 200)
    direction = decision_axis(z[:100], label[:100])
    assert direction is not None
    along = direction(z[100:]).mean(axis=1)
    assert abs(along[label[100:] == 1].mean() - along[label[100:] == 0].mean()) < 0.25


def test_one_class_has_no_axis(rng: np.random.Generator) -> None:
    assert decision_axis(rng.normal(size=(5, 3, 2)), np.array([0, 0, 0, 0, 1])) is None
