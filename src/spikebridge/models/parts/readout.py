"""Ridge-penalised logistic read-out of decisions from latents, one per recording; all share their settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import recent_mean, segment_means
from spikebridge.regression import fit_logistic

INVERSE_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Candidates for 1 / penalty, which scikit-learn calls C."""
Array = NDArray[np.floating]
Labels = NDArray[np.int64]

SUMMARIES: Mapping[str, Callable[[Array], NDArray[np.float32]]] = {
    "mean": lambda z: segment_means(z, 1),
    "parts": lambda z: segment_means(z, 4),
    "recent quarter": lambda z: recent_mean(z, 1 / 4),
    "recent eighth": lambda z: recent_mean(z, 1 / 8),
}
"""Name -> features (trial, feature) of the read-out from latents (trial, bin, latent)."""


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
    additional: Mapping[str, Array] | None = None,
    summaries: Collection[str] = tuple(SUMMARIES),
) -> tuple[str, dict[str, Readout]]:
    """The summary of latents, and one read-out per recording.

    latents: recording -> (trial, bin, latent), in time order. labels: recording -> (trial,). additional: recording ->
    (trial, feature), features besides the summary. summaries: those to choose from.
    Summary and penalty have the lowest log loss on held-out contiguous blocks of the given trials, summed over
    recordings because one recording has too few trials to choose by.
    """
    extra = additional or {r: np.empty((len(z), 0)) for r, z in latents.items()}
    features = {name: {r: np.hstack([SUMMARIES[name](z), extra[r]]) for r, z in latents.items()} for name in summaries}
    losses = [
        np.sum([held_out_losses(x, labels[r]).sum(axis=1) for r, x in features[name].items()], axis=0)
        for name in summaries
    ]
    summary, inverse = np.unravel_index(np.argmin(losses), (len(summaries), len(INVERSE_PENALTIES)))
    name = tuple(summaries)[summary]
    return name, {
        r: fit_readout(x, labels[r], n_classes, INVERSE_PENALTIES[inverse]) for r, x in features[name].items()
    }


def fit_readout(x: Array, label: Labels, n_classes: int, inverse_penalty: float) -> Readout:
    """Logistic regression with a ridge penalty, classes weighted equally, then shifted to their shares.

    x: (trial, feature). All features are divided by the same SD, because the size of a latent shows how strongly the
    target depends on it. With classes weighted equally the fit is one of evidence and not of shares; the shares of the
    given trials (each with one trial added) enter as the prior. A class without a trial gets a very small probability;
    labels of a single class, or no feature, give the shares.
    """
    mean, scale = x.mean(axis=0), _scale(x)
    present = np.unique(label)
    share = (np.bincount(label, minlength=n_classes) + 1.0) / (len(label) + n_classes)
    weights = np.zeros((x.shape[1], n_classes))
    if len(present) < 2 or not x.shape[1]:
        return Readout(mean, scale, weights, np.log(share))
    index = np.searchsorted(present, label)
    z = np.asarray((x - mean) / scale, dtype=np.float64)
    fits = fit_logistic(z, index, _balanced(index)[None], np.array([1 / inverse_penalty]))
    bias = np.log(share) - np.log(share).max() - 5.0
    weights[:, present[-fits.bias.shape[1] :]] = fits.weights[0]
    evidence = np.zeros(len(present))
    evidence[-fits.bias.shape[1] :] = fits.bias[0]
    bias[present] = evidence + np.log(share[present])
    return Readout(mean, scale, weights, bias)


def held_out_losses(x: Array, label: Labels, folds: int = 5) -> NDArray[np.float64]:
    """(inverse penalty, trial), log loss in nats in held-out contiguous blocks of trials; 0 where there are too few.

    Classes count equally, as in the read-out before it is shifted to their shares. Every fold is scaled by its own
    training trials: a shift is absorbed by the bias, and another scale is another penalty.
    """
    losses = np.zeros((len(INVERSE_PENALTIES), len(label)))
    known = np.unique(label, return_inverse=True)[1]
    if len(label) < 2 * folds or known.max() == 0 or not x.shape[1]:
        return losses
    tests = np.array_split(np.arange(len(label)), folds)
    trains = [np.setdiff1d(np.arange(len(label)), test) for test in tests]
    complete = [k for k, train in enumerate(trains) if len(np.unique(known[train])) > known.max()]
    if not complete:
        return losses
    scale = _scale(x)
    weight = np.zeros((len(complete), len(label)))
    penalty = np.empty((len(complete), len(INVERSE_PENALTIES)))
    for row, k in enumerate(complete):
        weight[row, trains[k]] = _balanced(known[trains[k]])
        penalty[row] = (_scale(x[trains[k]]) / scale) ** 2 / np.array(INVERSE_PENALTIES)
    z = np.asarray((x - x.mean(axis=0)) / scale, dtype=np.float64)
    fits = fit_logistic(z, known, np.repeat(weight, len(INVERSE_PENALTIES), axis=0), penalty.ravel())
    right = fits.log_probabilities(z)[:, np.arange(len(label)), known].reshape(
        len(complete), len(INVERSE_PENALTIES), -1
    )
    each = _balanced(known) * np.maximum(right, np.log(1e-12))
    for row, k in enumerate(complete):
        losses[:, tests[k]] = -each[row][:, tests[k]]
    return losses


def _balanced(label: Labels) -> NDArray[np.float64]:
    """(trial,), weights under which every class counts equally; their sum is the number of trials."""
    counts = np.bincount(label)
    return np.asarray(len(label) / (len(counts) * counts)[label])


def _scale(x: Array) -> Array:
    return np.asarray(max(float((x - x.mean(axis=0)).std()), 1e-6) if x.size else 1.0)
