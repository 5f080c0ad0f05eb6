"""Many ridge-penalised logistic regressions on one table of features at once, by Newton's method.

Kept by hand: scikit-learn and scipy solve one problem a call. A cross-validation over folds and penalties is dozens of
problems on about a hundred trials, in which a call costs many times what its arithmetic does; here one step of Newton's
method, halved until it lowers the loss, solves them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MAX_ITER = 50
MAX_HALVINGS = 30
TOLERANCE = 1e-12
"""The search ends when no problem can expect to lower its loss by more than this share of it."""


@dataclass(frozen=True)
class LogisticFits:
    """Weights of logits = x @ weights + bias, for every problem.

    Two classes have one logit, that of the second against the first; more have one each, biases summing to zero.

    Parameters
    ----------
    weights : NDArray, shape (problem, feature, logit)
        Slopes.
    bias : NDArray, shape (problem, logit)
        Intercepts.
    """

    weights: Array
    bias: Array

    def log_probabilities(self, x: Array) -> Array:
        """Predict trials with the fit of every problem.

        Parameters
        ----------
        x : NDArray, shape (trial, feature)
            Features.

        Returns
        -------
        NDArray, shape (problem, trial, class)
            Log of the class probabilities.
        """
        return _log_softmax(x @ self.weights + self.bias[:, None])


def fit_logistic(x: Array, label: NDArray[np.int64], weight: Array, penalty: Array) -> LogisticFits:
    """Minimise, for every problem b, -sum_i weight_bi log p(label_i) + penalty_b / 2 |weights_b|^2; biases are free.

    Parameters
    ----------
    x : NDArray, shape (trial, feature)
        Features.
    label : NDArray, shape (trial,)
        Classes from 0 without gaps, two at least, each of positive weight in every problem.
    weight : NDArray, shape (problem, trial)
        How much each trial counts; 0 leaves it out.
    penalty : NDArray, shape (problem,)
        On the squared weights, positive.

    Returns
    -------
    LogisticFits
        The weights of every problem.

    References
    ----------
    Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, 4.4.1.
    """
    classes = int(label.max()) + 1
    ones = np.column_stack([x, np.ones(len(x))])
    problems, size, logits = len(weight), ones.shape[1], classes if classes > 2 else 1
    ridge = np.repeat(penalty[:, None], size, axis=1)
    ridge[:, -1] = 0.0
    target = np.eye(classes)[label][:, -logits:]
    theta = np.zeros((problems, size, logits))
    place = np.arange(size * logits)
    # With one logit per class the loss is flat along the direction that adds the same number to all biases.
    slack = np.where(place % size == size - 1, 1e-9, 0.0) * weight.sum(axis=1)[:, None]

    def loss(theta: Array) -> tuple[Array, Array]:
        log_p = _log_softmax(ones @ theta)
        fit = -(weight * log_p[:, np.arange(len(label)), label]).sum(axis=1)
        return fit + 0.5 * np.einsum("bf,bfk->b", ridge, theta**2), log_p

    value, log_p = loss(theta)
    for _ in range(MAX_ITER):
        p = np.exp(log_p[:, :, -logits:])
        slope = ones.T @ (weight[:, :, None] * (p - target)) + ridge[:, :, None] * theta
        hessian = _hessian(ones, weight, p)
        hessian[:, place, place] += np.tile(ridge, logits) + slack
        step = _newton_step(hessian, slope)
        if (np.einsum("bfk,bfk->b", slope, step) <= TOLERANCE * np.maximum(value, TOLERANCE)).all():
            break
        length = np.ones(problems)
        for _ in range(MAX_HALVINGS):
            new, new_log_p = loss(theta - length[:, None, None] * step)
            worse = new > value * (1 + TOLERANCE)
            if not worse.any():
                break
            length[worse] /= 2
        length[worse] = 0.0  # as low as numbers resolve
        theta = theta - length[:, None, None] * step
        value, log_p = (new, new_log_p) if not worse.any() else loss(theta)
    return LogisticFits(theta[:, :-1], theta[:, -1])


def _newton_step(hessian: Array, slope: Array) -> Array:
    """(problem, feature, logit), from _hessian's and the gradient, (problem, feature, logit)."""
    problems, size, logits = slope.shape
    step = np.linalg.solve(hessian, slope.transpose(0, 2, 1).reshape(problems, -1, 1))
    return np.asarray(step.reshape(problems, logits, size).transpose(0, 2, 1))


def _hessian(ones: Array, weight: Array, p: Array) -> Array:
    """(problem, logit * feature, logit * feature), of the loss without penalty. p: (problem, trial, logit)."""
    problems, size, logits = len(weight), ones.shape[1], p.shape[2]
    made = np.empty((problems, logits, size, logits, size))
    for a in range(logits):
        for b in range(a + 1):
            curvature = weight * p[:, :, a] * ((a == b) - p[:, :, b])
            made[:, a, :, b] = made[:, b, :, a] = (ones.T * curvature[:, None]) @ ones
    return made.reshape(problems, logits * size, logits * size)


def _log_softmax(logits: Array) -> Array:
    """(problem, trial, class), from (problem, trial, logit)."""
    if logits.shape[2] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=2)
    logits = logits - logits.max(axis=2, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)))
