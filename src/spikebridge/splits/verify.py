"""Is a manifest of folds what it says it is? Every window of every fold against the test block it must keep clear of.

The hash shows that nobody edited a manifest; this shows that whoever made it made no mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spikebridge.splits.gap import gap_s
from spikebridge.types import Fold, Partition, Splits, Windows
from spikebridge.types.intervals import TOLERANCE_S, as_intervals, distance_to

Numbers = NDArray[np.int64]


def audit(splits: Splits, windows: Sequence[Windows]) -> list[str]:
    """One line for each way in which the folds leak, empty where they do not.

    Test windows lie inside the time span that the manifest names for them; training and inner windows are training
    windows of the fold, at least the gap away from that span (or of no recording that is held out whole), and so far
    away from the windows that they are validated on. A bin that two trials share is therefore never on both sides.
    """
    parts = {w.recording: w for w in windows}
    if unknown := sorted({n for f in splits.folds for n in (*f.test, *f.train)} - set(parts)):
        return [f"split manifest: names recordings without windows: {', '.join(unknown)}"]
    return [line for fold in splits.folds for line in _fold(splits, fold, parts)]


def short_gaps(splits: Splits, windows: Sequence[Windows]) -> dict[str, float]:
    """Recording -> the gap that its data ask for, seconds, where the manifest's is shorter; see `gap.gap_s`."""
    if splits.by != "block":
        return {}
    needed = {w.recording: gap_s(w) for w in windows if w.recording in splits.gap_s}
    return {name: gap for name, gap in needed.items() if splits.gap_s[name] < gap - TOLERANCE_S}


def _fold(splits: Splits, fold: Fold, parts: Mapping[str, Windows]) -> Iterator[str]:
    at = f"split manifest: fold {fold.fold}"
    for name, rows in fold.test.items():
        w, spans = parts[name], as_intervals(fold.test_intervals.get(name, ()))
        inside = (w.start_s[rows, None] >= spans[:, 0] - TOLERANCE_S) & (
            w.stop_s[rows, None] <= spans[:, 1] + TOLERANCE_S
        )
        if np.any(out := ~inside.any(axis=1)):
            yield f"{at}: {name}: the test {_window(w, rows[out][0])} lies outside the test block that it names"
    sides = {"training": fold.train}
    for part in fold.inner:
        sides |= {"inner training": part.train, "inner validation": part.valid}
        yield from (f"{at}: {line}" for line in _inner(splits, fold, part, parts))
    for side, index in sides.items():
        for name, rows in index.items():
            yield from (f"{at}: {line}" for line in _near(splits, fold, parts[name], rows, side))


def _near(splits: Splits, fold: Fold, w: Windows, rows: Numbers, side: str) -> Iterator[str]:
    name = w.recording
    if splits.by != "block" and name in fold.test and len(rows):
        yield f"{name} is held out, but {len(rows)} of its windows are {side} windows"
        return
    gap = splits.gap_s.get(name, 0.0)
    for span in as_intervals(fold.test_intervals.get(name, ())):
        away = distance_to(w.start_s[rows], w.stop_s[rows], span)
        if np.any(near := away < max(gap, 0.0) - TOLERANCE_S):
            worst = int(np.argmin(away))
            what = "shares bins with" if away[worst] < -TOLERANCE_S else f"is nearer than the gap of {gap:.3f} s to"
            yield (
                f"{name}: the {side} {_window(w, rows[worst])} {what} the test block {span[0]:.3f} to {span[1]:.3f} s "
                f"({int(near.sum())} such windows)"
            )


def _inner(splits: Splits, fold: Fold, part: Partition, parts: Mapping[str, Windows]) -> Iterator[str]:
    for side, index in (("inner training", part.train), ("inner validation", part.valid)):
        for name, rows in index.items():
            strange = np.setdiff1d(rows, fold.train.get(name, np.empty(0, dtype=np.int64)))
            if len(strange):
                yield f"{name}: the {side} {_window(parts[name], strange[0])} is no training window of the fold"
    for name, rows in part.valid.items():
        learn = part.train.get(name, np.empty(0, dtype=np.int64))
        if not len(rows) or not len(learn):
            continue
        w, gap = parts[name], max(splits.gap_s.get(name, 0.0), 0.0)
        away = distance_to(w.start_s[learn], w.stop_s[learn], [w.start_s[rows].min(), w.stop_s[rows].max()])
        if away.min() < gap - TOLERANCE_S:
            worst = learn[int(np.argmin(away))]
            yield (
                f"{name}: the inner training {_window(w, worst)} is nearer than the gap of {gap:.3f} s to the windows "
                "that it is validated on"
            )


def _window(w: Windows, row: int) -> str:
    whose = f"window of trial {w.trial[row]}" if w.trial[row] >= 0 else "window between trials"
    return f"{whose} ({w.start_s[row]:.3f} to {w.stop_s[row]:.3f} s)"
