"""Counts of a window as a feature vector, and labels as class shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.types import Windows


def segment_sums(values: NDArray[np.generic], segments: int) -> NDArray[np.float32]:
    """(window, bin, unit) -> (window, segment * unit): sums over consecutive, nearly equal runs of bins."""
    edges = np.linspace(0, values.shape[1], min(segments, values.shape[1]) + 1).round().astype(int)
    sums = np.add.reduceat(values.astype(np.float32), edges[:-1], axis=1)
    return sums.reshape(len(values), sums.shape[1] * sums.shape[2])


def segment_means(values: NDArray[np.generic], segments: int) -> NDArray[np.float32]:
    """(window, bin, latent) -> (window, segment * latent): means over consecutive, nearly equal runs of bins."""
    edges = np.linspace(0, values.shape[1], min(segments, values.shape[1]) + 1).round().astype(int)
    means = np.add.reduceat(values.astype(np.float32), edges[:-1], axis=1) / np.diff(edges)[:, None].astype(np.float32)
    return means.astype(np.float32).reshape(len(values), means.shape[1] * means.shape[2])


def recent_mean(values: NDArray[np.generic], share: float) -> NDArray[np.float32]:
    """(window, bin, latent) -> (window, latent): mean with weights that decay backwards from the window's end.

    share: time constant of the decay, as a share of the window. It is a leaky integrator.
    """
    bins = values.shape[1]
    weights = np.exp(-np.arange(bins)[::-1] / (share * bins))
    return np.einsum("wbl,b->wl", values.astype(np.float64), weights / weights.sum()).astype(np.float32)


def join(first: Windows, second: Windows | None) -> Windows:
    """The windows of two sets of one recording, in time order."""
    if second is None or len(second) == 0:
        return first
    order = np.argsort(np.concatenate([first.start_s, second.start_s]), kind="stable")
    both: dict[str, Any] = {n: np.concatenate([getattr(first, n), getattr(second, n)])[order] for n in first.ROWS}
    return replace(first, **both)


def class_shares(labels: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    """(class,), share of each class with one trial of every class added (Laplace), so that no share is zero."""
    counts = np.bincount(labels[labels >= 0], minlength=n_classes) + 1.0
    return np.asarray(counts / counts.sum())
