"""The file of a translator's baselines and scales, compared with the model before any of its numbers is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.baseline import SCALES, Baseline
from spikebridge.errors import DataError
from spikebridge.models.parts.saved_arrays import (
    check_arrays,
    check_positive,
    float64_arrays,
    load_arrays,
    save_arrays,
    with_prefix,
)

BASELINES_FILE = "baselines.safetensors"
NOT_NEGATIVE = ("totals", "kernel_s", "smoothing_bins", "shrinkage", "scale")


def save_baselines(
    folder: Path, recordings: Sequence[str], baselines: Mapping[str, Baseline], scales: Mapping[str, float]
) -> None:
    """Write baselines.safetensors; scales: 1 for a recording that is not among them."""
    arrays: dict[str, NDArray[np.float64]] = {}
    for i, name in enumerate(recordings):
        fields = baselines[name].arrays() | {"scale": np.array(float(scales.get(name, 1.0)))}
        arrays |= {f"{i}.{field}": values for field, values in fields.items()}
    save_arrays(folder / BASELINES_FILE, arrays)


def load_baselines(folder: Path, sizes: Mapping[str, int], n_bins: int) -> tuple[dict[str, Baseline], dict[str, float]]:
    """The baseline and the scale of every recording. sizes: recording -> target units. Raises DataError."""
    path = folder / BASELINES_FILE
    arrays = load_arrays(path)
    expected: dict[str, tuple[str, tuple[int, ...]]] = {}
    for i, n in enumerate(sizes.values()):
        windows = np.asarray(arrays.get(f"{i}.times_s", ())).size
        shapes = float64_arrays(
            psth=(n_bins, n), times_s=(windows,), totals=(windows, n), level=(n,),
            kernel_s=(), prior=(), smoothing_bins=(), shrinkage=(), scale=(),
        )  # fmt: skip
        expected |= {f"{i}.{field}": kind for field, kind in shapes.items()}
    check_arrays(path, arrays, expected)
    baselines, scales = {}, {}
    for i, name in enumerate(sizes):
        check_positive(path, arrays, *(f"{i}.{field}" for field in ("psth", "level", "prior")))
        for field in NOT_NEGATIVE:
            if (arrays[f"{i}.{field}"] < 0).any():
                raise DataError(f"{path}: expected no number below zero in '{i}.{field}'")
        fields = with_prefix(arrays, f"{i}.")
        scales[name] = fields.pop("scale").item()
        if scales[name] > max(SCALES):
            raise DataError(f"{path}: expected '{i}.scale' as at most {max(SCALES)}, got {scales[name]}")
        baselines[name] = Baseline.from_arrays(fields)
    return baselines, scales
