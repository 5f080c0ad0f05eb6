"""Regularised logistic read-out of decisions from latents, one a recording, settings shared by all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import recent_mean, segment_means
from spikebridge.regression import fit_logistic

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
    losses = [np.sum([_held_out_losses(x, labels[r]) for r, x in features[name].items()], axis=0) for name in summaries]
    summary, strength = np.unravel_index(np.argmin(losses), (len(summaries), len(STRENGTHS)))
    name = tuple(summaries)[summary]
    return name, {r: fit_readout(x, labels[r], n_classes, STRENGTHS[strength]) for r, x in features[name].items()}


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
    known = np.searchsorted(present, label)
    z = np.asarray((x - mean) / scale, dtype=np.float64)
    fits = fit_logistic(z, known, _alike(known)[None], np.array([1 / strength]))
    bias = np.log(share) - np.log(share).max() - 5.0
    weights[:, present[-fits.bias.shape[1] :]] = fits.weights[0]
    evidence = np.zeros(len(present))
    evidence[-fits.bias.shape[1] :] = fits.bias[0]
    bias[present] = evidence + np.log(share[present])
    return Readout(mean, scale, weights, bias)


def _held_out_losses(x: Array, label: Labels, folds: int = 5) -> NDArray[np.float64]:
    """(strength,), log loss over contiguous runs of trials, each predicted from the others, nats; 0 where none is had.

    Classes count alike, as in the read-out before it is moved to their shares. Every fold is scaled by its own training
    trials: a shift is the bias's, and another scale is another penalty.
    """
    none = np.zeros(len(STRENGTHS))
    known = np.unique(label, return_inverse=True)[1]
    if len(label) < 2 * folds or known.max() == 0:
        return none
    tests = np.array_split(np.arange(len(label)), folds)
    trains = [np.setdiff1d(np.arange(len(label)), test) for test in tests]
    whole = [k for k, train in enumerate(trains) if len(np.unique(known[train])) > known.max()]
    if not whole:
        return none
    scale = _scale(x)
    weight = np.zeros((len(whole), len(label)))
    penalty = np.empty((len(whole), len(STRENGTHS)))
    for row, k in enumerate(whole):
        weight[row, trains[k]] = _alike(known[trains[k]])
        penalty[row] = (_scale(x[trains[k]]) / scale) ** 2 / np.array(STRENGTHS)
    z = np.asarray((x - x.mean(axis=0)) / scale, dtype=np.float64)
    fits = fit_logistic(z, known, np.repeat(weight, len(STRENGTHS), axis=0), penalty.ravel())
    right = fits.log_probabilities(z)[:, np.arange(len(label)), known].reshape(len(whole), len(STRENGTHS), -1)
    each = _alike(known) * np.maximum(right, np.log(1e-12))
    return -np.sum([each[row][:, tests[k]].sum(axis=1) for row, k in enumerate(whole)], axis=0)


def _alike(label: Labels) -> NDArray[np.float64]:
    """(trial,), weights under which every class counts alike; their sum is the number of trials."""
    counts = np.bincount(label)
    return np.asarray(len(label) / (len(counts) * counts)[label])


def _scale(x: Array) -> Array:
    return np.asarray(max(float((x - x.mean(axis=0)).std()), 1e-6))
