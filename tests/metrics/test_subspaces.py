"""Variance in subspaces and angles between them, against closed forms and a second way to compute them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from spikebridge.metrics import orthonormal_basis, principal_angles, principal_components, variance_in


def test_a_basis_spans_what_its_vectors_span_and_counts_none_twice() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(7, 2)) @ rng.normal(size=(2, 4))
    basis = orthonormal_basis(vectors)
    assert basis.shape == (7, 2)
    np.testing.assert_allclose(basis.T @ basis, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(basis @ basis.T @ vectors, vectors, atol=1e-10)
    assert orthonormal_basis(np.zeros((5, 3))).shape == (5, 0)


def test_components_hold_what_scikit_learn_says_and_no_subspace_holds_more() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6))
    covariance = np.cov(x.T)
    for n in (1, 3, 6):
        held = variance_in(principal_components(covariance, n), covariance)
        assert held == pytest.approx(PCA(n).fit(x).explained_variance_.sum())
        other = variance_in(orthonormal_basis(rng.normal(size=(6, n))), covariance)
        assert other <= held + 1e-9


def test_variance_in_a_subspace_is_that_of_the_projection() -> None:
    rng = np.random.default_rng(2)
    x, basis = rng.normal(size=(300, 5)), orthonormal_basis(rng.normal(size=(5, 2)))
    centred = x - x.mean(axis=0)
    by_hand = np.square(centred @ basis @ basis.T).sum() / len(x)
    assert variance_in(basis, centred.T @ centred / len(x)) == pytest.approx(by_hand)


@pytest.mark.parametrize("degrees", [0.0, 25.0, 60.0, 90.0])
def test_angles_of_two_planes_that_share_a_line(degrees: float) -> None:
    t = np.radians(degrees)
    a = np.array([[1.0, 0, 0], [0, 1, 0]]).T
    b = np.array([[1.0, 0, 0], [0, np.cos(t), np.sin(t)]]).T
    np.testing.assert_allclose(principal_angles(a, b @ np.array([[2.0, 1], [0, 3]])), [degrees, 0], atol=1e-6)
