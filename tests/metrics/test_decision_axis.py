from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from spikebridge.metrics import decision_axis


def made(rng: np.random.Generator, k: int = 2) -> tuple[np.ndarray, np.ndarray]:
    label = rng.integers(0, k, 120)
    z = rng.normal(size=(120, 10, 4)) + rng.normal(size=(120, 1, 4)) * [3.0, 1.0, 1.0, 1.0]
    z[:, :, 1] += 2.0 * label[:, None]
    return z, label


@pytest.mark.parametrize("k", [2, 3])
def test_points_where_discriminant_analysis_does(rng: np.random.Generator, k: int) -> None:
    z, label = made(rng, k)
    found = decision_axis(z, label)
    assert found is not None
    oracle = LinearDiscriminantAnalysis(solver="eigen").fit(z.mean(axis=1), label).scalings_[:, 0]
    cosine = found.axis @ oracle / np.linalg.norm(found.axis) / np.linalg.norm(oracle)
    assert abs(cosine) > 0.95
    along = found(z)
    assert along.shape == (120, 10)
    assert (along.mean(), along.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
    assert along[label == k - 1].mean() > along[label == 0].mean() + 0.5


def test_the_same_axis_however_latents_are_turned(rng: np.random.Generator) -> None:
    z, label = made(rng)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    one, other = decision_axis(z, label), decision_axis(z @ turn, label)
    assert one is not None and other is not None
    np.testing.assert_allclose(one(z), other(z @ turn), atol=1e-9)


def test_noise_has_no_gap_on_held_out_trials(rng: np.random.Generator) -> None:
    z, label = rng.normal(size=(200, 5, 4)), rng.integers(0, 2, 200)
    found = decision_axis(z[:100], label[:100])
    assert found is not None
    along = found(z[100:]).mean(axis=1)
    assert abs(along[label[100:] == 1].mean() - along[label[100:] == 0].mean()) < 0.25


def test_one_class_has_no_axis(rng: np.random.Generator) -> None:
    assert decision_axis(rng.normal(size=(5, 3, 2)), np.array([0, 0, 0, 0, 1])) is None
