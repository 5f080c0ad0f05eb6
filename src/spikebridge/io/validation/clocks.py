"""Trials and spikes on one clock: what speaks against it, and what to do. `data.clock: trusted` makes it a warning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.offsets import offset_setting
from spikebridge.io.validation.checked_recording import CheckedRecording
from spikebridge.io.validation.clock_evidence import (
    LAG,
    RATE,
    ClockTrials,
    Evidence,
    clock_evidence,
    fitting,
    seconds_text,
)
from spikebridge.io.validation.relative_times import MIN_TRIALS

TRUSTED = "data.clock: trusted"


def check_own_start(checked: CheckedRecording) -> Iterator[Finding]:
    """Trials that count from their own start."""
    times = checked.trial_times
    if times is None or not checked.own_start:
        return
    name = checked.trials.align
    align = times.align[np.isfinite(times.align)]
    columns = listed([c for c in ("start_time", "stop_time") if c in checked.recording.trials] + [name] * _extra(name))
    start_text = (
        f"start_time is {_same(times.start)} in all {counted(len(align), 'trial')}, and "
        if times.start is not None and np.isfinite(times.start).any()
        else ""
    )
    first, last = checked.trains.span
    text = (
        f"the trials count from their own start, not on the clock of the spikes ({first:g} to {last:g} s): {start_text}"
        f"{name} ({align.min():g} to {align.max():g}) does not rise from trial to trial"
    )
    remedy = f"add to {columns} of each trial the time at which it began on the clock of the spikes"
    others = _rising(checked)
    if others:
        remedy += f", or name a column with such times in trials.align: {listed(others, 5)} rise from trial to trial"
    yield _finding(checked, "trials-count-from-own-start", text, f"{remedy}. If they are right, set {TRUSTED}")


def check_clocks(checked: CheckedRecording) -> Iterator[Finding]:
    """Trials that overlap with the spikes, but seem to be on another clock."""
    trials = clock_trials(checked)
    if trials is None or checked.own_start or checked.not_seconds:
        return
    outside = (trials.stop < trials.first) | (trials.start > trials.last)
    if 2 * outside.sum() >= len(outside):  # check_windows says so
        return
    for evidence in clock_evidence(trials):
        if evidence.strong:
            lead = "trials and spikes seem to be on two clocks: "
            yield _finding(checked, evidence.code, lead + evidence.text, _remedy(checked, evidence))
        else:
            ask = "was the recording shorter than the session, or are the trials on another clock? If so,"
            yield Finding.warning(evidence.code, "trials", f"{evidence.text}: {ask}", _setting(checked))


def offset_hint(checked: CheckedRecording) -> str:
    """What to set where one number of seconds would bring all trials inside the spikes; else empty."""
    trials = clock_trials(checked)
    add = None if trials is None else fitting(trials.start, trials.stop, trials.first, trials.last)
    if add is None:
        return ""
    return f"if not, they would all lie inside with {seconds_text(add)} added to their times: {_setting(checked)}"


def clock_trials(checked: CheckedRecording) -> ClockTrials | None:
    """The trials that are asked for, for the evidence; None where they have no times or there are no spikes."""
    times = checked.trial_times
    if times is None or not len(checked.trains.times):
        return None
    start = times.align if times.start is None else np.where(np.isfinite(times.start), times.start, times.align)
    stop = times.align if times.stop is None else np.fmax(times.stop, times.align)
    stop = np.fmax(stop, start)
    known = np.flatnonzero(np.isfinite(start) & np.isfinite(stop) & np.isfinite(times.align))
    if not len(known):
        return None
    order = known[np.argsort(start[known], kind="stable")]
    first, last = checked.trains.span
    observed = checked.recording.observed
    if len(observed) and checked.data.observed != "trials":
        first, last = min(first, float(observed[0, 0])), max(last, float(observed[-1, 1]))
    return ClockTrials(start[order], stop[order], times.align[order], checked.trials.align, first, last, checked.trains)


def _finding(checked: CheckedRecording, code: str, text: str, remedy: str) -> Finding:
    if checked.data.clock == "trusted":
        return Finding.warning(code, "trials", f"{text} (used as they are: {TRUSTED})")
    return Finding.error(code, "trials", f"{text}.", remedy[0].upper() + remedy[1:])


def _remedy(checked: CheckedRecording, evidence: Evidence) -> str:
    if evidence.code == RATE:
        how = "correct the sampling rate, or the times that were made with it"
    elif evidence.add_s is None:
        how = (
            "correct the times of the trials: take from each the length of the breaks before it that the recording "
            "does not have"
        )
    else:
        how = _setting(checked, evidence)
    return f"{how}; if they are on one clock, set {TRUSTED}"


def _setting(checked: CheckedRecording, evidence: Evidence | None = None) -> str:
    line = offset_setting(checked.data, checked.recording.name, trials="SECONDS")
    about = ""
    if evidence is not None and evidence.code == LAG and evidence.add_s is not None:
        now = checked.offset.trials
        about = f" (about {evidence.add_s[0] + now:.1f}, but for the time in which units respond)"
    return f"set {line}{about}, where SECONDS is what synchronises the trials with the spikes"


def _extra(name: str) -> int:
    return int(name not in ("start_time", "stop_time"))


def _same(start: np.ndarray) -> str:
    known = start[np.isfinite(start)]
    return f"{known[0]:g}" if np.ptp(known) == 0 else f"{known.min():g} to {known.max():g}"


def _rising(checked: CheckedRecording) -> list[str]:
    """Columns whose values rise from trial to trial and lie among the spikes."""
    first, last = checked.trains.span
    rising = []
    for name in map(str, checked.recording.trials.columns):
        times = checked.times(name)
        known = np.empty(0) if times is None else times[checked.asked & np.isfinite(times)]
        if len(known) < MIN_TRIALS or not (np.diff(known) > 0).all():
            continue
        counting = len(set(np.round(np.diff(known), 9).tolist())) == 1 and known[0] in (0.0, 1.0)
        if not counting and ((known >= first) & (known <= last)).mean() > 0.5:
            rising.append(name)
    return rising
