"""Ridge and reduced-rank regression from moments, so that one pass over the counts serves every penalty and rank.

Moments are G = X'X ("gram") and C = X'Y ("cross"), sums or means over samples, of predictors X (sample, predictor) and
targets Y (sample, unit), both without their means.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Moments = tuple[Array, Array, float, int]
"""Of some samples: X'X, X'Y, the sum of squares of Y, and the number of samples."""


def ridge_slope(gram: Array, cross: Array, penalty: float) -> Array:
    """Ridge regression, B = (G + penalty I)^-1 C.

    Parameters
    ----------
    gram : NDArray, shape (predictor, predictor)
        G.
    cross : NDArray, shape (predictor, unit)
        C.
    penalty : float
        On the squared weights, in the unit of the diagonal of G; see `relative_penalty`.

    Returns
    -------
    NDArray, shape (predictor, unit)
        B; zeros where the penalty is zero, as `relative_penalty` gives it for predictors that do not vary.

    References
    ----------
    Hoerl & Kennard 1970, Technometrics 12:55.
    """
    if not penalty > 0:
        return np.zeros_like(cross)
    return np.asarray(np.linalg.solve(gram + penalty * np.eye(len(gram)), cross))


def relative_penalty(gram: Array, penalty: float) -> float:
    """Give a penalty as a multiple of the mean variance of the predictors.

    Parameters
    ----------
    gram : NDArray, shape (predictor, predictor)
        G.
    penalty : float
        Multiple of the mean of the diagonal of G.

    Returns
    -------
    float
        The penalty for `ridge_slope`.
    """
    return float(penalty * np.trace(gram) / len(gram))


def principal_directions(slope: Array, gram: Array) -> Array:
    """Principal directions V of the predictions X B; X B V_r V_r' is the reduced-rank regression of rank r.

    Parameters
    ----------
    slope : NDArray, shape (predictor, unit)
        B, such as `ridge_slope` gives it.
    gram : NDArray, shape (predictor, predictor)
        G.

    Returns
    -------
    NDArray, shape (unit, unit)
        Eigenvectors of B'GB in columns, the direction of largest variance first.

    References
    ----------
    Izenman 1975, J Multivariate Anal 5:248. Semedo, Zandvakili, Machens, Yu & Kohn 2019, Neuron 102:249.
    """
    _, v = np.linalg.eigh(slope.T @ gram @ slope)
    return np.asarray(v[:, ::-1])


def held_out_explained(blocks: Sequence[Moments], penalty: float) -> Array:
    """Share of the variance of each block of samples that the fit to the other blocks explains, at every rank.

    With orthonormal V the explained part of rank r is a running sum over directions: 2 v'C'Bv - (Bv)'G(Bv).

    Parameters
    ----------
    blocks : sequence of tuple
        X'X (predictor, predictor), X'Y (predictor, unit), sum of squares of Y, and number of samples of each block.
    penalty : float
        Multiple of the mean variance of the predictors; see `relative_penalty`.

    Returns
    -------
    NDArray, shape (block, rank + 1)
        Held-out R2 at rank 0, 1, ..., number of units.
    """
    gram, cross = np.sum([b[0] for b in blocks], axis=0), np.sum([b[1] for b in blocks], axis=0)
    n = sum(b[3] for b in blocks)
    shares = []
    for block_gram, block_cross, total, m in blocks:
        mean_gram = (gram - block_gram) / (n - m)
        slope = ridge_slope(mean_gram, (cross - block_cross) / (n - m), relative_penalty(mean_gram, penalty))
        v = principal_directions(slope, gram - block_gram)
        projected = slope @ v
        each = 2 * ((block_cross @ v) * projected).sum(axis=0) - ((block_gram @ projected) * projected).sum(axis=0)
        shares.append(np.concatenate([[0.0], np.cumsum(each)]) / max(total, 1e-12))
    return np.array(shares)


def one_sem_rank(score: Array, sem: Array) -> int:
    """Choose the smallest rank whose score is within one standard error of the best.

    Parameters
    ----------
    score : NDArray, shape (rank,)
        Held-out score at each rank, the smallest rank first.
    sem : NDArray, shape (rank,)
        Its standard error.

    Returns
    -------
    int
        Index of the rank.

    References
    ----------
    Semedo et al. 2019, Neuron 102:249, Methods.
    """
    best = int(np.argmax(score))
    return int(np.argmax(score >= score[best] - sem[best]))
