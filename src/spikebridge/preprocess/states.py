"""Bins in which a recording is in a state: in intervals of a table, or where a condition on behaviour holds.

A bin lies in intervals where at least half of it does. A condition is computed from the value of each behaviour series
in each bin (`binning.held_values`); where it is not known, the bin belongs to no state, and not to the outside of one.
States may overlap: a bin of two states belongs to both. The label is not used: rows of the trial table cannot be chosen
by a column that the label is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.recordings import IntervalTables, load_ingested, load_intervals
from spikebridge.config import StateConfig, TrialsConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.expressions import Expression, ExpressionError, equals, parse, truth
from spikebridge.labels.trial_labels import columns_of_label, has_single_equals_sign
from spikebridge.preprocess.binning import held_values
from spikebridge.types import Windows
from spikebridge.types.intervals import TOLERANCE_S, Intervals, merge_intervals

Bools = NDArray[np.bool_]
States = Mapping[str, StateConfig]
"""Name -> its times, as `analysis.states` has them."""
OUTSIDE = "outside {}"
"""Name of all other times, where a single state is asked for."""
HALF = 0.5
"""Share of a bin that must lie in intervals."""


@dataclass(frozen=True)
class StateBins:
    """Where one recording is in a state.

    Parameters
    ----------
    inside : NDArray, shape (window, bin)
        The windows in their order; nowhere, where the state cannot be known.
    missing : str
        Why the state cannot be known in this recording; "" where it can.
    """

    inside: Bools
    missing: str = ""


@dataclass(frozen=True)
class Timeline:
    """What states of one recording are made of.

    Parameters
    ----------
    recording : str
        Name of the recording.
    behavior : DataFrame
        Columns series, time_s and value.
    intervals : IntervalTables
        The interval tables of the recording.
    """

    recording: str
    behavior: pd.DataFrame
    intervals: IntervalTables = field(default_factory=IntervalTables)

    @staticmethod
    def load(ingested: Path, recording: str) -> Timeline:
        """Read it from the folder of all ingested recordings. Raises DataError where it is not there."""
        folder = Path(ingested) / recording
        return Timeline(recording, load_ingested(folder, only=("behavior",)).behavior, load_intervals(folder))


def state_names(states: States) -> tuple[str, ...]:
    """Names of the states in order; a single one is followed by its outside.

    Parameters
    ----------
    states : mapping of str to StateConfig
        `analysis.states`.

    Returns
    -------
    tuple of str
        At least two.
    """
    names = tuple(states)
    return names if len(names) > 1 else (*names, OUTSIDE.format(names[0]))


def find_states(
    states: States, trials: TrialsConfig, timelines: Iterable[Timeline], windows: Mapping[str, Windows]
) -> dict[str, dict[str, StateBins]]:
    """Find the bins of every state in every recording.

    Parameters
    ----------
    states : mapping of str to StateConfig
        `analysis.states`.
    trials : TrialsConfig
        The table of the trials, and the label.
    timelines : iterable of Timeline
        One for each recording.
    windows : mapping of str to Windows
        Recording -> its windows, whose bins are asked about.

    Returns
    -------
    dict
        State -> recording -> its bins.

    Raises
    ------
    ConfigError
        For an expression that cannot be computed, a state that uses the label, and a table or series that no recording
        has.
    DataError
        For intervals without a beginning or end.
    """
    bins_of_states: dict[str, dict[str, StateBins]] = {name: {} for name in state_names(states)}
    for timeline in timelines:
        for name, bins in _of_recording(states, trials, timeline, windows[timeline.recording]).items():
            bins_of_states[name][timeline.recording] = bins
    for name, recordings in bins_of_states.items():
        if recordings and all(bins.missing for bins in recordings.values()):
            recording, bins = next(iter(recordings.items()))
            others = f"none of {len(recordings)} recordings has it: " if len(recordings) > 1 else ""
            raise ConfigError(f"analysis.states.{name}: {others}{recording} has {bins.missing}")
    return bins_of_states


def _of_recording(states: States, trials: TrialsConfig, timeline: Timeline, w: Windows) -> dict[str, StateBins]:
    bins_of_states: dict[str, StateBins] = {}
    for name, state in states.items():
        key = f"analysis.states.{name}"
        inside, outside = np.ones((2, len(w), w.n_bins), dtype=bool)
        missing = ""
        if state.intervals is not None:
            missing = _missing_table(timeline, state.intervals)
            if not missing:
                inside = _in_intervals(_intervals(key, state, trials, timeline), w)
                outside = ~inside
        if state.where is not None and not missing:
            expression = _parsed(f"{key}.where", state.where)
            missing = _missing_series(timeline, expression)
            if not missing:
                holds, fails = _condition(f"{key}.where", expression, timeline, w)
                inside, outside = inside & holds, (outside & (state.intervals is not None)) | fails
        nowhere = np.zeros_like(inside)
        bins_of_states[name] = StateBins(nowhere if missing else inside, missing)
        if len(states) == 1:
            bins_of_states[OUTSIDE.format(name)] = StateBins(nowhere if missing else outside, missing)
    return bins_of_states


def _missing_table(timeline: Timeline, name: str) -> str:
    tables = timeline.intervals
    if name in tables.tables:
        return ""
    if name in tables.not_kept:
        return f"an interval table {name!r} that could not be stored ({tables.not_kept[name]})"
    hint = did_you_mean(name, tables.tables)
    return f"no interval table {name!r}{hint} Tables: {listed(tables.tables)}"


def _missing_series(timeline: Timeline, expression: Expression) -> str:
    series = sorted(map(str, timeline.behavior["series"].unique())) if len(timeline.behavior) else []
    unknown = [name for name in expression.columns if name not in series]
    if not unknown:
        return ""
    return f"no behaviour series {unknown[0]!r}{did_you_mean(unknown[0], series)} Series: {listed(series)}"


def _parsed(key: str, text: str) -> Expression:
    try:
        return parse(text)
    except ExpressionError as error:
        hint = "; write == to compare" if has_single_equals_sign(text) else ""
        raise ConfigError(f"{key} = {text!r}: cannot be evaluated ({error}){hint}") from None


def _intervals(key: str, state: StateConfig, trials: TrialsConfig, timeline: Timeline) -> Intervals:
    """(interval, 2), seconds: the chosen rows of the table."""
    assert state.intervals is not None
    table = timeline.intervals.tables[state.intervals]
    chosen = np.ones(len(table), dtype=bool)
    if state.rows is not None:
        expression = _parsed(f"{key}.rows", state.rows)
        if state.intervals == trials.table:
            _refuse_label(f"{key}.rows", expression, trials, table)
        chosen, _ = _truth(f"{key}.rows", expression, table, f"the table {state.intervals} of {timeline.recording}")
    columns = ("start_time", "stop_time")
    if not all(c in table and pd.api.types.is_numeric_dtype(table[c]) for c in columns):
        raise DataError.of(
            "state-table-without-times",
            timeline.recording,
            f"{key}.intervals: expected numbers in start_time and stop_time of the table {state.intervals}, got the "
            f"columns {listed(map(str, table.columns))}",
        )
    pairs = table[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan)[chosen]
    bad = np.flatnonzero(~(pairs[:, 1] >= pairs[:, 0]))
    if len(bad):
        row = int(np.flatnonzero(chosen)[bad[0]])
        raise DataError.of(
            "state-interval-ends-before-start",
            timeline.recording,
            f"{key}.intervals: expected intervals that end after they start, got {counted(len(bad), 'row')} of "
            f"{len(pairs)} of the table {state.intervals} that do not (the first, row {row} counted from 0: "
            f"{pairs[bad[0], 0]:g} to {pairs[bad[0], 1]:g} s)",
        )
    return merge_intervals(pairs)


def _refuse_label(key: str, expression: Expression, trials: TrialsConfig, table: pd.DataFrame) -> None:
    used = set(expression.columns) & set(columns_of_label(trials.label, table))
    if used:
        raise ConfigError(
            f"{key} = {expression.text!r}: {sorted(used)[0]!r} makes the label; a state must not depend on what is "
            "predicted"
        )


def _condition(key: str, expression: Expression, timeline: Timeline, w: Windows) -> tuple[Bools, Bools]:
    """(window, bin) each: where the condition is known and true, and where it is known and false."""
    columns = {}
    for name in expression.columns:
        rows = timeline.behavior[timeline.behavior["series"] == name]
        time, value = rows["time_s"].to_numpy(np.float64), rows["value"].to_numpy(np.float64)
        columns[name] = held_values(time, value, w.start_s, w.n_bins, w.bin_s).ravel()
    table = pd.DataFrame(columns, index=range(len(w) * w.n_bins))
    both = _truth(key, expression, table, f"the bins of {timeline.recording}")
    holds, fails = (flags.reshape(len(w), w.n_bins) for flags in both)
    return holds, fails


def _truth(key: str, expression: Expression, table: pd.DataFrame, where: str) -> tuple[Bools, Bools]:
    """(row,) each: known and true, known and false."""
    try:
        value = truth(expression.over(table))
    except ExpressionError as error:
        hint = "; write == to compare" if has_single_equals_sign(expression.text) else ""
        raise ConfigError(f"{key} = {expression.text!r}: cannot be evaluated over {where} ({error}){hint}") from None
    if value is None:
        raise ConfigError(f'{key} = {expression.text!r}: expected true or false, such as "speed > 5"')
    return equals(value, True), equals(value, False)


def _in_intervals(intervals: Intervals, w: Windows) -> Bools:
    """(window, bin): at least HALF of the bin lies in the intervals, which are sorted and disjoint."""
    if not len(intervals):
        return np.zeros((len(w), w.n_bins), dtype=bool)
    knots = intervals.ravel()
    covered = np.repeat(np.concatenate([[0.0], np.cumsum(intervals[:, 1] - intervals[:, 0])]), 2)[1:-1]
    edges = w.start_s[:, None] + np.arange(w.n_bins + 1) * w.bin_s
    return np.asarray(np.diff(np.interp(edges, knots, covered), axis=1) >= HALF * w.bin_s - TOLERANCE_S)
