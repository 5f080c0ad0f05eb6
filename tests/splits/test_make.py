"""Folds partition the trials and keep their distance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikebridge.config import SplitConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.splits import find_leaks, make_splits
from spikebridge.types import Index, Partition, Windows
from spikebridge.types.intervals import distance_to

Make = Callable[..., Windows]


def split(windows: list[Windows], animals: dict[str, str] | None = None, **config: Any):  # type: ignore[no-untyped-def]
    return make_splits(windows, SplitConfig(**({"gap_s": 3.0} | config)), animals=animals)


def nearest(w: Windows, rows: np.ndarray, others: np.ndarray) -> float:
    """Smallest distance in time between two sets of windows, by brute force."""
    d = [distance_to(w.start_s[rows], w.stop_s[rows], (w.start_s[o], w.stop_s[o])).min() for o in others]
    return min(d, default=np.inf)


def check_partition(w: Windows, gap: float, train: Index, valid: Index) -> None:
    learn, stop = train[w.recording], valid[w.recording]
    assert not set(learn) & set(stop)
    assert w.labelled[learn].any()
    assert w.labelled[stop].any()
    assert nearest(w, learn, stop) >= gap - 1e-6


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_trials=st.integers(40, 90),
    folds=st.integers(2, 6),
    inner=st.integers(1, 3),
    gap_trials=st.sampled_from([0.0, 0.4, 1.0, 3.0]),
    continuous=st.booleans(),
    every=st.sampled_from([1.0, 2.5, 5.0]),
)
def test_blocks(
    make_windows: Make, n_trials: int, folds: int, inner: int, gap_trials: float, continuous: bool, every: float
) -> None:
    gap = gap_trials * every
    parts = [
        make_windows(n_trials, name="a", every_s=every, continuous=continuous),
        make_windows(n_trials + 13, name="b", every_s=every, continuous=not continuous),
    ]
    splits = split(parts, n_outer_folds=folds, n_inner_folds=inner, gap_s=gap)
    for w in parts:
        tested = np.concatenate([f.test[w.recording] for f in splits.folds])
        assert sorted(tested) == np.flatnonzero(w.labelled).tolist()  # every labelled trial once
        sizes = [len(f.test[w.recording]) for f in splits.folds]
        assert max(sizes) - min(sizes) <= 1
        for fold in splits.folds:
            test, train = fold.test[w.recording], fold.train[w.recording]
            trials = np.flatnonzero(w.labelled)
            assert np.array_equal(test, trials[(trials >= test[0]) & (trials <= test[-1])])  # contiguous
            ((first, last),) = fold.test_intervals[w.recording]
            assert (first, last) == (w.start_s[test].min(), w.stop_s[test].max())
            away = distance_to(w.start_s, w.stop_s, (first, last)) >= gap - 1e-6
            assert np.array_equal(train, np.flatnonzero(away))  # everything else far enough, and nothing nearer
            assert len(fold.inner) == inner
            for part in fold.inner:
                check_partition(w, gap, part.train, part.valid)
                assert {*part.train[w.recording], *part.valid[w.recording]} <= set(train)
            blocks = [set(p.valid[w.recording]) for p in fold.inner]
            assert all(not a & b for i, a in enumerate(blocks) for b in blocks[:i])
        check_partition(w, gap, splits.full.train, splits.full.valid)


def test_validation_is_a_quarter_and_moves_with_the_fold(make_windows: Make) -> None:
    w = make_windows(100)
    splits = split([w])
    valid = [f.inner[0].valid["a"] for f in splits.folds]
    shares = [w.labelled[v].sum() / w.labelled[f.train["a"]].sum() for v, f in zip(valid, splits.folds, strict=True)]
    assert all(0.2 <= share <= 0.3 for share in shares)
    assert len({tuple(v) for v in valid}) >= 4
    assert (~w.labelled[valid[0]]).any()  # the continuous windows inside its span come along


def test_a_sliver_beside_the_test_block_is_no_validation_set(make_windows: Make) -> None:
    """Nine of ten trials of the block before are lost to the gap: what is left is too little to stop by."""
    w = make_windows(50)
    splits = split([w], gap_s=45.0)
    for fold in splits.folds:
        assert w.labelled[fold.inner[0].valid["a"]].sum() >= 3


def test_as_many_validation_blocks_as_asked(make_windows: Make) -> None:
    """The test block in the middle leaves two equal runs of trials, and five pieces do not halve."""
    fold = split([make_windows(60)], n_outer_folds=3, n_inner_folds=5).folds[1]
    blocks = [set(part.valid["a"]) for part in fold.inner]
    assert len(blocks) == 5
    assert sum(map(len, blocks)) == len(set.union(*blocks))


def check_adaptation(by_name: dict[str, Windows], part: Partition, held: set[str], gap: float) -> None:
    """Every window to adapt to ends the gap before the first tested one, by brute force; no trial is on both sides."""
    assert set(part.adapt.train) == set(part.adapt.valid) == set(part.test) == held
    for name in held:
        w, test = by_name[name], part.test[name]
        learn, stop = part.adapt.train[name], part.adapt.valid[name]
        assert len(learn) >= 10 and len(stop)
        assert w.stop_s[np.r_[learn, stop]].max() <= w.start_s[test].min() - gap + 1e-6
        assert w.stop_s[learn].max() <= w.start_s[stop].min() - gap + 1e-6


def test_whole_recordings(make_windows: Make) -> None:
    parts = [make_windows(40 + i, name=n) for i, n in enumerate("dcba")]
    splits = split(parts, by="recording", n_outer_folds=3)
    assert [sorted(f.test) for f in splits.folds] == [["a", "b"], ["c"], ["d"]]
    by_name = {w.recording: w for w in parts}
    for fold in splits.folds:
        assert set(fold.test) | set(fold.train) == set("abcd")
        assert not set(fold.test) & set(fold.train)
        for name, rows in fold.test.items():
            w = by_name[name]
            trials = np.flatnonzero(w.labelled)
            assert np.array_equal(rows, trials[round(len(trials) / 2) :])  # the later half
            assert fold.test_intervals[name].tolist() == [[w.start_s[rows[0]], w.stop_s[rows[-1]]]]
        for name, rows in fold.train.items():
            assert len(rows) == len(by_name[name])
        assert set(fold.fit.train) == set(fold.fit.valid) == set(fold.train)
        assert all(np.array_equal(fold.fit.test[name], rows) for name, rows in fold.test.items())
        check_adaptation(by_name, fold.fit, set(fold.test), 3.0)
        (inner,) = fold.inner
        assert len(inner.test) == 1
        assert set(inner.test) | set(inner.train) == set(fold.train)
        assert set(inner.valid) == set(inner.train)
        check_adaptation(by_name, inner, set(inner.test), 3.0)
    assert find_leaks(splits, parts) == []
    assert all(set(p) == set("abcd") for p in (splits.full.train, splits.full.valid))


def test_whole_animals(make_windows: Make) -> None:
    parts = [make_windows(40, name=n) for n in "abcdef"]
    animals = dict(zip("abcdef", ["x", "y", "z", "x", "y", "z"], strict=True))
    splits = split(parts, animals, by="animal", n_outer_folds=3)
    assert [sorted(f.test) for f in splits.folds] == [["a", "d"], ["b", "e"], ["c", "f"]]
    assert sorted(splits.folds[0].inner[0].test) == ["b", "e"]  # a whole animal too


def test_last_animal_validates_on_a_recording_and_last_recording_on_a_block(make_windows: Make) -> None:
    parts = [make_windows(40, name=n) for n in "abc"]
    splits = split(parts, {"a": "x", "b": "x", "c": "y"}, by="animal", n_outer_folds=2)
    assert list(splits.folds[1].inner[0].test) == ["b"]  # trained on animal x: recordings a and b
    (inner,) = splits.folds[0].inner  # trained on recording c alone
    check_partition(parts[2], 3.0, inner.train, inner.valid)
    assert inner.adapt is None and not inner.test


def test_a_recording_too_short_to_adapt_to_is_named(make_windows: Make) -> None:
    with pytest.raises(DataError, match=r"a: split.by = recording fits the read-in .*expected at least 10 windows"):
        parts = [make_windows(n, name=name, continuous=False) for name, n in (("a", 20), ("b", 60))]
        split(parts, by="recording", n_outer_folds=2)


@pytest.mark.parametrize(
    ("config", "animals", "error", "message"),
    [
        ({"by": "recording"}, None, ConfigError, r"n_outer_folds = 5, but split.by = recording finds 3 \(a, b, c\)"),
        ({"by": "animal", "n_outer_folds": 2}, None, DataError, "a: split.by = animal needs the animal"),
        ({"by": "recording", "n_outer_folds": 3, "n_inner_folds": 3}, None, ConfigError, r"trains on only 2 \(b, c\)"),
        ({"n_outer_folds": 30}, None, DataError, "a: 40 labelled trials are too few .*expected at least 60"),
        ({"gap_s": 500.0}, None, DataError, r"a: a gap of 500 s around test block 0 .*set a smaller split.gap_s"),
        ({"n_outer_folds": 2, "gap_s": 60.0}, None, DataError, "around the inner fold of fold 0"),
        ({"n_outer_folds": 2, "n_inner_folds": 30}, None, DataError, "a: 20 labelled training trials are too few for"),
    ],
)
def test_errors(
    make_windows: Make, config: dict[str, Any], animals: dict[str, str] | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        split([make_windows(40, name=n) for n in "abc"], animals, **config)


def test_a_class_that_is_only_in_the_test_block(make_windows: Make) -> None:
    label = np.zeros(40, dtype=int)
    label[:8] = 1
    with pytest.raises(DataError, match="fold 0: no training trial has label y"):
        split([make_windows(40, label=label)])


def test_a_class_with_fewer_trials_than_folds(make_windows: Make) -> None:
    label = np.zeros(40, dtype=int)
    label[[3, 30]] = 1
    with pytest.raises(
        DataError, match=r"too few trials of the label y \(4\): expected at least split.n_outer_folds = 5"
    ):
        split([make_windows(40, name=name, label=label) for name in "ab"])


def test_a_class_missing_in_one_recording_is_told(make_windows: Make, caplog: pytest.LogCaptureFixture) -> None:
    split([make_windows(40, name="a", label=np.zeros(40, dtype=int)), make_windows(40, name="b")])
    assert "fold 0: no training trial of a has label y" in caplog.text
    assert "fold 0: all test trials of a have the label x" in caplog.text


def test_recording_without_labels_and_twins(make_windows: Make) -> None:
    with pytest.raises(DataError, match="a: no labelled trial"):
        split([make_windows(40, label=np.full(40, -1))])
    with pytest.raises(DataError, match="two recordings of one name"):
        split([make_windows(40), make_windows(40)])


def test_auto_gap_is_measured_per_recording(make_windows: Make) -> None:
    rng = np.random.default_rng(0)
    fast = make_windows(60, name="fast", rate=rng.poisson(50, 300))
    slow = make_windows(60, name="slow", rate=rng.poisson(50 + 30 * np.sin(np.arange(300) / 10)))
    splits = make_splits([slow, fast], SplitConfig(n_outer_folds=3), smoothing_s=0.1)
    assert splits.gap_s["fast"] < splits.gap_s["slow"]
    assert splits.gap_s["fast"] > 1.1
