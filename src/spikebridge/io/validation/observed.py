"""Observed time, and whether the spikes agree with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.validation.subject import Subject
from spikebridge.io.validation.time_unit import TRIAL_OPTIONS
from spikebridge.types.intervals import TOLERANCE_S, total_s

SILENT_PAUSE = "silent-pause"
"""The code of the finding that no unit fires in some of the observed time."""
MOST_BINS = 1_000_000
PAUSE_S = 10.0
"""A shorter silence of all units is no sign of a pause."""
EXPECTED = 50.0
"""Spikes that the mean rate would put into a silence, from which it is no chance."""


def check_observed(subject: Subject) -> Iterator[Finding]:
    observed, trains = subject.recording.observed, subject.trains
    if not len(trains.times):
        return
    if not len(observed) or total_s(observed) <= 0:
        yield Finding.error(
            "no-observed-time",
            "data.observed",
            f"expected observed time (data.observed = {subject.data.observed!r}), found none: "
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
            f"s, data.observed = {subject.data.observed!r}): are both in seconds on one clock?",
            TRIAL_OPTIONS if subject.time_unit_options and subject.data.observed != "auto" else "",
        )
    elif outside:
        yield Finding.warning(
            "some-spikes-outside-observed-time",
            "data.observed",
            f"{outside} of {counted(len(trains.times), 'spike')} outside the observed time, not used",
        )


def check_pauses(subject: Subject) -> Iterator[Finding]:
    """Stretches of observed time in which no unit fires at all: pauses of the recording that would pass for silence."""
    observed, times = subject.recording.observed, subject.trains.times
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
    least = max(PAUSE_S, EXPECTED * seconds / len(times))
    pauses = [f"{a:.0f} to {b:.0f} s" for a, b in pairs if b - a >= least]
    if pauses:
        yield Finding.warning(
            SILENT_PAUSE,
            "observed time",
            f"no unit fires from {listed(pauses, 5)}, time that counts as observed: if the recording paused there, say "
            "so by data.observed, or the pause passes for silence",
        )


def _n_bins(observed: NDArray[np.float64]) -> int:
    """Bins of a second, or wider ones where the time is long."""
    return int(np.clip(np.ceil(observed[-1, 1] - observed[0, 0]), 1, MOST_BINS))


def _inside(times: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.bool_]:
    edges = np.column_stack([observed[:, 0] - TOLERANCE_S, observed[:, 1] + TOLERANCE_S]).ravel()
    inside: NDArray[np.bool_] = np.searchsorted(edges, times, side="right") % 2 == 1
    return inside


def _pieces(times: NDArray[np.float64], n: int = 1 << 22) -> Iterator[NDArray[np.float64]]:
    return (times[first : first + n] for first in range(0, len(times), n))
