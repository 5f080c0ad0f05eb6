"""Pseudosessions: do predictions fit the animal's labels better than labels that the animal could have given instead?

A process is fitted to the labels of each recording, whole sessions of labels are drawn from it, and the same
predictions are scored against them (Harris 2020, "Nonsense correlations in neuroscience"; International Brain
Laboratory 2023, "A brain-wide map of neural activity during complex behaviour", where the process was known by design).

The process here: softmax regression of the label on the previous label and on a running mean of all earlier ones,

    log p(c_t = c) = bias_c + previous_{t-1} . A_c + trace_{t-1} . B_c + constant
    trace_t = a trace_{t-1} + (1 - a) onehot(c_t),   a = exp(-1 / TRACE_TRIALS)

with a bias for each recording, so that draws have its base rate, persistence or alternation, and slower runs of labels.
Fitted by penalised maximum likelihood (ridge PENALTY on A and B, none on the bias) with Newton steps.

Assumptions: the labels come from such a process, which under the null hypothesis is independent of the spikes. Fails
where labels follow something that is not in it: a schedule, blocks of the task, a trend over the session. `strange`
compares draws and labels in base rate and autocorrelation only. Predictions that are made of the animal's earlier
labels pass this null even without spikes: choice history is part of the score, not of the null. The predictions are not
refitted to the drawn labels (see session_permutation).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.label_memory import autocorrelation, onehot
from spikebridge.statistics.nulls.result import NullResult, sampled

NAME = "pseudosession"
ASSUMPTIONS = (
    "labels follow from the previous label and their running mean, fitted per recording; predictions not refitted"
)
TRACE_TRIALS = 8.0
KEEP = float(np.exp(-1 / TRACE_TRIALS))
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
        after, by_trace = self.weights[1 : k + 1], self.weights[k + 1 :]
        bias = self.weights[0] - self.base @ (after + by_trace)
        kinds, trace = np.eye(k), np.tile(self.base, (draws, 1))
        labels = np.empty((n_trials, draws), dtype=np.int64)
        chance = rng.random((n_trials, draws, 1))
        for t in range(n_trials):
            score = bias + trace @ by_trace + (after[labels[t - 1]] if t else self.base @ after)
            upper = np.cumsum(np.exp(score - score.max(axis=1, keepdims=True)), axis=1)
            labels[t] = (chance[t] * upper[:, -1:] >= upper[:, :-1]).sum(axis=1)
            trace = _next(trace, kinds[labels[t]])
        return np.ascontiguousarray(labels.T)


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
        trace = np.array(list(accumulate(truth[:-1], _next, initial=base)))
        x = _features(np.vstack([base, truth[:-1]]), trace, base)
        weights[:, present] = _fitted(x, truth[:, present])
    return LabelProcess(base, weights)


def pseudosession(observed: float, null: Array) -> NullResult:
    """p of the observed score among those of the drawn sessions. null: (draw,)."""
    return sampled(observed, null)


def strange(label: Labels, drawn: NDArray[np.integer], n_classes: int) -> bool:
    """Whether the labels do not look like the drawn ones: one of their measures lies outside 99 % of the draws.

    Measures: share of each class, mean autocorrelation over lags 1 to 5; Bonferroni over them. drawn: (draw, trial).
    """
    ours, theirs = _measures(label[None], n_classes), _measures(drawn, n_classes)
    tail = 0.01 / (2 * ours.shape[1])
    low, high = np.quantile(theirs, [tail, 1 - tail], axis=0)
    return bool(np.any((ours[0] < low - 1e-9) | (ours[0] > high + 1e-9)))


def _measures(labels: NDArray[np.integer], n_classes: int) -> Array:
    shares = np.stack([(labels == c).mean(axis=1) for c in range(n_classes)], axis=1)
    return np.hstack([shares, autocorrelation(labels, n_classes, LAGS).mean(axis=1, keepdims=True)])


def _next(trace: Array, now: Array) -> Array:
    return np.asarray(KEEP * trace + (1 - KEEP) * now)


def _features(previous: Array, trace: Array, base: Array) -> Array:
    return np.hstack([np.ones((len(previous), 1)), previous - base, trace - base])


def _softmax(x: Array) -> Array:
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(x / x.sum(axis=1, keepdims=True))


def _fitted(x: Array, truth: Array) -> Array:
    """Weights (feature, class) that maximise sum log p - PENALTY / 2 |weights|^2, by Newton's method with halving.

    By hand: scikit-learn's LogisticRegression has one penalty for all features. regression.fit_logistic leaves the
    biases free and penalises two classes as one logit; its weights differ in the last digits, and labels are drawn
    from these.
    """
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
