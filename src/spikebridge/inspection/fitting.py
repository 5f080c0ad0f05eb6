"""How many trials can be used with a window, by the rules of `preprocess.trials`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.inspection.columns import numbers
from spikebridge.labels.trial_labels import Label, columns_of_label, trial_labels
from spikebridge.types.intervals import TOLERANCE_S, Intervals, inside_intervals

RARE = 10
"""A class with fewer trials can hardly be in every fold."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A window around a column of times. Trials: usable has its window in observed time and before the decision; late
    has it after; clear is usable and touches neither another trial nor a time of `before`.

    before: columns with times of decisions that not every trial has. passing: column -> usable trials whose window ends
    after that time.
    """

    align: str
    decision: str
    first_s: float
    last_s: float
    bin_s: float
    usable: int
    late: int
    clear: int
    before: tuple[str, ...] = ()
    passing: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """The trials of one recording. label: (trial,), "" where there is none, or where no label is known yet, "?".

    free: (trial, 2), seconds: from the end of the trials before to the start of the next.
    """

    table: pd.DataFrame
    observed: Intervals
    label: NDArray[np.str_]
    free: Array
    resolution_s: float

    @staticmethod
    def of(table: pd.DataFrame, observed: Intervals, label: Label | None, resolution_s: float) -> Rows:
        known = label is not None and set(columns_of_label(label, table)) <= set(map(str, table.columns))
        names = trial_labels(table, label, "") if label is not None and known else np.full(len(table), "?")
        return Rows(table, observed, names, _free(table), resolution_s)

    def times(self, column: str) -> Array:
        return numbers(self.table[column])

    def in_order(self, first: str, then: str) -> bool:
        """Whether `then` follows `first` in nearly every trial that has both."""
        step = self.times(then) - self.times(first)
        step = step[np.isfinite(step)]
        return bool(len(step) * 2 >= len(self.table) and (step > 0).mean() >= 0.9)

    def judge(self, fit: Fit) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """(trial,) each: usable, late, clear; see `Fit`."""
        align, decision = self.times(fit.align), self.times(fit.decision)
        start, stop = align + fit.first_s, align + fit.last_s
        inside = (self.label != "") & np.isfinite(decision) & inside_intervals(start, stop, self.observed)
        inside &= self._on_edges(start)
        with np.errstate(invalid="ignore"):
            late = inside & (stop > decision + TOLERANCE_S)
            passing = np.any([self.passes(fit, name) for name in fit.before] or [late], axis=0)
            clear = ~passing & (start >= self.free[:, 0] - TOLERANCE_S) & (stop <= self.free[:, 1] + TOLERANCE_S)
        return inside & ~late, late, inside & ~late & clear

    def passes(self, fit: Fit, name: str) -> NDArray[np.bool_]:
        """(trial,): where the window ends after another time, which comes after its beginning."""
        time, start = self.times(name), self.times(fit.align) + fit.first_s
        with np.errstate(invalid="ignore"):
            return (time > start) & (start + fit.last_s - fit.first_s > time + TOLERANCE_S)

    def kept(self, fit: Fit) -> Counter[str]:
        """Class -> usable trials."""
        return Counter(self.label[self.judge(fit)[0]].tolist())

    def _on_edges(self, start: Array) -> NDArray[np.bool_]:
        """Where the file holds bins instead of times, a window begins with one."""
        if not self.resolution_s or not len(self.observed):
            return np.ones(len(start), dtype=bool)
        home = np.clip(np.searchsorted(self.observed[:, 0], start + TOLERANCE_S, side="right") - 1, 0, None)
        offset = (start - self.observed[home, 0]) / self.resolution_s
        return np.abs(offset - np.rint(offset)) * self.resolution_s <= TOLERANCE_S

    def classes(self, label: str, without: Collection[str]) -> set[Any]:
        """Values of the label as the table has them."""
        kept = (self.label != "") & ~np.isin(self.label, list(without))
        return set(self.table[label][kept].tolist())


def fit(
    rows: Sequence[Rows],
    align: str,
    decision: str,
    first_s: float,
    last_s: float,
    bin_s: float,
    before: tuple[str, ...] = (),
) -> Fit:
    """Count the trials of all recordings for one window."""
    asked = Fit(align, decision, first_s, last_s, bin_s, 0, 0, 0, before)
    judged = [r.judge(asked) for r in rows]
    usable, late, clear = (sum(int(k.sum()) for k in kind) for kind in zip(*judged, strict=True))
    passing = {
        n: sum(int((r.passes(asked, n) & j[0]).sum()) for r, j in zip(rows, judged, strict=True)) for n in before
    }
    return Fit(align, decision, first_s, last_s, bin_s, usable, late, clear, before, passing)


def kept_classes(rows: Sequence[Rows], fit: Fit) -> Counter[str]:
    """Class -> usable trials, over all recordings."""
    return sum((r.kept(fit) for r in rows), Counter())


def rare_classes(rows: Sequence[Rows], fit: Fit) -> dict[str, int]:
    """Classes of fewer than `RARE` usable trials, where at least two others remain."""
    counts = kept_classes(rows, fit)
    rare = {name: n for name, n in sorted(counts.items()) if n < RARE}
    return rare if len(counts) - len(rare) >= 2 else {}


def _free(table: pd.DataFrame) -> Array:
    free = np.column_stack([np.full(len(table), -np.inf), np.full(len(table), np.inf)])
    if not {"start_time", "stop_time"} <= set(table.columns):
        return free
    start, stop = (numbers(table[n]) for n in ("start_time", "stop_time"))
    order = np.argsort(start, kind="stable")
    free[order[1:], 0] = np.fmax.accumulate(stop[order])[:-1]
    free[order[:-1], 1] = start[order][1:]
    return free
