"""Units and their spikes: ids, numbers of spikes, spike times, and units that hold the same spikes.

Times must be numbers, in seconds, in order, each once. Where a unit of the source and one of the target hold the same
spikes, the target would be translated from itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.duplicates import equal_trains, has_repeated_spikes, shared_spikes
from spikebridge.duplicates.units import COINCIDENCE_S
from spikebridge.errors.findings import Finding, Severity
from spikebridge.errors.messages import counted, listed
from spikebridge.io.offsets import offset_setting
from spikebridge.io.validation.checked_recording import CheckedRecording, holds_times
from spikebridge.io.validation.time_unit import NOT_SECONDS, SPIKE_OPTIONS, fast_hz

MIN_SHIFTED = 4
"""Units from which numbers of spikes that fit the next unit are no chance."""


def check_ids(checked: CheckedRecording) -> Iterator[Finding]:
    ids = checked.recording.units["unit"]
    if not len(ids):
        yield Finding.error(
            "no-units", "units", "expected units, found none:", "correct the file, or data.exclude_units"
        )
        return
    twice = ids[ids.duplicated(keep=False)].value_counts(sort=False)
    if len(twice):
        many = listed((f"{unit} ({n} rows)" for unit, n in twice.items()), 10)
        yield Finding.error(
            "unit-ids-repeated",
            "units",
            f"unit ids must be unique; found more than once: {many}. Ids that begin anew on every probe or "
            "tetrode are the usual cause:",
            "correct the file so that no two units have one id, for example by ids of 1000 x probe + unit",
        )
    trains = checked.trains
    strange = ~np.isin(trains.unit, ids)
    if strange.any():
        pairs = sorted(zip(trains.unit[strange].tolist(), trains.n[strange].tolist(), strict=True))
        many = listed((f"{unit} ({counted(n, 'spike')})" for unit, n in pairs), 10)
        yield Finding.error(
            "spikes-of-unknown-units",
            "units",
            f"spikes of units that the units table does not have: {many}.",
            "Add a row for each of them to the table, or remove their spikes",
        )
    below = sorted(set(ids[ids < 0]) - checked.unused)
    if below:
        yield Finding.warning(
            "negative-unit-ids",
            "units",
            f"unit ids below zero: {listed(map(str, below), 10)}; sorters write noise so. They are used like others",
        )
    silent = ids[~ids.isin(checked.recording.spikes["unit"].unique())].unique()
    if len(silent):
        who = listed(map(checked.called, silent), 10)
        yield Finding.warning(
            "units-without-spikes", "units", f"{len(silent)} of {counted(len(ids), 'unit')} without any spike: {who}"
        )


NUMBERS = ("n_spikes", "num_spikes", "nspikes", "spike_count", "n_spike", "total")
"""Columns of the units, in small letters, by which programs write how many spikes a unit has."""


def check_numbers(checked: CheckedRecording) -> Iterator[Finding]:
    """The spikes of each unit against the number that a column of the units table says."""
    units, trains = checked.recording.units, checked.trains
    name = next((str(c) for c in units if str(c).lower() in NUMBERS and holds_times(units[c])), None)
    if name is None or not units["unit"].is_unique or checked.recording.resolution_s > 0:
        return
    named_n = units[name].to_numpy(dtype=np.float64, na_value=np.nan)
    n = pd.Series(trains.n, index=trains.unit).reindex(units["unit"], fill_value=0).to_numpy()
    differ = np.flatnonzero(np.isfinite(named_n) & (named_n != n))
    if not len(differ):
        return
    first = int(differ[0])
    example = f"(unit {checked.called(int(units['unit'].iloc[first]))}: {n[first]} found, {named_n[first]:g} said)"
    shifted = [np.array_equal(n[1:], named_n[:-1]), np.array_equal(n[:-1], named_n[1:])]
    if len(n) >= MIN_SHIFTED and any(shifted):
        yield Finding.error(
            "spikes-of-neighbouring-units",
            name,
            f"each unit has the number of spikes that column {name!r} gives for the unit "
            f"{'before' if shifted[0] else 'after'} it {example}: the file gives trains to the wrong units;",
            "correct it",
        )
    elif 2 * len(differ) <= np.isfinite(named_n).sum():  # where most differ, the column means something else
        yield Finding.warning(
            "spike-numbers-differ",
            name,
            f"{len(differ)} of {counted(len(n), 'unit')} have another number of spikes than column {name!r} says "
            f"{example}",
        )


MAX_USUAL_S = 1.0e5
"""A recording longer than this, 28 hours, is rare."""
MIN_EPOCH_S = 1.0e8
"""Later than this a clock counts from a calendar's beginning, not from the recording's."""


def check_values(checked: CheckedRecording) -> Iterator[Finding]:
    spikes = checked.recording.spikes
    if not len(spikes):
        yield Finding.error("no-spikes", "spikes", "expected spikes, found none:", "correct the file")
        return
    times, units = spikes["time_s"].to_numpy(dtype=np.float64), spikes["unit"].to_numpy(dtype=np.int64)
    lost = ~np.isfinite(times)
    below = (times < 0) & ~lost
    if lost.any():
        text = f"{counted(int(lost.sum()), 'spike time')} NaN or infinite, in {_which(checked, lost)}:"
        leave_out = f"leave such units out: {checked.without(np.unique(units[lost]).tolist())}"
        yield Finding.error("spike-times-not-finite", "spikes", text, f"remove what is no spike, or {leave_out}")
    if below.any():
        text = f"{counted(int(below.sum()), 'spike time')} below zero, in {_which(checked, below)}:"
        remedy = (
            f"set {_offset_up(checked)}, which adds seconds to all times of the recording, those of trials and "
            "behaviour too, so that no spike is negative"
        )
        yield Finding.error("negative-spike-times", "spikes", text, remedy)


def _which(checked: CheckedRecording, bad: NDArray[np.bool_]) -> str:
    """The units of some spikes, and where the first of them lies. bad: (spike,)."""
    spikes = checked.recording.spikes
    times, units = spikes["time_s"].to_numpy(dtype=np.float64), spikes["unit"].to_numpy(dtype=np.int64)
    at = int(np.argmax(bad))
    number = int((units[:at] == units[at]).sum())
    return (
        f"{checked.units(units[bad])} (the first is spike {number} of unit {checked.called(int(units[at]))}, counted "
        f"from 0: {times[at]:g})"
    )


def _offset_up(checked: CheckedRecording) -> str:
    """The setting that makes all spikes and the observed time positive, to whole seconds."""
    least = min(checked.trains.span[0], float(checked.recording.observed.min(initial=0.0)))
    up = float(np.ceil(-least))
    return offset_setting(checked.data, checked.recording.name, spikes=up, trials=up, behavior=up)


def check_order(checked: CheckedRecording) -> Iterator[Finding]:
    """Falling or repeated times within a unit. Where the file holds bins, several spikes have the time of their bin."""
    trains, intervals = checked.trains, checked.trains.isi
    ids = checked.recording.units["unit"]
    mixed = set(ids[ids.duplicated()])  # spikes of two units under one id: that they fall says nothing
    falls = {train: spike for train, spike in intervals.decreasing.items() if int(trains.unit[train]) not in mixed}
    if falls:
        train, spike = next(iter(falls.items()))
        yield Finding.error(
            "spike-times-fall",
            "spikes",
            f"spike times must rise within a unit; they fall in {checked.units(trains.unit[list(falls)])} (in unit "
            f"{checked.called(int(trains.unit[train]))} from {trains.times[spike]:g} to "
            f"{trains.times[spike + 1]:g} s):",
            "sort them, or, where sessions were joined, add to each the length of those before; or leave such units "
            f"out: {checked.without(trains.unit[list(falls)].tolist())}",
        )
    if checked.recording.resolution_s > 0:
        return
    heavy = has_repeated_spikes(intervals.repeats, trains.n)
    light = (intervals.repeats > 0) & ~heavy
    if heavy.any() and checked.data.duplicates == "error":
        who = checked.units(trains.unit[heavy])
        yield Finding.error(
            "doubled-spike-times",
            "spikes",
            f"{intervals.repeats[heavy].sum()} of {trains.n[heavy].sum()} spikes of {who} have the time of the spike "
            "before; expected each spike once, to a millisecond or better.",
            "Where spikes were counted twice (a file joined twice, units merged that share spikes), set "
            "data.duplicates: merge; where times were rounded, "
            f"data.duplicates: keep; or leave such units out: {checked.without(trains.unit[heavy].tolist())}",
        )
    elif heavy.any():
        light = intervals.repeats > 0
    if light.any():
        n = int(intervals.repeats[light].sum())
        yield Finding.warning(
            "duplicate-spike-times",
            "spikes",
            f"{counted(n, 'duplicate spike time')}, in {checked.units(trains.unit[light])}",
        )


def check_time_unit(checked: CheckedRecording) -> Iterator[Finding]:
    if not len(checked.trains.times):
        return
    first, last = checked.trains.span
    if checked.not_seconds:
        options = SPIKE_OPTIONS if checked.time_unit_options and checked.not_seconds.code == NOT_SECONDS else ""
        yield replace(checked.not_seconds, remedy=checked.not_seconds.remedy + options)
        return
    rate = fast_hz(checked.used_trains) if checked.recording.resolution_s == 0 else 0.0
    if rate:
        yield Finding.warning(
            "high-rate",
            "spikes",
            f"the median unit fires at {rate:.0f} Hz: are these single units, and times in seconds?",
        )
    if last - first > MAX_USUAL_S:
        yield Finding.warning(
            "long-recording",
            "spikes",
            f"spikes from {first:g} to {last:g} s: a recording of {(last - first) / 3600:.0f} hours?",
        )
    elif last > MIN_EPOCH_S:
        yield Finding.warning(
            "clock-of-a-date",
            "spikes",
            f"spikes from {first:.10g} to {last:.10g} s: a clock that counts from a date, not the beginning?",
        )


MAX_SHARE_WARNED = 0.9
"""Share of the shorter train, beyond chance, above which shared spikes are an error; below, they are a warning."""


def check_equal_trains(checked: CheckedRecording) -> Iterator[Finding]:
    """No unit has its spikes under two ids."""
    region_of = checked.recording.units.drop_duplicates("unit").set_index("unit")["region"]
    across: list[str] = []
    superfluous: list[int] = []
    within: list[str] = []
    for first, second in equal_trains(checked.used_trains):
        regions = [str(region_of.get(unit, "")) for unit in (first, second)]
        roles = {role for role in ("source", "target") if set(regions) & set(getattr(checked.data, role))}
        text = f"{checked.called(first)} ({regions[0]}) and {checked.called(second)} ({regions[1]})"
        (across if len(roles) == 2 else within).append(text)
        superfluous += [second] if len(roles) == 2 else []
    if across:
        yield Finding.error(
            "same-spikes-in-source-and-target",
            "units",
            f"units of source and target hold the same spikes: {listed(across, 10)}. The target would be translated "
            "from itself;",
            f"leave one unit of each pair out: {checked.without(superfluous)}",
        )
    if within:
        text = f"units hold the same spikes: {listed(within, 10)}; one of each pair is superfluous"
        yield Finding.warning("same-spikes", "units", text)


def check_shared_spikes(checked: CheckedRecording) -> Iterator[Finding]:
    """No unit of the source shares half of its spikes with one of the target, to half a millisecond, beyond chance."""
    if checked.not_seconds or checked.recording.resolution_s > 0:
        return
    trains = checked.used_trains
    region_of = checked.recording.units.drop_duplicates("unit").set_index("unit")["region"]
    region = np.array([str(region_of.get(unit, "")) for unit in trains.unit.tolist()], dtype=object)
    name = [checked.called(unit) for unit in trains.unit.tolist()]
    groups = [np.flatnonzero(np.isin(region, role)) for role in (checked.data.source, checked.data.target)]
    pairs = [
        (share, int(trains.unit[b]), f"{name[a]} ({region[a]}) and {name[b]} ({region[b]}): {100 * share:.0f} %")
        for a, b, share in shared_spikes(trains, *groups)
    ]
    for severity in (Severity.ERROR, Severity.WARNING):
        is_error = severity is Severity.ERROR
        here = [p for p in sorted(pairs, key=lambda p: -p[0]) if (p[0] > MAX_SHARE_WARNED) == is_error]
        if here:
            yield Finding(
                "shared-spikes-in-source-and-target",
                severity,
                "units",
                f"units of source and target share spikes, to {1000 * COINCIDENCE_S:g} ms and beyond chance, of the "
                f"shorter train: {listed((text for *_, text in here), 10)}. Is it one unit, sorted twice? The target "
                "would be translated from itself;",
                f"leave one unit of each pair out: {checked.without(unit for _, unit, _ in here)}",
            )
