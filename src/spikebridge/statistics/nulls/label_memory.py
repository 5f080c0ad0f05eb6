"""The autocorrelation of labels over trials, and the lag at which it ends; two classes or more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer]
Array = NDArray[np.float64]


def onehot(label: Labels, n_classes: int) -> Array:
    """(..., trial) -> (..., trial, class)."""
    return np.asarray(np.eye(n_classes)[label])


def autocorrelation(labels: Labels, n_classes: int, lags: int) -> Array:
    """(session, lag) of labels (session, trial), lags 1 .. `lags`; 0 where only one class occurs.

    With z the centred indicators of the classes: r(d) = mean_t sum_c z_c(t) z_c(t + d) / mean_t sum_c z_c(t)^2. With
    two classes this is the autocorrelation of either indicator.
    """
    z = onehot(labels, n_classes)
    z = z - z.mean(axis=1, keepdims=True)
    n = z.shape[1]
    power = np.sum(z**2, axis=(1, 2)) / n
    correlation = np.zeros((len(labels), lags))
    for d in range(1, min(lags, n - 1) + 1):
        product = np.sum(z[:, d:] * z[:, :-d], axis=(1, 2)) / (n - d)
        correlation[:, d - 1] = np.divide(product, power, out=np.zeros(len(labels)), where=power > 1e-12)
    return correlation


def memory(label: Labels, n_classes: int, longest: int) -> int:
    """Trials until the autocorrelation of one session's labels is first below two standard errors, at most `longest`.

    Standard error of white noise, 1 / sqrt(n). label: (trial,).
    """
    r = autocorrelation(label[None], n_classes, longest)[0]
    below = np.flatnonzero(r < 2 / np.sqrt(len(label)))
    return int(below[0]) + 1 if len(below) else longest
