"""The direction of the source's counts in which the decisions differ, whether the target follows it or not.

With fewer trials than units the difference of class means is the limit of strong regularisation both of logistic
regression and of Fisher's discriminant (Friedman 1989, J Am Stat Assoc 84:165; nearest-centroid rules, Tibshirani et
al. 2002, PNAS 99:6567).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import segment_sums
from spikebridge.models.parts.saved_arrays import (
    check_arrays,
    check_positive,
    float64_arrays,
    load_arrays,
    save_arrays,
    with_prefix,
)
from spikebridge.types import Windows

DIRECTIONS_FILE = "label_directions.safetensors"
N_SEGMENTS = 10
MIN_SD = 0.2  # of the root of a count, so that a unit with a handful of spikes does not count as much as others
N_BLOCKS = 5
Array = NDArray[np.float64]


@dataclass(frozen=True)
class LabelDirection:
    """evidence = ((sqrt(counts in segments) - mean) / sd) @ weights, one column per class, of about unit variance.

    mean, sd: (feature,). weights: (feature, class).
    """

    mean: Array
    sd: Array
    weights: Array

    def evidence(self, w: Windows) -> Array:
        """(trial, class)."""
        return np.asarray((_roots(w) - self.mean) / self.sd @ self.weights)


def fit_label_direction(w: Windows, n_classes: int) -> tuple[LabelDirection, Array]:
    """The direction, and its cross-fitted evidence (trial, class) on the trials that it was fitted to.

    w: labelled windows in time order. The evidence of a contiguous block of trials comes from a fit to the other
    blocks, so that the read-out weighs it by its value on held-out trials; it is scaled to unit variance.
    """
    roots = _roots(w)
    mean, sd = roots.mean(axis=0), np.maximum(roots.std(axis=0), MIN_SD)
    x = (roots - mean) / sd
    crossed = np.zeros((len(w), n_classes))
    for block in np.array_split(np.arange(len(w)), min(N_BLOCKS, len(w))):
        rest = np.setdiff1d(np.arange(len(w)), block)
        crossed[block] = x[block] @ _contrasts(x[rest], w.label[rest], n_classes)
    size = float(crossed.std())
    weights = _contrasts(x, w.label, n_classes) / size if size > 0 else np.zeros((x.shape[1], n_classes))
    return LabelDirection(mean, sd, weights), crossed / size if size > 0 else crossed


def save_directions(folder: Path, recordings: Sequence[str], directions: Mapping[str, LabelDirection]) -> None:
    """Write label_directions.safetensors: "<number of the recording>.<field>"."""
    arrays = {
        f"{i}.{field}": values
        for i, name in enumerate(recordings)
        if name in directions
        for field, values in vars(directions[name]).items()
    }
    save_arrays(folder / DIRECTIONS_FILE, arrays)


def load_directions(folder: Path, sizes: Mapping[str, int], n_bins: int, n_classes: int) -> dict[str, LabelDirection]:
    """The direction of every recording that has one. sizes: recording -> source units. Raises DataError."""
    path = folder / DIRECTIONS_FILE
    arrays = load_arrays(path)
    recording_arrays = {name: with_prefix(arrays, f"{i}.") for i, name in enumerate(sizes)}
    expected: dict[str, tuple[str, tuple[int, ...]]] = {}
    for i, (name, n_units) in enumerate(sizes.items()):
        n = min(N_SEGMENTS, n_bins) * n_units
        of_one = float64_arrays(mean=(n,), sd=(n,), weights=(n, n_classes))
        expected |= {f"{i}.{field}": kind for field, kind in of_one.items() if recording_arrays[name]}
    check_arrays(path, arrays, expected)
    check_positive(path, arrays, *(f"{i}.sd" for i, name in enumerate(sizes) if recording_arrays[name]))
    return {name: LabelDirection(**fields) for name, fields in recording_arrays.items() if fields}


def _roots(w: Windows) -> Array:
    return np.sqrt(segment_sums(w.source, N_SEGMENTS).astype(np.float64))


def _contrasts(x: Array, label: NDArray[np.int64], n_classes: int) -> Array:
    """(feature, class): mean of each class minus the mean of the class means; zeros for a class without a trial."""
    present = [c for c in range(n_classes) if (label == c).any()]
    contrasts = np.zeros((x.shape[1], n_classes))
    if len(present) > 1:
        means = np.stack([x[label == c].mean(axis=0) for c in present], axis=1)
        contrasts[:, present] = means - means.mean(axis=1, keepdims=True)
    return contrasts
