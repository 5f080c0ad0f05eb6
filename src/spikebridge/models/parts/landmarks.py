"""Landmarks: what the latents of different recordings have in common without labels, and axes that align them.

Recordings have other units, so their latents differ at least by a linear map. Their mean course over a trial, and how
it depends on what was known of the trial before its decision, can be compared all the same: that is how sessions are
aligned by condition averages (Pandarinath et al. 2018, Nat Methods 15:805; Safaie et al. 2023, Nature 623:765).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import segment_means
from spikebridge.types import Windows
from spikebridge.types.covariates import is_column

N_SEGMENTS = 8
"""Runs of bins that the course over a window is averaged in."""
MAX_VALUES = 5
"""A column with at most so many different values has one term for each value but the first."""
RIDGE = 1.0
"""Trials: of the regression on covariates; the mean course is not penalised."""
MIN_SD = 1e-9
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    """A column of the regression: a covariate, or whether it has one value, minus the mean, over the SD.

    Parameters
    ----------
    covariate : str
        Its name in the windows.
    value : float or None
        The column is 1 where the covariate has this value and 0 elsewhere; None: the covariate itself.
    mean, sd : float
        Of the column in the training recordings.
    """

    covariate: str
    value: float | None
    mean: float
    sd: float

    def column(self, w: Windows) -> Array:
        """(window,); 0, the mean, where the covariate is not known."""
        if self.covariate not in w.covariate_names:
            return np.zeros(len(w))
        known = w.covariate(self.covariate)
        raw = known if self.value is None else (known == self.value).astype(np.float64)
        return np.where(np.isfinite(known), (raw - self.mean) / self.sd, 0.0)


@dataclass(frozen=True)
class Landmarks:
    """What one recording shows of its latents.

    Parameters
    ----------
    mean : NDArray, shape (latent,)
        Over trials and bins.
    course : NDArray, shape (landmark, latent)
        Regression coefficients of the latents minus their mean: term by term (the mean course first), segment by
        segment.
    noise : NDArray, shape (latent, latent)
        Expected value of course' course from the finite number of trials alone.
    """

    mean: Array
    course: Array
    noise: Array

    def axes(self, common: Array) -> Axes:
        """Axes on which the courses are nearest to `common`, (landmark, axis): ridge regression, penalty `noise`."""
        return Axes(self.mean, np.asarray(np.linalg.solve(self._gram(), self.course.T @ common), dtype=np.float64))

    def projection(self) -> Array:
        """(landmark, landmark): `course` times the ridge regression of landmarks on it."""
        return np.asarray(self.course @ np.linalg.solve(self._gram(), self.course.T))

    def _gram(self) -> Array:
        gram = self.course.T @ self.course + self.noise
        size = len(gram)
        return np.asarray(gram + (1e-6 * np.trace(gram) / size + MIN_SD) * np.eye(size))


@dataclass(frozen=True)
class Axes:
    """Latents of one recording -> common axes: (z - mean) @ weights.

    Parameters
    ----------
    mean : NDArray, shape (latent,)
        Taken off.
    weights : NDArray, shape (latent, axis)
        The map.
    """

    mean: Array
    weights: Array

    def __call__(self, latents: NDArray[np.floating]) -> Array:
        """(..., latent) -> (..., axis)."""
        return np.asarray((latents - self.mean) @ self.weights)


def fit_terms(windows: Sequence[Windows]) -> tuple[Term, ...]:
    """Terms of the columns of the trial table that every recording has.

    Earlier labels are no terms: of a recording without labels they are not known.

    Parameters
    ----------
    windows : sequence of Windows
        Trial windows of the training recordings.

    Returns
    -------
    tuple of Term
        A column that does not vary has none.
    """
    shared = [n for n in windows[0].covariate_names if all(n in w.covariate_names for w in windows)]
    terms: list[Term] = []
    for name in filter(is_column, shared):
        values = np.concatenate([w.covariate(name) for w in windows])
        values = values[np.isfinite(values)]
        kinds = np.unique(values)
        if 1 < len(kinds) <= MAX_VALUES:
            share = [float((values == kind).mean()) for kind in kinds[1:]]
            terms += [
                Term(name, float(k), p, float(np.sqrt(p * (1 - p)))) for k, p in zip(kinds[1:], share, strict=True)
            ]
        elif len(kinds) > MAX_VALUES:
            terms.append(Term(name, None, float(values.mean()), float(values.std())))
    return tuple(terms)


def landmarks(latents: NDArray[np.floating], w: Windows, terms: Sequence[Term]) -> Landmarks:
    """Regress the latents of a recording, averaged over segments of the window, on the terms.

        x_s(trial) = sum_j X_j(trial) L_js + noise,  L = (X'X + R)^-1 X'x,  R = RIDGE but for the mean course

    Parameters
    ----------
    latents : NDArray, shape (trial, bin, latent)
        Of the trial windows.
    w : Windows
        The same windows, for their covariates; labels are not used.
    terms : sequence of Term
        See `fit_terms`.

    Returns
    -------
    Landmarks
        Of this recording.
    """
    z = latents.astype(np.float64)
    mean = z.mean(axis=(0, 1))
    x = segment_means(z - mean, N_SEGMENTS).astype(np.float64).reshape(len(z), -1, z.shape[2])
    design = np.column_stack([np.ones(len(w)), *(term.column(w) for term in terms)])
    gram = design.T @ design
    # Not regression.ridge_slope: the first column has no penalty, and the noise needs the inverse itself.
    solve = np.linalg.inv(gram + np.diag([0.0] + [RIDGE] * len(terms)))
    course = np.einsum("ij,tj,tsl->isl", solve, design, x)
    left = (x - np.einsum("ti,isl->tsl", design, course)).reshape(-1, z.shape[2])
    noise = left.T @ left / len(z) * np.trace(solve @ gram @ solve)
    return Landmarks(mean, course.reshape(-1, z.shape[2]), noise)


def common_landmarks(parts: Mapping[str, Landmarks]) -> Array:
    """The courses that the recordings share best, (landmark, axis), each of unit length, the best shared first.

    Leading eigenvectors of the mean projection: generalised canonical correlation (MAXVAR), where the noise of the
    landmarks is the penalty.

    Parameters
    ----------
    parts : mapping of str to Landmarks
        Recording -> its landmarks.

    Returns
    -------
    NDArray, shape (landmark, axis)
        As many axes as the recordings have latents, or landmarks if these are fewer.

    References
    ----------
    Kettenring 1971, Biometrika 58:433.
    """
    projections = [part.projection() for part in parts.values()]
    vectors = np.linalg.eigh(np.mean(projections, axis=0))[1][:, ::-1]
    n = min(min(part.course.shape) for part in parts.values())
    chosen = vectors[:, :n]
    largest = chosen[np.abs(chosen).argmax(axis=0), np.arange(n)]
    return np.asarray(chosen * np.sign(largest))  # an eigenvector's sign is arbitrary: the same on every machine
