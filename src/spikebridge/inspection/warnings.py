"""What will hurt, where `io.check` has nothing to say because it looks at one recording and at what is asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.messages import counted, listed
from spikebridge.inspection.column_names import TIME_WORDS, align_rank, has_word, is_decision
from spikebridge.inspection.reading import OpenedRecording
from spikebridge.inspection.records import (
    ColumnSummary,
    DryRun,
    Proposal,
    RecordingSummary,
    RegionSummary,
    SpikeSummary,
)
from spikebridge.inspection.regions import FEW_SPIKES, MAX_CONTAMINATION, is_region_name
from spikebridge.inspection.spikes import REFRACTORY_S
from spikebridge.inspection.tables import holds_numbers, numbers
from spikebridge.io.observed import INVALID
from spikebridge.io.offsets import is_time
from spikebridge.io.remedies import with_remedy
from spikebridge.io.validation.regions import same_region

FEW_TRIALS = 30
MAX_RATE_CHANGE = 1.5
"""Fold by which the rate of a region may change over a recording before it is drift."""
MANY_UNITS_SHARE = 1 / 4


def recording_warnings(one: OpenedRecording, proposal: Proposal) -> Iterator[str]:
    """What is odd about one recording by itself, and under the proposal."""
    spikes = one.summary.spikes
    if spikes is None:
        return
    if spikes.observed_from in one.outline.tables:
        yield (
            f"spikes exist only inside the intervals of table {spikes.observed_from}: {spikes.observed_s:.0f} of "
            f"{spikes.duration_s:.0f} s; the rest is missing, not silent"
        )
    if spikes.enclosing_table:
        yield (
            f"spikes exist only inside the intervals of table {spikes.enclosing_table}, though the file says that "
            f"{spikes.observed_s:.6g} s were observed: if the rest was not recorded, name the table in data.observed"
        )
    if spikes.silent_intervals:
        longest = max(b - a for a, b in spikes.silent_intervals)
        yield (
            f"no unit fires in {counted(len(spikes.silent_intervals), 'stretch', 'stretches')} of up to {longest:.1f} s that "
            f"count as observed (the first: {spikes.silent_intervals[0][0]:.1f} to {spikes.silent_intervals[0][1]:.1f} s)"
        )
    yield from map(with_remedy if one.outline.units_of_time else str, tables_outside_spikes(one))
    yield from passed_over(one, proposal)
    regions = one.summary.regions.get(proposal.region_column.get(one.summary.name, ""), ())
    yield from _spellings(regions)
    yield from _poor_units(regions, spikes.resolution_s)
    yield from _drift(regions)


def _alike_across(regions: Mapping[str, Sequence[RegionSummary]]) -> Iterator[str]:
    """Names of several recordings that differ in spelling, or in letters that look alike. regions: by recording."""
    found: dict[str, dict[str, list[str]]] = {}
    for recording, several in regions.items():
        for region in several:
            found.setdefault(looks_like(region.name), {}).setdefault(region.name, []).append(recording)
    for names in found.values():
        if len(names) > 1:
            said = (f"{name!r} ({listed(recordings, 3)})" for name, recordings in names.items())
            yield f"regions that look like one under several names: {' and '.join(said)}; one spelling is needed"


def looks_like(region: str) -> str:
    """The same for names that differ in spelling alone or in l, 1 and I, or O and 0."""
    return same_region(region).translate(str.maketrans("1i0", "llo"))


def _spellings(regions: Iterable[RegionSummary]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for region in regions:
        text = f"{region.name!r} ({counted(region.units, 'unit')})"
        for key in {same_region(region.name), f"looks {looks_like(region.name)}"}:
            groups.setdefault(key, []).append(text)
    exact = {tuple(names) for key, names in groups.items() if not key.startswith("looks ")}
    for key, names in groups.items():
        if len(names) > 1 and not key.startswith("looks "):
            yield f"regions differ in spelling alone: {' and '.join(names)}"
        elif len(names) > 1 and tuple(names) not in exact:
            yield f"regions look alike: {' and '.join(names)}; is one a slip of l, 1 and I, or O and 0?"


def _poor_units(regions: Sequence[RegionSummary], resolution_s: float) -> Iterator[str]:
    units = sum(r.units for r in regions)
    few = sum(r.few_spikes for r in regions)
    if few:
        yield f"{few} of {counted(units, 'unit')} with fewer than {FEW_SPIKES} spikes"
    bad = sum(r.contaminated or 0 for r in regions)
    if bad >= MANY_UNITS_SHARE * units > 0:
        yield f"{bad} of {counted(units, 'unit')} look like several neurons (refractory contamination > {MAX_CONTAMINATION:g})"
    if resolution_s > REFRACTORY_S:
        yield f"spike times are known to {1000 * resolution_s:.4g} ms: refractory violations cannot be told"


def _drift(regions: Iterable[RegionSummary]) -> Iterator[str]:
    moved = [
        f"{r.name} to {r.rate_change:.2g} times"
        for r in regions
        if is_region_name(r.name)
        and np.isfinite(r.rate_change)
        and not 1 / MAX_RATE_CHANGE <= r.rate_change <= MAX_RATE_CHANGE
    ]
    if moved:
        yield f"drift: rates change from the first to the last third of the recording: {listed(moved, 8)} (median unit)"


def folder_warnings(
    summaries: Sequence[RecordingSummary],
    opened: Sequence[OpenedRecording],
    proposal: Proposal,
    not_read: Sequence[str],
) -> Iterator[str]:
    """What is odd about recordings as a group."""
    if not_read:
        yield f"not read, since no reader takes them: {listed(not_read, 10)}"
    yield from _same_spikes(opened)
    here = {o.summary.name: o.summary.regions.get(proposal.region_column.get(o.summary.name, ""), ()) for o in opened}
    yield from _alike_across(here) if len(opened) > 1 else ()
    table = proposal.trials["table"]
    yield from _differences({o.summary.name: _column_names(o, table) for o in opened}, f"columns of table {table}")
    places = {
        o.summary.name: set(o.unit_regions.get(proposal.region_column.get(o.summary.name, ""), ())) for o in opened
    }
    asked = {*proposal.data["source"], *proposal.data["target"]}
    yield from _differences({n: {p for p in names if p in asked} for n, names in places.items()}, "proposed regions")
    formats = Counter(summary.format for summary in summaries)
    if len(formats) > 1:
        yield "several formats: " + ", ".join(f"{name} ({n})" for name, n in formats.items())


def _column_names(one: OpenedRecording, table: str) -> set[str]:
    return {str(c) for c in one.outline.tables[table].columns} if table in one.outline.tables else set()


def _differences(names: Mapping[str, set[str]], what: str) -> Iterator[str]:
    """What is in some recordings and not in all."""
    everywhere = set.intersection(*names.values()) if names else set()
    some = sorted({n for mine in names.values() for n in mine} - everywhere)
    if some:
        having = (f"{n} in {sum(n in mine for mine in names.values())} of {len(names)}" for n in some)
        yield f"recordings differ in {what}: {listed(having, 8)}"


def _same_spikes(opened: Sequence[OpenedRecording]) -> Iterator[str]:
    first: dict[tuple[object, ...], str] = {}
    for one in opened:
        spikes = one.summary.spikes
        if spikes is not None and spikes.count:
            key = (spikes.count, spikes.first_s, spikes.last_s, tuple(one.units["spikes"]))
            other = first.setdefault(key, one.summary.name)
            if other != one.summary.name:
                yield f"{other} and {one.summary.name} hold the same spikes: one recording under two names?"


def dry_run_warnings(trial: DryRun, label: str) -> Iterator[str]:
    """What is odd about the trials that the proposal uses."""
    few = [f"{name} ({n})" for name, n in trial.class_counts.items() if n < FEW_TRIALS]
    if few:
        yield f"fewer than {FEW_TRIALS} trials of {label}: {', '.join(few)}: scores of these classes are uncertain"
    thin = [name for name, (used, total) in trial.trials_used.items() if used < total / 2]
    if thin:
        yield f"less than half of the trials can be used in {listed(thin, 8)}"


Array = NDArray[np.float64]

UNITS = {"milliseconds": 1e3, "microseconds": 1e6}
SAMPLED_HZ = (5e3, 6e4)
"""Sampling rates of amplifiers: whole numbers so many times later than the last spike may be samples."""
MIN_SHARE = 0.9
MIN_ROWS_FOR_CLOCK = 5
"""Rows from which an interval table says something about the clock of the spikes."""
MIN_COVERED = 0.3
"""Part of a recording that its trials cover once both are in seconds: less is no sign that they are."""
QUESTION = ": are both in seconds on one clock?"


def tables_outside_spikes(one: OpenedRecording) -> Iterator[str]:
    """Interval tables most of whose rows lie before the first or after the last spike, or far too early among them."""
    spikes = one.summary.spikes
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
        early = len(rows) >= MIN_ROWS_FOR_CLOCK and _fits(1e3 * rows, first, last)
        if 2 * len(outside) >= len(rows) and not early:
            which = (
                f"all {counted(len(rows), 'row')}" if len(outside) == len(rows) else f"{len(outside)} of {len(rows)}"
            )
            yield (
                f"{name} outside the spikes' range: {which} ({outside.min():g} to {outside.max():g}) lie outside "
                f"{first:g} to {last:g} s{_unit_of(rows, first, last)}"
            )
        elif early:
            yield (
                f"spikes reach from {first:g} to {last:g}, {name} from {rows.min():g} to {rows.max():g}: the spikes "
                "look like milliseconds; divide them by 1000"
            )


def _fits(times: Array, first: float, last: float) -> bool:
    """Whether times lie among the spikes and cover a good part of them."""
    inside = bool(((times >= first) & (times <= last)).mean() >= MIN_SHARE)
    return inside and float(np.ptp(times)) >= MIN_COVERED * (last - first)


def _unit_of(rows: Array, first: float, last: float) -> str:
    """What the times of a table look like, and what to do; else a question."""
    for unit, factor in UNITS.items():
        if _fits(rows / factor, first, last):
            return _like(unit, factor)
    whole = bool((rows == np.floor(rows)).all())
    if whole and SAMPLED_HZ[0] <= rows.max() / max(last, 1e-9) <= SAMPLED_HZ[1]:
        return "; they look like samples: divide them by the sampling rate in Hz"
    return QUESTION


def _like(unit: str, factor: float) -> str:
    return f"; they look like {unit}: divide them by {factor:.0f}"


def passed_over(one: OpenedRecording, proposal: Proposal) -> Iterator[str]:
    """Columns whose names say that they are better to align to than the proposed one, and why they were not taken."""
    name, align = proposal.trials["table"], proposal.trials["align"]
    table = next((t for t in one.summary.tables if t.name == name), None)
    if table is None or one.summary.spikes is None:
        return
    proposed = _order(align) if align in table.align_columns and "align" not in proposal.missing else (np.inf, True)
    for column in table.columns:
        if column.kind != "time" and has_word(column.name, TIME_WORDS) and _order(column.name) < proposed:
            why = _why_no_time(column, one.outline.tables[name], one.summary.spikes)
            yield f"column {column.name} of table {name} is not proposed as a time: {why}"


def _order(name: str) -> tuple[float, bool]:
    return align_rank(name), not is_decision(name)


def _why_no_time(column: ColumnSummary, frame: pd.DataFrame, spikes: SpikeSummary) -> str:
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
    unit = next((_like(u, f) for u, f in UNITS.items() if is_time(values / f, frame)), "")
    if spikes.observed and _mostly_outside(times, spikes.observed[0][0], spikes.observed[-1][1]):
        first, last = spikes.observed[0][0], spikes.observed[-1][1]
        return f"its times {what} lie outside the observed time ({first:g} to {last:g} s){unit or QUESTION}"
    return f"its values {what} do not lie in start_time to stop_time of their trials{unit}"


def _mostly_outside(times: Array, first: float, last: float) -> bool:
    return bool(2 * ((times < first) | (times > last)).sum() >= len(times))
