"""Which trials of a recording are used, and the classes of their labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import TrialsConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.intervals import TOLERANCE_S, inside_intervals
from spikebridge.types import Recording

MOST_CLASSES = 20
"""A label with more values is a quantity, not a decision."""


@dataclass(frozen=True)
class TrialSelection:
    """Usable trials of one recording, sorted by window start.

    trial: (trial,), row of the trial table. start_s, decision_s: (trial,), seconds. label: (trial,), class names.
    total: trials in the table. dropped: {reason: trials}; a trial counts under the first reason that holds.
    """

    trial: NDArray[np.int64]
    start_s: NDArray[np.float64]
    decision_s: NDArray[np.float64]
    label: NDArray[np.str_]
    total: int
    dropped: dict[str, int]


def select_trials(recording: Recording, trials: TrialsConfig) -> TrialSelection:
    """The trials that `include` takes, that have label, align and decision time, and a window all inside observed time.

    Time outside the observed intervals is missing, not silent: a window that touches it is dropped, never filled.

    Raises ConfigError for an `include` that cannot be evaluated; DataError where a column is absent, no trial is left,
    or a window ends after the decision of its trial: the bins of a decision lie strictly before it.
    """
    table = recording.trials
    for column in (trials.align, trials.label, trials.decision or trials.align):
        if column not in table:
            raise DataError(f"{recording.name}: no column {column!r} in the trial table; columns: {_columns(table)}")
    align = table[trials.align].to_numpy(dtype=np.float64)
    decision = table[trials.decision or trials.align].to_numpy(dtype=np.float64)
    label = label_names(table[trials.label])
    start, stop = align + trials.window_s[0], align + trials.window_s[1]
    reasons = {
        "excluded by trials.include": ~_included(recording, trials.include),
        f"no {trials.label}": label == "",
        f"no {trials.align}": ~np.isfinite(align),
        f"no {trials.decision or trials.align}": ~np.isfinite(decision),
        "window outside the observed time": ~inside_intervals(start, stop, recording.observed),
    }
    kept = np.ones(len(table), dtype=bool)
    dropped: dict[str, int] = {}
    for reason, bad in reasons.items():
        dropped[reason] = dropped.get(reason, 0) + int((kept & bad).sum())
        kept &= ~bad
    _refuse_late_bins(recording.name, trials, np.flatnonzero(kept & (stop > decision + TOLERANCE_S)), stop - decision)
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(start[rows], kind="stable")]
    if not len(rows):
        raise DataError(f"{recording.name}: no usable trial of {len(table)}; dropped: {dropped}")
    return TrialSelection(rows, start[rows], decision[rows], label[rows], len(table), dropped)


def classes_of(recordings: Iterable[Recording], trials: TrialsConfig) -> tuple[str, ...]:
    """Class names over the usable trials of all recordings, sorted, by value where all are numbers.

    Raises DataError where there are fewer than two, or more than `MOST_CLASSES`.
    """
    found: set[str] = set()
    for recording in recordings:
        found |= set(select_trials(recording, trials).label.tolist())
    if not 2 <= len(found) <= MOST_CLASSES:
        shown = ", ".join(sorted(found)[:5])
        raise DataError(
            f"trials.label: expected 2 to {MOST_CLASSES} classes in column {trials.label!r}, got {len(found)} ({shown})"
        )
    return tuple(sorted(found, key=_sort_key(found)))


def label_names(values: pd.Series) -> NDArray[np.str_]:
    """(trial,): the text of each label, "" where it is missing; whole numbers without their point (1.0 -> 1)."""
    return np.array([_name(v) for v in values], dtype=np.str_)


def _name(value: Any) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _sort_key(names: set[str]) -> Any:
    try:
        {float(n) for n in names}
    except ValueError:
        return str
    return float


def _included(recording: Recording, include: str | None) -> NDArray[np.bool_]:
    table = recording.trials
    if include is None:
        return np.ones(len(table), dtype=bool)
    where = f"trials.include = {include!r}"
    try:
        answer = table.eval(include, local_dict={}, global_dict={})
    except Exception as error:  # pandas raises SyntaxError, NameError, TypeError, ... for a bad query
        raise ConfigError(
            f"{where}: cannot be evaluated over the trials of {recording.name} ({error}); columns: {_columns(table)}"
        ) from error
    if np.shape(answer) != (len(table),) or not pd.api.types.is_bool_dtype(answer):
        raise ConfigError(f'{where}: expected true or false for each trial, such as "{table.columns[0]} > 0"')
    return pd.Series(answer).fillna(False).to_numpy(dtype=bool)


def _refuse_late_bins(name: str, trials: TrialsConfig, late: NDArray[np.int64], excess: NDArray[np.float64]) -> None:
    if len(late):
        worst = late[np.argmax(excess[late])]
        raise DataError(
            f"{name}: bins must lie before the decision, but the window ends after {trials.decision or trials.align} "
            f"in {len(late)} trials, by {excess[worst]:.4g} s in trial {worst}: shorten trials.window_s, "
            "or leave these trials out by trials.include"
        )


def _columns(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))
