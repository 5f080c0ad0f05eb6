"""Spikes of a recording in numbers: per unit, over time, and when there are none at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, QualityConfig
from spikebridge.inspection.anatomy import part_of_brain
from spikebridge.inspection.records import Region, Spikes
from spikebridge.io import Contents
from spikebridge.io.choose import region_choices
from spikebridge.io.observed_time import first_to_last
from spikebridge.preprocess.unit_metrics import ObservedTrain, grid_s, isi_violations, rate_change
from spikebridge.types.intervals import TOLERANCE_S, Intervals, intersect_intervals, merge_intervals, total_s
from spikebridge.types.spike_trains import Train, spike_trains

FEW_SPIKES = 50
"""A unit with fewer says little about anything."""
REFRACTORY_S = QualityConfig().refractory_s
VIOLATING = QualityConfig().max_isi_violations or 0.5
"""Contamination above which a unit is hardly one neuron."""
SILENCE_S = 2.0
"""A population that is silent for longer was not recorded, or slept, or the probe was out."""
STEP_S = 0.1
MOST_STEPS = 2**22
ENCLOSED = 0.999
"""Share of the spikes that an interval table must hold, for them to exist only there."""
LOOKED_AT = 2**20
LOOKED_AT_OF_UNIT = 1000
MOST_REGIONS = 200

Array = NDArray[np.float64]


def measure(contents: Contents) -> tuple[Spikes, pd.DataFrame]:
    """When there were spikes, and one row a unit: spikes, rate_hz, contamination, rate_change.

    contamination is NaN where the times are too coarse to tell. Spikes without a finite time are left out; the last
    three columns count those in the observed time alone.
    """
    trains = sorted_trains(contents)
    observed, source = observed_time(contents, trains)
    units, some = _unit_table(trains, observed)
    resolution_s = contents.resolution_s or grid_s(some, REFRACTORY_S)
    coarse = resolution_s > REFRACTORY_S
    quiet = merge_intervals([]) if source in contents.tables else intersect_intervals([silences(trains), observed])
    found = Spikes(
        number=len(contents.spikes),
        first_s=min((float(t[0]) for t in trains if len(t)), default=None),
        last_s=max((float(t[-1]) for t in trains if len(t)), default=None),
        resolution_s=resolution_s,
        observed_from=source,
        observed_s=total_s(observed),
        observed=_pairs(observed),
        only_inside=(_enclosing_table(contents, trains, total_s(observed)) or "") if source == "file" else "",
        silences=_pairs(quiet[quiet[:, 1] - quiet[:, 0] >= SILENCE_S]),
    )
    return found, units.assign(coarse=coarse, contamination=np.nan if coarse else units["contamination"])


def _unit_table(trains: list[Train], observed: Intervals) -> tuple[pd.DataFrame, Array]:
    """The table of `measure`, and some of the intervals between the spikes of each unit."""
    seconds = total_s(observed)
    rows, some = [], [np.empty(0)]
    for train in trains:
        seen = ObservedTrain.of(train, observed)
        rate_hz = len(seen) / seconds if seconds else np.nan
        rows.append((len(train), rate_hz, isi_violations(seen, REFRACTORY_S)[0], rate_change(seen)))
        some.append(seen.isi_s[:LOOKED_AT_OF_UNIT].copy())
    table = pd.DataFrame(rows, columns=["spikes", "rate_hz", "contamination", "rate_change"], dtype=np.float64)
    return table, np.concatenate(some)


def _pairs(intervals: Intervals) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in intervals)


def sorted_trains(contents: Contents) -> list[Train]:
    """One train a unit of the units table, sorted, without NaN: to be counted, whatever validation says of them."""
    times = contents.spikes["time_s"].to_numpy(dtype=np.float64)
    units = contents.spikes["unit"].to_numpy(dtype=np.int64)
    if not np.isfinite(times).all():
        finite = np.isfinite(times)
        times, units = times[finite], units[finite]
    trains = spike_trains(times, units, contents.units["unit"].to_numpy(dtype=np.int64))
    return [t if not (np.diff(t) < 0).any() else np.sort(t) for t in trains]


def regions(units: pd.DataFrame, names: Sequence[str]) -> tuple[Region, ...]:
    """units: as `unit_table`. names: (unit,), the region of each."""
    made = []
    for name, mine in units.groupby(pd.Series(names, index=units.index, dtype=object), sort=True):
        low, middle, high = _quartiles(mine["rate_hz"])
        violating = int((mine["contamination"] > VIOLATING).sum())
        made.append(
            Region(
                name=str(name),
                units=len(mine),
                rate_hz=(low, middle, high),
                violating=None if mine["coarse"].all() else violating,
                few_spikes=int((mine["spikes"] < FEW_SPIKES).sum()),
                rate_change=_quartiles(mine["rate_change"][mine["spikes"] >= FEW_SPIKES])[1],
            )
        )
    return tuple(sorted(made, key=lambda r: (-r.units, r.name)))


def region_columns(contents: Contents, data: DataConfig) -> dict[str, list[str]]:
    """`data.region_from` -> region of each unit: the known ones, the asked one, and any text that names regions."""
    columns = region_choices(contents, data)
    if data.region_from in contents.units and data.region_from not in columns:
        columns[data.region_from] = _names(contents.units[data.region_from])
    for name in map(str, contents.units.columns):
        values = contents.units[name]
        if name in columns or pd.api.types.is_numeric_dtype(values) or values.nunique() > MOST_REGIONS:
            continue
        names = _names(values)
        if any(part_of_brain(v) for v in set(names)):
            columns[name] = names
    return columns


def _names(values: pd.Series) -> list[str]:
    return ["" if v is None or v is pd.NA or v != v else str(v) for v in values.astype(object)]


def _quartiles(values: pd.Series) -> tuple[float, float, float]:
    known = values.dropna().to_numpy(dtype=np.float64)
    if not len(known):
        return (np.nan, np.nan, np.nan)
    low, middle, high = (float(q) for q in np.quantile(known, [0.25, 0.5, 0.75]))
    return (low, middle, high)


def observed_time(contents: Contents, trains: Sequence[Train]) -> tuple[Intervals, str]:
    """When spikes were recorded, and what says so; see `Spikes`."""
    ends = np.array([t[i] for t in trains if len(t) for i in (0, -1)])
    declared, source = _declared(contents, first_to_last(ends))
    if source == "file":  # what somebody wrote down is not overridden by what spikes suggest
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
    """The interval table that holds every spike though it leaves out time; the one that leaves out most of several."""
    n = sum(map(len, trains))
    some = np.concatenate([t[:: max(n // LOOKED_AT, 1)] for t in trains] or [np.empty(0)])
    held = {}
    for name, table in contents.tables.items():
        inside = table_intervals(table)
        edges = (inside + np.array([0.0, TOLERANCE_S])).ravel()  # a spike on the end belongs to it
        if len(some) and (np.searchsorted(edges, some, side="right") % 2).mean() >= ENCLOSED:
            held[name] = total_s(inside)
    tight = [n for n in held if held[n] < 0.9 * declared_s]
    return min(tight, key=lambda n: (held[n], n != "trials"), default=None)


def table_intervals(table: pd.DataFrame) -> Intervals:
    """start_time..stop_time of all rows, merged; empty where the table has no such columns."""
    names = ["start_time", "stop_time"]
    if not all(n in table and pd.api.types.is_numeric_dtype(table[n]) for n in names):
        return merge_intervals([])
    return merge_intervals(table[names].to_numpy(dtype=np.float64, na_value=np.nan))


def silences(trains: Sequence[Train]) -> Intervals:
    """Stretches of at least `SILENCE_S`, to `STEP_S`, between first and last spike in which there is none.

    Where spikes are few, only stretches that would hold thirty of them at the mean rate.
    """
    trains = [t for t in trains if len(t)]
    if not trains:
        return merge_intervals([])
    first, last = min(t[0] for t in trains), max(t[-1] for t in trains)
    step = max(STEP_S, (last - first) / MOST_STEPS)
    busy = np.zeros(int((last - first) / step) + 1, dtype=bool)
    for train in trains:
        busy[((train - first) / step).astype(np.int64)] = True
    pairs = np.flatnonzero(np.diff(np.r_[True, busy, True])).reshape(-1, 2) * step + first
    least = max(SILENCE_S, 30 * len(busy) * step / sum(map(len, trains)))
    return merge_intervals(pairs[pairs[:, 1] - pairs[:, 0] >= least])
