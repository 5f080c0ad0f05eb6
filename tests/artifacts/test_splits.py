"""Folds on disk: the same after reading, and refused where they were edited or the windows changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikebridge.artifacts.splits import load_splits, save_splits, splits_to_dict, verify_splits
from spikebridge.config import SplitConfig
from spikebridge.errors import DataError, LeakageError
from spikebridge.splits import make_splits
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
    verify_splits(loaded, parts)
    assert loaded.folds[0].test["a"].dtype == np.int64


def test_the_hash_follows_content_and_data(parts: list[Windows], splits: Splits) -> None:
    again = make_splits(parts[::-1], SplitConfig(gap_s=3.0, n_outer_folds=4))
    assert again.hash == splits.hash
    assert make_splits(parts, SplitConfig(gap_s=2.0, n_outer_folds=4)).hash != splits.hash
    changed = [replace(parts[0], source=parts[0].source + np.uint8(1)), parts[1]]
    assert make_splits(changed, SplitConfig(gap_s=3.0, n_outer_folds=4)).hash != splits.hash
    with pytest.raises(LeakageError, match="a: the windows are not those"):
        verify_splits(splits, changed)


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
