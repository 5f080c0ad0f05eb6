"""No score is computed before this has shown that no model saw what it is scored on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.splits import verify_splits
from spikebridge.artifacts.training import IntervalLists
from spikebridge.duplicates import duplicate_recordings
from spikebridge.errors import LeakageError
from spikebridge.evaluation.inputs import Inputs
from spikebridge.splits import check_training_intervals, find_leaks, short_gaps, training_intervals
from spikebridge.types import Windows
from spikebridge.types.intervals import as_intervals

TOLERANCE_S = 1e-6
SHOWN = 5


WINDOW_CHECKS = [
    "the manifest matches its own hash and was made for these windows",
    "no training or inner window of the manifest is nearer than the gap to the test block of its fold",
    "counts are whole numbers: nothing was smoothed over windows",
    "no two recordings hold the same spikes",
    "decision windows end before the decision",
]
RESULT_CHECKS = [
    "split hash of predictions, translation and training intervals equals the manifest's",
    "no time that a fold's fit or its tuning learned from touches a test block of that fold or its gap",
    "every labelled trial of the manifest predicted exactly once, in its own fold",
    "labels and decision times equal those of the windows",
]


def check(inputs: Inputs) -> dict[str, Any]:
    """Compare the windows with the split manifest, and every model's results with both.

    Results that are read later, of nested models, are checked by `check_results` alone: windows and manifest are the
    same.

    Parameters
    ----------
    inputs : Inputs
        Windows, manifest and results of all models.

    Returns
    -------
    dict
        What was checked, for leakage.json. gap_too_short_s: the gap that a recording asks for where the user chose a
        shorter one; scores are valid then, but the gate of the registry is closed.

    Raises
    ------
    LeakageError
        Names the model, fold, recording and interval.
    """
    check_manifest(inputs)
    report = check_results(inputs)
    report["gap_too_short_s"] = short_gaps(inputs.splits, list(inputs.windows.values()))
    return {**report, "checks": WINDOW_CHECKS + RESULT_CHECKS}


def check_manifest(inputs: Inputs) -> None:
    """Compare the manifest with the windows, and the windows with each other.

    Checked: the manifest is one of these windows and keeps its gaps; every labelled trial lies in one test block; every
    decision window ends before its decision; counts are whole; no recording comes under two names. Raises LeakageError.
    """
    windows = list(inputs.windows.values())
    verify_splits(inputs.splits, windows)
    _expected(inputs)
    _refuse([*window_problems(inputs), *find_leaks(inputs.splits, windows), *duplicate_recordings(windows)])


def check_results(inputs: Inputs) -> dict[str, Any]:
    """Compare every table of results with manifest and windows, which `check_manifest` has passed.

    Checked: the hash of the manifest in every file; the time that each fold's fit and its tuner learned from against
    that fold's test blocks and their gaps; every labelled trial of the manifest was predicted exactly once, in its own
    fold, with the label and decision time of the windows. The hash of the manifest covers the windows, so equal hashes
    also mean equal data. Returns what was checked. Raises LeakageError.
    """
    expected = _expected(inputs)
    tables = {f"{m} predictions": d.table for m, d in inputs.decisions.items()}
    tables |= {f"{m} translation": t.table for m, t in inputs.translations.items()}
    of_tables = (p for name, table in tables.items() for p in _table(name, table, expected, inputs.splits.hash))
    _refuse([*of_tables, *(p for model in inputs.training_intervals for p in _training_intervals(inputs, model))])
    return {
        "passed": True,
        "split_hash": inputs.splits.hash,
        "split_by": inputs.splits.by,
        "gap_s": {name: float(gap) for name, gap in inputs.splits.gap_s.items()},
        "models": sorted(inputs.training_intervals),
        "trials": len(expected),
        "folds": len(inputs.splits.folds),
        **({} if inputs.splits.by == "block" else {"adaptation_intervals": _adaptation(inputs)}),
        "training_intervals": {m: _count(t.folds) for m, t in inputs.training_intervals.items()},
        "checks": RESULT_CHECKS,
    }


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise LeakageError("; ".join(problems[:SHOWN]) + more)


def _expected(inputs: Inputs) -> pd.DataFrame:
    """One row for every trial that the manifest tests: recording, trial, fold, label, time_s."""
    rows = []
    for fold in inputs.splits.folds:
        for recording, index in fold.test.items():
            w = inputs.windows.get(recording)
            if w is None:
                raise LeakageError(f"split manifest: names the recording {recording}, which has no windows")
            columns = {"trial": w.trial[index], "time_s": w.decision_s[index], "label": w.label[index]}
            rows.append(pd.DataFrame({"recording": recording, "fold": fold.fold, **columns}))
    expected = pd.concat(rows, ignore_index=True)
    expected["label"] = np.asarray(inputs.classes, dtype=object)[expected["label"].to_numpy()]
    return expected


def window_problems(inputs: Inputs) -> Iterator[str]:
    for name, w in inputs.windows.items():
        yield from _whole(w)
        late = np.flatnonzero(w.labelled & (w.stop_s > w.decision_s + TOLERANCE_S))
        if len(late):
            k = late[0]
            yield (
                f"windows of {name}: {len(late)} decision windows reach past the decision, the first at trial "
                f"{w.trial[k]}: ends at {w.stop_s[k]:.3f} s, decision at {w.decision_s[k]:.3f} s"
            )
        tested = [fold.test[name] for fold in inputs.splits.folds if name in fold.test]
        tested_trials = np.sort(np.concatenate(tested)) if tested else np.empty(0, dtype=np.int64)
        expected, which = np.flatnonzero(w.labelled), "the"
        if inputs.splits.by != "block" and len(tested_trials):
            expected, which = expected[expected >= tested_trials[0]], "the later"
        if not np.array_equal(tested_trials, expected):
            n = len(expected)
            yield (
                f"split manifest: expected {which} {n} labelled trials of {name} in one test block each, "
                f"got {len(tested_trials)}"
            )


def _whole(w: Windows) -> Iterator[str]:
    """Smoothed counts hold spikes of neighbouring windows, and no interval would show it."""
    for side, counts in (("source", w.source), ("target", w.target)):
        if not np.issubdtype(counts.dtype, np.integer):
            yield (
                f"windows of {w.recording}: expected whole counts of the {side}, got {counts.dtype}; smoothing belongs "
                "into models, inside one window"
            )


def _table(name: str, table: pd.DataFrame, expected: pd.DataFrame, split_hash: str) -> Iterator[str]:
    hashes = set(table["split_hash"].astype(str))
    if hashes != {split_hash}:
        yield f"{name}: expected split hash {split_hash}, got {sorted(hashes)}; made with another split manifest"
    both = expected.merge(
        table.assign(times=1), on=["recording", "trial"], how="outer", suffixes=("", "_given"), indicator=True
    )
    counts = both.groupby(["recording", "trial"])["times"].sum()
    for what, bad in (
        ("expected a prediction, got none", both["_merge"] == "left_only"),
        ("predicted, though the manifest does not test it", both["_merge"] == "right_only"),
        ("predicted more than once", both.set_index(["recording", "trial"]).index.map(counts) > 1),
        ("predicted in a fold that trained on it", (both["_merge"] == "both") & (both["fold"] != both["fold_given"])),
        ("another decision time than the windows'", (both["time_s"] - both["time_s_given"]).abs() > TOLERANCE_S),
        ("another label than the windows'", _differs(both, "label")),
    ):
        if np.any(bad):
            row = both[np.asarray(bad)].iloc[0]
            fold = row["fold"] if pd.notna(row["fold"]) else row["fold_given"]
            where = f"fold {int(fold)}, recording {row['recording']}, trial {row['trial']}"
            yield f"{name}: {where}: {what} ({int(np.sum(bad))} such trials)"


def _differs(both: pd.DataFrame, column: str) -> pd.Series:
    given = f"{column}_given"
    if given not in both:  # a translator says nothing of labels
        return pd.Series(False, index=both.index)
    return (both["_merge"] == "both") & (both[column].astype(str) != both[given].astype(str))


def _training_intervals(inputs: Inputs, model: str) -> Iterator[str]:
    learned = inputs.training_intervals[model]
    if learned.split_hash != inputs.splits.hash:
        yield f"{model}: training intervals: expected split hash {inputs.splits.hash}, got {learned.split_hash}"
    for fold in inputs.splits.folds:
        if fold.fold not in learned.folds:
            yield f"{model}: fold {fold.fold}: expected the time intervals that the fit learned from, got none"
            continue
        for who, folds in ((model, learned.folds), (f"{model} (tuning)", learned.tuning)):
            intervals = {r: as_intervals(i) for r, i in folds.get(fold.fold, {}).items()}
            yield from (
                f"{who}: {violation}" for violation in check_training_intervals(inputs.splits, fold.fold, intervals)
            )


def _adaptation(inputs: Inputs) -> dict[str, dict[str, list[list[float]]]]:
    """Fold -> held-out recording -> the time that models may adapt to, without labels."""
    intervals: dict[str, dict[str, list[list[float]]]] = {}
    for fold in inputs.splits.folds:
        first = [inputs.windows[name].select(fold.spikes_known(name)) for name in fold.test]
        intervals[str(fold.fold)] = training_intervals(first)
    return intervals


def _count(folds: Mapping[int, IntervalLists]) -> int:
    return sum(len(intervals) for fold in folds.values() for intervals in fold.values())
