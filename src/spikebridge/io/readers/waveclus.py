"""wave_clus: a folder with one times_<channel>.mat a channel, such as times_CSC12.mat.

A file holds the matrix cluster_class, shape (spike, 2): class and time in ms. Class 0 holds spikes that were assigned
to no cluster; its `quality` is "noise". Classes are numbered within a channel: class 1 of two channels are two units.
Some readers of raw data give wave_clus other times than ms (Neuralynx: us); then `time_unit` must name the unit.

Read without SpikeInterface, whose extractor reads one channel, rounds times to samples, and drops class 0.

Units are counted from 0 by channel and class; `name` is CSC12_class1, with columns `channel` and `class`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spikebridge.config import Section
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import ReadLog, concatenate_trains, write_sidecars
from spikebridge.io.formats.mat import load_mat
from spikebridge.io.formats.sorting import (
    SortedUnits,
    cluster_groups,
    detect_reader,
    is_output_of,
    join_sidecars,
    to_samples,
    units_of_clusters,
)
from spikebridge.io.formats.sorting.detection import sidecar_files, times_files, visible_files
from spikebridge.io.formats.spike_trains import implausible_as_ms
from spikebridge.types import Recording

FORMAT = "wave_clus times_*.mat files in a folder"
LIBRARIES = ("scipy.io", "h5py")
TIME_STEP_S = 1e-3
"""Of the times that `write` can hold."""
TICKS_PER_S = {"s": 1.0, "ms": 1e3, "us": 1e6}
MATRIX = "cluster_class"
UNASSIGNED = 0
"""Class of spikes that are of no cluster."""


class Options(Section):
    """time_unit: of the times in cluster_class; ms where it is not given and the times can be ms."""

    time_unit: Literal["s", "ms", "us"] | None = None


def can_read(path: Path) -> bool:
    return detect_reader(path) == "waveclus"


def takes(path: Path) -> bool:
    return is_output_of(path, "waveclus")


def files_of(path: Path) -> list[Path]:
    return times_files(path) + sidecar_files(path)


def read(path: Path, options: Options) -> Contents:
    """Read one folder. Raises DataError naming everything that is wrong in it."""
    log, files = ReadLog(), times_files(path)
    channels = {file.stem.removeprefix("times_"): _channel(file, log) for file in files}
    if options.time_unit is None and not log.errors and (why := implausible_as_ms([t for _, t in channels.values()])):
        log.errors.append(
            Finding.error(
                "waveclus-times-not-milliseconds",
                "data.options.time_unit",
                f"are the times in {MATRIX} milliseconds, as wave_clus writes them? Then {why.observation}. Set "
                f"data.options: {{time_unit: {why.likely_unit}}}, or {{time_unit: ms}} where they are milliseconds",
            )
        )
    log.raise_errors(path)
    ticks_per_s = TICKS_PER_S[options.time_unit or "ms"]
    in_seconds = {channel: (classes, times / ticks_per_s) for channel, (classes, times) in channels.items()}
    units, trains = units_of_clusters(in_seconds, ("channel", "class"), "{}_class{}", noise=(UNASSIGNED,))
    if not trains:
        log.errors.append(
            Finding.error(
                "waveclus-no-spikes", "spikes", f"expected spikes, found none in {len(channels)} files times_*.mat"
            )
        )
        log.raise_errors(path)
    noise = [train for train, number in zip(trains, units["class"], strict=True) if number == UNASSIGNED]
    if noise:
        n_spikes = sum(map(len, noise))
        log.notes.append(
            Finding.warning(
                "spikes-of-no-cluster",
                "class 0",
                f"class 0 of {len(noise)} channels, {n_spikes} spikes, is of no cluster: its quality is noise",
            )
        )
    copies = [p.name for p in visible_files(path) if p.name.lower().startswith("times_") and p not in files]
    if copies:
        text = f"passed over, since they are copies by their names: {listed(copies, 5)}"
        log.notes.append(Finding.warning("copies-passed-over", "files times_*.mat", text))
    output = SortedUnits(units, concatenate_trains(units["unit"].to_numpy(), trains), tuple(log.notes))
    return join_sidecars(path, output, path.name)


def write(recording: Recording, folder: Path) -> Path:
    """Write one channel for every run of units of one region. Raises DataError for times that are no whole ms."""
    from scipy.io import savemat

    samples, _ = to_samples(recording, (1.0 / TIME_STEP_S,))
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    numbers, channels = cluster_groups(recording, samples, first_cluster=UNASSIGNED + 1)
    for channel in channels:
        matrix = np.column_stack([channel.clusters, channel.samples]).astype(np.float64)
        savemat(path / f"times_CSC{channel.number}.mat", {MATRIX: matrix})
    write_sidecars(recording, path, unit_names=[f"CSC{c}_class{k}" for c, k in numbers])
    return path


def _channel(file: Path, log: ReadLog) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes (spike,) and times (spike,) of one channel, in the unit of the file; none where something is wrong."""
    matrix = load_mat(file, [MATRIX]).get(MATRIX)
    if not isinstance(matrix, np.ndarray):
        log.add_error("waveclus-matrix-missing", file, f"expected a matrix {MATRIX}, found none")
    elif matrix.size and (matrix.ndim != 2 or matrix.shape[1] != 2 or matrix.dtype.kind not in "iuf"):
        log.add_error(
            "waveclus-matrix-shape", file, f"expected {MATRIX} with two columns, class and time, got {matrix.shape}"
        )
    elif matrix.size:
        classes, times = matrix.astype(np.float64).T
        if np.isfinite(classes).all() and (classes == np.rint(classes)).all() and (classes >= 0).all():
            return classes.astype(np.int64), times
        log.add_error(
            "waveclus-classes-not-whole",
            file,
            f"expected whole numbers from 0 in the first column of {MATRIX}, the classes",
        )
    return np.empty(0, dtype=np.int64), np.empty(0)
