"""Scores as functions of how often each cluster was drawn, for a bootstrap without a loop over resamples.

Each function returns a `Score`: weights (resample, cluster) -> (resample,), the score of the data in which cluster c
occurs weights[., c] times. With all weights one it is the pooled score, exactly. scikit-learn's scores take weights of
trials, one resample at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Cluster = NDArray[np.int64]
"""(trial,), number of the cluster from 0; every cluster has a trial."""


def ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64], cluster: Cluster) -> Score:
    """sum(numerator) / sum(denominator) over trials: means, and bits/spike.

    numerator, denominator: (trial,). NaN where the denominator sums to nothing.
    """
    k = int(cluster.max()) + 1
    top = np.bincount(cluster, weights=numerator, minlength=k)
    bottom = np.bincount(cluster, weights=denominator, minlength=k)
    return lambda weights: _divide(weights @ top, weights @ bottom)


def mean(values: NDArray[np.float64], cluster: Cluster) -> Score:
    """Mean over trials: accuracy, log loss, Brier."""
    return ratio(values, np.ones(len(values)), cluster)


def balanced_accuracy(
    label: NDArray[np.int64], predicted: NDArray[np.int64], cluster: Cluster, n_classes: int
) -> Score:
    """Mean recall over the classes that the resample holds."""
    k = int(cluster.max()) + 1
    cell = cluster * n_classes + label
    total = np.bincount(cell, minlength=k * n_classes).reshape(k, n_classes).astype(np.float64)
    right = np.bincount(cell, weights=label == predicted, minlength=k * n_classes).reshape(k, n_classes)

    def score(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return _mean_known(_divide(weights @ right, weights @ total))

    return score


def auc(
    label: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    cluster: Cluster,
    weight: NDArray[np.float64] | None = None,
) -> Score:
    """Area under the ROC curve for any weights of the clusters, exactly; NaN where only one class is drawn.

    More than two classes: the mean of one-vs-rest areas over the classes that occur. With C[i, j] = number of (positive
    trial of cluster i, other trial of cluster j) pairs in the right order, ties half, and n, m the numbers of positive
    and other trials of each cluster: AUC(w) = w' C w / ((w' n)(w' m)) (Hanley & McNeil 1982). weight: (trial,), weight
    of each trial apart from its cluster; a pair counts the product.
    """
    own = np.ones(len(label)) if weight is None else weight
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    parts = [_concordance(label == k, probabilities[:, k], cluster, own) for k in classes]

    def score(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        won = [np.einsum("rc,rc->r", weights @ c, weights) for c, _, _ in parts]
        pairs = [(weights @ n) * (weights @ m) for _, n, m in parts]
        return _mean_known(np.stack([_divide(w, p) for w, p in zip(won, pairs, strict=True)], axis=1))

    return score


def _concordance(
    positive: NDArray[np.bool_], value: NDArray[np.float64], cluster: Cluster, weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    k = int(cluster.max()) + 1
    levels, rank = np.unique(value, return_inverse=True)
    shape = (len(levels), k)
    cell = rank * k + cluster
    ones, rest = (
        np.bincount(cell[side], weights=weight[side], minlength=len(levels) * k).reshape(shape).astype(np.float64)
        for side in (positive, ~positive)
    )
    beaten = np.cumsum(rest, axis=0) - 0.5 * rest  # others below this level, and half of those at it
    return ones.T @ beaten, ones.sum(axis=0), rest.sum(axis=0)


def _divide(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)


def _mean_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what is not NaN; NaN where nothing is known."""
    known = np.isfinite(values)
    return _divide(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))
