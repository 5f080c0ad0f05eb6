"""No score is computed before this has shown that no model saw what it is scored on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.splits import verify_splits
from spikebridge.artifacts.training import IntervalLists
from spikebridge.duplicates import duplicate_recordings
from spikebridge.errors import LeakageError
from spikebridge.evaluation.inputs import Inputs
from spikebridge.splits import check_training_intervals, find_leaks, short_gaps
from spikebridge.types import Windows
from spikebridge.types.intervals import as_intervals

TOLERANCE_S = 1e-6
SHOWN = 5


def check(inputs: Inputs) -> dict[str, Any]:
    """Hold every model's results against the split manifest.

    Checked: the hash of the manifest in every file; the time that each fold's fit really learned from against that
    fold's test blocks and their gaps; that every labelled trial of the manifest was predicted exactly once, in its own
    fold, with the label and decision time of the windows; that every decision window ends before its decision. The
    manifest's hash covers the windows, so equal hashes also mean equal data.
    The manifest itself is held against the windows (audit), and the windows against each other: one
    recording may not come under two names. What the tuner of a fold learned from is checked like what its fit did.
    Returns what was checked, for leakage.json. gap_too_short_s: the gap that a recording asks for where the user chose
    a shorter one; scores stand, but the gate of the registry is closed.
    Raises LeakageError naming model, fold, recording and interval.
    """
    verify_splits(inputs.splits, list(inputs.windows.values()))
    expected = _expected(inputs)
    tables = {f"{m} predictions": d.table for m, d in inputs.decisions.items()}
    tables |= {f"{m} translation": t.table for m, t in inputs.translations.items()}
    problems = [
        *_windows(inputs),
        *find_leaks(inputs.splits, list(inputs.windows.values())),
        *duplicate_recordings(list(inputs.windows.values())),
        *(p for name, table in tables.items() for p in _table(name, table, expected, inputs.splits.hash)),
        *(p for model in inputs.training_intervals for p in _training_intervals(inputs, model)),
    ]
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise LeakageError("; ".join(problems[:SHOWN]) + more)
    return {
        "passed": True,
        "split_hash": inputs.splits.hash,
        "split_by": inputs.splits.by,
        "gap_s": {name: float(gap) for name, gap in inputs.splits.gap_s.items()},
        "gap_too_short_s": short_gaps(inputs.splits, list(inputs.windows.values())),
        "models": sorted(inputs.training_intervals),
        "trials": len(expected),
        "folds": len(inputs.splits.folds),
        "training_intervals": {m: _count(t.folds) for m, t in inputs.training_intervals.items()},
        "checks": [
            "the manifest matches its own hash and was made for these windows",
            "split hash of predictions, translation and training intervals equals the manifest's",
            "no time that a fold's fit or its tuning learned from touches a test block of that fold or its gap",
            "no training or inner window of the manifest is nearer than the gap to the test block of its fold",
            "counts are whole numbers: nothing was smoothed over windows",
            "no two recordings hold the same spikes",
            "every labelled trial of the manifest predicted exactly once, in its own fold",
            "labels and decision times equal those of the windows",
            "decision windows end before the decision",
        ],
    }


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


def _windows(inputs: Inputs) -> Iterator[str]:
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
        found = np.sort(np.concatenate(tested)) if tested else np.empty(0, dtype=np.int64)
        if not np.array_equal(found, np.flatnonzero(w.labelled)):
            n = int(w.labelled.sum())
            yield f"split manifest: expected the {n} labelled trials of {name} in one test block each, got {len(found)}"


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


def _count(folds: Mapping[int, IntervalLists]) -> int:
    return sum(len(intervals) for fold in folds.values() for intervals in fold.values())
