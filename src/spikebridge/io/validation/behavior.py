"""Behaviour: clocks that run, beside the spikes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.validation.subject import Subject
from spikebridge.io.validation.time_unit import BEHAVIOR_OPTIONS

ENOUGH = 20
"""Samples from which the length of a series says something."""
LITTLE, MUCH = 0.02, 20.0
"""Length of a series over that of the spikes, outside which its unit of time is doubtful."""


def check_behavior(subject: Subject) -> Iterator[Finding]:
    """Odd at most: no result of the pipeline is computed from behaviour."""
    table, trains, observed = subject.recording.behavior, subject.trains, subject.recording.observed
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
        elif len(finite) >= ENOUGH and last > first:
            share = float(finite.max() - finite.min()) / (last - first)
            if not LITTLE < share < MUCH:
                scale.append(f"{name} ({finite.min():g} to {finite.max():g} s)")
        if np.isnan(values).all():
            empty.append(str(name))
    options = BEHAVIOR_OPTIONS if subject.time_unit_options else ""
    than = f"({first:g} to {last:g} s)"
    for code, text, question, remedy, names in (
        ("behavior-without-times", "behaviour without a time", "", "", lost),
        ("behavior-times-fall", "behaviour whose times fall", "", "", back),
        ("behavior-outside-spikes", "behaviour outside the time of the spikes", "; is it on their clock?", "", beside),
        (
            "behavior-not-in-seconds",
            f"behaviour of another length than the spikes {than}",
            "; is it in seconds?",
            options,
            scale,
        ),
        ("behavior-without-values", "behaviour without any value", "", "", empty),
    ):
        if names:
            yield Finding.warning(code, "behavior", f"{text}: {listed(names, 10)}{question}", remedy)
