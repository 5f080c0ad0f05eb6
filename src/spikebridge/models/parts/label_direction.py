"""The direction in which the source's counts part the decisions: class means, without a covariance.

With fewer trials than units the difference of class means is the limit of strong regularisation, of logistic regression
and of Fisher's discriminant alike (Friedman 1989; "diagonal" or nearest-centroid rules, Tibshirani et al. 2002).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import segment_sums
from spikebridge.types import Windows

SEGMENTS = 10
LEAST_SPREAD = 0.2  # of the root of a count, so that a unit with a handful of spikes does not count as much as others
RUNS = 5
Array = NDArray[np.float64]


@dataclass(frozen=True)
class LabelDirection:
    """evidence = ((sqrt(counts in segments) - mean) / spread) @ weights, one column a class, of about unit variance.

    mean, spread: (feature,). weights: (feature, class).
    """

    mean: Array
    spread: Array
    weights: Array

    def evidence(self, w: Windows) -> Array:
        """(trial, class)."""
        return np.asarray((_roots(w) - self.mean) / self.spread @ self.weights)

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> LabelDirection:
        return LabelDirection(arrays["mean"], arrays["spread"], arrays["weights"])


def fit_label_direction(w: Windows, n_classes: int) -> tuple[LabelDirection, Array]:
    """The direction, and its evidence (trial, class) on the trials that it was learned from.

    w: labelled windows in time order. The evidence of a contiguous run of trials comes from the other runs, so that a
    read-out learns from it what it is worth on trials that nobody has seen; this evidence is scaled to unit variance.
    """
    roots = _roots(w)
    mean, spread = roots.mean(axis=0), np.maximum(roots.std(axis=0), LEAST_SPREAD)
    x = (roots - mean) / spread
    crossed = np.zeros((len(w), n_classes))
    for run in np.array_split(np.arange(len(w)), min(RUNS, len(w))):
        rest = np.setdiff1d(np.arange(len(w)), run)
        crossed[run] = x[run] @ _contrasts(x[rest], w.label[rest], n_classes)
    size = float(crossed.std())
    weights = _contrasts(x, w.label, n_classes) / size if size > 0 else np.zeros((x.shape[1], n_classes))
    return LabelDirection(mean, spread, weights), crossed / size if size > 0 else crossed


def _roots(w: Windows) -> Array:
    return np.sqrt(segment_sums(w.source, SEGMENTS).astype(np.float64))


def _contrasts(x: Array, label: NDArray[np.int64], n_classes: int) -> Array:
    """(feature, class): mean of each class less the mean of the class means; nothing for a class without a trial."""
    present = [c for c in range(n_classes) if (label == c).any()]
    contrasts = np.zeros((x.shape[1], n_classes))
    if len(present) > 1:
        means = np.stack([x[label == c].mean(axis=0) for c in present], axis=1)
        contrasts[:, present] = means - means.mean(axis=1, keepdims=True)
    return contrasts
