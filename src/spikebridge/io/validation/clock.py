"""Seconds, or milliseconds, samples, hours? A unit fires, and rests after a spike, at rates that are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikebridge.io.validation.trains import Trains

LONGEST_S = 1.0e7
"""Nobody records for four months without a break."""
SLOW_HZ, FAST_HZ = 0.02, 500.0
"""Rates of the median unit that no recording has (slow: together with too few short intervals). Milliseconds taken for
seconds make 20 Hz and less into the slow rate."""
FEWEST_SHORT = 0.002
"""Less than this share of intervals below `trains.SHORT_S` speaks for a clock that counts faster than seconds."""
ENOUGH = 20
MANY = 100
"""Spikes, or intervals, from which times and rates can be judged."""


def why_not_seconds(trains: Trains) -> str:
    """What speaks against seconds, and what to do; empty where nothing does."""
    if len(trains.times) < ENOUGH:
        return ""
    first, last = trains.span
    rate = float(np.median(trains.n)) / max(last - first, 1e-9)
    found = trains.intervals
    if _whole(trains.times):
        return (
            f"all {len(trains.times)} are whole numbers (up to {last:.0f}); divide samples by the sampling rate in Hz, "
            "milliseconds by 1000"
        )
    if last - first > LONGEST_S:
        return (
            f"they reach from {first:g} to {last:g}, {(last - first) / 86400:.0f} days of seconds; divide milliseconds "
            "by 1000, microseconds by 1000000, samples by the sampling rate in Hz"
        )
    if rate < SLOW_HZ and found.n >= MANY and found.n_short < FEWEST_SHORT * found.n:
        return (
            f"the median unit would fire at {rate:.2g} Hz, and of {found.n} intervals between spikes of a unit the "
            f"shortest would be {found.shortest_s:.3g} s; divide milliseconds by 1000"
        )
    if rate > FAST_HZ and np.median(trains.n) >= ENOUGH:
        return (
            f"the median unit would fire at {rate:.0f} Hz; multiply minutes by 60, hours by 3600, or correct what "
            "data.options says of times"
        )
    return ""


def _whole(times: NDArray[np.float64]) -> bool:
    beginning = times[:1000]
    return bool((beginning == np.floor(beginning)).all() and (times == np.floor(times)).all())
