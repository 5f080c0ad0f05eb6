"""What a recording must hold, apart from how it was read. Everything wrong is reported at once.

A check is a function of a `Subject` that yields findings; adding one is adding it to `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.intervals import TOLERANCE_S, total_s
from spikebridge.io.findings import Finding
from spikebridge.io.suggest import did_you_mean, listed
from spikebridge.types import Recording

LATEST_S = 1.0e5
"""Later than this, 28 hours, a time is more likely in milliseconds or samples than in seconds."""


@dataclass(frozen=True)
class Subject:
    recording: Recording
    data: DataConfig
    trials: TrialsConfig


Check = Callable[[Subject], Iterator[Finding]]


def check(
    recording: Recording,
    data: DataConfig,
    trials: TrialsConfig,
    earlier: Collection[Finding] = (),
    missing: Collection[str] = (),
) -> tuple[str, ...]:
    """Warnings of a sound recording, those of its reader first.

    earlier: what was found before. missing: parts that could not be chosen (see spikebridge.io.choose.Choice); checks
    of them are left out, since what is wrong with them has been said.

    Raises DataError naming the file and everything wrong in it.
    """
    subject = Subject(recording, data, trials)
    findings = [*earlier, *(f for one, part in CHECKS.items() if part not in missing for f in one(subject))]
    wrong = [f.text for f in findings if f.wrong]
    if wrong:
        name = recording.source_file or recording.name
        raise DataError(f"{name}:" + (f" {wrong[0]}" if len(wrong) == 1 else "".join(f"\n  - {w}" for w in wrong)))
    return (*recording.warnings, *(f.text for f in findings))


def check_units(subject: Subject) -> Iterator[Finding]:
    ids = subject.recording.units["unit"]
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        yield Finding(True, f"unit ids must be unique, found more than once: {listed(map(str, twice), 10)}")
    strange = set(subject.recording.spikes["unit"].unique()) - set(ids)
    if strange:
        yield Finding(True, f"spikes of units that are not in the units table: {listed(map(str, sorted(strange)), 10)}")
    silent = len(set(ids) - set(subject.recording.spikes["unit"].unique()))
    if silent:
        yield Finding(False, f"{silent} of {len(ids)} units have no spikes")


def check_regions(subject: Subject) -> Iterator[Finding]:
    counts = subject.recording.units["region"].value_counts()
    present = {str(k): int(v) for k, v in counts.items() if str(k)}
    has = listed(f"{region} ({n} units)" for region, n in present.items())
    for role, asked in (("source", subject.data.source), ("target", subject.data.target)):
        absent = [r for r in asked if r not in present]
        unused = set(present) - {*subject.data.source, *subject.data.target}
        hints = [f"{r!r}{did_you_mean(r, unused, '')}" for r in absent]
        if len(absent) == len(asked):
            yield Finding(True, f"no unit in any data.{role} region: {listed(hints)}; regions here: {has}")
        elif absent:
            yield Finding(False, f"no unit in data.{role} region {listed(absent)}; the others of {role} are here")


def check_spike_times(subject: Subject) -> Iterator[Finding]:
    spikes = subject.recording.spikes
    if not len(spikes):
        yield Finding(True, "expected spikes, found none")
        return
    times = spikes["time_s"].to_numpy(dtype=np.float64)
    for what, bad in (("NaN or infinite", ~np.isfinite(times)), ("negative", times < 0)):
        if bad.any():
            units = spikes["unit"][bad].unique()
            yield Finding(True, f"{int(bad.sum())} {what} spike times, in units {listed(map(str, units), 10)}")
    yield from _order(spikes[np.isfinite(times)])
    last = np.nanmax(times, initial=0.0)
    if LATEST_S < last < np.inf:
        yield Finding(False, f"spike times reach {last:g} s ({last / 3600:.0f} hours): are they in ms or samples?")


def _order(spikes: pd.DataFrame) -> Iterator[Finding]:
    spikes = spikes.sort_values("unit", kind="stable")
    units = spikes["unit"].to_numpy()
    steps = np.where(units[1:] == units[:-1], np.diff(spikes["time_s"].to_numpy(dtype=np.float64)), 1.0)
    if (steps < 0).any():
        who = np.unique(units[1:][steps < 0])
        yield Finding(True, f"spike times must rise within a unit; they fall in units {listed(map(str, who), 10)}")
    if (steps == 0).any():
        who = np.unique(units[1:][steps == 0])
        yield Finding(False, f"{int((steps == 0).sum())} duplicate spike times, in units {listed(map(str, who), 10)}")


def check_observed(subject: Subject) -> Iterator[Finding]:
    observed = subject.recording.observed
    if not len(observed) or total_s(observed) <= 0:
        yield Finding(True, f"expected observed time (data.observed = {subject.data.observed!r}), found none")
        return
    times = subject.recording.spikes["time_s"].to_numpy(dtype=np.float64)
    edges = np.column_stack([observed[:, 0] - TOLERANCE_S, observed[:, 1] + TOLERANCE_S]).ravel()
    outside = int((np.searchsorted(edges, times[np.isfinite(times)], side="right") % 2 == 0).sum())
    if outside:
        yield Finding(False, f"{outside} of {len(times)} spikes lie outside the observed time and are not used")


def check_trial_columns(subject: Subject) -> Iterator[Finding]:
    table, ask = subject.recording.trials, subject.trials
    if not len(table):
        yield Finding(True, f"expected trials in table {ask.table!r}, found none")
    columns = [str(c) for c in table.columns]
    for key, name in (("align", ask.align), ("decision", ask.decision), ("label", ask.label)):
        if name is None:
            continue
        if name not in columns:
            hint = did_you_mean(name, columns)
            yield Finding(True, f"trials.{key}: no column {name!r} in the trial table{hint} Columns: {listed(columns)}")
        elif key != "label" and not pd.api.types.is_numeric_dtype(table[name]):
            yield Finding(True, f"trials.{key}: expected times in seconds in column {name!r}, got {table[name].dtype}")
        elif table[name].isna().all() and len(table):
            yield Finding(True, f"trials.{key}: column {name!r} holds no value")
        elif table[name].isna().any():
            n = int(table[name].isna().sum())
            yield Finding(False, f"{n} of {len(table)} trials have no {name} (trials.{key}) and are dropped")


def check_trial_times(subject: Subject) -> Iterator[Finding]:
    table = subject.recording.trials
    if not len(table) or not {"start_time", "stop_time"} <= set(table.columns):
        return
    start, stop = table["start_time"].to_numpy(dtype=np.float64), table["stop_time"].to_numpy(dtype=np.float64)
    back = np.flatnonzero(stop < start)
    if len(back):
        yield Finding(True, f"stop_time before start_time in trials {listed(map(str, back), 10)}")
    known = np.isfinite(start) & np.isfinite(stop)
    order = np.argsort(start[known], kind="stable")
    overlaps = int((start[known][order][1:] < np.maximum.accumulate(stop[known][order])[:-1] - TOLERANCE_S).sum())
    if overlaps:
        yield Finding(False, f"{overlaps} trials begin before an earlier one has ended")


def check_clocks(subject: Subject) -> Iterator[Finding]:
    """Trials and spikes must be on one clock."""
    table, spikes = subject.recording.trials, subject.recording.spikes
    align = subject.trials.align
    times = spikes["time_s"].to_numpy(dtype=np.float64)
    times = times[np.isfinite(times)]
    if not len(times) or align not in table or not pd.api.types.is_numeric_dtype(table[align]):
        return
    events = table[align].dropna().to_numpy(dtype=np.float64)
    first, last = subject.trials.window_s
    outside = int(((events + last < times.min()) | (events + first > times.max())).sum())
    if outside and outside == len(events):
        yield Finding(
            True,
            f"every trial ({align} {events.min():g} to {events.max():g}) lies outside the spikes "
            f"({times.min():g} to {times.max():g} s): are both in seconds on one clock?",
        )
    elif outside:
        yield Finding(False, f"{outside} of {len(events)} trials lie outside the time of the spikes")


CHECKS: dict[Check, str] = {
    check_units: "spikes",
    check_regions: "regions",
    check_spike_times: "spikes",
    check_observed: "observed",
    check_trial_columns: "trials",
    check_trial_times: "trials",
    check_clocks: "trials",
}
"""Each check, and the part of the recording that it needs."""
