"""One recording under two names: with a copy in training, no held-out block is held out.

Copies seldom are the same file: saved anew, units renumbered, a trial fewer, another clock. What a copy cannot change
without being another recording are the spikes inside a window, so windows are compared by what was counted in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spikebridge.types import Windows

FEWEST_CELLS = 12
"""Bins of units with a spike, in a window, from which its pattern is one that chance does not repeat."""
FEWEST_WINDOWS = 3
MANY = 0.2
"""Share of the shorter recording's patterns that make two recordings one."""
ROWS = 256
"""Windows read at once."""


def twins(windows: Sequence[Windows]) -> list[str]:
    """One line for each two recordings that hold the same spikes, of source or of target; empty where none do.

    The pattern of a window is its counts (bin, unit) with units in an order that does not depend on their ids. Two
    recordings are one where `MANY` of the patterns of the shorter one are the other's too. A copy with other bins,
    windows or units cannot be told this way.
    """
    patterns = {w.recording: (_patterns(w.source), _patterns(w.target)) for w in windows}
    lines = []
    for one, other in combinations(sorted(patterns), 2):
        for side, a, b in zip(("source", "target"), patterns[one], patterns[other], strict=True):
            fewer, same = min(len(a), len(b)), len(a & b)
            if same >= FEWEST_WINDOWS and same >= MANY * fewer:
                lines.append(
                    f"{one} and {other} are one recording under two names: {same} of {fewer} windows hold the same "
                    f"{side} spikes; leave one of them out of the data folder"
                )
                break
    return lines


def _patterns(counts: NDArray[np.unsignedinteger]) -> set[bytes]:
    """Digests of the patterns of all windows with enough spikes in them. counts: (window, bin, unit)."""
    found = set()
    for begin in range(0, len(counts), ROWS):
        some = np.asarray(counts[begin : begin + ROWS])
        for window in some[np.count_nonzero(some, axis=(1, 2)) >= FEWEST_CELLS]:
            fires = window[:, window.any(axis=0)].astype(np.int64)  # a silent unit that was left out changes nothing
            ordered = fires[:, np.lexsort(fires[::-1])]
            found.add(hashlib.blake2b(ordered.tobytes(), digest_size=16).digest())
    return found
