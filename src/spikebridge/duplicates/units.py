"""Units that hold the same spikes: one neuron sorted on two probes, or one unit saved under two ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spikebridge.types.spike_trains import SpikeTrains, Train

COINCIDENCE_S = 0.5e-3
"""Spikes of two units that are closer than this count as one spike."""
MIN_SPIKES_EQUAL = 5
"""Shorter trains may be equal by chance."""
MIN_SPIKES_SHARED = 50
"""Spikes that the shorter train needs before shared spikes are counted."""
N_PROBES, MIN_PROBE_HITS = 20, 6
"""Spikes of each train that are looked up in every other train, and the hits from which a pair is compared in full. A
pair that shares half of its spikes is missed in 2 % of cases, one that shares 70 % in 1 of 20,000."""
SHIFTS_S = (0.01, 0.02, 0.05, 0.1, 1.0)
"""Shifts of one train that show how many coincidences come by chance: common rhythms, or times on a coarse grid."""
MAX_SHARED_SPIKES = 0.5
"""Largest share of the shorter train, beyond chance, that two units may have in common."""
MAX_SHARE_REPEATED, MIN_REPEATED = 0.1, 10
"""Share and number of spikes at the time of the spike before, from which a unit was counted twice or rounded."""


def equal_trains(trains: SpikeTrains) -> Iterator[tuple[int, int]]:
    """Pairs of units whose spike times are all the same.

    Only trains that agree in length, first, middle and last spike are compared in full.

    Parameters
    ----------
    trains : SpikeTrains
        Trains of at least `MIN_SPIKES_EQUAL` spikes are compared.

    Yields
    ------
    tuple of int
        The ids of two units; the unit that comes first in the recording is first.
    """
    by_summary: dict[tuple[float, ...], list[int]] = {}
    for train in np.flatnonzero(trains.n >= MIN_SPIKES_EQUAL).tolist():
        times = trains.of(train)
        candidates = by_summary.setdefault((len(times), times[0], times[len(times) // 2], times[-1]), [])
        equal = next((other for other in candidates if np.array_equal(trains.of(other), times)), None)
        if equal is None:
            candidates.append(train)
        else:
            yield int(trains.unit[equal]), int(trains.unit[train])


def shared_spikes(
    trains: SpikeTrains, first: NDArray[np.int64], second: NDArray[np.int64]
) -> Iterator[tuple[int, int, float]]:
    """Pairs of trains, one of each group, that share more than `MAX_SHARED_SPIKES` of the shorter train beyond chance.

    Equal trains are left out (see `equal_trains`), and so are trains whose times decrease.

    Parameters
    ----------
    trains : SpikeTrains
        All trains of a recording.
    first, second : NDArray, shape (train,)
        Positions of the trains of the two groups in `trains`.

    Yields
    ------
    tuple of int, int and float
        Positions of the two trains, and the share of the shorter one; see `share_beyond_chance`.
    """
    too_short = trains.n < MIN_SPIKES_SHARED
    first, second = (_sorted_trains(trains, group[~too_short[group]]) for group in (first, second))
    pairs = set(_candidates(trains, first, second)) | {(a, b) for b, a in _candidates(trains, second, first)}
    for a, b in sorted(pairs):
        short, long = sorted((trains.of(a), trains.of(b)), key=len)
        share = share_beyond_chance(short, long)
        if share > MAX_SHARED_SPIKES and not np.array_equal(short, long):
            yield a, b, share


def share_beyond_chance(short: Train, long: Train) -> float:
    """Share of the spikes of a train that another train holds too, corrected for chance.

    (c - e) / (n - e): c of n spikes have a spike of the other train within `COINCIDENCE_S`; e is the number expected by
    chance, the largest count after one train was moved by one of `SHIFTS_S` in either direction.

    Parameters
    ----------
    short, long : NDArray, shape (spike,), seconds
        Sorted spike times; the share is one of the spikes of `short`.

    Returns
    -------
    float
        1 where all spikes are shared, about 0 where only chance makes them coincide.
    """
    chance = max(n_coincident(short + sign * shift, long) for shift in SHIFTS_S for sign in (-1, 1))
    return (n_coincident(short, long) - chance) / max(len(short) - chance, 1)


def n_coincident(times_s: Train, other_s: Train) -> int:
    """Number of spikes of a train that have a spike of another train within `COINCIDENCE_S`.

    Parameters
    ----------
    times_s, other_s : NDArray, shape (spike,), seconds
        The two trains; `other_s` is sorted.

    Returns
    -------
    int
        Spikes of `times_s`.
    """
    nearest = np.append(other_s, np.inf)[np.searchsorted(other_s, times_s - COINCIDENCE_S)]
    return int((nearest <= times_s + COINCIDENCE_S).sum())


def has_repeated_spikes(repeats: NDArray[np.int64], n: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which units have so many spikes at the time of the spike before that they were counted twice or rounded.

    Parameters
    ----------
    repeats, n : NDArray, shape (unit,)
        Spikes at the time of the spike before, and all spikes, of each unit.

    Returns
    -------
    NDArray, shape (unit,)
        True for at least `MIN_REPEATED` spikes and at least the share `MAX_SHARE_REPEATED`.
    """
    repeated: NDArray[np.bool_] = repeats >= np.maximum(MAX_SHARE_REPEATED * n, MIN_REPEATED)
    return repeated


def _candidates(trains: SpikeTrains, first: NDArray[np.int64], second: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Pairs (train of first, train of second): of `N_PROBES` spikes of the former, many coincide with the latter."""
    if not len(first):
        return
    within = (np.linspace(0, 1, N_PROBES) * (trains.n[first, None] - 1)).astype(np.int64)
    probes = trains.times[trains.start[first, None] + within].ravel()
    order = np.argsort(probes)
    owner, probes = np.repeat(first, N_PROBES)[order], probes[order]
    for b in second.tolist():
        train = trains.of(b)
        nearest = np.append(train, np.inf)[np.searchsorted(train, probes - COINCIDENCE_S)]
        hits = np.bincount(owner[nearest <= probes + COINCIDENCE_S], minlength=len(trains.n))
        yield from ((a, b) for a in np.flatnonzero(hits >= MIN_PROBE_HITS).tolist() if a != b)


def _sorted_trains(trains: SpikeTrains, group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of the trains whose times never decrease; decreasing times are an error of their own."""
    return np.array([t for t in group.tolist() if t not in trains.isi.decreasing], dtype=np.int64)
