"""Recordings that hold the same spikes: one recording under two names would be in training and test at once.

Two comparisons: of the spike times of all units, when recordings are ingested (`spike_sketch`, `sketch_overlap`), and
of the counts in windows, before and after folds are made (`duplicate_recordings`). Duplicates are seldom equal files:
saved anew, units renumbered, a trial fewer, another clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spikebridge.types import Windows

RUN_LENGTH = 12
"""Inter-spike intervals in a run: two neurons do not share so many, even where times are known to 10 ms."""
RESOLUTION_S = 1.0e-6
"""Intervals are compared in steps of this size."""
SKETCH_SIZE = 128
MIN_RUNS = 32
"""Fewer different runs are not compared, such as those of trains with a regular beat."""
CHUNK = 1 << 20
"""Spikes that are hashed at a time."""
MIN_CELLS = 12
"""Bins of units with a spike that a window needs: chance does not repeat the pattern of so many."""
MIN_WINDOWS = 3
MAX_SHARED_WINDOWS = 0.2
"""Largest share of the shorter recording's patterns that two different recordings may have in common."""
WINDOWS_AT_ONCE = 256


def spike_sketch(units: NDArray[np.int64], times_s: NDArray[np.float64]) -> list[int]:
    """A short summary of the spikes of a recording, from which `sketch_overlap` estimates shared spikes.

    The sketch holds the smallest hashes of all runs of `RUN_LENGTH` inter-spike intervals (bottom-k sketch). Runs do
    not depend on the numbers of units nor on the start of the clock.

    Parameters
    ----------
    units : NDArray, shape (spike,)
        Unit of each spike; spikes are grouped by unit.
    times_s : NDArray, shape (spike,), seconds
        Sorted within each unit.

    Returns
    -------
    list of int
        At most `SKETCH_SIZE` numbers, ascending.

    References
    ----------
    Broder (1997), On the resemblance and containment of documents, Proc. SEQUENCES.
    """
    smallest = np.empty(0, dtype=np.uint64)
    for first in range(0, len(times_s) - RUN_LENGTH, CHUNK):
        chunk = slice(first, first + CHUNK + RUN_LENGTH)
        hashes = _run_hashes(units[chunk], times_s[chunk])
        if len(smallest) == SKETCH_SIZE:
            hashes = hashes[hashes < smallest[-1]]  # sorting all of them would take longest
        smallest = np.unique(np.r_[smallest, hashes])[:SKETCH_SIZE]
    return [int(h) for h in smallest]


def sketch_overlap(first: Sequence[int], second: Sequence[int]) -> float:
    """Estimated share of runs of spikes that two recordings have in common.

    Parameters
    ----------
    first, second : sequence of int
        Sketches of two recordings; see `spike_sketch`.

    Returns
    -------
    float
        Runs in both over runs in either; 0 where one of the sketches has fewer than `MIN_RUNS` runs.
    """
    if min(len(first), len(second)) < MIN_RUNS:
        return 0.0
    smallest = sorted({*first, *second})[: max(len(first), len(second))]
    return len(set(smallest) & set(first) & set(second)) / len(smallest)


def duplicate_recordings(windows: Sequence[Windows]) -> list[str]:
    """Pairs of recordings that hold the same spikes in their windows, of the source or of the target.

    The pattern of a window is its counts (bin, unit), with units in an order that does not depend on their ids. Two
    recordings are duplicates where the share `MAX_SHARED_WINDOWS` of the patterns of the shorter one is in the other
    too. A duplicate with other bins, other window limits or other units is not found.

    Parameters
    ----------
    windows : sequence of Windows
        One for each recording.

    Returns
    -------
    list of str
        One message for each pair; empty where there is none.
    """
    patterns = {w.recording: (_patterns(w.source), _patterns(w.target)) for w in windows}
    messages = []
    for first, second in combinations(sorted(patterns), 2):
        for side, a, b in zip(("source", "target"), patterns[first], patterns[second], strict=True):
            fewer, same = min(len(a), len(b)), len(a & b)
            if same >= MIN_WINDOWS and same >= MAX_SHARED_WINDOWS * fewer:
                messages.append(
                    f"{first} and {second} are one recording under two names: {same} of {fewer} windows hold the same "
                    f"{side} spikes; leave one of them out of the data folder"
                )
                break
    return messages


def _run_hashes(units: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.uint64]:
    """(run,): hashes of the runs inside one unit.

    Intervals are rounded off the middle of a step, so that the rounding of a clock does not decide.
    """
    steps = np.floor(np.diff(times) / RESOLUTION_S + 0.1).astype(np.int64).view(np.uint64)
    n = len(times) - RUN_LENGTH
    mixed = np.zeros(n, dtype=np.uint64)
    for k in range(RUN_LENGTH):  # the mixing of splitmix64
        mixed = (mixed + steps[k : k + n] + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(31)
    return mixed[units[:n] == units[RUN_LENGTH:]]


def _patterns(counts: NDArray[np.unsignedinteger]) -> set[bytes]:
    """Digests of the patterns of all windows with at least `MIN_CELLS` cells. counts: (window, bin, unit)."""
    digests = set()
    for begin in range(0, len(counts), WINDOWS_AT_ONCE):
        part = np.asarray(counts[begin : begin + WINDOWS_AT_ONCE])
        for window in part[np.count_nonzero(part, axis=(1, 2)) >= MIN_CELLS]:
            active = window[:, window.any(axis=0)].astype(np.int64)  # a silent unit that is left out changes nothing
            ordered = active[:, np.lexsort(active[::-1])]
            digests.add(hashlib.blake2b(ordered.tobytes(), digest_size=16).digest())
    return digests
