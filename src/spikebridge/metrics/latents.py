"""Latents against a known truth, against the latents of another fit, and along the direction that separates decisions.

Latents of two fits, or of two recordings in one fit, have axes that cannot be compared. The decision axis, fitted to
training trials and applied to held-out ones, has one meaning in all of them, so projections on it can be averaged
("coding direction", Li et al. 2016, Nature 532:459).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RIDGE = 0.05
"""Share of the mean within-class variance that is added to each direction's: few trials, many latents."""


@dataclass(frozen=True)
class LinearMap:
    """A map y = x @ weights + offset.

    Parameters
    ----------
    weights : NDArray, shape (x dimension, y dimension)
        Weights.
    offset : NDArray, shape (y dimension,)
        Offset.
    """

    weights: Array
    offset: Array

    def __call__(self, x: Array) -> Array:
        """Map x (..., x dimension) to (..., y dimension)."""
        return np.asarray(np.asarray(x, dtype=np.float64) @ self.weights + self.offset)


def linear_map(x: Array, y: Array) -> LinearMap:
    """Fit least squares with an offset; columns may be collinear.

    Parameters
    ----------
    x : NDArray, shape (..., x dimension)
        Predictors.
    y : NDArray, shape (..., y dimension)
        Responses.

    Returns
    -------
    LinearMap
        The fitted map.
    """
    x = np.asarray(x, dtype=np.float64).reshape(-1, np.shape(x)[-1])
    y = np.asarray(y, dtype=np.float64).reshape(-1, np.shape(y)[-1])
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    weights = np.linalg.lstsq(x - mean_x, y - mean_y, rcond=None)[0]
    return LinearMap(weights, mean_y - mean_x @ weights)


def r2(truth: Array, estimate: Array) -> Array:
    """Return 1 - residual / total sum of squares of each latent over all trials and bins.

    Parameters
    ----------
    truth : NDArray, shape (..., latent)
        True values.
    estimate : NDArray, shape (..., latent)
        Estimated values.

    Returns
    -------
    NDArray, shape (latent,)
        R2; NaN for a latent that does not vary.
    """
    truth = np.asarray(truth, dtype=np.float64).reshape(-1, np.shape(truth)[-1])
    estimate = np.asarray(estimate, dtype=np.float64).reshape(truth.shape)
    total = np.sum((truth - truth.mean(axis=0)) ** 2, axis=0)
    rest = np.sum((truth - estimate) ** 2, axis=0)
    return np.asarray(1 - np.divide(rest, total, out=np.full(total.shape, np.nan), where=total > 0))


def latent_r2(folds: Sequence[tuple[Array, Array, NDArray[np.bool_]]]) -> Array:
    """Return how well latents predict the truth linearly on held-out trials.

    The regression is fitted on the training trials of a fold and predicts its test trials.

    Parameters
    ----------
    folds : sequence of tuple
        Of each fold: latents (trial, bin, latent), truth (trial, bin, true latent), is_test (trial,).

    Returns
    -------
    NDArray, shape (true latent,)
        One R2 over the test trials of all folds together.
    """
    estimates, truths = [], []
    for latents, truth, is_test in folds:
        fitted = linear_map(latents[~is_test], truth[~is_test])
        estimates.append(fitted(latents[is_test]))
        truths.append(truth[is_test])
    return r2(np.concatenate(truths), np.concatenate(estimates))


def truth_at(time_s: NDArray[np.floating], values: NDArray[np.floating], at_s: Array) -> Array:
    """Interpolate regularly sampled latents linearly.

    Parameters
    ----------
    time_s : NDArray, shape (time,)
        Times of the samples, seconds.
    values : NDArray, shape (time, latent)
        Samples.
    at_s : NDArray
        Times of any shape, seconds.

    Returns
    -------
    NDArray, shape at_s.shape + (latent,)
        Interpolated values; NaN outside the samples.
    """
    columns = [np.interp(at_s, time_s, v, left=np.nan, right=np.nan) for v in np.asarray(values, dtype=np.float64).T]
    return np.stack(columns, axis=-1)


def consistency(fits: Sequence[Array]) -> float:
    """Return the mean R2 of the linear map from the latents of one fit to those of another, over all ordered pairs.

    High co-smoothing can go with arbitrary latents; latents that several fits agree on are less arbitrary.

    Parameters
    ----------
    fits : sequence of NDArray, shape (trial, bin, latent)
        Latents of the same trials in each fit. Even trials fit the map, odd trials score it.

    Returns
    -------
    float
        Mean R2, without maps to latents that are all constant (of regions that share nothing); NaN where there is no
        map, and for fewer than two fits or four trials.

    References
    ----------
    Dabholkar & Barak 2025, NeurIPS.
    """
    each = [
        r2(b[1::2], linear_map(a[::2], b[::2])(a[1::2]))
        for i, a in enumerate(fits)
        for j, b in enumerate(fits)
        if i != j and len(a) >= 4
    ]
    scores = [float(np.nanmean(values)) for values in each if np.isfinite(values).any()]
    return float(np.mean(scores)) if scores else float("nan")


@dataclass(frozen=True)
class DecisionAxis:
    """A direction in latent space, with the scale of the trials that it was fitted on.

    Parameters
    ----------
    axis : NDArray, shape (latent,)
        The direction.
    offset, scale : float
        Mean and standard deviation of the projected bins of those trials.
    """

    axis: Array
    offset: float
    scale: float

    def __call__(self, latents: Array) -> Array:
        """Project latents (trial, bin, latent) on the axis, in standard deviations; shape (trial, bin)."""
        return np.asarray((np.asarray(latents, dtype=np.float64) @ self.axis - self.offset) / self.scale)


def decision_axis(latents: Array, label: NDArray[np.int64]) -> DecisionAxis | None:
    """Return the axis of largest between-class over within-class variance of the trials' mean latents.

    It points from the first class to the last, by their number. Not scikit-learn's discriminant analysis, whose
    shrinkage has no fixed share of the mean variance.

    Parameters
    ----------
    latents : NDArray, shape (trial, bin, latent)
        Latents of training trials.
    label : NDArray of int, shape (trial,)
        Index of each trial's class.

    Returns
    -------
    DecisionAxis or None
        None where there are not two classes of two trials.

    References
    ----------
    Fisher 1936, Annals of Eugenics 7:179.
    """
    means = np.asarray(latents, dtype=np.float64).mean(axis=1)
    classes = [k for k in np.unique(label) if np.sum(label == k) >= 2]
    if len(classes) < 2:
        return None
    centres = np.array([means[label == k].mean(axis=0) for k in classes])
    rest = np.concatenate([means[label == k] - centre for k, centre in zip(classes, centres, strict=True)])
    within = rest.T @ rest / len(rest)
    within += (RIDGE * np.trace(within) / len(within) + np.finfo(float).tiny) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(values) @ vectors.T
    axis = white @ np.linalg.svd((centres - centres.mean(axis=0)) @ white)[2][0]
    axis = axis if (centres[-1] - centres[0]) @ axis >= 0 else -axis
    along = np.asarray(latents, dtype=np.float64) @ axis
    return DecisionAxis(axis, float(along.mean()), float(along.std()) or 1.0)
