"""Pseudosessions: do predictions fit the animal's labels better than labels that the animal could have given instead?

A process is fitted to the labels of each recording, whole sessions of labels are drawn from it, and the same
predictions are held against them (Harris 2020, "Nonsense correlations in neuroscience"; International Brain Laboratory
2023, "A brain-wide map of neural activity during complex behaviour", where the process was known by design).

The process here: softmax regression of the label on the one before and on a running mean of all before,

    log p(c_t = c) = bias_c + previous_{t-1} . A_c + trace_{t-1} . B_c + constant
    trace_t = a trace_{t-1} + (1 - a) onehot(c_t),   a = exp(-1 / TRACE_TRIALS)

with a bias a recording, so base rate, persistence or alternation, and slower runs of labels come out again. Fitted by
penalised maximum likelihood (ridge PENALTY on A and B, none on the bias) with Newton steps.

Assumptions: the labels do come from such a process, and under the null it draws them without regard to the spikes.
Fails where labels follow something that is not in it: a schedule, blocks of the task, a trend over the session. Whether
the draws look like the labels is looked at by `strange`, for base rate and autocorrelation only. And predictions that
are made of the animal's earlier labels pass it, spikes or no spikes: choice history is part of the score, not the null.
Nor are the predictions refitted to the drawn labels (see session_permutation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.label_memory import autocorrelation, onehot
from spikebridge.statistics.nulls.result import NullResult, sampled

NAME = "pseudosession"
ASSUMPTIONS = (
    "labels follow from the previous label and their running mean, fitted per recording; predictions not refitted"
)
TRACE_TRIALS = 8.0
PENALTY = 0.1
STEPS = 50
LAGS = 5
Labels = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class LabelProcess:
    """base: (class,), shares of the classes. weights: (feature, class); features: one, previous label, trace."""

    base: Array
    weights: Array

    def draw(self, n_trials: int, draws: int, rng: np.random.Generator) -> Labels:
        """(draw, trial): sessions of labels. Each starts from the base rates, as the fit does."""
        k = len(self.base)
        previous = np.tile(self.base, (draws, 1))
        trace = previous.copy()
        found = np.empty((draws, n_trials), dtype=np.int64)
        for t in range(n_trials):
            upper = np.cumsum(_softmax(_features(previous, trace, self.base) @ self.weights), axis=1)
            found[:, t] = np.minimum((rng.random((draws, 1)) >= upper).sum(axis=1), k - 1)
            previous = np.eye(k)[found[:, t]]
            trace = _next(trace, previous)
        return found


def fit(label: Labels, n_classes: int) -> LabelProcess:
    """The label process of one recording. label: (trial,), index of the class, in the order of time.

    A class that never occurs is never drawn; where only one occurs, nothing else is.
    """
    present = np.unique(label)
    base = np.bincount(label, minlength=n_classes) / len(label)
    weights = np.zeros((1 + 2 * n_classes, n_classes))
    weights[0] = np.where(base > 0, 0.0, -1e3)
    if len(present) > 1:
        truth = onehot(label, n_classes)
        trace = np.empty_like(truth)
        trace[0] = base
        for t in range(1, len(label)):
            trace[t] = _next(trace[t - 1], truth[t - 1])
        x = _features(np.vstack([base, truth[:-1]]), trace, base)
        weights[:, present] = _fitted(x, truth[:, present])
    return LabelProcess(base, weights)


def pseudosession(observed: float, null: Array) -> NullResult:
    """p of the observed score among those of the drawn sessions. null: (draw,)."""
    return sampled(observed, null)


def strange(label: Labels, drawn: Labels, n_classes: int) -> bool:
    """Whether the labels do not look like the drawn ones: one of their measures lies outside 99 % of the draws.

    Measures: share of each class, mean autocorrelation over lags 1 to 5; Bonferroni over them. drawn: (draw, trial).
    """
    ours, theirs = _measures(label[None], n_classes), _measures(drawn, n_classes)
    tail = 0.01 / (2 * ours.shape[1])
    low, high = np.quantile(theirs, [tail, 1 - tail], axis=0)
    return bool(np.any((ours[0] < low - 1e-9) | (ours[0] > high + 1e-9)))


def _measures(labels: Labels, n_classes: int) -> Array:
    shares = np.stack([(labels == c).mean(axis=1) for c in range(n_classes)], axis=1)
    return np.hstack([shares, autocorrelation(labels, n_classes, LAGS).mean(axis=1, keepdims=True)])


def _next(trace: Array, now: Array) -> Array:
    keep = np.exp(-1 / TRACE_TRIALS)
    return np.asarray(keep * trace + (1 - keep) * now)


def _features(previous: Array, trace: Array, base: Array) -> Array:
    return np.hstack([np.ones((len(previous), 1)), previous - base, trace - base])


def _softmax(x: Array) -> Array:
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(x / x.sum(axis=1, keepdims=True))


def _fitted(x: Array, truth: Array) -> Array:
    """Weights (feature, class) that maximise sum log p - PENALTY / 2 |weights|^2, by Newton's method with halving."""
    k, f = truth.shape[1], x.shape[1]
    penalty = np.where(np.arange(f) == 0, 1e-6, PENALTY)[:, None]
    weights = np.zeros((f, k))
    weights[0] = np.log(truth.mean(axis=0))

    def loss(w: Array) -> float:
        return float(-np.sum(truth * np.log(np.maximum(_softmax(x @ w), 1e-300))) + 0.5 * np.sum(penalty * w**2))

    for _ in range(STEPS):
        p = _softmax(x @ weights)
        gradient = x.T @ (truth - p) - penalty * weights
        inner = p[:, :, None] * (np.eye(k) - p[:, None, :])  # (trial, class, class)
        hessian = np.einsum("tf,tcd,tg->cfdg", x, inner, x, optimize=True).reshape(k * f, k * f)
        hessian += np.diag(np.tile(penalty[:, 0], k))
        step = np.linalg.solve(hessian, gradient.T.ravel()).reshape(k, f).T
        now, scale = loss(weights), 1.0
        while scale > 1e-4 and loss(weights + scale * step) > now:
            scale /= 2
        weights = weights + scale * step
        if np.abs(scale * step).max() < 1e-6:
            break
    return weights
