"""Units of source and target that share their spikes: one neuron sorted on two probes, or a file saved twice.

Such pairs are seldom equal: a sample's shift, a few spikes fewer. Equal ones are told by `units.check_twins`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding, Severity
from spikebridge.errors.messages import listed
from spikebridge.io.validation.subject import Subject
from spikebridge.io.validation.trains import Trains

Train = NDArray[np.float64]
NEAR_S = 0.5e-3
"""Spikes nearer than this are one spike, seen on two probes."""
FEWEST = 50
"""Spikes of the shorter train from which shared ones are judged."""
PROBES, LIKELY = 20, 6
"""Spikes of each train that are looked up in every other, and hits from which a pair is compared in full. A pair that
shares half is missed in 2 % of cases, one that shares 70 % in 1 of 20,000."""
SHIFTS_S = (0.01, 0.02, 0.05, 0.1, 1.0)
"""How far one train is moved to see what chance alone makes meet: common rhythms, or times on a coarse grid."""
MANY, NEARLY_ALL = 0.5, 0.9
"""Shares of the shorter train, beyond chance, that are odd and wrong."""


def check_copies(subject: Subject) -> Iterator[Finding]:
    """Beyond chance, no two neurons share half of their spikes to half a millisecond."""
    if subject.not_seconds or subject.recording.resolution_s > 0:
        return
    trains = subject.used_trains
    table = subject.recording.units.drop_duplicates("unit").set_index("unit")["region"]
    region = np.array([str(table.get(unit, "")) for unit in trains.unit.tolist()], dtype=object)
    called = [subject.called(unit) for unit in trains.unit.tolist()]
    mine = [np.flatnonzero(np.isin(region, role)) for role in (subject.data.source, subject.data.target)]
    found = [
        (share, int(trains.unit[b]), f"{called[a]} ({region[a]}) and {called[b]} ({region[b]}): {100 * share:.0f} %")
        for a, b, share in shared(trains, *mine)
    ]
    for severity in (Severity.ERROR, Severity.WARNING):
        is_error = severity is Severity.ERROR
        pairs = [pair for pair in sorted(found, key=lambda f: -f[0]) if (pair[0] > NEARLY_ALL) == is_error]
        if pairs:
            yield Finding(
                "shared-spikes-in-source-and-target",
                severity,
                "units",
                f"units of source and target share spikes, to {1000 * NEAR_S:g} ms and beyond chance, of the shorter "
                f"train: {listed((text for *_, text in pairs), 10)}. Is it one unit, sorted twice? The target would be "
                "translated from itself;",
                f"leave one unit of each pair out: {subject.without(unit for _, unit, _ in pairs)}",
            )


def shared(trains: Trains, ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> Iterator[tuple[int, int, float]]:
    """(train, train, share of the shorter one) of every pair that shares more than `MANY`, but for equal trains.

    ours, theirs: (train,), numbers of trains.
    """
    few = trains.n < FEWEST
    ours, theirs = (_in_order(trains, who[~few[who]]) for who in (ours, theirs))
    pairs = set(_likely(trains, ours, theirs)) | {(a, b) for b, a in _likely(trains, theirs, ours)}
    for a, b in sorted(pairs):
        short, long = sorted((trains.of(a), trains.of(b)), key=len)
        share = share_beyond_chance(short, long)
        if share > MANY and not np.array_equal(short, long):
            yield a, b, share


def share_beyond_chance(short: Train, long: Train) -> float:
    """(c - e) / (n - e): c of n spikes have one of the other train within `NEAR_S`, e would by chance.

    e: the most that a train moved by one of `SHIFTS_S`, either way, meets.
    """
    chance = max(_met(short + sign * shift, long) for shift in SHIFTS_S for sign in (-1, 1))
    return (_met(short, long) - chance) / max(len(short) - chance, 1)


def _met(one: Train, other: Train) -> int:
    """Spikes of one train with a spike of the other, sorted one, within `NEAR_S`."""
    nearest = np.append(other, np.inf)[np.searchsorted(other, one - NEAR_S)]
    return int((nearest <= one + NEAR_S).sum())


def _likely(trains: Trains, ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Pairs (one of ours, one of theirs) in which many of a few spikes of ours, looked up in theirs, are met."""
    if not len(ours):
        return
    within = (np.linspace(0, 1, PROBES) * (trains.n[ours, None] - 1)).astype(np.int64)
    probes = trains.times[trains.start[ours, None] + within].ravel()
    order = np.argsort(probes)
    owner, probes = np.repeat(ours, PROBES)[order], probes[order]
    for b in theirs.tolist():
        train = trains.of(b)
        nearest = np.append(train, np.inf)[np.searchsorted(train, probes - NEAR_S)]
        hits = np.bincount(owner[nearest <= probes + NEAR_S], minlength=len(trains.n))
        yield from ((a, b) for a in np.flatnonzero(hits >= LIKELY).tolist() if a != b)


def _in_order(trains: Trains, who: NDArray[np.int64]) -> NDArray[np.int64]:
    """Without the trains whose times fall, which are an error of their own."""
    return np.array([t for t in who.tolist() if t not in trains.intervals.falls], dtype=np.int64)
