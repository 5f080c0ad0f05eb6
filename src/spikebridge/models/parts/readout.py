"""Regularised logistic read-out of decisions from latents, one a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Readout:
    """softmax(((x - mean) / std) @ weights + bias).

    mean, std: (feature,). weights: (feature, class). bias: (class,).
    """

    mean: Array
    std: Array
    weights: Array
    bias: Array

    def probabilities(self, x: Array) -> NDArray[np.float64]:
        """(trial, feature) -> (trial, class)."""
        z = ((x - self.mean) / self.std) @ self.weights + self.bias
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_readout(x: Array, label: NDArray[np.int64], n_classes: int, folds: int = 5) -> Readout:
    """Fit with the ridge strength that predicts contiguous held-out runs of the given trials best (log loss).

    x: (trial, feature), in time order. label: (trial,). A class that never occurs keeps one pseudo-trial's share, and
    labels of a single class give that share alone.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold

    mean, std = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    z = (x - mean) / std
    present = np.unique(label)
    share = (np.bincount(label, minlength=n_classes) + 1.0) / (len(label) + n_classes)
    if len(present) < 2:
        return Readout(mean, std, np.zeros((x.shape[1], n_classes)), np.log(share))

    def fit(strength: float, rows: NDArray[np.int64]) -> LogisticRegression:
        return LogisticRegression(C=strength, max_iter=1000).fit(z[rows], label[rows])

    losses = dict.fromkeys(STRENGTHS, 0.0)
    for train, test in KFold(min(folds, len(label))).split(z):
        if len(np.unique(label[train])) < len(present):
            continue
        for strength in STRENGTHS:
            model = fit(strength, train)
            p = model.predict_proba(z[test])[np.arange(len(test)), np.searchsorted(model.classes_, label[test])]
            losses[strength] -= float(np.log(np.maximum(p, 1e-12)).sum())
    model = fit(min(losses, key=lambda s: losses[s]), np.arange(len(label)))
    weights = np.zeros((x.shape[1], n_classes))
    bias = np.log(share) - np.log(share).max() - 5.0  # classes without a trial: all but impossible
    if len(present) == 2:
        weights[:, present[1]] = model.coef_[0]
        bias[present] = 0.0, model.intercept_[0]
    else:
        weights[:, present] = model.coef_.T
        bias[present] = model.intercept_
    return Readout(mean, std, weights, bias)
