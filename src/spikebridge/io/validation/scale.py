"""Whether trials lie on the scale of the spikes: minutes against seconds, say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted
from spikebridge.io.validation.subject import Subject
from spikebridge.io.validation.time_unit import TRIAL_OPTIONS

FEWEST = 5
"""Trials from which their span says something."""
LITTLE = 0.02
"""Trials that cover less than this share of the spikes are odd."""
UNITS = {"minutes by 60": 60.0, "hours by 3600": 3600.0}
SOON_S = 1.0
"""Half of the trials follow each other sooner, or within one window: no animal decides so fast."""
FILLS = (0.5, 1.1)
"""Share of the spikes that trials cover once they are in seconds."""


def check_scale(subject: Subject) -> Iterator[Finding]:
    align, rows = subject.times(subject.trials.align), subject.usable
    if align is None or len(rows) < FEWEST or subject.not_seconds or not len(subject.trains.times):
        return
    times = np.sort(align[rows])
    first, last = subject.trains.span
    covered, whole, step = float(times[-1] - times[0]), last - first, float(np.median(np.diff(times)))
    if covered >= LITTLE * whole or times[-1] > last or times[0] < min(first, 0.0):  # see check_windows for these
        return
    length = subject.trials.window_s[1] - subject.trials.window_s[0]
    what = (
        f"{counted(len(times), 'trial')} ({subject.trials.align} {times[0]:g} to {times[-1]:g}) cover {covered:.3g} of "
        f"{whole:.6g} s of spikes"
    )
    advice = next((a for a, factor in UNITS.items() if FILLS[0] <= factor * covered / whole <= FILLS[1]), "")
    if advice and step < max(length, SOON_S):
        yield Finding.error(
            "trials-not-in-seconds",
            "trials",
            f"trial times are not in seconds: {what} and follow each other after {step:.2g} s;",
            f"multiply {advice}",
        )
    else:
        options = TRIAL_OPTIONS if subject.time_unit_options else ""
        yield Finding.warning("trials-cover-little", "trials", f"{what}: are both in seconds?", options)
