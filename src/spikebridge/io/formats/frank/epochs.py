"""Parts of the reader of the Frank lab's layout: when each epoch was, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.messages import listed
from spikebridge.io.formats.frank.files import scalar
from spikebridge.io.formats.frank.spikes import Train
from spikebridge.io.formats.frank.times import Clocks
from spikebridge.io.formats.mat.load import Node
from spikebridge.io.formats.table.log import Log
from spikebridge.types.intervals import as_intervals, merge_intervals

Array = NDArray[np.float64]
Structs = Mapping[tuple[int, ...], Mapping[str, Node]]
"""(epoch, ...) -> the struct there."""


@dataclass(frozen=True)
class Epochs:
    """spans: epoch -> (2,) seconds. recorded: (unit's key, epoch) -> (2,) seconds in which the unit was recorded."""

    spans: Mapping[int, Array]
    recorded: Mapping[tuple[tuple[int, int], int], Array]

    def of_unit(self, key: tuple[int, int]) -> Array:
        return merge_intervals(as_intervals([s for (k, _), s in self.recorded.items() if k == key]))


def epochs_of(trains: Sequence[Train], pos_s: Mapping[int, Array], clocks: Clocks, log: Log) -> Epochs:
    """By the time range of the trains; without one by the positions, else by the spikes. pos_s: seconds."""
    own = {(t.key, t.epoch): t.span / clocks.spans for t in trains if t.span is not None and clocks.spans}
    spans: dict[int, Array] = {}
    for epoch in sorted({t.epoch for t in trains} | set(pos_s)):
        ranges = np.array([span for (_, e), span in own.items() if e == epoch])
        frames = pos_s.get(epoch, np.zeros(0))
        pooled = [t.times / clocks.spikes for t in trains if t.epoch == epoch]
        if len(ranges):
            spans[epoch] = np.array([ranges[:, 0].min(), ranges[:, 1].max()])
        elif np.isfinite(frames).any():
            spans[epoch] = _extent(frames)
        elif np.isfinite(np.concatenate(pooled)).any():
            spans[epoch] = _extent(np.concatenate(pooled))
            log.notes.append(f"epoch {epoch} has neither timerange nor pos: taken as its first to last spike")
    lost = sorted({t.epoch for t in trains} - set(spans))
    if lost:
        log.notes.append(f"epochs {listed(map(str, lost))} have neither timerange nor pos nor spikes and are left out")
    inside = {(t.key, t.epoch): spans[t.epoch] for t in trains if t.epoch in spans}
    return Epochs(spans, inside | own)


def _extent(times: Array) -> Array:
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
    said = {e: {n: scalar(v) for n, v in tasks.get((e,), {}).items()} for e in numbers}
    names = dict.fromkeys(n for e in numbers for n, v in said[e].items() if v is not None)
    return table.assign(**{n: plain_column([said[e].get(n) for e in numbers]) for n in names if n not in table})


def plain_column(values: Sequence[str | float | bool | None]) -> pd.Series:
    """Text where there is any text, else numbers; what is missing is "" or NaN."""
    if any(isinstance(v, str) for v in values):
        return pd.Series(["" if v is None else str(v) for v in values], dtype="str")
    logical = all(isinstance(v, bool) for v in values)
    return pd.Series([np.nan if v is None else v for v in values], dtype=bool if logical else float)
