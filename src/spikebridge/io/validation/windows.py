"""Windows around the trials, against the spikes, the observed time, the decisions and each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding, Severity
from spikebridge.errors.messages import counted
from spikebridge.io.validation.checked_recording import CheckedRecording
from spikebridge.io.validation.clocks import offset_hint
from spikebridge.io.validation.time_unit import TRIAL_OPTIONS
from spikebridge.types.intervals import TOLERANCE_S, inside_intervals


def check_windows(checked: CheckedRecording) -> Iterator[Finding]:
    align = checked.times(checked.trials.align)
    if align is None or not len(checked.usable):
        return
    rows = checked.usable
    start, stop = align[rows] + checked.trials.window_s[0], align[rows] + checked.trials.window_s[1]
    inside = inside_intervals(start, stop, checked.recording.observed)
    yield from _late(checked, rows[inside], stop[inside])
    if checked.not_seconds:  # said elsewhere; what follows from it need not be
        return
    beside = _beside(checked, start, stop)
    if 2 * beside.sum() >= len(rows):
        yield from _clock(checked, align[rows], beside)
    else:
        yield from _outside(checked, start, stop, inside)
    yield from _overlap(checked, np.sort(start[inside]))


def _beside(checked: CheckedRecording, start: NDArray[np.float64], stop: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Windows before the first or after the last spike of all."""
    if not len(checked.trains.times):
        return np.zeros(len(start), dtype=bool)
    first, last = checked.trains.span
    return (stop < first) | (start > last)


def _late(checked: CheckedRecording, rows: NDArray[np.int64], stop: NDArray[np.float64]) -> Iterator[Finding]:
    """Bins of a decision must lie before it."""
    decision = checked.times(checked.decision)
    if decision is None:
        return
    excess = stop - decision[rows]
    late = excess > TOLERANCE_S
    if late.any():
        worst = int(np.argmax(excess))
        yield Finding.error(
            "window-after-decision",
            checked.decision,
            f"bins must lie before the decision, but the window ends after {checked.decision} in {late.sum()} of "
            f"{counted(len(rows), 'trial')}, by {excess[worst]:.4g} s in trial {rows[worst]}:",
            "let trials.window_s end earlier, or leave these trials out by trials.include",
        )


def _clock(checked: CheckedRecording, align: NDArray[np.float64], beside: NDArray[np.bool_]) -> Iterator[Finding]:
    """Trials and spikes must be on one clock."""
    first, last = checked.trains.span
    hint = offset_hint(checked)
    name, span = checked.trials.align, f"outside the spikes ({first:g} to {last:g} s)"
    question = "are both in seconds on one clock?"
    options = [TRIAL_OPTIONS] if checked.time_unit_options else []
    if beside.all():
        text = f"every trial ({name} {align.min():g} to {align.max():g}) lies {span}: {question}"
        remedy = " ".join([hint[:1].upper() + hint[1:], *options] if hint else options)
        yield Finding.error("all-trials-outside-spikes", "trials", text, remedy)
    else:
        text = (
            f"{beside.sum()} of {counted(len(align), 'trial')} ({name} {align[beside].min():g} to "
            f"{align[beside].max():g}) lie {span}: {question}"
        )
        remedy = "If so, leave these trials out by trials.include" + (f"; {hint}" if hint else "")
        severity = Severity.WARNING if checked.data.clock == "trusted" else Severity.ERROR
        yield Finding("trials-outside-spikes", severity, "trials", text, " ".join([remedy, *options]))


def _outside(
    checked: CheckedRecording, start: NDArray[np.float64], stop: NDArray[np.float64], inside: NDArray[np.bool_]
) -> Iterator[Finding]:
    observed = checked.recording.observed
    if not len(observed):
        return
    length, longest = float(stop[0] - start[0]), float((observed[:, 1] - observed[:, 0]).max())
    if length > longest + TOLERANCE_S:
        yield Finding.error(
            "window-longer-than-observed",
            "trials.window_s",
            f"trials.window_s = {list(checked.trials.window_s)} is {length:g} s long, but the longest stretch of "
            f"observed time is {longest:g} s: expected seconds, and a window that fits",
        )
    elif not inside.any():
        yield Finding.error(
            "no-window-in-observed-time",
            "trials.window_s",
            f"no window of {counted(len(inside), 'trial')} ({start.min():g} to {stop.max():g} s) lies all in the "
            f"observed time ({observed[0, 0]:g} to {observed[-1, 1]:g} s):",
            "shorten trials.window_s, or say by data.observed when spikes were recorded",
        )
    elif not inside.all():
        n = int((~inside).sum())
        yield Finding.warning(
            "windows-outside-observed-time",
            "trials.window_s",
            f"{n} of {counted(len(inside), 'trial')} dropped: the window leaves the observed time",
        )


def _overlap(checked: CheckedRecording, start: NDArray[np.float64]) -> Iterator[Finding]:
    first, last = checked.trials.window_s
    steps = np.diff(start)
    n = int((steps < last - first - TOLERANCE_S).sum())
    if n:
        yield Finding.warning(
            "windows-overlap",
            "trials.window_s",
            f"{n} of {counted(len(start), 'window')} {'begins' if n == 1 else 'begin'} before the last one ends: a "
            f"window is {last - first:g} s long and trials follow each other after {steps.min():.4g} s at the least, "
            "so neighbouring trials share spikes",
        )
