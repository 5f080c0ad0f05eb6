"""A recording as binned counts: the inverse of the binned reader, at the width of its bins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.io.formats.sidecars import write_sidecars
from spikebridge.types import Recording
from spikebridge.types.intervals import as_intervals

WIDTH_S = 0.05
"""Width of the bins that are made of spike times."""


def write(recording: Recording, folder: Path, suffix: str = ".npz") -> Path:
    """Bin the trials, each from its start for as many whole bins as the shortest holds; suffix: .npz or .h5.

    Raises DataError where a trial has no time, or the shortest no whole bin.
    """
    width = recording.resolution_s or WIDTH_S
    start, n_bins = _bins_of_trials(recording, width)
    units = recording.units
    arrays: dict[str, NDArray[Any]] = {
        "counts": _counts(recording, start, n_bins, width),
        "bin_width_s": np.asarray(width),
        "start_time": start,
        "unit": units["unit"].to_numpy(dtype=np.int64),
        "region": _plain(units["region"]),
        **{f"units/{c}": _plain(units[c]) for c in units if c not in ("unit", "region")},
        **{f"trials/{c}": _plain(recording.trials[c]) for c in recording.trials},
    }
    path = Path(folder) / f"{recording.name}{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    else:
        _write_hdf5(path, arrays)
    write_sidecars(replace(recording, trials=pd.DataFrame(), observed=as_intervals([])), path, units=False)
    return path


def _bins_of_trials(recording: Recording, width: float) -> tuple[NDArray[np.float64], int]:
    times = recording.trials.reindex(columns=["start_time", "stop_time"]).to_numpy(dtype=np.float64)
    n_bins = np.floor(np.diff(times, axis=1).min(initial=np.inf) / width + 1e-6)
    if not np.isfinite(n_bins) or n_bins < 1:
        raise DataError(
            f"{recording.name}: expected trials of at least one bin of {width:g} s, found none or shorter ones"
        )
    return times[:, 0], int(n_bins)


def _counts(recording: Recording, start: NDArray[np.float64], n_bins: int, width: float) -> NDArray[np.unsignedinteger]:
    """(trial, bin, unit). A spike less than a millionth of a bin before an edge lies on it; see preprocess.binning."""
    counts = np.zeros((len(start), n_bins, len(recording.units)), dtype=np.int64)
    row = pd.Index(recording.units["unit"]).get_indexer(pd.Index(recording.spikes["unit"]))
    times = recording.spikes["time_s"].to_numpy()
    for trial, first in enumerate(start):
        k = np.floor((times - first) / width + 1e-6)
        inside = (k >= 0) & (k < n_bins)
        np.add.at(counts[trial], (k[inside].astype(np.int64), row[inside]), 1)
    return counts.astype(np.min_scalar_type(counts.max(initial=0)))


def _plain(values: pd.Series) -> NDArray[Any]:
    """Numbers and truth values as they are, anything else as text; missing text is empty."""
    if values.dtype.kind in "biuf":
        return values.to_numpy()
    return np.array(["" if v is None or v is pd.NA or v != v else str(v) for v in values], dtype=np.str_)


def _write_hdf5(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values.astype(h5py.string_dtype()) if values.dtype.kind == "U" else values
        file["counts"].attrs["axes"] = "trial, bin, unit"  # in MATLAB they are reversed
