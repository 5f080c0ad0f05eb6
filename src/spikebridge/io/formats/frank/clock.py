"""The unit of the times of a day in the layout of the Frank lab, and the intervals of its epochs.

The layout has spikes and positions in seconds, but the time range of an epoch in ticks of 1/10000 s. Files of other
origin have all in seconds, in ms, or in ticks. The file itself decides: words about the unit, the fit of the spikes to
the time range of their epoch, and their fit to the clock of the positions, whose frame interval shows its unit. Where
these disagree, the user must name the unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.formats.frank.files import Structs, single_value, text_or_number_column
from spikebridge.io.formats.frank.trains import EpochTrain
from spikebridge.io.formats.log import ReadLog
from spikebridge.types.intervals import as_intervals, merge_intervals

Array = NDArray[np.float64]
TICKS_PER_S = {"s": 1.0, "ms": 1e3, "timestamps": 1e4}
FRAMES_PER_S = (15.0, 150.0)
"""Video cameras. Frames of 6.7 to 67 ms are of one unit alone: no two units give an interval of that length."""
UNIT_TEXT = re.compile(
    r"\btimes?(?:\s*(?:is|are|stamps)?\s*(?:\bin\s+|[(\[]\s*)|_)(?:(?P<s>s|secs?|seconds?)|(?P<ms>ms|msecs?|milliseconds?)|"
    r"(?P<timestamps>timestamps|1/10000\b.*|10\s*khz\b.*))\b",
    re.IGNORECASE,
)
RATIOS = (1e4, 1.0, 1e3, 10.0)
"""Ticks of a time range in one of the spikes, the usual ones first: the layout's own, and everything in one unit."""
MIN_FILLED = 0.2
"""Share of the time range that spikes fill where it is read in the right unit."""
MIN_INSIDE = 0.99
"""Share of the times that must lie in the range of their epoch."""
MAX_OUTSIDE = 0.05
"""Times may lie outside the range of their epoch by this share of it: a camera starts and stops by hand."""
MAX_EPOCH_S = 1e5
"""No epoch takes a day: times that would make one so long are not seconds."""


@dataclass(frozen=True)
class TickRates:
    """Ticks per second of the spikes, and of the time ranges where these are of use."""

    spikes: float
    spans: float | None


def unit_in_text(text: str) -> str | None:
    """s, ms or timestamps, where a text such as 'time in ms' names the unit."""
    match = UNIT_TEXT.search(text)
    return next(unit for unit, word in match.groupdict().items() if word) if match else None


def unit_of_frames(times: Array) -> str | None:
    """The unit in which the usual step between frames is that of a video camera."""
    steps = np.diff(times[np.isfinite(times)])
    step = float(np.median(steps)) if len(steps) else 0.0
    fits = [u for u, ticks in TICKS_PER_S.items() if step > 0 and FRAMES_PER_S[0] <= ticks / step <= FRAMES_PER_S[1]]
    return fits[0] if len(fits) == 1 else None


def ticks_that_fit(times: Mapping[int, Array], spans: Mapping[int, Array], among: Sequence[float]) -> float | None:
    """The first number of ticks a second for which the times of each epoch lie in its span; None where there is none.

    times, spans: epoch -> (n,) ticks, (2,) seconds. Smaller numbers should come first: times that fit in seconds fit in
    ms as well where an epoch begins at 0.
    """
    shared = [e for e in times if e in spans and np.isfinite(times[e]).any()]
    for ticks in among:
        inside = n = 0
        for epoch in shared:
            held = times[epoch][np.isfinite(times[epoch])] / ticks
            slack = MAX_OUTSIDE * float(np.diff(spans[epoch])[0])
            inside += int(((held >= spans[epoch][0] - slack) & (held <= spans[epoch][1] + slack)).sum())
            n += len(held)
        if n and inside >= MIN_INSIDE * n:
            return ticks
    return None


def choose_tick_rates(
    trains: Sequence[EpochTrain], pos: Mapping[int, Array], pos_said: str, asked: str, log: ReadLog
) -> TickRates:
    """pos: epoch -> times of the positions. asked: auto, or the unit of the spikes that the user names."""
    times = _times_by_epoch(trains)
    spans = {t.epoch: t.span for t in trains if t.span is not None}
    ratio = _tick_ratio(times, spans)
    evidence = _evidence(trains, times, pos, pos_said, ratio)
    units = set(evidence.values())
    if asked != "auto":
        unit = asked
        disagreements = [f"{why} says {named}" for why, named in evidence.items() if named != asked]
        if disagreements:
            text = f"data.options.time_unit is {asked}, but {'; '.join(disagreements)}"
            log.notes.append(Finding.warning("time-unit-disagrees", "data.options.time_unit", text))
    elif len(units) == 1:
        unit = units.pop()
    else:
        unit = "s"
        _contradiction(evidence, times, spans, log)
    if spans and ratio is None and any(len(t) for t in times.values()):
        text = f"spikes lie outside timerange in any unit ({_range_text(times)} against {_range_text(spans)})"
        if asked == "auto":
            log.errors.append(
                Finding.error(
                    "frank-units-of-epochs-unclear",
                    "data.options.time_unit",
                    f"{text}: say in data.options.time_unit what the spikes count (s, ms or timestamps)",
                )
            )
        else:
            log.notes.append(Finding.warning("timerange-not-used", "timerange", f"{text}; timerange is not used"))
    return TickRates(TICKS_PER_S[unit], TICKS_PER_S[unit] * ratio if ratio else None)


def _times_by_epoch(trains: Sequence[EpochTrain]) -> dict[int, Array]:
    return {e: np.concatenate([t.times for t in trains if t.epoch == e]) for e in sorted({t.epoch for t in trains})}


def _tick_ratio(times: Mapping[int, Array], spans: Mapping[int, Array]) -> float | None:
    """Ticks of the time range in one tick of the spikes, for which the spikes lie in it and fill it.

    1 where there are no spikes, None where no ratio fits.
    """
    if not any(len(t) for t in times.values()):
        return 1.0
    extent = max((float(np.ptp(t[np.isfinite(t)])) / float(np.diff(spans[e])[0]) for e, t in times.items() if e in spans
                  and np.isfinite(t).any()), default=0.0)  # fmt: skip
    fits = [r for r in RATIOS if ticks_that_fit(times, {e: s / r for e, s in spans.items()}, (1.0,))]
    filling = [r for r in fits if extent * r >= MIN_FILLED]
    return next(iter(filling or fits), None)


def _evidence(
    trains: Sequence[EpochTrain],
    times: Mapping[int, Array],
    pos: Mapping[int, Array],
    pos_said: str,
    ratio: float | None,
) -> dict[str, str]:
    """What indicates a unit of the spikes -> the unit."""
    evidence: dict[str, str] = {}
    for train in trains:
        unit = unit_in_text(train.text)
        if unit is not None:
            evidence[f"the text {train.text.strip('; ')!r}"] = unit
    if ratio in (10.0, 1e3, 1e4):
        evidence["the time range of the epochs (timerange)"] = "ms" if ratio == 10.0 else "s"
    frames = {unit_of_frames(t) for t in pos.values()} - {None}
    clock = unit_in_text(pos_said) or (frames.pop() if len(frames) == 1 else None)
    if clock is not None:
        spans = {e: np.array([np.nanmin(t), np.nanmax(t)]) / TICKS_PER_S[clock] for e, t in pos.items() if len(t)}
        ticks = ticks_that_fit(times, spans, tuple(TICKS_PER_S.values()))
        if ticks is not None:
            evidence["the clock of the positions"] = next(u for u, n in TICKS_PER_S.items() if n == ticks)
    return evidence


def _contradiction(
    evidence: Mapping[str, str], times: Mapping[int, Array], spans: Mapping[int, Array], log: ReadLog
) -> None:
    """An error where two indications differ, or where times are too long to be seconds; else a note."""
    ask = "say in data.options.time_unit what the spikes count: s, ms or timestamps (1/10000 s)"
    longest = max((float(np.ptp(t[np.isfinite(t)])) for t in times.values() if np.isfinite(t).any()), default=0.0)
    if evidence:
        statements = "; ".join(f"{why} says {unit}" for why, unit in evidence.items())
        log.errors.append(
            Finding.error(
                "frank-time-unit-contradictory",
                "data.options.time_unit",
                f"the unit of the spike times is not clear: {statements} (spikes {_range_text(times)}). Please {ask}",
            )
        )
    elif longest > MAX_EPOCH_S:
        log.errors.append(
            Finding.error(
                "frank-time-unit-unknown",
                "data.options.time_unit",
                f"nothing says the unit of the spike times ({_range_text(times)}). Please {ask}",
            )
        )
    elif longest:
        text = "nothing in the files says the unit of the spike times; taken as the layout's, seconds"
        log.notes.append(Finding.warning("time-unit-not-given", "spikes", text))


def _range_text(times: Mapping[int, Array]) -> str:
    held = np.concatenate(list(times.values()))
    held = held[np.isfinite(held)]
    return f"{held.min():g} to {held.max():g}" if len(held) else "none"


@dataclass(frozen=True)
class Epochs:
    """spans: epoch -> (2,) seconds. recorded: (unit's key, epoch) -> (2,) seconds in which the unit was recorded."""

    spans: Mapping[int, Array]
    recorded: Mapping[tuple[tuple[int, int], int], Array]

    def of_unit(self, key: tuple[int, int]) -> Array:
        return merge_intervals(as_intervals([s for (k, _), s in self.recorded.items() if k == key]))


def find_epochs(trains: Sequence[EpochTrain], pos_s: Mapping[int, Array], clocks: TickRates, log: ReadLog) -> Epochs:
    """Spans by the time range of the trains; without one by the positions, else by the spikes. pos_s: seconds."""
    own = {(t.key, t.epoch): t.span / clocks.spans for t in trains if t.span is not None and clocks.spans}
    spans: dict[int, Array] = {}
    for epoch in sorted({t.epoch for t in trains} | set(pos_s)):
        ranges = np.array([span for (_, e), span in own.items() if e == epoch])
        frames = pos_s.get(epoch, np.zeros(0))
        pooled = [t.times / clocks.spikes for t in trains if t.epoch == epoch]
        if len(ranges):
            spans[epoch] = np.array([ranges[:, 0].min(), ranges[:, 1].max()])
        elif np.isfinite(frames).any():
            spans[epoch] = _first_to_last(frames)
        elif np.isfinite(np.concatenate(pooled)).any():
            spans[epoch] = _first_to_last(np.concatenate(pooled))
            log.notes.append(
                Finding.warning(
                    "epoch-by-its-spikes",
                    f"epoch {epoch}",
                    f"epoch {epoch} has neither timerange nor pos: taken as its first to last spike",
                )
            )
    lost = sorted({t.epoch for t in trains} - set(spans))
    if lost:
        log.notes.append(
            Finding.warning(
                "epochs-left-out",
                "epochs",
                f"epochs {listed(map(str, lost))} have neither timerange nor pos nor spikes and are left out",
            )
        )
    inside = {(t.key, t.epoch): spans[t.epoch] for t in trains if t.epoch in spans}
    return Epochs(spans, inside | own)


def _first_to_last(times: Array) -> Array:
    """First to last; the last lies inside."""
    return np.array([np.nanmin(times), np.nextafter(np.nanmax(times), np.inf)])


def epochs_table(epochs: Epochs, tasks: Structs) -> pd.DataFrame:
    """epoch, start_time, stop_time, and every text or number of the task struct (type, environment, ...)."""
    numbers = sorted(epochs.spans)
    table = pd.DataFrame(
        {
            "epoch": np.array(numbers, dtype=np.int64),
            "start_time": [float(epochs.spans[e][0]) for e in numbers],
            "stop_time": [float(epochs.spans[e][1]) for e in numbers],
        }
    )
    fields = {e: {n: single_value(v) for n, v in tasks.get((e,), {}).items()} for e in numbers}
    names = dict.fromkeys(n for e in numbers for n, v in fields[e].items() if v is not None)
    return table.assign(
        **{n: text_or_number_column([fields[e].get(n) for e in numbers]) for n in names if n not in table}
    )
