"""Units of a recording that hold the same spikes: across the regions, the target would be translated from itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spikebridge.duplicates import equal_trains, shared_spikes
from spikebridge.duplicates.units import COINCIDENCE_S
from spikebridge.errors.findings import Finding, Severity
from spikebridge.errors.messages import listed
from spikebridge.io.validation.subject import Subject

MAX_SHARE_WARNED = 0.9
"""Share of the shorter train, beyond chance, above which shared spikes are an error; below, they are a warning."""


def check_equal_trains(subject: Subject) -> Iterator[Finding]:
    """No unit has its spikes under two ids."""
    region_of = subject.recording.units.drop_duplicates("unit").set_index("unit")["region"]
    across: list[str] = []
    superfluous: list[int] = []
    within: list[str] = []
    for first, second in equal_trains(subject.used_trains):
        regions = [str(region_of.get(unit, "")) for unit in (first, second)]
        roles = {role for role in ("source", "target") if set(regions) & set(getattr(subject.data, role))}
        text = f"{subject.called(first)} ({regions[0]}) and {subject.called(second)} ({regions[1]})"
        (across if len(roles) == 2 else within).append(text)
        superfluous += [second] if len(roles) == 2 else []
    if across:
        yield Finding.error(
            "same-spikes-in-source-and-target",
            "units",
            f"units of source and target hold the same spikes: {listed(across, 10)}. The target would be translated "
            "from itself;",
            f"leave one unit of each pair out: {subject.without(superfluous)}",
        )
    if within:
        text = f"units hold the same spikes: {listed(within, 10)}; one of each pair is superfluous"
        yield Finding.warning("same-spikes", "units", text)


def check_shared_spikes(subject: Subject) -> Iterator[Finding]:
    """No unit of the source shares half of its spikes with one of the target, to half a millisecond, beyond chance."""
    if subject.not_seconds or subject.recording.resolution_s > 0:
        return
    trains = subject.used_trains
    region_of = subject.recording.units.drop_duplicates("unit").set_index("unit")["region"]
    region = np.array([str(region_of.get(unit, "")) for unit in trains.unit.tolist()], dtype=object)
    name = [subject.called(unit) for unit in trains.unit.tolist()]
    groups = [np.flatnonzero(np.isin(region, role)) for role in (subject.data.source, subject.data.target)]
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
                f"leave one unit of each pair out: {subject.without(unit for _, unit, _ in here)}",
            )
