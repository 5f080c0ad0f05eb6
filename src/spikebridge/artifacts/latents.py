"""Latents out of fold: runs/train/<model>/latents.parquet, a table for people and for the stages that follow.

recording, label           text
fold, trial, bin           int64; row of the trial table, and bin of the window from 0
held_out                   bool, whether the fold tests the trial
time_s                     float64, seconds, middle of the bin on the recording's clock
time_from_decision_s       float64, seconds
n_latents                  int64, of this fold's fit
alignment_r2               float64, share of variance; NaN where nothing was aligned
latent_<k>, own_<k>        float32, from k = 1; NaN beyond the latents of the fit

One row per recording, fold, trial and bin; docs/latents.md describes the columns. Each fold trains its own model, so
the axes of the latents differ between folds. The table holds two sets of columns. `own_1`, `own_2`, ... are the
latents as the fold's model gives them: all tests and scores use these. `latent_1`, `latent_2`, ... are the same
latents rotated to the axes of the saved model, which is fitted on all trials: people use these to plot several folds
together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.messages import listed
from spikebridge.types import Splits, Windows

Array = NDArray[np.float64]
ALIGNED, OWN = "latent_{}", "own_{}"


@dataclass(frozen=True)
class FoldLatents:
    """Latents of the labelled trials of one recording, from the fit of one fold, on that fit's own axes.

    Parameters
    ----------
    trial : NDArray, shape (trial,)
        Row of the trial table.
    held_out : NDArray, shape (trial,)
        True where the fold tests the trial.
    latents : NDArray of float32, shape (trial, bin, latent)
        In units of the model.
    """

    trial: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    latents: NDArray[np.float32]


LatentsByRecording = Mapping[str, FoldLatents]
"""Recording -> its latents from one fit."""
LatentsByFold = Mapping[str, Mapping[int, FoldLatents]]
"""Recording -> outer fold -> its latents from the fit of that fold."""


@dataclass(frozen=True)
class Alignment:
    """Latents of one fit -> the axes of another: scale * (z - mean) @ rotation + target_mean.

    Parameters
    ----------
    mean : NDArray, shape (latent,)
        Of the latents z.
    rotation : NDArray, shape (latent, latent of the other fit)
        Rotation or reflection.
    scale : float
        One for all axes.
    target_mean : NDArray, shape (latent of the other fit,)
        Of the other fit's latents.
    r2 : float
        Share of the other fit's variance that it reproduces on the trials that it was made from.
    """

    mean: Array
    rotation: Array
    scale: float
    target_mean: Array
    r2: float

    def __call__(self, latents: NDArray[np.floating]) -> Array:
        """(..., latent) -> (..., latent of the other fit)."""
        return np.asarray(self.scale * ((latents - self.mean) @ self.rotation) + self.target_mean)


def align(latents: NDArray[np.floating], target: NDArray[np.floating]) -> Alignment:
    """The rotation (or reflection), shift and scale that bring latents closest to those of another fit.

    Orthogonal Procrustes with one scale. The fit with fewer latents is filled up with zeros, so where a fit has more
    latents than the target, the aligned ones show only part of it.

    Parameters
    ----------
    latents : NDArray, shape (sample, latent)
        Of one fit.
    target : NDArray, shape (sample, latent of the other fit)
        Of the other fit, the same samples.

    Returns
    -------
    Alignment
        Maps latents of the first fit to the axes of the other.

    References
    ----------
    Schönemann 1966, Psychometrika 31:1; Gower & Dijksterhuis 2004, Procrustes Problems.
    """
    from scipy.linalg import orthogonal_procrustes

    first, second = (np.asarray(values, dtype=np.float64) for values in (latents, target))
    mean, target_mean = first.mean(axis=0), second.mean(axis=0)
    x, y = first - mean, second - target_mean
    width = max(x.shape[1], y.shape[1])
    padded = [np.pad(values, ((0, 0), (0, width - values.shape[1]))) for values in (x, y)]
    rotation, trace = orthogonal_procrustes(*padded)
    rotation = rotation[: x.shape[1], : y.shape[1]]
    tiny = np.finfo(float).tiny
    scale = float(trace / max(np.square(x).sum(), tiny))
    r2 = 1 - np.square(y - scale * x @ rotation).sum() / max(np.square(y).sum(), tiny)
    return Alignment(mean, rotation, scale, target_mean, float(r2))


def write_latents(
    path: Path, windows: Sequence[Windows], folds: Mapping[int, LatentsByRecording], final: LatentsByRecording
) -> None:
    """Write the latents of every fold, one group of rows per fold and recording.

    Parameters
    ----------
    path : Path
        The file, latents.parquet.
    windows : Sequence[Windows]
        The windows of all recordings: labels and times of the trials.
    folds : Mapping[int, LatentsByRecording]
        Outer fold -> recording -> latents.
    final : LatentsByRecording
        Latents of the same trials from the fit on everything, whose axes the columns latent_1, ... are on. A recording
        that is not there has the axes of its first fold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    by_name = {w.recording: w for w in windows}
    targets: dict[str, FoldLatents] = dict(final)
    for recordings in folds.values():
        targets = {**recordings, **targets}
    own = max(part.latents.shape[2] for recordings in folds.values() for part in recordings.values())
    aligned = max(part.latents.shape[2] for part in targets.values())
    writer = None
    try:
        for fold, recordings in folds.items():
            for recording, part in recordings.items():
                frame = _rows(by_name[recording], fold, part, targets[recording], own, aligned)
                table = pa.Table.from_pandas(frame, preserve_index=False)
                writer = writer or pq.ParquetWriter(path, table.schema)
                writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _rows(w: Windows, fold: int, part: FoldLatents, target: FoldLatents, own: int, aligned: int) -> pd.DataFrame:
    """The rows of one recording and fold, trial after trial."""
    n_trials, n_bins, n_latents = part.latents.shape
    order = np.argsort(w.trial, kind="stable")
    rows = order[np.searchsorted(w.trial, part.trial, sorter=order)]
    time_s = w.start_s[rows][:, None] + (np.arange(n_bins) + 0.5) * w.bin_s
    mapping = _alignment(part, target)
    columns = {
        "recording": w.recording,
        "fold": fold,
        "trial": np.repeat(part.trial, n_bins),
        "held_out": np.repeat(part.held_out, n_bins),
        "label": np.repeat(np.asarray(w.classes, dtype=object)[w.label[rows]], n_bins),
        "bin": np.tile(np.arange(n_bins), n_trials),
        "time_s": time_s.ravel(),
        "time_from_decision_s": (time_s - w.decision_s[rows][:, None]).ravel(),
        "n_latents": n_latents,
        "alignment_r2": np.nan if mapping is None else mapping.r2,
    }
    own_values = part.latents.reshape(-1, n_latents)
    aligned_values = np.empty((0, 0)) if mapping is None else mapping(own_values)
    for name, values, width in ((ALIGNED, aligned_values, aligned), (OWN, own_values, own)):
        for k in range(width):
            column = values[:, k] if k < values.shape[1] else np.full(len(own_values), np.nan)
            columns[name.format(k + 1)] = column.astype(np.float32)
    return pd.DataFrame(columns)


def _alignment(part: FoldLatents, target: FoldLatents) -> Alignment | None:
    """Made from the trials that the fold learned from and the target has; None where there is none."""
    shared, part_rows, target_rows = np.intersect1d(part.trial, target.trial, return_indices=True)
    learned = ~part.held_out[part_rows]
    if not len(shared) or not learned.any():
        return None
    pairs = (part.latents[part_rows[learned]], target.latents[target_rows[learned]])
    return align(*(values.reshape(-1, values.shape[2]) for values in pairs))


def read_latents(path: Path, fold: int | None = None) -> LatentsByFold:
    """Latents on the axes of each fold's own fit, as the models gave them.

    Parameters
    ----------
    path : Path
        What `write_latents` wrote.
    fold : int, optional
        Read this fold alone.

    Returns
    -------
    LatentsByFold
        Recording -> outer fold -> latents, in the order of the file.

    Raises
    ------
    DataError
        Where the file cannot be read or lacks a column.
    """
    import pyarrow.parquet as pq

    try:
        own = [name for name in pq.read_schema(path).names if name.startswith(OWN.format(""))]
        columns = ["recording", "fold", "trial", "held_out", "bin", "n_latents", *own]
        chosen = None if fold is None else [("fold", "==", fold)]
        table = pd.read_parquet(path, columns=columns, filters=chosen)
    except (OSError, ValueError) as error:  # errors of pyarrow are ValueErrors
        raise DataError(f"{path}: cannot be read as a table of latents: {error}") from None
    if missing := sorted({*columns, OWN.format(1)} - set(table.columns)):
        raise DataError(f"{path}: cannot be read as a table of latents: it lacks {', '.join(missing)}")
    latents: dict[str, dict[int, FoldLatents]] = {}
    for (recording, number), rows in table.groupby(["recording", "fold"], sort=False):
        n_bins = int(rows["bin"].max()) + 1
        first = rows.iloc[::n_bins]
        values = rows[own[: int(first["n_latents"].iloc[0])]].to_numpy(np.float32)
        latents.setdefault(str(recording), {})[int(number)] = FoldLatents(
            first["trial"].to_numpy(np.int64),
            first["held_out"].to_numpy(np.bool_),
            values.reshape(len(first), n_bins, -1),
        )
    return latents


def read_fold_latents(path: Path, fold: int) -> dict[str, FoldLatents]:
    """Latents from the fit of one fold.

    Parameters
    ----------
    path : Path
        What `write_latents` wrote.
    fold : int
        The outer fold.

    Returns
    -------
    dict of str to FoldLatents
        Recording -> latents.

    Raises
    ------
    DataError
        Where the file cannot be read or lacks a column.
    """
    return {recording: folds[fold] for recording, folds in read_latents(path, fold).items()}


def missing_latents(path: Path, splits: Splits) -> str:
    """Which latents of the splits a file does not have.

    Parameters
    ----------
    path : Path
        latents.parquet, which may be missing.
    splits : Splits
        The folds.

    Returns
    -------
    str
        In words; "" where it has those of every fold.
    """
    if not path.is_file():
        return "seq2seq was not run"
    there = set(_groups(path))
    lost = [
        f"{name} in fold {fold.fold}"
        for fold in splits.folds
        for name, rows in fold.test.items()
        if len(rows) and (name, fold.fold) not in there
    ]
    return f"seq2seq has no latents of {listed(lost, 1)}" if lost else ""


def _groups(path: Path) -> Iterator[tuple[str, int]]:
    """(recording, fold) of every group of rows."""
    table = pd.read_parquet(path, columns=["recording", "fold"]).drop_duplicates()
    return zip(table["recording"].astype(str), table["fold"].astype(int), strict=True)
