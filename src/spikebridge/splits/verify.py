"""Verification of folds: every window of every fold, and every training interval, against the test blocks.

The hash of the folds shows that nobody edited them (see artifacts.splits); this shows that they were made correctly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikebridge.splits.gap import gap_s
from spikebridge.types import Fold, Index, Partition, Splits, Windows
from spikebridge.types.intervals import TOLERANCE_S, as_intervals, distance_to

Numbers = NDArray[np.int64]


def find_leaks(splits: Splits, windows: Sequence[Windows]) -> list[str]:
    """Every way in which the folds leak.

    Test windows must lie inside the time span that the folds state for them. Training windows and inner windows must be
    training windows of the fold, at least the gap away from that span (or not of a recording that is held out as a
    whole), and at least the gap away from the windows that they are validated on. So a bin that two trials share is
    never on both sides. Windows that a fit adapts to are of the held-out recordings, and end at least the gap before
    the first window that scores the fit.

    Parameters
    ----------
    splits : Splits
        The folds.
    windows : sequence of Windows
        The windows that the folds number.

    Returns
    -------
    list of str
        One message for each problem; empty where there is none.
    """
    parts = {w.recording: w for w in windows}
    if unknown := sorted({n for f in splits.folds for n in (*f.test, *f.train)} - set(parts)):
        return [f"split manifest: names recordings without windows: {', '.join(unknown)}"]
    return [line for fold in splits.folds for line in _fold(splits, fold, parts)]


def short_gaps(splits: Splits, windows: Sequence[Windows]) -> dict[str, float]:
    """Recordings whose gap is shorter than their data ask for.

    Parameters
    ----------
    splits : Splits
        The folds.
    windows : sequence of Windows
        The windows that the folds number.

    Returns
    -------
    dict of str to float
        Recording -> the gap that `gap_s` computes, in seconds.
    """
    needed = {w.recording: gap_s(w) for w in windows if w.recording in splits.gap_s}
    return {name: gap for name, gap in needed.items() if splits.gap_s[name] < gap - TOLERANCE_S}


def check_training_intervals(splits: Splits, fold: int, intervals: Mapping[str, ArrayLike]) -> list[str]:
    """Training intervals that overlap a test block of the fold or its gap.

    Parameters
    ----------
    splits : Splits
        The folds.
    fold : int
        Number of the outer fold.
    intervals : mapping of str to array, shape (interval, 2), seconds
        The time that the fit used, by recording. Of a recording that is held out as a whole, only time before the test
        block may be used, and only where the folds declare windows to adapt to.

    Returns
    -------
    list of str
        One message for each interval; empty where there is none.
    """
    by_number = {f.fold: f for f in splits.folds}
    if fold not in by_number:
        return [f"fold {fold} is not in the split manifest"]
    held, fit = by_number[fold].test_intervals, by_number[fold].fit
    declared = set() if fit is None or fit.adapt is None else {*fit.adapt.train, *fit.adapt.valid}
    known = {*splits.full.train, *splits.full.valid}
    lines = [f"fold {fold}: {name} is not in the split manifest" for name in intervals if name not in known]
    for name, blocks in held.items():
        gap = splits.gap_s[name]
        for start, stop in as_intervals(intervals.get(name, ())):
            if splits.by != "block" and (name not in declared or start >= blocks[:, 0].min() - TOLERANCE_S):
                part = f" from {blocks[:, 0].min():.3f} s on" if name in declared else ""
                lines.append(f"fold {fold}: {name} is held out{part}, but {start:.3f} to {stop:.3f} s was learned from")
                continue
            near = [(a, b) for a, b in blocks if max(a - stop, start - b) < gap - TOLERANCE_S]
            lines += [
                f"fold {fold}: {name}: learned from {start:.3f} to {stop:.3f} s, nearer than the gap of {gap:.3f} s "
                f"to the test block {a:.3f} to {b:.3f} s"
                for a, b in near
            ]
    return lines


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
        yield from (f"{at}: inner {line}" for line in _adaptation(splits, part, fold.train, parts))
    if fold.fit is not None:
        sides |= {"fitted": fold.fit.train, "stopping": fold.fit.valid}
        yield from (f"{at}: {line}" for line in _inner(splits, fold, fold.fit, parts))
        yield from (f"{at}: {line}" for line in _adaptation(splits, fold.fit, fold.test, parts))
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


def _adaptation(splits: Splits, part: Partition, held: Index, parts: Mapping[str, Windows]) -> Iterator[str]:
    """held: recordings that the partition may adapt to; a recording that it learns labels from is none of them."""
    if part.adapt is None:
        return
    for side in (part.adapt.train, part.adapt.valid):
        for name, rows in side.items():
            w, test, gap = parts[name], part.test.get(name, np.empty(0, dtype=np.int64)), splits.gap_s.get(name, 0.0)
            if name not in held or name in part.train or not len(test):
                yield f"adaptation: {name} is not held out, or none of its windows is tested"
            elif len(rows) and w.stop_s[rows].max() > w.start_s[test].min() - max(gap, 0.0) + TOLERANCE_S:
                worst = rows[int(np.argmax(w.stop_s[rows]))]
                yield (
                    f"adaptation: {name}: the {_window(w, worst)} does not end the gap of {gap:.3f} s before the test "
                    f"block at {w.start_s[test].min():.3f} s"
                )


def _window(w: Windows, row: int) -> str:
    whose = f"window of trial {w.trial[row]}" if w.trial[row] >= 0 else "window between trials"
    return f"{whose} ({w.start_s[row]:.3f} to {w.stop_s[row]:.3f} s)"
