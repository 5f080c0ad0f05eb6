"""The manifest of folds on disk, its hash, and whether the time that a fit learned from keeps to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikebridge.errors import DataError, LeakageError
from spikebridge.types import Fold, Index, Partition, Splits, Windows
from spikebridge.types.intervals import TOLERANCE_S, as_intervals, merge_intervals

FULL = "full"
"""Name of the fit on everything, beside the numbers of the outer folds."""


def content_hash(splits: Splits) -> str:
    """SHA-256 over the canonical JSON of everything but the hash: folds, gaps and the digests of the windows."""
    content = {k: v for k, v in splits_to_dict(splits).items() if k != "hash"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def verify(splits: Splits, windows: Sequence[Windows] | None = None) -> None:
    """Raises LeakageError where the manifest was edited, or where `windows` are not those that it was made for."""
    if content_hash(splits) != splits.hash:
        raise LeakageError(f"the split manifest does not match its hash {splits.hash[:12]}; run the stage split again")
    for w in windows or ():
        if splits.data.get(w.recording) != w.digest():
            raise LeakageError(
                f"{w.recording}: the windows are not those of the split manifest; run the stage split again"
            )


def save_splits(splits: Splits, path: Path) -> None:
    Path(path).write_text(json.dumps(splits_to_dict(splits), sort_keys=True) + "\n", encoding="utf-8")


def load_splits(path: Path) -> Splits:
    """Read and verify a manifest. Raises DataError where there is none, LeakageError where it was edited."""
    try:
        splits = splits_from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: expected a split manifest; run the stage split ({error!r})") from error
    verify(splits)
    return splits


def splits_to_dict(splits: Splits) -> dict[str, Any]:
    """Plain lists, numbers and text."""
    return {
        "by": splits.by,
        "gap_s": dict(splits.gap_s),
        "data": dict(splits.data),
        "folds": [
            {
                "fold": f.fold,
                "test": _lists(f.test),
                "train": _lists(f.train),
                "inner": [{"train": _lists(p.train), "valid": _lists(p.valid)} for p in f.inner],
                "test_intervals": _lists(f.test_intervals),
            }
            for f in splits.folds
        ],
        "full": {"train": _lists(splits.full.train), "valid": _lists(splits.full.valid)},
        "hash": splits.hash,
    }


def splits_from_dict(raw: Mapping[str, Any]) -> Splits:
    """The inverse of `splits_to_dict`."""
    folds = (
        Fold(
            fold=int(f["fold"]),
            test=_index(f["test"]),
            train=_index(f["train"]),
            inner=tuple(Partition(_index(p["train"]), _index(p["valid"])) for p in f["inner"]),
            test_intervals={name: as_intervals(pairs) for name, pairs in f["test_intervals"].items()},
        )
        for f in raw["folds"]
    )
    full = Partition(_index(raw["full"]["train"]), _index(raw["full"]["valid"]))
    return Splits(raw["by"], raw["gap_s"], tuple(folds), full, raw["hash"], raw["data"])


def take(windows: Sequence[Windows], index: Index) -> list[Windows]:
    """The windows of an index, recordings without any left out."""
    return [w.select(index[w.recording]) for w in windows if len(index.get(w.recording, ()))]


def inner_partitions(splits: Splits, fold: str) -> Sequence[Partition]:
    """The inner partitions of an outer fold, named by its number, or that of everything (`FULL`)."""
    return (splits.full,) if fold == FULL else splits.folds[int(fold)].inner


def training_intervals(windows: Sequence[Windows]) -> dict[str, list[list[float]]]:
    """Recording -> merged [start_s, stop_s] of all given windows: the time that a fit on them learns from."""
    spans: dict[str, list[np.ndarray]] = {}
    for w in windows:
        spans.setdefault(w.recording, []).append(np.column_stack([w.start_s, w.stop_s]))
    return {name: merge_intervals(np.concatenate(pairs)).tolist() for name, pairs in spans.items()}


def check_training_intervals(splits: Splits, fold: int, intervals: Mapping[str, ArrayLike]) -> list[str]:
    """One line for each training interval that touches a test block of the fold or its gap; empty where all is well.

    intervals: recording -> (interval, 2), seconds. Of recordings that are held out whole, no time may be there.
    """
    by_number = {f.fold: f for f in splits.folds}
    if fold not in by_number:
        return [f"fold {fold} is not in the split manifest"]
    held = by_number[fold].test_intervals
    known = {*splits.full.train, *splits.full.valid}
    lines = [f"fold {fold}: {name} is not in the split manifest" for name in intervals if name not in known]
    for name, blocks in held.items():
        gap = splits.gap_s[name]
        for start, stop in as_intervals(intervals.get(name, ())):
            if splits.by != "block":
                lines.append(f"fold {fold}: {name} is held out, but {start:.3f} to {stop:.3f} s was learned from")
                continue
            near = [(a, b) for a, b in blocks if max(a - stop, start - b) < gap - TOLERANCE_S]
            lines += [
                f"fold {fold}: {name}: learned from {start:.3f} to {stop:.3f} s, nearer than the gap of {gap:.3f} s "
                f"to the test block {a:.3f} to {b:.3f} s"
                for a, b in near
            ]
    return lines


def _lists(index: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: np.asarray(rows).tolist() for name, rows in index.items()}


def _index(raw: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    return {name: np.asarray(rows, dtype=np.int64) for name, rows in raw.items()}
