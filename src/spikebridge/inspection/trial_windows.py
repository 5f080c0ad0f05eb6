"""Label, alignment and window of the trials, chosen together so that the label keeps its classes.

How many trials can be used with a window follows the rules of `preprocess.trials`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.inspection.column_names import align_rank
from spikebridge.inspection.label_candidates import MIN_CLASS_TRIALS
from spikebridge.inspection.reading import OpenedRecording
from spikebridge.inspection.records import LabelCandidate, TableSummary
from spikebridge.inspection.tables import numbers
from spikebridge.labels.trial_labels import Label, columns_of_label, trial_labels
from spikebridge.types.intervals import TOLERANCE_S, Intervals, inside_intervals

WINDOW_LENGTHS_S = (2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
BIN_WIDTHS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MIN_KEPT_SHARE = 0.9
"""Of the trials that a shorter window keeps, a longer one must keep at least this share."""
MAX_LABELS_TRIED = 12
"""Only the best labels are tried with every alignment."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A window from first_s to last_s around the times of the column `align`, in bins of bin_s.

    decision: the column whose time the window must not pass. other_decisions: columns with times of decisions that only
    some trials have.
    """

    align: str
    decision: str
    first_s: float
    last_s: float
    bin_s: float
    other_decisions: tuple[str, ...] = ()


@dataclass(frozen=True)
class WindowFit:
    """The number of trials that can be used with a window.

    usable: trials whose window lies in the observed time and ends before the decision. late: trials whose window ends
    after it. clear: usable trials whose window touches no other trial and no time of `other_decisions`. crossing:
    column of `other_decisions` -> usable trials whose window ends after that time.
    """

    window: Window
    usable: int
    late: int
    clear: int
    crossing: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledTrials:
    """The trials of one recording. label: shape (trial,), "" without a label, "?" where no label is known yet.

    free: shape (trial, 2), seconds: from the end of the trials before to the start of the next.
    """

    table: pd.DataFrame
    observed: Intervals
    label: NDArray[np.str_]
    free: Array
    resolution_s: float

    @staticmethod
    def of(table: pd.DataFrame, observed: Intervals, label: Label | None, resolution_s: float) -> LabelledTrials:
        """Label the trials of a table."""
        known = label is not None and set(columns_of_label(label, table)) <= set(map(str, table.columns))
        names = trial_labels(table, label, "") if label is not None and known else np.full(len(table), "?")
        return LabelledTrials(table, observed, names, _free_time(table), resolution_s)

    def times(self, column: str) -> Array:
        """Shape (trial,), seconds."""
        return numbers(self.table[column])

    def in_order(self, first: str, then: str) -> bool:
        """Whether `then` follows `first` in nearly every trial that has both."""
        step = self.times(then) - self.times(first)
        step = step[np.isfinite(step)]
        return bool(len(step) * 2 >= len(self.table) and (step > 0).mean() >= 0.9)

    def judge(self, window: Window) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """Shape (trial,) each: usable, late, clear; see `WindowFit`."""
        align, decision = self.times(window.align), self.times(window.decision)
        start, stop = align + window.first_s, align + window.last_s
        inside = (self.label != "") & np.isfinite(decision) & inside_intervals(start, stop, self.observed)
        inside &= self._on_edges(start)
        with np.errstate(invalid="ignore"):
            late = inside & (stop > decision + TOLERANCE_S)
            crossing = np.any([self.crosses(window, name) for name in window.other_decisions] or [late], axis=0)
            clear = ~crossing & (start >= self.free[:, 0] - TOLERANCE_S) & (stop <= self.free[:, 1] + TOLERANCE_S)
        return inside & ~late, late, inside & ~late & clear

    def crosses(self, window: Window, column: str) -> NDArray[np.bool_]:
        """Shape (trial,): whether the time of another column lies in the window."""
        time, start = self.times(column), self.times(window.align) + window.first_s
        with np.errstate(invalid="ignore"):
            return (time > start) & (start + window.last_s - window.first_s > time + TOLERANCE_S)

    def usable_classes(self, window: Window) -> Counter[str]:
        """Class -> usable trials."""
        return Counter(self.label[self.judge(window)[0]].tolist())

    def label_values(self, label: str, without: Collection[str]) -> set[Any]:
        """Values of the label column as the table has them, without those of some classes."""
        kept = (self.label != "") & ~np.isin(self.label, list(without))
        return set(self.table[label][kept].tolist())

    def _on_edges(self, start: Array) -> NDArray[np.bool_]:
        """Where the file contains counts in bins instead of times, a window must begin with a bin."""
        if not self.resolution_s or not len(self.observed):
            return np.ones(len(start), dtype=bool)
        interval = np.clip(np.searchsorted(self.observed[:, 0], start + TOLERANCE_S, side="right") - 1, 0, None)
        offset = (start - self.observed[interval, 0]) / self.resolution_s
        return np.abs(offset - np.rint(offset)) * self.resolution_s <= TOLERANCE_S


@dataclass(frozen=True)
class LabelAndWindow:
    """A label and the window for it. trials: of each recording, under this label.

    rejected_align: an alignment whose name ranks higher; lost_classes: the classes that have too few trials there.
    """

    label: LabelCandidate | None
    trials: Sequence[LabelledTrials]
    fit: WindowFit
    rejected_align: str = ""
    lost_classes: tuple[str, ...] = ()


def usable_classes(trials: Sequence[LabelledTrials], window: Window) -> Counter[str]:
    """Class -> usable trials, over all recordings."""
    return sum((t.usable_classes(window) for t in trials), Counter())


def rare_classes(trials: Sequence[LabelledTrials], window: Window) -> dict[str, int]:
    """Classes of fewer than `MIN_CLASS_TRIALS` usable trials, where at least two others remain."""
    counts = usable_classes(trials, window)
    rare = {name: n for name, n in sorted(counts.items()) if n < MIN_CLASS_TRIALS}
    return rare if len(counts) - len(rare) >= 2 else {}


def choose_label_and_window(
    labels: Sequence[LabelCandidate],
    trials_of: Callable[[LabelCandidate | None], Sequence[LabelledTrials]],
    recordings: Sequence[OpenedRecording],
    table: TableSummary,
) -> LabelAndWindow | None:
    """The first label, by rank, that keeps all its classes under an alignment, with the first such alignment.

    Where no label does, the first that keeps two classes. None where no alignment has a usable trial.
    """
    tried = []
    for candidate in labels[:MAX_LABELS_TRIED]:
        trials = trials_of(candidate)
        tried.append((candidate, trials, _fits(trials, recordings, table)))
    for accepts in (_keeps_all_classes, _keeps_two_common_classes, _keeps_two_classes):
        for label, trials, fits in tried:
            good = [f for f in fits if accepts(f, trials, fits)]
            if good and accepts is _keeps_all_classes:
                return _label_and_window(label, trials, good[0], fits)
            if good:
                best = max(good, key=lambda f: len(_common_classes(f, trials)))
                return _label_and_window(label, trials, best, fits)
    best_label = labels[0] if labels else None
    trials = trials_of(best_label)
    first = _first_good(_fits(trials, recordings, table))
    return LabelAndWindow(best_label, trials, first) if first else None


def _label_and_window(
    label: LabelCandidate, trials: Sequence[LabelledTrials], best: WindowFit, fits: Sequence[WindowFit]
) -> LabelAndWindow:
    """With the alignment that would be first by its name, if it was rejected for its classes."""
    first = fits[0]
    kept, total = usable_classes(trials, first.window), _all_classes(trials)
    lost = tuple(name for name in sorted(total) if 2 * kept[name] < total[name])
    if first is best or not lost:
        return LabelAndWindow(label, trials, best)
    return LabelAndWindow(label, trials, best, first.window.align, lost)


def _first_good(fits: Sequence[WindowFit]) -> WindowFit | None:
    """The first alignment, by name, with at least half as many usable trials as the best."""
    most = max((f.usable for f in fits), default=0)
    return next((f for f in fits if f.usable and 2 * f.usable >= most), None)


def _all_classes(trials: Sequence[LabelledTrials]) -> Counter[str]:
    return Counter(name for t in trials for name in t.label.tolist() if name)


def _common_classes(fit: WindowFit, trials: Sequence[LabelledTrials]) -> set[str]:
    return {name for name, n in usable_classes(trials, fit.window).items() if n >= MIN_CLASS_TRIALS}


def _keeps_all_classes(fit: WindowFit, trials: Sequence[LabelledTrials], fits: Sequence[WindowFit]) -> bool:
    """Every class that is common in the table has enough trials, and half as many as under any other alignment."""
    common = [name for name, n in _all_classes(trials).items() if n >= MIN_CLASS_TRIALS]
    kept, others = usable_classes(trials, fit.window), [usable_classes(trials, f.window) for f in fits]
    most = {name: max(k[name] for k in others) for name in common}
    all_kept = all(kept[name] >= MIN_CLASS_TRIALS and 2 * kept[name] >= most[name] for name in common)
    return len(common) >= 2 and all_kept and 2 * fit.usable >= max(f.usable for f in fits)


def _keeps_two_common_classes(fit: WindowFit, trials: Sequence[LabelledTrials], fits: Sequence[WindowFit]) -> bool:
    return len(_common_classes(fit, trials)) >= 2


def _keeps_two_classes(fit: WindowFit, trials: Sequence[LabelledTrials], fits: Sequence[WindowFit]) -> bool:
    return len(usable_classes(trials, fit.window)) >= 2 and 2 * fit.usable >= max(f.usable for f in fits)


def _fits(
    trials: Sequence[LabelledTrials], recordings: Sequence[OpenedRecording], table: TableSummary
) -> list[WindowFit]:
    """The best window for each alignment, in the order of their names."""
    names = [n for n in table.align_columns if all(n in t.table for t in trials)]
    step_s = max((opened.summary.spikes.resolution_s for opened in recordings if opened.summary.spikes), default=0.0)
    file_bin_s = max((opened.outline.resolution_s for opened in recordings), default=0.0)
    fits = (_longest_window(trials, name, names, step_s, file_bin_s) for name in names)
    return [fit for fit in fits if fit is not None]


def _longest_window(
    trials: Sequence[LabelledTrials], align: str, names: Sequence[str], step_s: float, file_bin_s: float
) -> WindowFit | None:
    """The longest window for one alignment: it ends at a decision, or begins at a time before the decision."""
    ends_here = align_rank(align) in (0, 3, 5)
    decision = align if ends_here else _decision(trials, align, names)
    if decision is None:
        return None
    others = () if ends_here else tuple(n for n in names if align_rank(n) == 0 and n not in (align, decision))
    fits = []
    for longest_s in WINDOW_LENGTHS_S:
        bin_s = _bin_s(longest_s, step_s, file_bin_s)
        n_bins = int(longest_s / bin_s + 1e-6)
        if n_bins >= 2:
            length_s = round(n_bins * bin_s, 9)
            first_s, last_s = (-length_s, 0.0) if ends_here else (0.0, length_s)
            fits.append(_count_trials(trials, Window(align, decision, first_s, last_s, bin_s, others)))
    clear = MIN_KEPT_SHARE * max((f.clear for f in fits), default=0)
    usable = MIN_KEPT_SHARE * max((f.usable for f in fits), default=0)
    return next((f for f in fits if (f.clear >= clear if clear else f.usable >= usable)), None)


def _count_trials(trials: Sequence[LabelledTrials], window: Window) -> WindowFit:
    judged = [t.judge(window) for t in trials]
    usable, late, clear = (sum(int(kind.sum()) for kind in kinds) for kinds in zip(*judged, strict=True))
    crossing = {
        name: sum(int((t.crosses(window, name) & j[0]).sum()) for t, j in zip(trials, judged, strict=True))
        for name in window.other_decisions
    }
    return WindowFit(window, usable, late, clear, crossing)


def _decision(trials: Sequence[LabelledTrials], align: str, names: Sequence[str]) -> str | None:
    """The time that follows `align` in nearly every trial: first what follows the decision, else the trial's end."""
    later = sorted((n for n in names if align_rank(n) in (3, 5) and n != align), key=align_rank)
    return next((n for n in later if sum(t.in_order(align, n) for t in trials) >= MIN_KEPT_SHARE * len(trials)), None)


def _bin_s(length_s: float, step_s: float, file_bin_s: float) -> float:
    """Fifty milliseconds, less in short windows; at least two steps of the spike times, and whole bins of the file."""
    usual_s = 0.05 if length_s >= 1 else 0.02 if length_s >= 0.2 else 0.01
    if file_bin_s:
        return round(max(round(usual_s / file_bin_s), 1) * file_bin_s, 9)
    return next((w for w in BIN_WIDTHS_S if w >= max(usual_s, 2 * step_s)), BIN_WIDTHS_S[-1])


def _free_time(table: pd.DataFrame) -> Array:
    """See `LabelledTrials.free`."""
    free = np.column_stack([np.full(len(table), -np.inf), np.full(len(table), np.inf)])
    if not {"start_time", "stop_time"} <= set(table.columns):
        return free
    start, stop = (numbers(table[n]) for n in ("start_time", "stop_time"))
    order = np.argsort(start, kind="stable")
    free[order[1:], 0] = np.fmax.accumulate(stop[order])[:-1]
    free[order[:-1], 1] = start[order][1:]
    return free
