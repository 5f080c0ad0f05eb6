"""wave_clus: a folder with one times_<channel>.mat a channel, such as times_CSC12.mat.

Each holds the matrix cluster_class: (spike, 2), the class of a spike and its time in ms. Class 0 holds spikes that were
assigned to no cluster: their `quality` is "noise". Classes count within a channel, so that class 1 of two channels are
two units. Files of detected spikes (CSC12_spikes.mat) and the recording itself are not read.

Some readers of raw data give wave_clus other times than ms (microseconds of Neuralynx, say): times in which no two
spikes of a channel are near each other, or all are, are refused until `time_unit` says what they are.

Read without SpikeInterface, whose extractor reads one channel, rounds times to samples, and drops class 0.

Units are counted from 0 by channel and class; `name` is CSC12_class1, with columns `channel` and `class`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Section
from spikebridge.errors import DataError
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats.mat.files import load
from spikebridge.io.formats.sidecars import write_sidecars
from spikebridge.io.formats.sorting.detection import files_in, holds, kind_of, sidecar_files, times_files_in
from spikebridge.io.formats.sorting.sorted_units import (
    Sorted,
    in_time_order,
    refuse,
    runs_of_regions,
    to_samples,
    with_tables_beside,
)
from spikebridge.io.formats.spike_trains import joined
from spikebridge.types import Recording

FORMAT = "wave_clus times_*.mat files in a folder"
LIBRARIES = ("scipy.io", "h5py")
TIME_STEP_S = 1e-3
PER_S = {"s": 1.0, "ms": 1e3, "us": 1e6}
MATRIX = "cluster_class"
MIN_SPIKES = 50
"""Spikes of a channel from which the time between them says something."""
MIN_MEDIAN_MS, MAX_NEAR_MS = 1.0, 1000.0
"""Time between two spikes of a channel: half of them are not nearer, since wave_clus waits 1.5 ms after each; and one
in a hundred is nearer than a second, unless the channel has less than 0.01 spikes a second."""


class Options(Section):
    """time_unit: of the times in cluster_class; ms where it is not given and the times do not speak against it."""

    time_unit: Literal["s", "ms", "us"] | None = None


def can_read(path: Path) -> bool:
    return kind_of(path) == "waveclus"


def takes(path: Path) -> bool:
    return holds(path, "waveclus")


def files_of(path: Path) -> list[Path]:
    return times_files_in(path) + sidecar_files(path)


def read(path: Path, options: Options) -> Contents:
    """Read one folder. Raises DataError naming everything that is wrong in it."""
    wrong: list[str] = []
    channels = {file: _channel(file, wrong) for file in times_files_in(path)}
    if options.time_unit is None and not wrong:
        wrong += _other_unit([times for _, times in channels.values()])
    refuse(path, wrong)
    rows, trains = [], []
    for file, (classes, times) in channels.items():
        channel = file.stem[len("times_") :]
        for number in np.unique(classes):
            rows.append({"name": f"{channel}_class{number}", "channel": channel, "class": int(number)})
            trains.append(times[classes == number] / PER_S[options.time_unit or "ms"])
    if not rows:
        raise DataError(f"{path}: expected spikes, found none in {len(channels)} files times_*.mat")
    units = pd.DataFrame(rows)
    units.insert(0, "unit", np.arange(len(units), dtype=np.int64))
    units["quality"] = pd.Series(np.where(units["class"] == 0, "noise", ""), dtype="str")
    found = Sorted(units, joined(units["unit"].to_numpy(), trains), tuple(_notes(path, units, trains)))
    return with_tables_beside(path, found, path.name)


def write(recording: Recording, folder: Path) -> Path:
    """Write one channel for every run of units of one region, classes from 1, and units.csv by name.

    Raises DataError for times that are no whole ms.
    """
    from scipy.io import savemat

    samples, _ = to_samples(recording, (1.0 / TIME_STEP_S,))
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    units = recording.units.reset_index(drop=True)
    channel = pd.Series(runs_of_regions(units))
    number = channel.groupby(channel).cumcount() + 1
    row = pd.Series(units.index, index=units["unit"])[recording.spikes["unit"]].to_numpy()
    for n in channel.unique():
        mine = channel.to_numpy()[row] == n
        owner = number.to_numpy()[row[mine]]
        order = in_time_order(owner, samples[mine])
        matrix = np.column_stack([owner[order], samples[mine][order]]).astype(np.float64)
        savemat(path / f"times_CSC{n}.mat", {MATRIX: matrix})
    names = [f"CSC{c}_class{k}" for c, k in zip(channel, number, strict=True)]
    units.assign(unit=names).to_csv(path / "units.csv", index=False)
    write_sidecars(recording, path, units=False)
    return path


def _channel(file: Path, wrong: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes (spike,) and times (spike,) of one channel, in the unit of the file."""
    nothing = np.empty(0, dtype=np.int64), np.empty(0)
    matrix = load(file, [MATRIX]).get(MATRIX)
    if not isinstance(matrix, np.ndarray):
        wrong.append(f"{file.name}: expected a matrix {MATRIX}, found none")
        return nothing
    if matrix.size == 0:
        return nothing
    if matrix.ndim != 2 or matrix.shape[1] != 2 or matrix.dtype.kind not in "iuf":
        wrong.append(f"{file.name}: expected {MATRIX} with two columns, class and time, got {matrix.shape}")
        return nothing
    classes, times = matrix[:, 0].astype(np.float64), matrix[:, 1].astype(np.float64)
    if not np.isfinite(classes).all() or (classes != np.rint(classes)).any() or (classes < 0).any():
        wrong.append(f"{file.name}: expected whole numbers from 0 in the first column of {MATRIX}, the classes")
        return nothing
    return classes.astype(np.int64), times


def _other_unit(channels: Sequence[NDArray[np.float64]]) -> list[str]:
    """Why the times are no ms, by the time between spikes on each channel that has enough of them; else nothing."""
    steps = [np.diff(np.sort(t)) for t in channels if len(t) >= MIN_SPIKES and np.isfinite(t).all()]
    near = [float(np.quantile(s, 0.01)) for s in steps]
    middle = [float(np.median(s)) for s in steps]
    if near and min(near) > MAX_NEAR_MS:
        said, likely = f"99 of 100 spikes of a channel are at least {min(near):.6g} ms apart", "us"
    elif middle and max(middle) < MIN_MEDIAN_MS:
        said, likely = f"half of the spikes of every channel are less than {max(middle):.3g} ms apart", "s"
    else:
        return []
    return [
        f"are the times in {MATRIX} milliseconds, as wave_clus writes them? Then {said}. Set data.options: "
        f"{{time_unit: {likely}}}, or {{time_unit: ms}} where they are milliseconds"
    ]


def _notes(path: Path, units: pd.DataFrame, trains: Sequence[NDArray[np.float64]]) -> list[str]:
    notes = []
    unassigned = units[units["class"] == 0]
    if len(unassigned):
        spikes = sum(len(trains[u]) for u in unassigned["unit"])
        notes.append(f"class 0 of {len(unassigned)} channels, {spikes} spikes, is of no cluster: its quality is noise")
    copies = [p.name for p in files_in(path) if p.name.lower().startswith("times_") and p not in times_files_in(path)]
    if copies:
        notes.append(f"passed over, since they are copies by their names: {listed(copies, 5)}")
    return notes
