"""Subspaces of population activity: how much variance they hold, and how they lie to the principal components.

The share of variance in a subspace over that in as many principal components is 1 where the subspace is that of the
largest variance (alignment index of Elsayed et al. 2016, Nat Commun 7:13239; used for communication axes and principal
modes by Wu & Pillow 2025, arXiv:2512.12467).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TOLERANCE = 1e-8
"""Of singular values, relative to the largest: directions below it are not counted."""


def orthonormal_basis(vectors: Array) -> Array:
    """Give an orthonormal basis of the space that vectors span.

    Parameters
    ----------
    vectors : NDArray, shape (unit, vector)
        They may depend on each other linearly.

    Returns
    -------
    NDArray, shape (unit, dimension)
        Orthonormal columns; none where all vectors are zero.
    """
    u, size, _ = np.linalg.svd(np.asarray(vectors, dtype=np.float64), full_matrices=False)
    return np.asarray(u[:, size > TOLERANCE * max(float(size.max(initial=0.0)), np.finfo(float).tiny)])


def principal_components(covariance: Array, n: int) -> Array:
    """Give the directions of largest variance.

    Parameters
    ----------
    covariance : NDArray, shape (unit, unit)
        Of the population.
    n : int
        How many.

    Returns
    -------
    NDArray, shape (unit, n)
        Orthonormal columns, the one of largest variance first.
    """
    return np.asarray(np.linalg.eigh(covariance)[1][:, ::-1][:, :n])


def variance_in(basis: Array, covariance: Array) -> float:
    """Give the variance of a population in a subspace, tr(Q' C Q).

    Parameters
    ----------
    basis : NDArray, shape (unit, dimension)
        Orthonormal columns Q.
    covariance : NDArray, shape (unit, unit)
        C.

    Returns
    -------
    float
        In squared units of the activity.
    """
    return float(np.einsum("ik,ij,jk->", basis, covariance, basis))


def principal_angles(a: Array, b: Array) -> Array:
    """Give the principal angles between two subspaces (Björck & Golub 1973, Math Comp 27:579).

    Parameters
    ----------
    a, b : NDArray, shape (unit, dimension)
        Vectors that span them.

    Returns
    -------
    NDArray, shape (dimension of the smaller,)
        Degrees from 0 to 90, the largest first.
    """
    from scipy.linalg import subspace_angles

    return np.asarray(np.degrees(subspace_angles(a, b)))
