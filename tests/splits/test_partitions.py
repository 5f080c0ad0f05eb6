"""The windows of a fold, the time that they cover, and training intervals that overlap a test block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikebridge.artifacts.splits import verify_splits
from spikebridge.config import SplitConfig
from spikebridge.errors import DataError
from spikebridge.splits import (
    check_training_intervals,
    find_leaks,
    make_splits,
    restricted,
    select_windows,
    training_intervals,
)
from spikebridge.types import Splits, Windows

Make = Callable[..., Windows]


@pytest.fixture
def parts(make_windows: Make) -> list[Windows]:
    return [make_windows(40, name="a"), make_windows(50, name="b")]


@pytest.fixture
def splits(parts: list[Windows]) -> Splits:
    return make_splits(parts, SplitConfig(gap_s=3.0, n_outer_folds=4))


def test_training_intervals_merge(parts: list[Windows]) -> None:
    assert training_intervals([parts[0]]) == {"a": [[0.0, 200.0]]}
    some = parts[0].select(np.array([0, 1, 5]))
    assert training_intervals([some, some]) == {"a": [[0.0, 2.0], [5.0, 6.0]]}


def test_select_windows(parts: list[Windows]) -> None:
    (selected,) = select_windows(parts, {"b": np.array([3, 1]), "a": np.array([], dtype=int)})
    assert selected.recording == "b"
    assert selected.start_s.tolist() == [3.0, 1.0]


def test_honest_fits_pass(parts: list[Windows], splits: Splits) -> None:
    for fold in splits.folds:
        intervals = training_intervals(select_windows(parts, fold.train))
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


def test_of_a_held_out_recording_only_the_declared_first_part_may_be_used(parts: list[Windows]) -> None:
    splits = make_splits(parts, SplitConfig(by="recording", gap_s=2.0, n_outer_folds=2))
    fold, a = splits.folds[0], parts[0]
    first = float(a.start_s[fold.test["a"][0]])
    assert check_training_intervals(splits, 0, {"b": [[0.0, 1.0]], "a": [[0.0, first - 2.0]]}) == []
    (near,) = check_training_intervals(splits, 0, {"a": [[0.0, first - 1.0]]})
    assert near.startswith(f"fold 0: a: learned from 0.000 to {first - 1:.3f} s, nearer than the gap of 2.000 s")
    lines = check_training_intervals(splits, 0, {"a": [[900.0, 901.0]]})
    assert lines == [f"fold 0: a is held out from {first:.3f} s on, but 900.000 to 901.000 s was learned from"]
    undeclared = replace(splits, folds=(replace(fold, fit=None), *splits.folds[1:]))
    lines = check_training_intervals(undeclared, 0, {"a": [[0.0, 1.0]]})
    assert lines == ["fold 0: a is held out, but 0.000 to 1.000 s was learned from"]


def test_windows_to_adapt_to_that_reach_the_test_block_are_found(parts: list[Windows]) -> None:
    splits = make_splits(parts, SplitConfig(by="recording", gap_s=2.0, n_outer_folds=2))
    assert find_leaks(splits, parts) == []
    fit = splits.folds[0].fit
    assert fit is not None and fit.adapt is not None

    def lines(**changes: Any) -> list[str]:
        changed = replace(fit, **changes)
        return find_leaks(replace(splits, folds=(replace(splits.folds[0], fit=changed), *splits.folds[1:])), parts)

    late = np.append(fit.adapt.valid["a"], fit.test["a"][0] - 1)
    (line,) = lines(adapt=replace(fit.adapt, valid={"a": late}))
    assert "adaptation: a: the window" in line and "does not end the gap of 2.000 s before the test block" in line
    assert any("a is held out, but" in line for line in lines(train={**fit.train, "a": fit.adapt.train["a"]}))
    other = replace(fit.adapt, train={"b": fit.train["b"]})
    assert any("adaptation: b is not held out" in line for line in lines(adapt=other))


def test_folds_of_some_recordings_are_those_that_they_would_have_alone(parts: list[Windows], splits: Splits) -> None:
    """With other units too: a fold is made of times and labels."""
    other = replace(parts[1], source=parts[1].source[:, :, :1], source_units=parts[1].source_units[:1])
    part = restricted(splits, [other])
    alone = make_splits([other], SplitConfig(gap_s=3.0, n_outer_folds=4))
    assert part.hash == alone.hash != splits.hash
    verify_splits(part, [other])
    assert find_leaks(part, [other]) == []
    assert restricted(splits, parts).hash == splits.hash


def test_folds_of_other_windows_or_of_held_out_recordings_are_refused(parts: list[Windows], splits: Splits) -> None:
    with pytest.raises(DataError, match="b: the folds do not number these windows"):
        restricted(splits, [parts[1].select(np.arange(20))])
    with pytest.raises(DataError, match="z: the folds do not number"):
        restricted(splits, [replace(parts[1], recording="z")])
    held = make_splits(parts, SplitConfig(by="recording", gap_s=2.0, n_outer_folds=2))
    with pytest.raises(DataError, match=r"expected split\.by = block, got recording"):
        restricted(held, parts)
