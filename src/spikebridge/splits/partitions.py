"""The windows of a fold, and the time that they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spikebridge.artifacts.splits import content_hash
from spikebridge.errors import DataError
from spikebridge.types import Fold, Index, Partition, Splits, Windows
from spikebridge.types.intervals import merge_intervals

FULL = "full"
"""Name of the fit on everything, beside the numbers of the outer folds."""


def inner_partitions(splits: Splits, fold: str) -> Sequence[Partition]:
    """The inner partitions of an outer fold, or the partition of the fit on everything.

    Parameters
    ----------
    splits : Splits
        The folds.
    fold : str
        Number of an outer fold, or `FULL`.

    Returns
    -------
    sequence of Partition
        Training and validation windows.
    """
    return (splits.full,) if fold == FULL else splits.folds[int(fold)].inner


def fit_partition(splits: Splits, fold: str) -> Partition:
    """The partition that the fit of an outer fold, or the fit on everything, learns from.

    Parameters
    ----------
    splits : Splits
        The folds.
    fold : str
        Number of an outer fold, or `FULL`.

    Returns
    -------
    Partition
        Training and validation windows; where whole recordings are held out, also those to adapt to.
    """
    own = None if fold == FULL else splits.folds[int(fold)].fit
    return inner_partitions(splits, fold)[0] if own is None else own


def restricted(splits: Splits, windows: Sequence[Windows]) -> Splits:
    """The same folds for some of the recordings, and for other units in the same windows.

    Parameters
    ----------
    splits : Splits
        Folds of blocks; in each recording they do not depend on the other recordings.
    windows : sequence of Windows
        One for each recording to keep: the windows that the folds number, with other units.

    Returns
    -------
    Splits
        Their folds, gaps and time spans are those of `splits`; the hash and the digests are of these windows.

    Raises
    ------
    DataError
        Where whole recordings are held out, or the folds do not number these windows.
    """
    if splits.by != "block":
        raise DataError(f"folds for some of the recordings: expected split.by = block, got {splits.by}")
    names = sorted(w.recording for w in windows)
    for w in windows:
        known = splits.full.train.get(w.recording), splits.full.valid.get(w.recording)
        if any(rows is None or (len(rows) and rows.max() >= len(w)) for rows in known):
            raise DataError(f"{w.recording}: the folds do not number these windows; make them again")

    def kept(index: Index) -> dict[str, NDArray[np.int64]]:
        return {name: index[name] for name in names}

    def of(part: Partition) -> Partition:
        return Partition(kept(part.train), kept(part.valid))

    folds = tuple(
        Fold(f.fold, kept(f.test), kept(f.train), tuple(map(of, f.inner)), {n: f.test_intervals[n] for n in names})
        for f in splits.folds
    )
    part = Splits(
        by=splits.by,
        gap_s={name: splits.gap_s[name] for name in names},
        folds=folds,
        full=of(splits.full),
        hash="",
        data={w.recording: w.digest() for w in windows},
    )
    return replace(part, hash=content_hash(part))


def select_windows(windows: Sequence[Windows], index: Index) -> list[Windows]:
    """The windows that an index names.

    Parameters
    ----------
    windows : sequence of Windows
        One for each recording.
    index : mapping of str to NDArray, shape (window,)
        Window numbers by recording.

    Returns
    -------
    list of Windows
        Recordings without a window are left out.
    """
    return [w.select(index[w.recording]) for w in windows if len(index.get(w.recording, ()))]


def training_intervals(windows: Sequence[Windows]) -> dict[str, list[list[float]]]:
    """The time that windows cover; of training windows, the time that a fit on them uses.

    Parameters
    ----------
    windows : sequence of Windows
        Several may belong to one recording.

    Returns
    -------
    dict of str to list
        Recording -> merged [start, stop] in seconds.
    """
    spans: dict[str, list[NDArray[np.float64]]] = {}
    for w in windows:
        spans.setdefault(w.recording, []).append(np.column_stack([w.start_s, w.stop_s]))
    return {name: merge_intervals(np.concatenate(pairs)).tolist() for name, pairs in spans.items()}
