"""The direction in latent space along which decisions part: Fisher's discriminant of the trials' mean latents.

Latents of two fits, or of two recordings in one fit, have axes that mean nothing to each other. This direction, found
on training trials and looked along on held-out ones, is the same thing in all of them, so they can be averaged
("coding direction", Li et al. 2016, Nature 532:459).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RIDGE = 0.05
"""Share of the mean within-class variance that is added to each direction's: few trials, many latents."""


@dataclass(frozen=True)
class DecisionAxis:
    """axis: (latent,). offset, scale: mean and SD of the projected bins of the trials it was fitted on."""

    axis: Array
    offset: float
    scale: float

    def __call__(self, latents: Array) -> Array:
        """(trial, bin, latent) -> (trial, bin), in SD."""
        return np.asarray((np.asarray(latents, dtype=np.float64) @ self.axis - self.offset) / self.scale)


def decision_axis(latents: Array, label: NDArray[np.int64]) -> DecisionAxis | None:
    """The axis of largest between-class over within-class variance of the trials' mean latents (Fisher 1936).

    It points from the first class to the last, by their number. latents: (trial, bin, latent). label: (trial,).
    Returns None where there are not two classes of two trials.
    """
    means = np.asarray(latents, dtype=np.float64).mean(axis=1)
    classes = [k for k in np.unique(label) if np.sum(label == k) >= 2]
    if len(classes) < 2:
        return None
    centres = np.array([means[label == k].mean(axis=0) for k in classes])
    rest = np.concatenate([means[label == k] - centre for k, centre in zip(classes, centres, strict=True)])
    within = rest.T @ rest / len(rest)
    within += (RIDGE * np.trace(within) / len(within) + np.finfo(float).tiny) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(values) @ vectors.T
    axis = white @ np.linalg.svd((centres - centres.mean(axis=0)) @ white)[2][0]
    axis = axis if (centres[-1] - centres[0]) @ axis >= 0 else -axis
    along = np.asarray(latents, dtype=np.float64) @ axis
    return DecisionAxis(axis, float(along.mean()), float(along.std()) or 1.0)
