"""Seconds, or milliseconds, ticks, samples, minutes? A unit fires, and rests after a spike, at rates that are known.

What speaks for sure is an error; see `why_not_seconds`. The merely odd is a warning; see `fast_hz`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.types.spike_trains import ISI_LIMITS_S, SpikeTrains

MAX_LENGTH_S = 1.0e6
"""Nobody records for eleven days without a break. Milliseconds of seventeen minutes are more."""
MIN_MEDIAN_HZ, MAX_MEDIAN_HZ = 0.02, 250.0
"""Rates of the median unit that no recording has (slow: together with too few short intervals)."""
MAX_USUAL_HZ = 100.0
"""A higher rate of the median unit is that of threshold crossings at best."""
MIN_SHORT_SHARE = 0.002
"""Less than this share of intervals below `SHORT_S` suggests a clock faster than seconds."""
MIN_SPIKES = 20
MIN_INTERVALS = 100
"""Spikes, or intervals, from which times and rates can be judged."""
MAX_JUDGED_HZ = 50.0
"""Faster units may rest for a good part of their mean interval: that says nothing of the unit of time."""
MIN_VARIATION = 0.8
"""Standard deviation of a unit's intervals over their mean (1 for Poisson, 0.2 for a pacemaker), from which short
intervals are to be expected."""
MIN_EXPECTED = 30.0
"""Short intervals that the rates of such units make expected, from which their absence is no chance."""
MAX_SHORT_RATIO = 0.1
"""Share of these that a refractory time may leave."""
MAX_CLOSE_SHARE, MIN_CLOSE_RATIO = 0.15, 3.0
"""More than this share of intervals within the refractory time in most units, and this many times more than their rates
make expected: neither neurons nor threshold crossings do that."""

NOT_SECONDS = "spike-times-not-in-seconds"
"""The code of the finding that the unit of the spike times is another one."""
SPIKE_OPTIONS = (
    "; or leave it as it is and set data.options: {time_unit: ms} (us; samples with sampling_rate_hz: 30000), and "
    "trial_time_unit: s where trials are in seconds (inspect: --option time_unit=ms)"
)
TRIAL_OPTIONS = "Where trials count otherwise than spikes, set data.options: {trial_time_unit: ms} (or us, samples)"
BEHAVIOR_OPTIONS = "If not, set data.options: {behavior_time_unit: ms} (or us, samples)"
"""What is added to a remedy where the reader takes options that name the unit of times."""


def why_not_seconds(trains: SpikeTrains) -> Finding | None:
    """Why the spike times cannot be seconds; None where nothing speaks against it."""
    if trains.n_spikes < MIN_SPIKES:
        return None
    first, last = trains.span
    rate = _median_hz(trains)
    intervals, n = trains.isi, int(trains.isi.n.sum())
    if all(_whole(trains.of(train)) for train in range(len(trains.n))):
        return _not_seconds(
            f"all {trains.n_spikes} are whole numbers (up to {last:.0f});",
            "divide samples by the sampling rate in Hz, milliseconds by 1000",
        )
    if last - first > MAX_LENGTH_S:
        return _not_seconds(
            f"they reach from {first:g} to {last:g}, {(last - first) / 86400:.0f} days of seconds;",
            "divide milliseconds by 1000, microseconds by 1000000, samples by the sampling rate in Hz",
        )
    if rate < MIN_MEDIAN_HZ and n >= MIN_INTERVALS and intervals.n_short.sum() < MIN_SHORT_SHARE * n:
        return _not_seconds(
            f"the median unit would fire at {rate:.2g} Hz, and of {n} intervals between spikes of a unit the "
            f"shortest would be {intervals.shortest_s.min():.3g} s;",
            "divide milliseconds by 1000",
        )
    if rate > MAX_MEDIAN_HZ and np.median(trains.n) >= MIN_SPIKES:
        return _impossible_rate(
            f"the median unit would fire at {rate:.0f} Hz;",
            "multiply minutes by 60, hours by 3600, or correct what data.options says about times",
        )
    return _too_far_apart(trains) or _too_close(trains)


def _not_seconds(why: str, remedy: str) -> Finding:
    return Finding.error(NOT_SECONDS, "spikes", f"spike times are not in seconds: {why}", remedy)


def _impossible_rate(why: str, remedy: str) -> Finding:
    """The unit that `data.options` names may be the mistake: the remedy names it already."""
    return Finding.error("impossible-firing-rate", "spikes", f"spike times are not in seconds: {why}", remedy)


def fast_hz(trains: SpikeTrains) -> float:
    """The rate of the median unit, spikes/s, where it is odd; else 0."""
    rate = _median_hz(trains)
    return rate if rate > MAX_USUAL_HZ and np.median(trains.n) >= MIN_SPIKES else 0.0


def _too_far_apart(trains: SpikeTrains) -> Finding | None:
    """A refractory time a hundred (1000) times too long: irregular units that never fire twice within 0.1 s (1 s).

    With rate r, n intervals of a Poisson train make n (1 - exp(-r s)) of them shorter than s expected; neurons have
    more, since they burst. A unit as slow as this has fewer only where s lies within its refractory time.
    """
    n, length = trains.n - 1, trains.span[1] - trains.span[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (trains.times[trains.start + n] - trains.times[trains.start]) / n
        variation = np.sqrt(np.maximum(trains.isi.squares / n - mean**2, 0.0)) / mean
    for limit, short in zip(ISI_LIMITS_S[1:], trains.isi.below[1:], strict=True):
        slow = trains.n / length < MAX_JUDGED_HZ * ISI_LIMITS_S[0] / limit
        judged = (n >= MIN_SPIKES) & (variation >= MIN_VARIATION) & slow
        expected = float((n * -np.expm1(-trains.n * limit / length))[judged].sum())
        n_short = int(short[judged].sum())
        if expected >= MIN_EXPECTED and n_short < MAX_SHORT_RATIO * expected:
            return _impossible_rate(
                f"of {n[judged].sum()} intervals between spikes of a unit {n_short} are below {limit:g} s, where the "
                f"rates make {expected:.0f} expected: no neuron rests so long;",
                "divide milliseconds by 1000, microseconds that were taken for steps of 0.1 ms by 100, or correct "
                "what data.options says about times",
            )
    return None


def _too_close(trains: SpikeTrains) -> Finding | None:
    """Most units fire again within the refractory time, far more often than a Poisson train of their rate."""
    n, length = trains.n - 1, max(trains.span[1] - trains.span[0], 1e-9)
    judged = n >= MIN_SPIKES
    if n[judged].sum() < MIN_INTERVALS:
        return None
    share = trains.isi.below[0][judged] / n[judged]
    poisson = -np.expm1(-trains.n[judged] / length * ISI_LIMITS_S[0])
    median = float(np.median(share))
    if median <= MAX_CLOSE_SHARE or np.median(share / poisson) < MIN_CLOSE_RATIO:
        return None
    return _impossible_rate(
        f"in the median unit {100 * median:.0f} % of the intervals between spikes are below "
        f"{1000 * ISI_LIMITS_S[0]:g} ms: no neuron fires again so soon;",
        "multiply minutes by 60, hours by 3600, or correct what data.options says about times",
    )


def _median_hz(trains: SpikeTrains) -> float:
    return float(np.median(trains.n)) / max(trains.span[1] - trains.span[0], 1e-9)


def _whole(times: NDArray[np.float64]) -> bool:
    beginning = times[:1000]
    return bool((beginning == np.floor(beginning)).all() and (times == np.floor(times)).all())
