"""Spikes of a recording in numbers: rates of the units, the observed time, and silent intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import QualityConfig
from spikebridge.inspection.records import SpikeSummary
from spikebridge.io import Contents
from spikebridge.io.observed_time import first_to_last
from spikebridge.preprocess.unit_metrics import ObservedTrain, isi_violations, rate_change, spike_time_grid_s
from spikebridge.types.intervals import TOLERANCE_S, Intervals, intersect_intervals, merge_intervals, total_s
from spikebridge.types.spike_trains import Train, spike_trains

REFRACTORY_S = QualityConfig().refractory_s
MIN_SILENCE_S = 2.0
"""No unit fires for so long where nothing was recorded, the animal slept, or the probe was out."""
SILENCE_STEP_S = 0.1
MAX_SILENCE_STEPS = 2**22
MIN_ENCLOSED_SHARE = 0.999
"""Share of the spikes that must lie in an interval table for the spikes to exist only there."""
MAX_SAMPLED_SPIKES = 2**20
MAX_SAMPLED_ISI = 1000

Array = NDArray[np.float64]


def summarize_spikes(contents: Contents) -> tuple[SpikeSummary, pd.DataFrame]:
    """The summary of all spikes, and one row for each unit: spikes, rate_hz, contamination, rate_change, coarse.

    contamination is NaN where the times are too coarse to count refractory violations (coarse). Spikes without a finite
    time are left out; rate_hz, contamination and rate_change use only spikes in the observed time.
    """
    trains = sorted_trains(contents)
    observed, source = observed_time(contents, trains)
    units, isi_s = _unit_table(trains, observed)
    resolution_s = contents.resolution_s or spike_time_grid_s(isi_s, REFRACTORY_S)
    coarse = resolution_s > REFRACTORY_S
    silent = merge_intervals([]) if source in contents.tables else intersect_intervals([silences(trains), observed])
    summary = SpikeSummary(
        count=len(contents.spikes),
        first_s=min((float(t[0]) for t in trains if len(t)), default=None),
        last_s=max((float(t[-1]) for t in trains if len(t)), default=None),
        resolution_s=resolution_s,
        observed_from=source,
        observed_s=total_s(observed),
        observed=_pairs(observed),
        enclosing_table=(_enclosing_table(contents, trains, total_s(observed)) or "") if source == "file" else "",
        silent_intervals=_pairs(silent[silent[:, 1] - silent[:, 0] >= MIN_SILENCE_S]),
    )
    return summary, units.assign(coarse=coarse, contamination=np.nan if coarse else units["contamination"])


def _unit_table(trains: list[Train], observed: Intervals) -> tuple[pd.DataFrame, Array]:
    """The table of `summarize_spikes`, and the first inter-spike intervals of each unit, seconds."""
    seconds = total_s(observed)
    rows, intervals_s = [], [np.empty(0)]
    for train in trains:
        seen = ObservedTrain.of(train, observed)
        rate_hz = len(seen) / seconds if seconds else np.nan
        rows.append((len(train), rate_hz, isi_violations(seen, REFRACTORY_S)[0], rate_change(seen)))
        intervals_s.append(seen.isi_s[:MAX_SAMPLED_ISI].copy())
    table = pd.DataFrame(rows, columns=["spikes", "rate_hz", "contamination", "rate_change"], dtype=np.float64)
    return table, np.concatenate(intervals_s)


def _pairs(intervals: Intervals) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in intervals)


def sorted_trains(contents: Contents) -> list[Train]:
    """One train for each unit of the units table, sorted and without NaN, also where validation refuses the spikes."""
    times = contents.spikes["time_s"].to_numpy(dtype=np.float64)
    units = contents.spikes["unit"].to_numpy(dtype=np.int64)
    if not np.isfinite(times).all():
        finite = np.isfinite(times)
        times, units = times[finite], units[finite]
    trains = spike_trains(times, units, contents.units["unit"].to_numpy(dtype=np.int64))
    return [t if not (np.diff(t) < 0).any() else np.sort(t) for t in trains]


def observed_time(contents: Contents, trains: Sequence[Train]) -> tuple[Intervals, str]:
    """When spikes were recorded, and what says so; see `Spikes`."""
    ends = np.array([t[i] for t in trains if len(t) for i in (0, -1)])
    declared, source = _declared(contents, first_to_last(ends))
    if source == "file":  # the spikes do not override what the file declares
        return declared, source
    table = _enclosing_table(contents, trains, total_s(declared))
    return (declared, source) if table is None else (table_intervals(contents.tables[table]), table)


def _declared(contents: Contents, whole: Intervals) -> tuple[Intervals, str]:
    if contents.observed is not None:
        return merge_intervals(contents.observed), "file"
    if contents.observed_of_unit:
        different = list({p.tobytes(): p for p in contents.observed_of_unit}.values())
        common = intersect_intervals(different)
        return (common if len(common) else merge_intervals(np.concatenate(different))), "units"
    return whole, "spikes"


def _enclosing_table(contents: Contents, trains: Sequence[Train], declared_s: float) -> str | None:
    """The interval table that contains every spike and leaves out time; of several, the shortest."""
    n = sum(map(len, trains))
    sample = np.concatenate([t[:: max(n // MAX_SAMPLED_SPIKES, 1)] for t in trains] or [np.empty(0)])
    seconds = {}
    for name, table in contents.tables.items():
        inside = table_intervals(table)
        edges = (inside + np.array([0.0, TOLERANCE_S])).ravel()  # the end of an interval belongs to it
        if len(sample) and (np.searchsorted(edges, sample, side="right") % 2).mean() >= MIN_ENCLOSED_SHARE:
            seconds[name] = total_s(inside)
    short = [n for n in seconds if seconds[n] < 0.9 * declared_s]
    return min(short, key=lambda n: (seconds[n], n != "trials"), default=None)


def table_intervals(table: pd.DataFrame) -> Intervals:
    """start_time to stop_time of all rows, merged; empty where the table has no such columns."""
    names = ["start_time", "stop_time"]
    if not all(n in table and pd.api.types.is_numeric_dtype(table[n]) for n in names):
        return merge_intervals([])
    return merge_intervals(table[names].to_numpy(dtype=np.float64, na_value=np.nan))


def silences(trains: Sequence[Train]) -> Intervals:
    """Intervals between the first and the last spike in which no unit fires, exact to `SILENCE_STEP_S`.

    Each is at least `MIN_SILENCE_S` long, and so long that thirty spikes are expected in it at the mean rate.
    """
    trains = [t for t in trains if len(t)]
    if not trains:
        return merge_intervals([])
    first, last = min(t[0] for t in trains), max(t[-1] for t in trains)
    step = max(SILENCE_STEP_S, (last - first) / MAX_SILENCE_STEPS)
    busy = np.zeros(int((last - first) / step) + 1, dtype=bool)
    for train in trains:
        busy[((train - first) / step).astype(np.int64)] = True
    pairs = np.flatnonzero(np.diff(np.r_[True, busy, True])).reshape(-1, 2) * step + first
    min_s = max(MIN_SILENCE_S, 30 * len(busy) * step / sum(map(len, trains)))
    return merge_intervals(pairs[pairs[:, 1] - pairs[:, 0] >= min_s])
