"""Whether observed time, trials and behaviour lie in the time of the spikes and on its scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.validation.checked_recording import CheckedRecording
from spikebridge.io.validation.time_unit import BEHAVIOR_OPTIONS, TRIAL_OPTIONS
from spikebridge.types.intervals import TOLERANCE_S, total_s

SILENT_PAUSE = "silent-pause"
"""The code of the finding that no unit fires in some of the observed time."""
MAX_BINS = 1_000_000
MIN_PAUSE_S = 10.0
"""A shorter silence of all units is no sign of a pause."""
MIN_EXPECTED = 50.0
"""Spikes that the mean rate would put into a silence, from which it is no chance."""


def check_observed(checked: CheckedRecording) -> Iterator[Finding]:
    observed, trains = checked.recording.observed, checked.trains
    if not len(trains.times):
        return
    if not len(observed) or total_s(observed) <= 0:
        yield Finding.error(
            "no-observed-time",
            "data.observed",
            f"expected observed time (data.observed = {checked.data.observed!r}), found none:",
            "name its times in data.observed",
        )
        return
    outside = int(sum((~_inside(piece, observed)).sum() for piece in _pieces(trains.times)))
    first, last = trains.span
    if outside == len(trains.times):
        yield Finding.error(
            "spikes-outside-observed-time",
            "data.observed",
            f"no spike ({first:g} to {last:g} s) lies in the observed time ({observed[0, 0]:g} to {observed[-1, 1]:g} "
            f"s, data.observed = {checked.data.observed!r}): are both in seconds on one clock?",
            TRIAL_OPTIONS if checked.time_unit_options and checked.data.observed != "auto" else "",
        )
    elif outside:
        yield Finding.warning(
            "some-spikes-outside-observed-time",
            "data.observed",
            f"{outside} of {counted(len(trains.times), 'spike')} outside the observed time, not used",
        )


def check_pauses(checked: CheckedRecording) -> Iterator[Finding]:
    """Stretches of observed time in which no unit fires at all: pauses of the recording that would pass for silence."""
    observed, times = checked.recording.observed, checked.trains.times
    seconds = total_s(observed) if len(observed) else 0.0
    if not seconds or not len(times):
        return
    edges = np.linspace(observed[0, 0], observed[-1, 1], 1 + _n_bins(observed))
    width = edges[1] - edges[0]
    counts = np.zeros(len(edges) - 1, dtype=np.int64)
    for piece in _pieces(times):
        at = np.floor((piece - edges[0]) / width)
        counts += np.bincount(at[(at >= 0) & (at < len(counts))].astype(np.int64), minlength=len(counts))
    seen = _inside(edges[:-1], observed) & _inside(edges[1:], observed)
    empty = np.flatnonzero(np.diff(np.r_[0, ((counts == 0) & seen).astype(np.int8), 0]))
    pairs = edges[empty.reshape(-1, 2)]
    min_pause_s = max(MIN_PAUSE_S, MIN_EXPECTED * seconds / len(times))
    pauses = [f"{a:.0f} to {b:.0f} s" for a, b in pairs if b - a >= min_pause_s]
    if pauses:
        yield Finding.warning(
            SILENT_PAUSE,
            "observed time",
            f"no unit fires from {listed(pauses, 5)}, time that counts as observed:",
            "if the recording paused there, say so by data.observed, or the pause passes for silence",
        )


def _n_bins(observed: NDArray[np.float64]) -> int:
    """Bins of a second, or wider ones where the time is long."""
    return int(np.clip(np.ceil(observed[-1, 1] - observed[0, 0]), 1, MAX_BINS))


def _inside(times: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.bool_]:
    edges = np.column_stack([observed[:, 0] - TOLERANCE_S, observed[:, 1] + TOLERANCE_S]).ravel()
    inside: NDArray[np.bool_] = np.searchsorted(edges, times, side="right") % 2 == 1
    return inside


def _pieces(times: NDArray[np.float64], n: int = 1 << 22) -> Iterator[NDArray[np.float64]]:
    return (times[first : first + n] for first in range(0, len(times), n))


MIN_TRIALS = 5
"""Trials from which their span says something."""
MIN_COVERED = 0.02
"""Trials that cover less than this share of the spikes are odd."""
TIME_UNITS = {"minutes by 60": 60.0, "hours by 3600": 3600.0}
MIN_STEP_S = 1.0
"""Half of the trials follow each other sooner, or within one window: no animal decides so fast."""
MIN_FILLED, MAX_FILLED = (0.5, 1.1)
"""Share of the spikes that trials cover once they are in seconds."""


def check_scale(checked: CheckedRecording) -> Iterator[Finding]:
    align, rows = checked.times(checked.trials.align), checked.usable
    if align is None or len(rows) < MIN_TRIALS or checked.not_seconds or not len(checked.trains.times):
        return
    times = np.sort(align[rows])
    first, last = checked.trains.span
    covered, whole, step = float(times[-1] - times[0]), last - first, float(np.median(np.diff(times)))
    if covered >= MIN_COVERED * whole or times[-1] > last or times[0] < min(first, 0.0):  # see check_windows for these
        return
    length = checked.trials.window_s[1] - checked.trials.window_s[0]
    what = (
        f"{counted(len(times), 'trial')} ({checked.trials.align} {times[0]:g} to {times[-1]:g}) cover {covered:.3g} of "
        f"{whole:.6g} s of spikes"
    )
    advice = next((a for a, factor in TIME_UNITS.items() if MIN_FILLED <= factor * covered / whole <= MAX_FILLED), "")
    if advice and step < max(length, MIN_STEP_S):
        yield Finding.error(
            "trials-not-in-seconds",
            "trials",
            f"trial times are not in seconds: {what} and follow each other after {step:.2g} s;",
            f"multiply {advice}",
        )
    else:
        options = TRIAL_OPTIONS if checked.time_unit_options else ""
        yield Finding.warning("trials-cover-little", "trials", f"{what}: are both in seconds?", options)


MIN_SAMPLES = 20
"""Samples from which the length of a series says something."""
MIN_LENGTH_RATIO, MAX_LENGTH_RATIO = 0.02, 20.0
"""Length of a series over that of the spikes, outside which its unit of time is doubtful."""


def check_behavior(checked: CheckedRecording) -> Iterator[Finding]:
    """Odd at most: no result of the pipeline is computed from behaviour."""
    table, trains, observed = checked.recording.behavior, checked.trains, checked.recording.observed
    first, last = (
        np.fmin(trains.span[0], observed.min(initial=np.inf)),
        np.fmax(trains.span[1], observed.max(initial=-np.inf)),
    )
    lost, back, beside, empty, scale = [], [], [], [], []
    for name, series in table.groupby("series", sort=True):
        times, values = series["time_s"].to_numpy(dtype=np.float64), series["value"].to_numpy(dtype=np.float64)
        finite = times[np.isfinite(times)]
        if len(finite) < len(times):
            lost.append(f"{name} ({counted(len(times) - len(finite), 'sample')})")
        if (np.diff(finite) < 0).any():
            back.append(str(name))
        if len(finite) and (finite.max() < first or finite.min() > last):
            beside.append(f"{name} ({finite.min():g} to {finite.max():g} s)")
        elif len(finite) >= MIN_SAMPLES and last > first:
            share = float(finite.max() - finite.min()) / (last - first)
            if not MIN_LENGTH_RATIO < share < MAX_LENGTH_RATIO:
                scale.append(f"{name} ({finite.min():g} to {finite.max():g} s)")
        if np.isnan(values).all():
            empty.append(str(name))
    if lost:
        yield _behavior("behavior-without-times", "behaviour without a time", lost)
    if back:
        yield _behavior("behavior-times-fall", "behaviour whose times fall", back)
    if beside:
        text = "behaviour outside the time of the spikes"
        yield _behavior("behavior-outside-spikes", text, beside, "; is it on their clock?")
    if scale:
        text = f"behaviour of another length than the spikes ({first:g} to {last:g} s)"
        options = BEHAVIOR_OPTIONS if checked.time_unit_options else ""
        yield _behavior("behavior-not-in-seconds", text, scale, "; is it in seconds?", options)
    if empty:
        yield _behavior("behavior-without-values", "behaviour without any value", empty)


def _behavior(code: str, text: str, names: Sequence[str], question: str = "", remedy: str = "") -> Finding:
    return Finding.warning(code, "behavior", f"{text}: {listed(names, 10)}{question}", remedy)
