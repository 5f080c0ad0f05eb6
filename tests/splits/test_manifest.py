"""The manifest survives the disk, notices edits, and tells who trespassed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikebridge.config import SplitConfig
from spikebridge.errors import DataError, LeakageError
from spikebridge.splits import (
    check_training_intervals,
    load_splits,
    make_splits,
    save_splits,
    splits_to_dict,
    take,
    training_intervals,
    verify,
)
from spikebridge.types import Splits, Windows

Make = Callable[..., Windows]


@pytest.fixture
def parts(make_windows: Make) -> list[Windows]:
    return [make_windows(40, name="a"), make_windows(50, name="b")]


@pytest.fixture
def splits(parts: list[Windows]) -> Splits:
    return make_splits(parts, SplitConfig(gap_s=3.0, n_outer_folds=4))


def test_round_trip(parts: list[Windows], splits: Splits, tmp_path: Path) -> None:
    save_splits(splits, tmp_path / "splits.json")
    loaded = load_splits(tmp_path / "splits.json")
    assert splits_to_dict(loaded) == splits_to_dict(splits)
    verify(loaded, parts)
    assert loaded.folds[0].test["a"].dtype == np.int64


def test_the_hash_follows_content_and_data(parts: list[Windows], splits: Splits) -> None:
    again = make_splits(parts[::-1], SplitConfig(gap_s=3.0, n_outer_folds=4))
    assert again.hash == splits.hash
    assert make_splits(parts, SplitConfig(gap_s=2.0, n_outer_folds=4)).hash != splits.hash
    changed = [replace(parts[0], source=parts[0].source + np.uint8(1)), parts[1]]
    assert make_splits(changed, SplitConfig(gap_s=3.0, n_outer_folds=4)).hash != splits.hash
    with pytest.raises(LeakageError, match="a: the windows are not those"):
        verify(splits, changed)


def test_an_edited_manifest_is_refused(splits: Splits, tmp_path: Path) -> None:
    raw = splits_to_dict(splits)
    raw["folds"][0]["train"]["a"].append(raw["folds"][0]["test"]["a"][0])
    (tmp_path / "splits.json").write_text(json.dumps(raw))
    with pytest.raises(LeakageError, match="does not match its hash"):
        load_splits(tmp_path / "splits.json")


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_no_manifest(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "splits.json").write_text(content)
    with pytest.raises(DataError, match="expected a split manifest"):
        load_splits(tmp_path / "splits.json")


def test_training_intervals_merge(parts: list[Windows]) -> None:
    assert training_intervals([parts[0]]) == {"a": [[0.0, 200.0]]}
    some = parts[0].select(np.array([0, 1, 5]))
    assert training_intervals([some, some]) == {"a": [[0.0, 2.0], [5.0, 6.0]]}


def test_take(parts: list[Windows]) -> None:
    (one,) = take(parts, {"b": np.array([3, 1]), "a": np.array([], dtype=int)})
    assert one.recording == "b"
    assert one.start_s.tolist() == [3.0, 1.0]


def test_honest_fits_pass(parts: list[Windows], splits: Splits) -> None:
    for fold in splits.folds:
        intervals = training_intervals(take(parts, fold.train))
        assert check_training_intervals(splits, fold.fold, intervals) == []


@pytest.mark.parametrize(
    ("start", "stop", "violations"),
    [
        (-3.0, 0.0, 1),  # touches the gap alone
        (-10.0, -3.0, 0),  # ends where the gap begins
        (-10.0, -2.99, 1),
        (1.0, 2.0, 1),  # inside
    ],
)
def test_trespassing(splits: Splits, start: float, stop: float, violations: int) -> None:
    first = splits.folds[1].test_intervals["a"][0, 0]
    lines = check_training_intervals(splits, 1, {"a": [[first + start, first + stop]]})
    assert len(lines) == violations
    assert all(line.startswith("fold 1: a: learned from") for line in lines)


def test_unknown_fold_and_recording(splits: Splits) -> None:
    assert check_training_intervals(splits, 9, {}) == ["fold 9 is not in the split manifest"]
    assert check_training_intervals(splits, 0, {"z": [[0, 1]]}) == ["fold 0: z is not in the split manifest"]


def test_any_time_of_a_held_out_recording_is_a_violation(parts: list[Windows]) -> None:
    splits = make_splits(parts, SplitConfig(by="recording", gap_s=0.0, n_outer_folds=2))
    assert check_training_intervals(splits, 0, {"b": [[0.0, 1.0]]}) == []
    lines = check_training_intervals(splits, 0, {"a": [[900.0, 901.0]]})
    assert lines == ["fold 0: a is held out, but 900.000 to 901.000 s was learned from"]
