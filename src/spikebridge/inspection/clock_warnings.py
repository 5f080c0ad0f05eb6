"""Warnings about times on another clock, or in another unit, than the spikes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted
from spikebridge.inspection.column_names import TIME_WORDS, align_rank, has_word, is_decision
from spikebridge.inspection.reading import OpenedRecording
from spikebridge.inspection.records import ColumnSummary, Proposal, SpikeSummary
from spikebridge.inspection.tables import holds_numbers, numbers
from spikebridge.io.observed_time import INVALID
from spikebridge.io.offsets import is_time
from spikebridge.io.validation.time_unit import TRIAL_OPTIONS

UNIT_FACTORS = {"milliseconds": 1e3, "microseconds": 1e6}
DIVIDE = {
    "milliseconds": "divide them by 1000",
    "microseconds": "divide them by 1000000",
    "samples": "divide them by the sampling rate in Hz",
}
SPIKE_OPTIONS = "; or set data.options: {time_unit: ms, trial_time_unit: s}"
TABLE_OPTIONS = {
    "milliseconds": "; or set data.options: {trial_time_unit: ms}",
    "microseconds": "; or set data.options: {trial_time_unit: us}",
    "samples": "; or set data.options: {trial_time_unit: samples, sampling_rate_hz: 30000}",
    "": TRIAL_OPTIONS,
}
"""What to set where the reader has options for the unit of times; "": of a table in no known unit."""
SAMPLING_RATES_HZ = (5e3, 6e4)
"""Whole numbers that are larger than the last spike by such a factor may be samples."""
MIN_INSIDE_SHARE = 0.9
MIN_ROWS_FOR_UNIT = 5
"""A table with fewer rows says nothing about the unit of the spikes."""
MIN_COVERED_SHARE = 0.3
"""Share of a recording that its trials cover at least where both are in seconds."""
CLOCK_QUESTION = ": are both in seconds on one clock?"
Array = NDArray[np.float64]


def tables_outside_spikes(opened: OpenedRecording) -> Iterator[Finding]:
    """Interval tables with half of their rows before the first or after the last spike, or in another unit of time."""
    spikes = opened.summary.spikes
    if spikes is None or spikes.first_s is None or spikes.last_s is None:
        return
    first_s, last_s = spikes.first_s, spikes.last_s
    for name, table in opened.outline.tables.items():
        if name == INVALID or not all(c in table and holds_numbers(table[c]) for c in ("start_time", "stop_time")):
            continue
        rows = np.column_stack([numbers(table["start_time"]), numbers(table["stop_time"])])
        rows = rows[np.isfinite(rows).all(axis=1)]
        if not len(rows):
            continue
        outside = rows[(rows[:, 1] < first_s) | (rows[:, 0] > last_s)]
        in_ms = len(rows) >= MIN_ROWS_FOR_UNIT and _fits(1e3 * rows, first_s, last_s)
        if 2 * len(outside) >= len(rows) and not in_ms:
            n_rows = counted(len(rows), "row")
            which = f"all {n_rows}" if len(outside) == len(rows) else f"{len(outside)} of {len(rows)}"
            text = (
                f"{name} outside the spikes' range: {which} ({outside.min():g} to {outside.max():g}) lie outside "
                f"{first_s:g} to {last_s:g} s"
            )
            unit = _unit_of(rows, first_s, last_s)
            ending, remedy = (f"; they look like {unit}:", DIVIDE[unit]) if unit else (CLOCK_QUESTION, "")
            remedy += TABLE_OPTIONS[unit] if opened.outline.time_unit_options else ""
            yield Finding.warning("table-outside-spikes", name, text + ending, remedy)
        elif in_ms:
            text = (
                f"spikes reach from {first_s:g} to {last_s:g}, {name} from {rows.min():g} to {rows.max():g}: the "
                "spikes look like milliseconds;"
            )
            remedy = DIVIDE["milliseconds"] + (SPIKE_OPTIONS if opened.outline.time_unit_options else "")
            yield Finding.warning("spikes-in-milliseconds", name, text, remedy)


def _fits(times: Array, first_s: float, last_s: float) -> bool:
    """Whether times lie among the spikes and cover a good part of them."""
    inside = bool(((times >= first_s) & (times <= last_s)).mean() >= MIN_INSIDE_SHARE)
    return inside and float(np.ptp(times)) >= MIN_COVERED_SHARE * (last_s - first_s)


def _unit_of(rows: Array, first_s: float, last_s: float) -> str:
    """The unit that the times of a table seem to have instead of seconds; empty where none fits."""
    for unit, factor in UNIT_FACTORS.items():
        if _fits(rows / factor, first_s, last_s):
            return unit
    whole = bool((rows == np.floor(rows)).all())
    lowest, highest = SAMPLING_RATES_HZ
    return "samples" if whole and lowest <= rows.max() / max(last_s, 1e-9) <= highest else ""


def rejected_align_columns(opened: OpenedRecording, proposal: Proposal) -> Iterator[Finding]:
    """Columns that rank by name before the proposed alignment, and why they were not taken."""
    name, align = proposal.trials["table"], proposal.trials["align"]
    table = next((t for t in opened.summary.tables if t.name == name), None)
    if table is None or opened.summary.spikes is None:
        return
    is_proposed = align in table.align_columns and "align" not in proposal.missing
    proposed = _order(align) if is_proposed else (np.inf, True)
    for column in table.columns:
        if column.kind != "time" and has_word(column.name, TIME_WORDS) and _order(column.name) < proposed:
            reason, remedy = _why_no_time(column, opened.outline.tables[name], opened.summary.spikes)
            text = f"column {column.name} of table {name} is not proposed as a time: {reason}"
            yield Finding.warning("column-not-proposed", f"{name}.{column.name}", text, remedy)


def _order(name: str) -> tuple[float, bool]:
    return align_rank(name), not is_decision(name)


def _why_no_time(column: ColumnSummary, frame: pd.DataFrame, spikes: SpikeSummary) -> tuple[str, str]:
    """The reason, and a remedy where there is one."""
    values = frame[column.name]
    if not holds_numbers(values):
        known = values.dropna()
        text = f"it holds no numbers, but text such as {str(known.iloc[0])!r}" if len(known) else "it holds no value"
        return text, ""
    times = numbers(values)
    times = times[np.isfinite(times)]
    if not len(times):
        return "it holds no value", ""
    span = f"({times.min():g} to {times.max():g})"
    if column.kind == "relative":
        reason = f"its values {span} seem to be counted from something in each trial;"
        return reason, "add the time of that to them"
    units = [unit for unit, factor in UNIT_FACTORS.items() if is_time(values / factor, frame)]
    unit, remedy = (f"; they look like {units[0]}:", DIVIDE[units[0]]) if units else ("", "")
    if spikes.observed and _mostly_outside(times, spikes.observed[0][0], spikes.observed[-1][1]):
        first_s, last_s = spikes.observed[0][0], spikes.observed[-1][1]
        range_text = f"({first_s:g} to {last_s:g} s)"
        return f"its times {span} lie outside the observed time {range_text}{unit or CLOCK_QUESTION}", remedy
    return f"its values {span} do not lie in start_time to stop_time of their trials{unit}", remedy


def _mostly_outside(times: Array, first_s: float, last_s: float) -> bool:
    return bool(2 * ((times < first_s) | (times > last_s)).sum() >= len(times))
