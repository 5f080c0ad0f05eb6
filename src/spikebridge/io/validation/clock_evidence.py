"""Signs that trials and spikes are on two clocks, although they overlap. Each function looks for one kind.

- `shift`: trials lie outside the spikes at one end, and one number of seconds would bring them all inside.
- `cut`: the trials have long breaks that the spikes have not, and reach beyond the last spike by no more than these:
  the recording was cut where it paused, the clock of the trials ran on.
- `lag`: the spikes respond to the trials at another time than that of the trials (see `response_lag`), in all of the
  recording or in one of its thirds.
- `rate`: they respond to the trials once their times are divided by the ratio of two usual sampling rates.

A recording that began after the first trials or ended before the last ones gives signs of the first two kinds as well.
These are hence strong only where something else speaks for two clocks, and none where the spikes respond to the trials
where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.messages import counted, listed
from spikebridge.io.validation.response_lag import (
    MAX_RIVAL,
    MIN_PEAK,
    MIN_TRIALS,
    ResponseLag,
    UnitRates,
    response_lag,
    unit_rates,
)
from spikebridge.types.spike_trains import CHUNK, SpikeTrains

Array = NDArray[np.float64]

MIN_TIMED_TRIALS = 5
"""Trials from which their times say something."""
MIN_BREAK_S = 10.0
MIN_BREAK_RATIO = 4.0
"""A break is so many times longer than the longest usual interval between trials."""
MAX_BREAKS = 10
MIN_SILENT_SHARE = 0.5
"""A silence of all units that lasts at least this part of a break may be the break."""
ACQUISITION_RATES_HZ = (20000.0, 24000.0, 24414.0625, 25000.0, 30000.0, 32000.0, 40000.0)
RATIOS = {a / b: (a, b) for a in ACQUISITION_RATES_HZ for b in ACQUISITION_RATES_HZ if abs(a / b - 1) > 0.02}
"""Usual sampling rates; by how much the times are too small where the first is taken for the second."""
MIN_FILLED, MAX_FILLED = (0.8, 1.02)
"""Where the last trial ends, as a part of the time of the spikes, once the rate is right: others are not tried."""
MIN_START_STEPS = 2.0
"""The first trial after time zero begins later than this many usual steps between trials: nothing happened there."""


LAG, RATE = "two-clocks-lag", "two-clocks-rate"
"""Codes of evidence whose remedy is worded by its kind."""


@dataclass(frozen=True)
class Evidence:
    """code: of the finding. strong: whether it stops the pipeline. add_s: the seconds that would have to be added to
    the trials, from and to; None where no one number does it. text: what was found, in words."""

    code: str
    strong: bool
    add_s: tuple[float, float] | None
    text: str


@dataclass(frozen=True)
class ClockTrials:
    """Trials in the order of their start, seconds. align: (trial,), times that are aligned to, called `name`.

    first, last: of the spikes, or of the observed time where that is longer.
    """

    start: Array
    stop: Array
    align: Array
    name: str
    first: float
    last: float
    trains: SpikeTrains

    @cached_property
    def rates(self) -> UnitRates:
        return unit_rates(self.trains)

    @cached_property
    def lag(self) -> ResponseLag:
        return response_lag(self.rates, self.align)

    @cached_property
    def negative(self) -> NDArray[np.bool_]:
        """(trial,): ends before time zero, though no spike does."""
        return (self.stop < 0) & (self.first >= 0)

    @cached_property
    def early(self) -> NDArray[np.bool_]:
        return (self.stop < self.first) & ~self.negative

    @cached_property
    def late(self) -> NDArray[np.bool_]:
        return self.start > self.last


def clock_evidence(trials: ClockTrials) -> list[Evidence]:
    """What speaks for two clocks: one strong sign where there is any, that with the number of seconds before others."""
    if len(trials.start) < MIN_TIMED_TRIALS:
        return []
    signs = [sign for sign in (look(trials) for look in (lag, shift, cut, rate)) if sign is not None]
    return [sign for sign in signs if sign.strong][:1] or signs


def fitting(start: Array, stop: Array, first: float, last: float) -> tuple[float, float] | None:
    """Least and most seconds that, added to all trials, bring them between first and last; None where none do.

    Where the last trial is cut off by the end of the spikes, its start is what must lie inside.
    """
    low, high = first - float(start.min()), last - float(stop.max())
    high = high if high >= low else last - float(start.max())
    return (low, high) if low <= high else None


def shift(trials: ClockTrials) -> Evidence | None:
    negative, early, late = trials.negative, trials.early, trials.late
    if not (negative.any() or early.any() or late.any()) or (early.any() and late.any()) or trials.lag.in_place:
        return None
    used = ~negative if late.any() else np.ones(len(negative), dtype=bool)
    if used.sum() < MIN_TIMED_TRIALS:
        return None
    add = fitting(trials.start[used], trials.stop[used], trials.first, trials.last)
    if add is None:
        return None
    begins, step = float(trials.start[used].min()), float(np.median(np.diff(trials.start[used])))
    strong = bool(negative.any() and late.any() and begins >= MIN_START_STEPS * step)
    n = len(trials.start)
    texts = [
        text
        for text, which in (
            (f"before the first spike ({trials.first:g} s)", early),
            ("before time zero", negative),
            (f"after the last spike ({trials.last:g} s), until {trials.stop.max():g} s", late),
        )
        if which.any()
        for text in [f"{which.sum()} of {counted(n, 'trial')} {'lies' if which.sum() == 1 else 'lie'} {text}"]
    ]
    others = "the trials after zero" if negative.any() and late.any() else "all trials"
    text = f"{' and '.join(texts)}; with {seconds_text(add)} added to their times {others} would lie inside the spikes"
    return Evidence("two-clocks-shift", strong, add, text)


def cut(trials: ClockTrials) -> Evidence | None:
    breaks, usual = _breaks(trials)
    if not len(breaks):
        return None
    gaps = _gaps(trials)
    at = listed((f"{gaps[k]:g} s after {_reached(trials)[k]:g} s" for k in breaks), 5)
    if _longest_silence(trials.trains) >= MIN_SILENT_SHARE * gaps[breaks].min():
        return None
    blocks = np.split(np.arange(len(trials.start)), breaks + 1)
    locked = [response_lag(trials.rates, trials.align[rows]) for rows in blocks]
    lags = [(rows, response.lag_s) for rows, response in zip(blocks, locked, strict=True) if response.lag_s is not None]
    if lags:
        moved = listed((f"{lag:+.1f} s from {trials.align[rows[0]]:g} s on" for rows, lag in lags), 5)
        text = (
            f"the trials have breaks ({at}) that the spikes have not, and beyond these the spikes respond at another "
            f"time than {trials.name} ({moved})"
        )
        return Evidence("two-clocks-breaks-and-lags", True, None, text)
    beyond = float(trials.stop.max()) - trials.last
    if not trials.late.any() or trials.early.any() or locked[-1].in_place or beyond > (gaps[breaks] - usual).sum():
        return None
    text = (
        f"the trials have breaks ({at}) that the spikes have not, and {trials.late.sum()} of "
        f"{counted(len(trials.start), 'trial')} lie after the last spike ({trials.last:g} s), until "
        f"{trials.stop.max():g} s, {beyond:.4g} s beyond it"
    )
    return Evidence("two-clocks-breaks-and-length", True, None, text)


def lag(trials: ClockTrials) -> Evidence | None:
    response = trials.lag
    if response.lag_s is None:
        return _lag_of_thirds(trials)
    here, there = response.height
    text = (
        f"averaged over the trials, the units respond {abs(response.lag_s):.1f} s "
        f"{'before' if response.lag_s < 0 else 'after'} {trials.name} ({there:.0f} standard deviations of what chance "
        f"gives) and not at it ({here:.0f})"
    )
    return Evidence(LAG, True, (response.lag_s, response.lag_s), text)


def _lag_of_thirds(trials: ClockTrials) -> Evidence | None:
    """A third of the trials to which the spikes respond at another time: a break was cut, or a clock drifts."""
    parts = np.array_split(trials.align, 3)
    lags = [(part, response_lag(trials.rates, part).lag_s) for part in parts]
    moved = [f"{lag:+.1f} s for trials from {part[0]:g} to {part[-1]:g} s" for part, lag in lags if lag is not None]
    if not moved:
        return None
    text = f"the units respond at another time than {trials.name} in a part of the recording ({listed(moved)})"
    return Evidence("two-clocks-lag-of-thirds", True, None, text)


def rate(trials: ClockTrials) -> Evidence | None:
    if trials.lag.in_place or len(trials.align) < MIN_TRIALS:
        return None
    for ratio, (assumed_hz, true_hz) in RATIOS.items():
        if not MIN_FILLED <= float(trials.stop.max()) / ratio / trials.last <= MAX_FILLED:
            continue
        response = response_lag(trials.rates, trials.align / ratio)
        if (
            response.in_place
            and response.height[0] >= MIN_PEAK
            and trials.lag.height[0] < MAX_RIVAL * response.height[0]
        ):
            text = (
                f"the units respond to {trials.name} where the times of the spikes are multiplied by {ratio:.5g}, as "
                f"if {assumed_hz:g} Hz had been taken for a sampling rate of {true_hz:g} Hz"
            )
            return Evidence(RATE, True, None, text)
    return None


def seconds_text(add: tuple[float, float]) -> str:
    low, high = (f"{value:+.6g}" for value in add)
    return f"{low} s" if low == high else f"{low} to {high} s"


def _reached(trials: ClockTrials) -> Array:
    """(trial,): the latest end of a trial so far."""
    return np.maximum.accumulate(trials.stop)


def _gaps(trials: ClockTrials) -> Array:
    """(trial - 1,), seconds from the end of the trials so far to the start of the next; negative where they overlap."""
    return trials.start[1:] - _reached(trials)[:-1]


def _breaks(trials: ClockTrials) -> tuple[NDArray[np.int64], float]:
    """Gaps that are far longer than the usual ones, by their numbers, and the median gap, seconds."""
    gaps = _gaps(trials)
    if len(trials.start) < MIN_TRIALS:
        return np.empty(0, dtype=np.int64), 0.0
    few = min(MAX_BREAKS, len(gaps) // 5)
    longest = float(np.sort(gaps)[: len(gaps) - few].max())
    return np.flatnonzero(gaps >= max(MIN_BREAK_S, MIN_BREAK_RATIO * longest)), max(float(np.median(gaps)), 0.0)


def _longest_silence(trains: SpikeTrains) -> float:
    """Seconds between first and last spike in which no unit fires, to half a second."""
    first, last = trains.span
    n = int(np.clip(2 * (last - first), 1, 1_000_000))
    counts = np.zeros(n, dtype=np.int64)
    for at in range(0, len(trains.times), CHUNK):
        where = (trains.times[at : at + CHUNK] - first) / (last - first) * (n - 1)
        counts += np.bincount(where.astype(np.int64), minlength=n)
    busy = np.flatnonzero(counts)
    return float((np.diff(busy).max(initial=1) - 1) * (last - first) / n)
