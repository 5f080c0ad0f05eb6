"""Times on another clock than the spikes: interval tables beside them, columns that can hence not be aligned to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted
from spikebridge.inspection.columns import holds_numbers, is_time, numbers
from spikebridge.inspection.names import TIMES, align_rank, is_decision, says
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.records import Column, Proposal, Spikes
from spikebridge.io.observed_time import INVALID
from spikebridge.io.validation.time_unit import TRIAL_OPTIONS

Array = NDArray[np.float64]

UNITS = {"milliseconds": 1e3, "microseconds": 1e6}
DIVIDE = {
    "milliseconds": "divide them by 1000",
    "microseconds": "divide them by 1000000",
    "samples": "divide them by the sampling rate in Hz",
}
SAMPLED_HZ = (5e3, 6e4)
"""Sampling rates of amplifiers: whole numbers so many times later than the last spike may be samples."""
MOSTLY = 0.9
FEWEST = 5
"""Rows from which an interval table says something about the clock of the spikes."""
COVERED = 0.3
"""Part of a recording that its trials cover once both are in seconds: less is no sign that they are."""
QUESTION = ": are both in seconds on one clock?"
SPIKE_OPTIONS = "; or set data.options: {time_unit: ms, trial_time_unit: s}"
OPTIONS = {
    "milliseconds": "; or set data.options: {trial_time_unit: ms}",
    "microseconds": "; or set data.options: {trial_time_unit: us}",
    "samples": "; or set data.options: {trial_time_unit: samples, sampling_rate_hz: 30000}",
    "": TRIAL_OPTIONS,
}
"""What to set where the reader takes options that name the unit of times; "": of a table in no known unit."""


def beside_the_spikes(one: Opened) -> Iterator[Finding]:
    """Interval tables most of whose rows lie before the first or after the last spike, or far too early among them."""
    spikes = one.look.spikes
    if spikes is None or spikes.first_s is None or spikes.last_s is None:
        return
    first, last = spikes.first_s, spikes.last_s
    for name, table in one.outline.tables.items():
        if name == INVALID or not all(c in table and holds_numbers(table[c]) for c in ("start_time", "stop_time")):
            continue
        rows = np.column_stack([numbers(table["start_time"]), numbers(table["stop_time"])])
        rows = rows[np.isfinite(rows).all(axis=1)]
        if not len(rows):
            continue
        outside = rows[(rows[:, 1] < first) | (rows[:, 0] > last)]
        early = len(rows) >= FEWEST and _fits(1e3 * rows, first, last)
        if 2 * len(outside) >= len(rows) and not early:
            which = (
                f"all {counted(len(rows), 'row')}" if len(outside) == len(rows) else f"{len(outside)} of {len(rows)}"
            )
            text = (
                f"{name} outside the spikes' range: {which} ({outside.min():g} to {outside.max():g}) lie outside "
                f"{first:g} to {last:g} s"
            )
            unit = _unit_of(rows, first, last)
            question, remedy = (f"; they look like {unit}:", DIVIDE[unit]) if unit else (QUESTION, "")
            remedy += OPTIONS[unit] if one.outline.time_unit_options else ""
            yield Finding.warning("table-outside-spikes", name, text + question, remedy)
        elif early:
            remedy = "divide them by 1000" + (SPIKE_OPTIONS if one.outline.time_unit_options else "")
            text = (
                f"spikes reach from {first:g} to {last:g}, {name} from {rows.min():g} to {rows.max():g}: the spikes "
                "look like milliseconds;"
            )
            yield Finding.warning("spikes-in-milliseconds", name, text, remedy)


def _fits(times: Array, first: float, last: float) -> bool:
    """Whether times lie among the spikes and cover a good part of them."""
    inside = bool(((times >= first) & (times <= last)).mean() >= MOSTLY)
    return inside and float(np.ptp(times)) >= COVERED * (last - first)


def _unit_of(rows: Array, first: float, last: float) -> str:
    """The unit that the times of a table seem to have instead of seconds; empty where none fits."""
    for unit, factor in UNITS.items():
        if _fits(rows / factor, first, last):
            return unit
    whole = bool((rows == np.floor(rows)).all())
    if whole and SAMPLED_HZ[0] <= rows.max() / max(last, 1e-9) <= SAMPLED_HZ[1]:
        return "samples"
    return ""


def passed_over(one: Opened, proposal: Proposal) -> Iterator[Finding]:
    """Columns whose names say that they are better to align to than the proposed one, and why they were not taken."""
    name, align = proposal.trials["table"], proposal.trials["align"]
    table = next((t for t in one.look.tables if t.name == name), None)
    if table is None or one.look.spikes is None:
        return
    proposed = _order(align) if align in table.aligns and "align" not in proposal.missing else (np.inf, True)
    for column in table.columns:
        if column.kind != "time" and says(column.name, TIMES) and _order(column.name) < proposed:
            why = _why_no_time(column, one.outline.tables[name], one.look.spikes)
            text = f"column {column.name} of table {name} is not proposed as a time: {why}"
            yield Finding.warning("column-not-proposed", f"{name}.{column.name}", text)


def _order(name: str) -> tuple[float, bool]:
    return align_rank(name), not is_decision(name)


def _why_no_time(column: Column, frame: pd.DataFrame, spikes: Spikes) -> str:
    values = frame[column.name]
    if not holds_numbers(values):
        some = values.dropna()
        return f"it holds no numbers, but text such as {str(some.iloc[0])!r}" if len(some) else "it holds no value"
    times = numbers(values)
    times = times[np.isfinite(times)]
    if not len(times):
        return "it holds no value"
    what = f"({times.min():g} to {times.max():g})"
    if column.kind == "relative":
        return f"its values {what} seem to be counted from something in each trial; add the time of that to them"
    like = (f"; they look like {u}: {DIVIDE[u]}" for u, f in UNITS.items() if is_time(values / f, frame))
    unit = next(like, "")
    if spikes.observed and _mostly_outside(times, spikes.observed[0][0], spikes.observed[-1][1]):
        first, last = spikes.observed[0][0], spikes.observed[-1][1]
        return f"its times {what} lie outside the observed time ({first:g} to {last:g} s){unit or QUESTION}"
    return f"its values {what} do not lie in start_time to stop_time of their trials{unit}"


def _mostly_outside(times: Array, first: float, last: float) -> bool:
    return bool(2 * ((times < first) | (times > last)).sum() >= len(times))
