"""Leaks 4, 5, 6, 7, 9 and 10: folds, gaps and windows that put one spike on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studies import as_recording, small_config

from spikebridge import gates
from spikebridge.artifacts.splits import content_hash, save_splits
from spikebridge.artifacts.tuning import TunedFold, TunedSettings, TuningRun
from spikebridge.artifacts.windows import save_windows
from spikebridge.config import SplitConfig, WindowSections
from spikebridge.duplicates import duplicate_recordings
from spikebridge.errors import DataError, LeakageError
from spikebridge.evaluation import leakage
from spikebridge.evaluation.inputs import read
from spikebridge.fitting import training
from spikebridge.preprocess import make_windows
from spikebridge.simulate import simulate_session
from spikebridge.splits import find_leaks, make_splits, short_gaps
from spikebridge.splits import make as splitting
from spikebridge.types import Splits, Windows

MODEL = "majority"


def evaluated(root: Path, data: list[Windows], splits: Splits) -> dict[str, Any]:
    """Train a model on these windows and folds, and let evaluate look at what came out before it scores anything."""
    config = small_config().model_copy(update={"models": {MODEL: {}}})
    (root / "windows").mkdir()
    for w in data:
        save_windows(w, root / "windows")
    save_splits(splits, root / "splits.json")
    tuned = TuningRun(root / "tune" / MODEL)
    tuned.write_settings(TunedSettings(MODEL, [TunedFold(f.fold, {}) for f in splits.folds], TunedFold("full", {})))
    places = root / "windows", root / "splits.json"
    training.train(
        MODEL,
        config.seed,
        config.baseline,
        config.compute,
        *places,
        tuned.best,
        root / "train" / MODEL,
        lambda row: None,
    )
    return leakage.check(read(config.models, *places, root / "train"))


def overlapping(n: int = 40, every_s: float = 0.6, name: str = "dense") -> Windows:
    """Trials whose windows of 1 s overlap: each shares bins with the one before and after."""
    rng = np.random.default_rng(1)
    start = np.arange(n) * every_s
    counts = rng.poisson(0.7, (n, 10, 6)).astype(np.uint8)
    label = np.arange(n) % 2
    return Windows(
        name, counts, counts[:, :, :4], start, 0.1, np.arange(n), label, start + 1.0, ("x", "y"), np.arange(6),
        np.arange(4),
    )  # fmt: skip


def doctored(splits: Splits, fold: int, **changes: Any) -> Splits:
    """A manifest as a buggy maker would write it: one fold changed, and the hash right."""
    folds = list(splits.folds)
    folds[fold] = replace(folds[fold], **changes)
    made = replace(splits, folds=tuple(folds))
    return replace(made, hash=content_hash(made))


def bins_of(w: Windows, rows: np.ndarray) -> set[int]:
    """Numbers of the 10 ms slices of time that windows cover."""
    return {
        k for a, b in zip(w.start_s[rows], w.stop_s[rows], strict=True) for k in range(round(100 * a), round(100 * b))
    }


@pytest.mark.parametrize("gap", [0.0, 0.05, 2.0])
@pytest.mark.parametrize("every_s", [0.3, 0.6, 0.95])
def test_no_bin_is_on_both_sides_however_trials_overlap(gap: float, every_s: float) -> None:
    """Leaks 4 and 6 are impossible: a training window that shares time with a test block is dropped."""
    w = overlapping(60, every_s)
    splits = make_splits([w], SplitConfig(n_outer_folds=3, gap_s=gap))
    for fold in splits.folds:
        test = bins_of(w, fold.test["dense"])
        assert not test & bins_of(w, fold.train["dense"])
        for part in fold.inner:
            assert not bins_of(w, part.train["dense"]) & bins_of(w, part.valid["dense"])
            assert not test & bins_of(w, np.concatenate([part.train["dense"], part.valid["dense"]]))


@pytest.mark.parametrize("every_s", [0.6, 0.3])
def test_a_manifest_with_overlapping_windows_is_caught(every_s: float, tmp_path: Path) -> None:
    """Leaks 4 and 6 by a maker that deals out trials without looking at time."""
    w = overlapping(60, every_s)
    honest = make_splits([w], SplitConfig(n_outer_folds=3, gap_s=0.0))
    test = honest.folds[1].test["dense"]
    careless = doctored(honest, 1, train={"dense": np.setdiff1d(np.arange(len(w)), test)})
    with pytest.raises(LeakageError, match=r"fold 1: dense: the training window of trial \d+ .* shares bins with"):
        evaluated(tmp_path, [w], careless)


def test_shuffled_folds_are_caught(windows: list[Windows], tmp_path: Path) -> None:
    """KFold(shuffle=True), the usual way to leak: no block is contiguous, so every neighbour is in training."""
    splits = make_splits(windows, small_config().split)
    rng = np.random.default_rng(0)
    folds = []
    for fold in splits.folds:
        test, spans, train = {}, {}, {}
        for w in windows:
            known = np.random.default_rng(5).permutation(np.flatnonzero(w.labelled))
            test[w.recording] = np.sort(np.array_split(known, len(splits.folds))[fold.fold])
            spans[w.recording] = np.column_stack([w.start_s[test[w.recording]], w.stop_s[test[w.recording]]])
            train[w.recording] = np.setdiff1d(np.arange(len(w)), test[w.recording])
        inner = replace(fold.inner[0], train=train, valid={n: rng.permutation(r)[:0] for n, r in train.items()})
        folds.append(replace(fold, test=test, train=train, inner=(inner,), test_intervals=spans))
    leaky = replace(splits, folds=tuple(folds))
    leaky = replace(leaky, hash=content_hash(leaky))
    with pytest.raises(LeakageError, match=r"fold 0: rec\.0: the training window .* nearer than the gap"):
        evaluated(tmp_path, windows, leaky)


def test_a_test_block_that_hides_its_trials_is_caught(windows: list[Windows]) -> None:
    """A named time span that is shorter than the block would let training windows creep nearer."""
    splits = make_splits(windows, small_config().split)
    short = {n: np.array([[s[0, 0], s[0, 0] + 1.0]]) for n, s in splits.folds[0].test_intervals.items()}
    lines = find_leaks(doctored(splits, 0, test_intervals=short), windows)
    assert any("fold 0: rec.0: the test window of trial" in line and "outside" in line for line in lines)


def test_inner_folds_without_a_gap_are_caught(windows: list[Windows]) -> None:
    splits = make_splits(windows, small_config().split)
    fold = splits.folds[0]
    valid = fold.inner[0].valid
    learn = {n: np.setdiff1d(rows, valid[n]) for n, rows in fold.train.items()}
    inner = (replace(fold.inner[0], train=learn),)
    lines = find_leaks(doctored(splits, 0, inner=inner), windows)
    assert any("inner training" in line and "validated on" in line for line in lines)
    outer = (replace(fold.inner[0], valid=fold.test),)
    assert any("is no training window of the fold" in x for x in find_leaks(doctored(splits, 0, inner=outer), windows))


@pytest.mark.parametrize("by", ["block", "recording"])
def test_honest_manifests_pass(by: Any, windows: list[Windows]) -> None:
    assert find_leaks(make_splits(windows, SplitConfig(by=by, n_outer_folds=2)), windows) == []


def test_a_held_out_recording_in_training_is_caught(windows: list[Windows]) -> None:
    splits = make_splits(windows, SplitConfig(by="recording", n_outer_folds=2))
    everything = {w.recording: np.arange(len(w)) for w in windows}
    lines = find_leaks(doctored(splits, 0, train=everything), windows)
    assert any(line.startswith("split manifest: fold 0: rec.0 is held out, but") for line in lines)


def test_a_gap_that_is_too_small_is_named_and_closes_the_gate(
    windows: list[Windows], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Leak 5: the user's own number, shorter than a window plus the time that rates remember."""
    splits = make_splits(windows, SplitConfig(n_outer_folds=2, gap_s=0.1))
    assert "rec.0: split.gap_s = 0.1 s is shorter than" in caplog.text
    report = evaluated(tmp_path, windows, splits)
    assert set(report["gap_too_short_s"]) == {"rec.0", "rec.1"}
    gate = gates.leakage(report, "ridge")
    assert not gate.passed and "rec.0 0.1 of" in gate.reason
    auto = make_splits(windows, SplitConfig(n_outer_folds=2))
    assert short_gaps(auto, windows) == {}


def test_training_inside_the_gap_is_caught(windows: list[Windows], tmp_path: Path) -> None:
    """Leak 5 by a maker that keeps the gap's number and not the gap."""
    honest = make_splits(windows, SplitConfig(n_outer_folds=2))
    w, fold = windows[0], honest.folds[0]
    after = np.flatnonzero(w.start_s >= fold.test_intervals["rec.0"][0, 1])[:1]  # right behind the block
    train = dict(fold.train) | {"rec.0": np.union1d(fold.train["rec.0"], after)}
    with pytest.raises(LeakageError, match=r"fold 0: rec\.0: the training window .* is nearer than the gap of"):
        evaluated(tmp_path, windows, doctored(honest, 0, train=train))


def test_windows_past_the_decision_are_refused() -> None:
    """Leak 7, where windows are cut: params.yaml asks for bins after the decision."""
    config = small_config(trials={"align": "decision_time", "window_s": [-1.0, 0.5]})
    knobs = config.simulate.model_copy(update={"n_trials": 12})
    recording = as_recording(simulate_session(knobs, np.random.default_rng(1), "one", "rat"))
    with pytest.raises(DataError, match=r"one: bins must lie before the decision, but the window ends after .* 0\.5 s"):
        make_windows(recording, WindowSections.of(config), ("skip", "stay"))


def test_windows_moved_past_the_decision_are_caught(windows: list[Windows], tmp_path: Path) -> None:
    """Leak 7 behind the back of the stage: windows that were cut elsewhere."""
    late = [replace(w, decision_s=w.decision_s - 0.3) for w in windows]
    with pytest.raises(LeakageError, match=r"rec\.0: \d+ decision windows reach past the decision, .* trial \d+"):
        evaluated(tmp_path, late, make_splits(late, small_config().split))


Change = Callable[[Windows], Windows]


def fewer(w: Windows) -> Windows:
    """Two fifths of the windows are gone."""
    return w.select(np.arange(len(w))[np.arange(len(w)) % 5 > 1])


def renumbered(w: Windows) -> Windows:
    order = np.random.default_rng(2).permutation(len(w.source_units))
    return replace(w, source=np.asarray(w.source)[:, :, order], source_units=w.source_units + 500)


def other_clock(w: Windows) -> Windows:
    return replace(w, start_s=w.start_s + 1000.0, decision_s=w.decision_s + 1000.0)


COPIES = [lambda w: w, renumbered, fewer, other_clock, lambda w: renumbered(fewer(other_clock(w)))]


@pytest.mark.parametrize("change", COPIES, ids=["equal", "renumbered", "fewer windows", "other clock", "all at once"])
@pytest.mark.parametrize("by", ["block", "recording"])
def test_a_recording_under_two_names_is_refused(change: Change, by: Any, windows: list[Windows]) -> None:
    """Leak 9: the folds are not even made."""
    copy = replace(change(windows[0]), recording="rec.9")
    with pytest.raises(DataError, match=r"rec\.0 and rec\.9 are one recording under two names: \d+ of \d+ windows"):
        make_splits([*windows, copy], SplitConfig(by=by, n_outer_folds=2))


def test_a_copy_that_was_split_anyway_is_caught(
    windows: list[Windows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = replace(renumbered(windows[0]), recording="rec.9")
    monkeypatch.setattr(splitting, "duplicate_recordings", lambda windows: [])
    splits = make_splits([*windows, copy], SplitConfig(n_outer_folds=2))
    with pytest.raises(LeakageError, match=r"rec\.0 and rec\.9 are one recording under two names"):
        evaluated(tmp_path, [*windows, copy], splits)


def test_recordings_of_their_own_are_no_duplicates(windows: list[Windows]) -> None:
    assert duplicate_recordings(windows) == []
    silent = [replace(w, source=0 * np.asarray(w.source), target=0 * np.asarray(w.target)) for w in windows]
    assert duplicate_recordings(silent) == []


def smoothed(w: Windows) -> Windows:
    """Each window's counts averaged with those of its neighbours in time."""
    counts = np.asarray(w.source, dtype=float)
    near = np.pad(counts, ((1, 1), (0, 0), (0, 0)), mode="edge")
    return replace(w, source=(near[:-2] + near[1:-1] + near[2:]) / 3)


def test_counts_smoothed_over_windows_are_caught(windows: list[Windows], tmp_path: Path) -> None:
    """Leak 10: every interval is honest, and the numbers in it hold spikes from across the gap."""
    data = [smoothed(w) for w in windows]
    with pytest.raises(LeakageError, match=r"windows of rec\.0: expected whole counts of the source, got float64"):
        evaluated(tmp_path, data, make_splits(data, small_config().split))


def test_counts_smoothed_after_the_split_are_caught(windows: list[Windows], tmp_path: Path) -> None:
    splits = make_splits(windows, small_config().split)
    with pytest.raises(LeakageError, match=r"rec\.0: the windows are not those of the split manifest"):
        evaluated(tmp_path, [smoothed(w) for w in windows], splits)
