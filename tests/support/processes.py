"""Slow processes without any link between them, and the verdict over many studies of them."""

from __future__ import annotations

import numpy as np
from scipy import stats


def walk(rng: np.random.Generator, n: int, tau: float) -> np.ndarray:
    """A stationary slow process of unit variance; tau in steps."""
    decay, x = np.exp(-1 / tau), np.empty(n)
    noise = rng.normal(size=n)
    x[0] = noise[0]
    for k in range(1, n):
        x[k] = decay * x[k - 1] + np.sqrt(1 - decay**2) * noise[k]
    return x


def chain(rng: np.random.Generator, n: int, stay: float = 0.7, shares: tuple[float, ...] = (0.4, 0.6)) -> np.ndarray:
    """Labels that repeat with probability `stay` and are drawn anew from the shares otherwise."""
    fresh = rng.choice(len(shares), n, p=shares)
    again = rng.random(n) < stay
    label = fresh.copy()
    for k in range(1, n):
        label[k] = label[k - 1] if again[k] else fresh[k]
    return label


def not_above(hits: int, studies: int, alpha: float = 0.05) -> bool:
    """Whether so many false positives are compatible with a level of alpha."""
    return bool(stats.binomtest(int(hits), studies, alpha, alternative="greater").pvalue > 0.001)


def alignment(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(draw,): correlation of values (trial,) with labels (draw, trial) of two classes; 0 where labels are constant."""
    x = (values - values.mean()) / values.std()
    y = labels - labels.mean(axis=1, keepdims=True)
    sd = y.std(axis=1)
    return np.divide(y @ x / len(x), sd, out=np.zeros(len(y)), where=sd > 0)
