"""Latents against a known truth, and against the latents of another fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearMap:
    """y = x @ weights + offset. weights: (x dimension, y dimension). offset: (y dimension,)."""

    weights: Array
    offset: Array

    def __call__(self, x: Array) -> Array:
        return np.asarray(np.asarray(x, dtype=np.float64) @ self.weights + self.offset)


def linear_map(x: Array, y: Array) -> LinearMap:
    """Least squares from x (..., x dimension) to y (..., y dimension), with an offset. Columns may be collinear."""
    x = np.asarray(x, dtype=np.float64).reshape(-1, np.shape(x)[-1])
    y = np.asarray(y, dtype=np.float64).reshape(-1, np.shape(y)[-1])
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    weights = np.linalg.lstsq(x - mean_x, y - mean_y, rcond=None)[0]
    return LinearMap(weights, mean_y - mean_x @ weights)


def r2(truth: Array, estimate: Array) -> Array:
    """1 - residual / total sum of squares of each latent over all trials and bins. (..., latent) -> (latent,).

    NaN for a latent that does not vary.
    """
    truth = np.asarray(truth, dtype=np.float64).reshape(-1, np.shape(truth)[-1])
    estimate = np.asarray(estimate, dtype=np.float64).reshape(truth.shape)
    total = np.sum((truth - truth.mean(axis=0)) ** 2, axis=0)
    rest = np.sum((truth - estimate) ** 2, axis=0)
    return np.asarray(1 - np.divide(rest, total, out=np.full(total.shape, np.nan), where=total > 0))


def latent_r2(folds: Sequence[tuple[Array, Array, NDArray[np.bool_]]]) -> Array:
    """How well latents tell the truth, linearly, on held-out trials.

    folds: of each fold (latents (trial, bin, latent), truth (trial, bin, true latent), is_test (trial,)). The
    regression is fitted on the training trials of a fold and predicts its test trials; one R2 over the test trials of
    all folds together. Returns (true latent,).
    """
    estimates, truths = [], []
    for latents, truth, is_test in folds:
        fitted = linear_map(latents[~is_test], truth[~is_test])
        estimates.append(fitted(latents[is_test]))
        truths.append(truth[is_test])
    return r2(np.concatenate(truths), np.concatenate(estimates))


def truth_at(time_s: Array, values: Array, at_s: Array) -> Array:
    """Linear interpolation of regularly sampled latents. time_s: (time,); values: (time, latent); at_s: any shape.

    Returns at_s.shape + (latent,). NaN outside the samples.
    """
    columns = [np.interp(at_s, time_s, v, left=np.nan, right=np.nan) for v in np.asarray(values, dtype=np.float64).T]
    return np.stack(columns, axis=-1)


def consistency(fits: Sequence[Array]) -> float:
    """Mean R2 of the linear map from the latents of one fit to those of another, over all ordered pairs of fits.

    High co-smoothing can go with arbitrary latents; latents that several fits agree on are less arbitrary
    (Dabholkar & Barak 2025). fits: each (trial, bin, latent) of the same trials; even trials fit the map, odd trials
    score it. Returns NaN for fewer than two fits or four trials.
    """
    scores = [
        float(np.nanmean(r2(b[1::2], linear_map(a[::2], b[::2])(a[1::2]))))
        for i, a in enumerate(fits)
        for j, b in enumerate(fits)
        if i != j and len(a) >= 4
    ]
    return float(np.mean(scores)) if scores else float("nan")
