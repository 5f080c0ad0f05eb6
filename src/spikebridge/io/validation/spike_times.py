"""Spike times: numbers, in seconds, in order, each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from spikebridge.duplicates import has_repeated_spikes
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted
from spikebridge.io.offsets import offset_setting
from spikebridge.io.validation.subject import Subject
from spikebridge.io.validation.time_unit import NOT_SECONDS, SPIKE_OPTIONS, fast_hz

LONG_S = 1.0e5
"""A recording longer than this, 28 hours, is rare."""
EPOCH_S = 1.0e8
"""Later than this a clock counts from a calendar's beginning, not from the recording's."""


def check_values(subject: Subject) -> Iterator[Finding]:
    spikes = subject.recording.spikes
    if not len(spikes):
        yield Finding.error("no-spikes", "spikes", "expected spikes, found none: correct the file")
        return
    times, units = spikes["time_s"].to_numpy(dtype=np.float64), spikes["unit"].to_numpy(dtype=np.int64)
    for what, bad, advice in (
        ("NaN or infinite", ~np.isfinite(times), "remove what is no spike"),
        (
            "below zero",
            (times < 0) & np.isfinite(times),
            f"set {_offset_up(subject)}, which adds seconds to all times of the recording, those of trials and "
            "behaviour too, so that no spike is negative",
        ),
    ):
        if bad.any():
            at = int(np.argmax(bad))
            number = int((units[:at] == units[at]).sum())
            if what == "NaN or infinite":
                advice += f", or leave such units out: {subject.without(np.unique(units[bad]).tolist())}"
            yield Finding.error(
                "spike-times-not-finite-or-negative",
                what,
                f"{counted(int(bad.sum()), 'spike time')} {what}, in {subject.units(units[bad])} (the first is spike "
                f"{number} of unit {subject.called(int(units[at]))}, counted from 0: {times[at]:g}): {advice}",
            )


def _offset_up(subject: Subject) -> str:
    """The setting that makes all spikes and the observed time positive, to whole seconds."""
    least = min(subject.trains.span[0], float(subject.recording.observed.min(initial=0.0)))
    up = float(np.ceil(-least))
    return offset_setting(subject.data, subject.recording.name, spikes=up, trials=up, behavior=up)


def check_order(subject: Subject) -> Iterator[Finding]:
    """Falling or repeated times within a unit. Where the file holds bins, several spikes have the time of their bin."""
    trains, found = subject.trains, subject.trains.isi
    ids = subject.recording.units["unit"]
    mixed = set(ids[ids.duplicated()])  # spikes of two units under one id: that they fall says nothing
    falls = {train: spike for train, spike in found.decreasing.items() if int(trains.unit[train]) not in mixed}
    if falls:
        train, spike = next(iter(falls.items()))
        yield Finding.error(
            "spike-times-fall",
            "spikes",
            f"spike times must rise within a unit; they fall in {subject.units(trains.unit[list(falls)])} (in unit "
            f"{subject.called(int(trains.unit[train]))} from {trains.times[spike]:g} to {trains.times[spike + 1]:g} s)"
            ": sort them, or, where sessions were joined, add to each the length of those before; or leave such "
            f"units out: {subject.without(trains.unit[list(falls)].tolist())}",
        )
    if subject.recording.resolution_s > 0:
        return
    heavy = has_repeated_spikes(found.repeats, trains.n)
    light = (found.repeats > 0) & ~heavy
    if heavy.any() and subject.data.duplicates == "error":
        who = subject.units(trains.unit[heavy])
        yield Finding.error(
            "doubled-spike-times",
            "spikes",
            f"{found.repeats[heavy].sum()} of {trains.n[heavy].sum()} spikes of {who} have the time of the spike "
            "before; expected each spike once, to a millisecond or better. Where spikes were counted twice (a file "
            "joined twice, units merged that share spikes), set data.duplicates: merge; where times were rounded, "
            f"data.duplicates: keep; or leave such units out: {subject.without(trains.unit[heavy].tolist())}",
        )
    elif heavy.any():
        light = found.repeats > 0
    if light.any():
        n = int(found.repeats[light].sum())
        yield Finding.warning(
            "duplicate-spike-times",
            "spikes",
            f"{counted(n, 'duplicate spike time')}, in {subject.units(trains.unit[light])}",
        )


def check_time_unit(subject: Subject) -> Iterator[Finding]:
    if not len(subject.trains.times):
        return
    first, last = subject.trains.span
    if subject.not_seconds:
        options = SPIKE_OPTIONS if subject.time_unit_options and subject.not_seconds.code == NOT_SECONDS else ""
        yield replace(subject.not_seconds, remedy=subject.not_seconds.remedy + options)
        return
    rate = fast_hz(subject.used_trains) if subject.recording.resolution_s == 0 else 0.0
    if rate:
        yield Finding.warning(
            "high-rate",
            "spikes",
            f"the median unit fires at {rate:.0f} Hz: are these single units, and times in seconds?",
        )
    if last - first > LONG_S:
        yield Finding.warning(
            "long-recording",
            "spikes",
            f"spikes from {first:g} to {last:g} s: a recording of {(last - first) / 3600:.0f} hours?",
        )
    elif last > EPOCH_S:
        yield Finding.warning(
            "clock-of-a-date",
            "spikes",
            f"spikes from {first:.10g} to {last:.10g} s: a clock that counts from a date, not the beginning?",
        )
