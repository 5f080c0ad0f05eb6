"""Regularised logistic read-out of decisions from latents, one a recording, settings shared by all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import recent_mean, segment_means

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
Array = NDArray[np.floating]
Labels = NDArray[np.int64]

SUMMARIES: Mapping[str, Callable[[Array], NDArray[np.float32]]] = {
    "mean": lambda z: segment_means(z, 1),
    "parts": lambda z: segment_means(z, 4),
    "recent quarter": lambda z: recent_mean(z, 1 / 4),
    "recent eighth": lambda z: recent_mean(z, 1 / 8),
}
"""What of a trial's latents (trial, bin, latent) the read-out sees: (trial, feature)."""


@dataclass(frozen=True)
class Readout:
    """softmax(((x - mean) / scale) @ weights + bias).

    mean: (feature,). scale: scalar. weights: (feature, class). bias: (class,).
    """

    mean: Array
    scale: Array
    weights: Array
    bias: Array

    def probabilities(self, x: Array) -> NDArray[np.float64]:
        """(trial, feature) -> (trial, class)."""
        z = ((x - self.mean) / self.scale) @ self.weights + self.bias
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_readouts(
    latents: Mapping[str, Array],
    labels: Mapping[str, Labels],
    n_classes: int,
    more: Mapping[str, Array] | None = None,
    summaries: Collection[str] = tuple(SUMMARIES),
) -> tuple[str, dict[str, Readout]]:
    """The summary of latents, and one read-out a recording.

    latents: recording -> (trial, bin, latent), in time order. labels: recording -> (trial,). more: recording -> (trial,
    feature), features beside the summary. summaries: those to choose from.
    Summary and ridge strength are those that predict contiguous held-out runs of the given trials best (log loss summed
    over recordings: one recording has too few trials to choose by).
    """
    beside = more or {r: np.empty((len(z), 0)) for r, z in latents.items()}
    features = {name: {r: np.hstack([SUMMARIES[name](z), beside[r]]) for r, z in latents.items()} for name in summaries}
    losses = {
        (name, strength): sum(_held_out_loss(features[name][r], labels[r], strength) for r in latents)
        for name, strength in product(summaries, STRENGTHS)
    }
    name, strength = min(losses, key=lambda choice: losses[choice])
    return name, {r: fit_readout(features[name][r], labels[r], n_classes, strength) for r in latents}


def fit_readout(x: Array, label: Labels, n_classes: int, strength: float) -> Readout:
    """Logistic regression with a ridge penalty of 1 / strength, classes weighted alike, then moved to their shares.

    x: (trial, feature). One scale for all features: how large a latent is says how much the target follows it. Weighted
    alike, a weak read-out of rare against frequent decisions is one of evidence and not of shares; the shares of the
    given trials come in as the prior (each with one trial added). A class without a trial is all but impossible; labels
    of a single class give the shares.
    """
    mean, scale = x.mean(axis=0), _scale(x)
    present = np.unique(label)
    share = (np.bincount(label, minlength=n_classes) + 1.0) / (len(label) + n_classes)
    weights = np.zeros((x.shape[1], n_classes))
    if len(present) < 2:
        return Readout(mean, scale, weights, np.log(share))
    model = _logistic((x - mean) / scale, label, strength)
    bias = np.log(share) - np.log(share).max() - 5.0
    if len(present) == 2:
        weights[:, present[1]] = model.coef_[0]
        evidence = np.array([0.0, model.intercept_[0]])
    else:
        weights[:, present] = model.coef_.T
        evidence = model.intercept_
    bias[present] = evidence + np.log(share[present])
    return Readout(mean, scale, weights, bias)


def _held_out_loss(x: Array, label: Labels, strength: float, folds: int = 5) -> float:
    """Log loss over contiguous runs of trials, each predicted from the others, nats; 0 where that cannot be had.

    Classes count alike, as in the read-out before it is moved to their shares.
    """
    from sklearn.model_selection import KFold

    if len(label) < 2 * folds:
        return 0.0
    loss = 0.0
    for train, test in KFold(folds).split(x):
        if len(np.unique(label[train])) < len(np.unique(label)) or len(np.unique(label)) < 2:
            continue
        mean, scale = x[train].mean(axis=0), _scale(x[train])
        model = _logistic((x[train] - mean) / scale, label[train], strength)
        p = model.predict_proba((x[test] - mean) / scale)
        right = p[np.arange(len(test)), np.searchsorted(model.classes_, label[test])]
        weight = len(label) / (len(np.unique(label)) * np.bincount(label)[label[test]])
        loss -= float((weight * np.log(np.maximum(right, 1e-12))).sum())
    return loss


def _logistic(x: Array, label: Labels, strength: float):  # type: ignore[no-untyped-def]
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1000, class_weight="balanced").fit(x, label)


def _scale(x: Array) -> Array:
    return np.asarray(max(float((x - x.mean(axis=0)).std()), 1e-6))
