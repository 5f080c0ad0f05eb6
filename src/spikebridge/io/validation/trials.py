"""The trial table: its columns, and the times in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import ConfigError, SpikebridgeError
from spikebridge.errors.findings import Finding, Severity
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.validation.checked_recording import CheckedRecording, holds_times
from spikebridge.io.validation.relative_times import TrialTimes, from_start, next_starts, row_of_neighbours
from spikebridge.labels.trial_labels import (
    columns_of_label,
    describe_label,
    included_trials,
    is_missing_column,
    label_text,
    trial_labels,
)
from spikebridge.types.intervals import TOLERANCE_S

MIN_TRIALS = 5
"""Least number of trials that show a pattern in their times."""
MIN_START_RATIO = 10.0
"""Where trials start up to this many times later than any event, events are counted from the start of their trial."""


def check_columns(checked: CheckedRecording) -> Iterator[Finding]:
    table, ask = checked.recording.trials, checked.trials
    if not len(table):
        yield Finding.error(
            "no-trials",
            ask.table,
            f"expected trials in table {ask.table!r}, found none:",
            "name another table in trials.table",
        )
    columns = [str(c) for c in table.columns]
    plain = isinstance(ask.label, str) and (ask.label in columns or is_missing_column(ask.label, table))
    for key, name in (("align", ask.align), ("decision", ask.decision), ("label", ask.label if plain else None)):
        if not isinstance(name, str):
            continue
        if name not in columns:
            hint = did_you_mean(name, columns)
            yield Finding.error(
                "no-column",
                f"trials.{key}",
                f"trials.{key}: no column {name!r} in table {ask.table!r}{hint} Columns: {listed(columns)}",
            )
        elif len(table) and key != "label":
            yield from _times(key, name, table)
        elif len(table):
            yield from _missing(key, name, table[name].isna().to_numpy() | (checked.labels == ""))
    if len(table):
        yield from _label(checked, plain)
    for name in ("start_time", "stop_time"):
        if name in columns and name not in (ask.align, ask.decision) and not holds_times(table[name]) and len(table):
            yield Finding.error(
                "column-without-numbers",
                name,
                f"table {ask.table!r}: expected seconds in {name}, found {_found(table[name])}:",
                "correct it",
            )


def _label(checked: CheckedRecording, plain: bool) -> Iterator[Finding]:
    """Warn of a label that is an expression; refuse covariates that the label is made of."""
    table, ask, name = checked.recording.trials, checked.trials, checked.recording.name
    try:
        used = sorted(set(columns_of_label(ask.label, table)) & set(ask.covariates))
        labels = trial_labels(table, ask.label, name, checked.asked) if not plain else None
    except SpikebridgeError as error:
        yield Finding.error("label-not-evaluated", "trials.label", str(error))
        return
    if used:
        yield Finding.error(
            "label-among-covariates",
            "trials.covariates",
            f"trials.covariates must not hold {listed(used)}: trials.label is made of it",
        )
    if labels is not None and not (labels != "").any():
        called = describe_label(ask.label, table)
        remedy = "change the label, or what trials.include takes"
        yield Finding.error("no-class", "trials.label", f"trials.label: {called}: no trial has a class;", remedy)
    elif labels is not None and (labels == "").any():
        n, called = int((labels == "").sum()), label_text(ask.label)
        yield Finding.warning(
            "trials-without-class",
            "trials.label",
            f"{n} of {counted(len(table), 'trial')} without {called} (trials.label), dropped",
        )


def _times(key: str, name: str, table: pd.DataFrame) -> Iterator[Finding]:
    if not holds_times(table[name]):
        if table[name].notna().any():
            yield Finding.error(
                "column-without-times",
                f"trials.{key}",
                f"trials.{key}: expected times in seconds in column {name!r}, found {_found(table[name])}:",
                "write seconds, or name another column",
            )
            return
        yield from _missing(key, name, np.ones(len(table), dtype=bool))
        return
    yield from _missing(key, name, ~np.isfinite(table[name].to_numpy(dtype=np.float64, na_value=np.nan)))


def _found(column: pd.Series) -> str:
    """What a column holds instead of numbers, in words."""
    if pd.api.types.is_bool_dtype(column):
        return "true and false"
    if pd.api.types.is_datetime64_any_dtype(column):
        return f"dates, such as {column.dropna().iloc[0]}"
    return f"text, such as {column.dropna().iloc[0]!r}"


def _missing(key: str, name: str, missing: NDArray[np.bool_]) -> Iterator[Finding]:
    if missing.all():
        yield Finding.error(
            "column-without-values",
            f"trials.{key}",
            f"trials.{key}: column {name!r} holds no value:",
            "name another column, or fill it in",
        )
    elif missing.any():
        yield Finding.warning(
            "trials-without-value",
            f"trials.{key}",
            f"{missing.sum()} of {counted(len(missing), 'trial')} without {name} (trials.{key}), dropped",
        )


def check_include(checked: CheckedRecording) -> Iterator[Finding]:
    table, query = checked.recording.trials, checked.trials.include
    if query is None or not len(table):
        return
    try:
        taken = included_trials(table, query, checked.recording.name)
    except ConfigError as error:
        yield Finding.error("include-not-evaluated", "trials.include", str(error))
        return
    if not taken.any():
        yield Finding.error(
            "include-takes-nothing",
            "trials.include",
            f"trials.include = {query!r} takes none of the {counted(len(table), 'trial')}:",
            "change it",
        )


def check_spans(checked: CheckedRecording) -> Iterator[Finding]:
    """start_time and stop_time of the trials that are asked for."""
    start, stop = checked.times("start_time"), checked.times("stop_time")
    if start is None or stop is None:
        return
    asked = checked.asked
    back = np.flatnonzero(asked & (stop < start))
    if len(back):
        yield Finding.error(
            "reversed-trials",
            "trials",
            f"stop_time before start_time in {_trials(back)}, counted from 0 (in trial {back[0]}: {start[back[0]]:g} "
            f"to {stop[back[0]]:g} s):",
            "correct them, or leave them out by trials.include: stop_time >= start_time",
        )
    empty = np.flatnonzero(asked & (stop == start))
    if len(empty):
        yield Finding.warning("empty-trials", "trials", f"{_trials(empty)}: start_time and stop_time are the same")
    known = np.flatnonzero(asked & np.isfinite(start) & np.isfinite(stop))
    if len(known) < asked.sum():
        yield Finding.warning(
            "trials-without-times",
            "trials",
            f"{_trials(np.flatnonzero(asked & ~np.isin(np.arange(len(asked)), known)))}: no start_time or no stop_time",
        )
    order = known[np.argsort(start[known], kind="stable")]
    overlaps = int((start[order][1:] < np.maximum.accumulate(stop[order])[:-1] - TOLERANCE_S).sum())
    if overlaps:
        yield Finding.warning(
            "overlapping-trials",
            "trials",
            f"{counted(overlaps, 'trial begins', 'trials begin')} before an earlier one has ended",
        )
    if (np.diff(start[known]) < 0).any():
        yield Finding.warning(
            "unordered-trials",
            "trials",
            "the trials are not in the order of time: were sessions joined? They are sorted",
        )


def check_events(checked: CheckedRecording) -> Iterator[Finding]:
    """The times to align to and of decisions, against each other and against their trials."""
    if checked.own_start:  # said elsewhere; what follows from it need not be
        return
    for column in dict.fromkeys([checked.trials.align, checked.decision]):
        times = checked.times(column)
        if times is None:
            continue
        rows = checked.usable
        if column == checked.trials.align:
            yield from _twice(column, times, rows)
        yield from _within(checked, column, times, rows)


def _twice(column: str, times: NDArray[np.float64], rows: NDArray[np.int64]) -> Iterator[Finding]:
    order = rows[np.argsort(times[rows], kind="stable")]
    again = np.flatnonzero(np.diff(times[order]) <= TOLERANCE_S)
    if len(again):
        pairs = [f"{order[i]} and {order[i + 1]} ({times[order[i]]:g} s)" for i in again]
        yield Finding.error(
            "trials-repeated",
            column,
            f"trials with the same {column}, counted from 0: {listed(pairs, 5)}. Each trial must be there once, or it "
            "would count twice;",
            "leave the others out by trials.include",
        )


def _within(
    checked: CheckedRecording, column: str, times: NDArray[np.float64], rows: NDArray[np.int64]
) -> Iterator[Finding]:
    start, stop = checked.times("start_time"), checked.times("stop_time")
    if column in ("start_time", "stop_time") or start is None:
        return
    stop = np.full(len(start), np.nan) if stop is None else stop
    stop = np.where(np.isfinite(stop), stop, next_starts(start))
    rows = rows[np.isfinite(start[rows]) & np.isfinite(stop[rows])]
    every, first, last = times, start, stop
    at, start, stop = times[rows], start[rows], stop[rows]
    outside = (at < start - TOLERANCE_S) | (at > stop + TOLERANCE_S)
    far = len(rows) >= MIN_TRIALS and start.max() > MIN_START_RATIO * np.abs(at).max()
    if (far and at.max() <= (stop - start).max() + TOLERANCE_S) or from_start(TrialTimes(at, start, stop)):
        yield Finding.error(
            "event-counted-from-trial-start",
            column,
            f"{column} ({at.min():g} to {at.max():g}) seems to be counted from the start of each trial; expected "
            f"seconds on the clock of the spikes, as start_time ({start.min():g} to {start.max():g} s):",
            "add start_time to it",
        )
    elif step := row_of_neighbours(TrialTimes(every, first, last)):
        yield Finding(
            "columns-shifted-by-a-row",
            Severity.WARNING if checked.data.clock == "trusted" else Severity.ERROR,
            column,
            f"{column} lies between start_time and stop_time of the {'next' if step > 0 else 'previous'} row, "
            f"and outside those of the same row, in nearly all of {counted(len(rows), 'trial')}: are the columns of "
            "the table shifted by one row against each other, by numbers that count from 1?",
            "Correct the file; if the times are right, set data.clock: trusted",
        )
    elif outside.any():
        yield Finding.warning(
            "event-outside-trial",
            column,
            f"{column} lies outside start_time to stop_time in {outside.sum()} of {counted(len(rows), 'trial')}",
        )


def _trials(rows: NDArray[np.int64]) -> str:
    return ("trial " if len(rows) == 1 else "trials ") + listed(map(str, rows), 10)
