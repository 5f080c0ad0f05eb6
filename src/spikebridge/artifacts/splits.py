"""The folds on disk (data/splits.json), and their hash: it shows whether the file was edited or the windows changed.

by        text, what a fold holds out
gap_s     recording -> gap, seconds
data      recording -> SHA-256 of its windows
folds     fold (int); test, train: recording -> window numbers (int); inner: partitions with train and valid (and adapt
          and test, where recordings are held out); test_intervals: recording -> [start_s, stop_s], seconds; fit, a
          partition, where whole recordings are held out
full      the partition of the fit on everything
hash      SHA-256 over all of this
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.errors import DataError, LeakageError
from spikebridge.types import Fold, Partition, Splits, Windows
from spikebridge.types.intervals import as_intervals

SPLITS_FILE = Path("data") / "splits.json"
"""In the folder of a project."""


def save_splits(splits: Splits, path: Path) -> None:
    """Write the folds.

    Parameters
    ----------
    splits : Splits
        With their hash.
    path : Path
        A JSON file.
    """
    Path(path).write_text(json.dumps(splits_to_dict(splits), sort_keys=True) + "\n", encoding="utf-8")


def load_splits(path: Path) -> Splits:
    """Read the folds and check their hash.

    Parameters
    ----------
    path : Path
        What `save_splits` wrote.

    Returns
    -------
    Splits
        The folds.

    Raises
    ------
    DataError
        Where the file is missing or holds no folds.
    LeakageError
        Where the folds were edited.
    """
    try:
        splits = splits_from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: expected a split manifest; run the stage split ({error!r})") from error
    verify_splits(splits)
    return splits


def load_split_hash(path: Path) -> str:
    """Read the hash of the folds alone; it is not compared with them.

    Parameters
    ----------
    path : Path
        What `save_splits` wrote.

    Returns
    -------
    str
        The hash.

    Raises
    ------
    DataError
        Where the file is missing or has no hash.
    """
    try:
        return str(json.loads(Path(path).read_text(encoding="utf-8"))["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{path}: expected the split manifest with its hash, found none: run dvc repro") from None


def verify_splits(splits: Splits, windows: Sequence[Windows] | None = None) -> None:
    """Check that the folds are those that were made, and for these windows.

    Parameters
    ----------
    splits : Splits
        The folds.
    windows : sequence of Windows, optional
        The windows that the folds number.

    Raises
    ------
    LeakageError
        Where the folds were edited, or `windows` are not those that they were made for.
    """
    if content_hash(splits) != splits.hash:
        raise LeakageError(f"the split manifest does not match its hash {splits.hash[:12]}; run the stage split again")
    for w in windows or ():
        if splits.data.get(w.recording) != w.digest():
            raise LeakageError(
                f"{w.recording}: the windows are not those of the split manifest; run the stage split again"
            )


def content_hash(splits: Splits) -> str:
    """SHA-256 over the canonical JSON of everything but the hash: folds, gaps and the digests of the windows.

    Parameters
    ----------
    splits : Splits
        Their `hash` may be empty.

    Returns
    -------
    str
        Hexadecimal digits.
    """
    content = {k: v for k, v in splits_to_dict(splits).items() if k != "hash"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def splits_to_dict(splits: Splits) -> dict[str, Any]:
    """The folds as JSON takes them.

    Parameters
    ----------
    splits : Splits
        The folds.

    Returns
    -------
    dict
        Plain lists, numbers and text.
    """
    return {
        "by": splits.by,
        "gap_s": dict(splits.gap_s),
        "data": dict(splits.data),
        "folds": [
            {
                "fold": f.fold,
                "test": _lists(f.test),
                "train": _lists(f.train),
                "inner": [_partition_to_dict(p) for p in f.inner],
                "test_intervals": _lists(f.test_intervals),
                **({} if f.fit is None else {"fit": _partition_to_dict(f.fit)}),
            }
            for f in splits.folds
        ],
        "full": _partition_to_dict(splits.full),
        "hash": splits.hash,
    }


def splits_from_dict(raw: Mapping[str, Any]) -> Splits:
    """The inverse of `splits_to_dict`.

    Parameters
    ----------
    raw : mapping
        What `splits_to_dict` returned.

    Returns
    -------
    Splits
        Their hash is not compared with them.

    Raises
    ------
    KeyError, TypeError, ValueError
        Where the mapping does not hold folds.
    """
    folds = (
        Fold(
            fold=int(f["fold"]),
            test=_index(f["test"]),
            train=_index(f["train"]),
            inner=tuple(_partition_from_dict(p) for p in f["inner"]),
            test_intervals={name: as_intervals(pairs) for name, pairs in f["test_intervals"].items()},
            fit=_partition_from_dict(f["fit"]) if "fit" in f else None,
        )
        for f in raw["folds"]
    )
    full = _partition_from_dict(raw["full"])
    return Splits(raw["by"], raw["gap_s"], tuple(folds), full, raw["hash"], raw["data"])


def _partition_to_dict(part: Partition) -> dict[str, Any]:
    """Keys adapt and test are there where recordings are held out, so that other manifests keep their hash."""
    content: dict[str, Any] = {"train": _lists(part.train), "valid": _lists(part.valid)}
    if part.adapt is not None:
        content |= {"adapt": _partition_to_dict(part.adapt), "test": _lists(part.test)}
    return content


def _partition_from_dict(raw: Mapping[str, Any]) -> Partition:
    adapt = _partition_from_dict(raw["adapt"]) if "adapt" in raw else None
    return Partition(_index(raw["train"]), _index(raw["valid"]), adapt, _index(raw.get("test", {})))


def _lists(index: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: np.asarray(rows).tolist() for name, rows in index.items()}


def _index(raw: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    return {name: np.asarray(rows, dtype=np.int64) for name, rows in raw.items()}
