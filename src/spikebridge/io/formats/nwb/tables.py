"""Interval tables, behavioural series and events of an NWB file, wherever in the file they lie."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.log import precision_notes
from spikebridge.io.formats.nwb.columns import NwbLog, plain_columns, read_values, shape_of
from spikebridge.io.offsets import is_time

GROUPS = ("intervals", "processing", "acquisition", "stimulus", "analysis", "scratch", "events", "lab_meta_data")
TIME_COLUMNS = ("start_time", "stop_time", "timestamp")
MIN_STEP_MS = 0.5
"""Times of trials that are rounded to less than this are fit for bins of some milliseconds."""
MAX_SAMPLES = 5_000_000
"""A longer behavioural series (a raw photodiode, audio) is left out, with a warning: nothing here reads it."""
MAX_COLUMNS = 16


def named_objects(nwb: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(names from the group of the file down, object), each object once, tables and series not entered."""
    seen = {id(nwb)}
    for group in GROUPS:
        for thing in dict(getattr(nwb, group, None) or {}).values():
            yield from _objects_below((group,), thing, seen)


def _objects_below(above: tuple[str, ...], thing: Any, seen: set[int]) -> Iterator[tuple[tuple[str, ...], Any]]:
    from hdmf.common import DynamicTable
    from pynwb import TimeSeries

    if id(thing) in seen:
        return
    seen.add(id(thing))
    path = (*above, str(getattr(thing, "name", "")))
    yield path, thing
    if not isinstance(thing, (DynamicTable, TimeSeries)):
        for member in _members(thing):
            yield from _objects_below(path, member, seen)


def _members(thing: Any) -> Iterator[Any]:
    """What a container holds or links to; linked objects are no children of it."""
    from hdmf.container import AbstractContainer

    for value in getattr(thing, "fields", {}).values():
        for member in (
            value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        ):
            if isinstance(member, AbstractContainer):
                yield member


def free_name(path: tuple[str, ...], taken: Collection[str], ends: Collection[str] = ("",)) -> str:
    """The shortest end of the path of which no part is taken: "laps", "behavior/laps", ...; then "laps 2".

    ends: what is added to the name (position takes position_x and position_y).
    """
    names = ["/".join(path[-n:]) for n in range(1, len(path) + 1)]
    numbered = (f"{path[-1]} {n}" for n in range(2, len(taken) + 3))
    return next(name for name in (*names, *numbered) if not any(name + end in taken for end in ends))


def interval_tables(objects: Iterable[tuple[tuple[str, ...], Any]], log: NwbLog) -> dict[str, pd.DataFrame]:
    """Every interval table by name: trials, epochs and others, in any part of the file; also what interval series
    and tables of events say, as start_time and stop_time.

    Read as plain tables, never as interval sets: those merge overlapping trials. Two tables of one name keep the
    shortest end of their paths in which they differ.
    """
    from hdmf.common import DynamicTable
    from pynwb.misc import IntervalSeries

    tables: dict[str, pd.DataFrame] = {}
    for path, thing in objects:
        name = free_name(path, tables)
        table = None
        if isinstance(thing, DynamicTable) and {"start_time", "stop_time"} <= set(thing.colnames):
            table = log.guarded(f"table {name}", None, _table_with_id, thing, name, log)
        elif isinstance(thing, DynamicTable) and "timestamp" in thing.colnames:
            table = log.guarded(f"table {name}", None, _event_intervals, thing, name, log)
        elif isinstance(thing, IntervalSeries):
            table = log.guarded(f"intervals {name}", None, _series_intervals, thing, name, log)
        if table is not None:
            tables[name] = table
    return tables


def _table_with_id(table: Any, name: str, log: NwbLog) -> pd.DataFrame:
    frame = plain_columns(table, name, log)
    for column in (c for c in frame if frame[c].dtype.kind == "f" and frame[c].dtype.itemsize <= 4):
        values = frame[column].to_numpy()
        if column in TIME_COLUMNS or is_time(frame[column].astype(np.float64), frame):
            log.notes.extend(precision_notes(values, f"{name}/{column}", min_step_ms=MIN_STEP_MS))
    frame.insert(0, "id", read_values(table.id.data, f"{name}/id", log))
    return frame


def _event_intervals(table: Any, name: str, log: NwbLog) -> pd.DataFrame:
    """Events as intervals from timestamp to timestamp + duration (0 where there is none)."""
    frame = _table_with_id(table, name, log)
    lasting = frame["duration"].fillna(0.0) if "duration" in frame else 0.0
    frame.insert(1, "start_time", frame["timestamp"].astype(float))
    frame.insert(2, "stop_time", frame["start_time"] + lasting)
    return frame


def _series_intervals(series: Any, name: str, log: NwbLog) -> pd.DataFrame | None:
    """Rows of an interval series, whose data are k where an interval of kind k starts and -k where it stops."""
    kinds = read_values(series.data, name, log).astype(np.int64)
    times = read_values(series.timestamps, name, log).astype(np.float64)
    parts = [_kind_intervals(kinds, times, k) for k in np.unique(np.abs(kinds))] if len(kinds) == len(times) else [None]
    if any(part is None for part in parts) or not parts:
        text = f"intervals {name}: starts and stops do not alternate; read as a series only"
        log.notes.append(Finding.warning("intervals-do-not-alternate", f"intervals {name}", text))
        return None
    return pd.concat([p for p in parts if p is not None]).sort_values("start_time", kind="stable", ignore_index=True)


def _kind_intervals(kinds: NDArray[np.int64], times: NDArray[np.float64], kind: np.int64) -> pd.DataFrame | None:
    rows = np.flatnonzero(np.abs(kinds) == kind)
    start, stop = rows[0::2], rows[1::2]
    if kind == 0 or len(start) != len(stop) or not ((kinds[start] > 0).all() and (kinds[stop] < 0).all()):
        return None
    return pd.DataFrame({"start_time": times[start], "stop_time": times[stop], "kind": np.full(len(start), kind)})


@dataclass(frozen=True)
class TimedSamples:
    """samples: (sample, column). suffixes: what the name of each column ends in."""

    times: NDArray[np.float64]
    samples: NDArray[np.float64]
    suffixes: tuple[str, ...]


def behavior_series(objects: Iterable[tuple[tuple[str, ...], Any]], log: NwbLog) -> pd.DataFrame:
    """Long table (series, time_s, value) of every behavioural series and event of the file.

    A series of two or three columns becomes name_x, name_y(, name_z) where it is spatial, else name_0, name_1, ...
    Values are in the unit of the file (conversion and offset applied). Events without a value have the value 1.
    Raw voltage, images, fluorescence and other recordings of the brain are never read.
    """
    by_name: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for path, thing in objects:
        if path[:2] == ("processing", "ecephys"):
            continue
        where = "/".join(path)
        series = log.guarded(f"behavior {where}", None, _series, thing, path[-1], log)
        if series is None:
            continue
        name = free_name(path, by_name, series.suffixes)
        columns = zip(series.suffixes, series.samples.T, strict=True)
        by_name |= {name + end: (series.times, column) for end, column in columns}
    return _long(by_name)


def _long(by_name: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> pd.DataFrame:
    if not by_name:
        return no_behavior()
    codes = np.repeat(np.arange(len(by_name)), [len(times) for times, _ in by_name.values()])
    names = pd.Series(pd.Categorical.from_codes(codes, categories=list(by_name))).astype("str")
    times, values = (np.concatenate([pair[i] for pair in by_name.values()]) for i in (0, 1))
    return pd.DataFrame({"series": names, "time_s": times, "value": values}, copy=False)


def _series(thing: Any, name: str, log: NwbLog) -> TimedSamples | None:
    from hdmf.common import DynamicTable
    from pynwb import TimeSeries

    if isinstance(thing, TimeSeries):
        return None if isinstance(thing, _brain_series()) else _time_series(thing, name, log)
    if isinstance(thing, DynamicTable):
        is_events = "timestamp" in thing.colnames and "start_time" not in thing.colnames
        return _event_series(thing["timestamp"].data, None, name, log) if is_events else None
    times = getattr(thing, "timestamps", None)
    return None if times is None else _event_series(times, getattr(thing, "data", None), name, log)


def _brain_series() -> tuple[type, ...]:
    from pynwb.ecephys import ElectricalSeries
    from pynwb.icephys import PatchClampSeries
    from pynwb.image import ImageSeries, IndexSeries
    from pynwb.misc import DecompositionSeries
    from pynwb.ophys import RoiResponseSeries

    return ElectricalSeries, PatchClampSeries, ImageSeries, IndexSeries, DecompositionSeries, RoiResponseSeries


def _time_series(series: Any, name: str, log: NwbLog) -> TimedSamples | None:
    from pynwb.behavior import SpatialSeries

    shape = shape_of(series.data)
    n_columns = shape[1] if len(shape) == 2 else 1
    if len(shape) > 2 or n_columns > MAX_COLUMNS or np.prod(shape) > MAX_SAMPLES:
        log.notes.append(
            Finding.warning(
                "series-too-large", f"behavior {name}", f"behavior {name}: shape {shape} is too large and left out"
            )
        )
        return None
    if not shape or not np.prod(shape) or log.has_lost(series.data, series.timestamps):
        return None
    if not _is_number(series.data):
        text = f"behavior {name}: text, not numbers; left out"
        log.notes.append(Finding.warning("series-of-text", f"behavior {name}", text))
        return None
    times = _times(series, name, shape[0], log)
    if times is None:
        return None
    values = read_values(series.data, name, log).astype(np.float64).reshape(shape[0], -1)
    conversion, offset = float(series.conversion), float(getattr(series, "offset", 0.0) or 0.0)
    if (conversion, offset) != (1.0, 0.0):
        values = values * conversion + offset
    suffixes = "xyz" if isinstance(series, SpatialSeries) and n_columns <= 3 else range(n_columns)
    ends = tuple(f"_{s}" for s, _ in zip(suffixes, range(n_columns), strict=False)) if n_columns > 1 else ("",)
    return TimedSamples(times, values, ends)


def _is_number(data: Any) -> bool:
    dtype = getattr(data, "dtype", None)
    return np.dtype(dtype if dtype is not None else np.asarray(data).dtype).kind in "biuf"


def _times(series: Any, name: str, n: int, log: NwbLog) -> NDArray[np.float64] | None:
    """(n,), seconds; None, with a note, where the clock does not fit the values."""
    if series.timestamps is None:
        if not series.rate or not np.isfinite(series.rate):
            text = f"behavior {name}: neither timestamps nor a rate; left out"
            log.notes.append(Finding.warning("series-without-clock", f"behavior {name}", text))
            return None
        return float(series.starting_time or 0.0) + np.arange(n) / float(series.rate)
    shape = shape_of(series.timestamps)
    if shape != (n,):
        log.notes.append(
            Finding.warning(
                "timestamps-do-not-fit",
                f"behavior {name}",
                f"behavior {name}: {n} values but timestamps of shape {shape}; left out",
            )
        )
        return None
    return read_values(series.timestamps, f"{name}/timestamps", log).astype(np.float64)


def _event_series(times: Any, data: Any, name: str, log: NwbLog) -> TimedSamples | None:
    """Events at given times, as extensions hold them; with the number of each event where there is one."""
    shape = shape_of(times)
    if len(shape) != 1 or not shape[0] or not _is_number(times):
        return None
    if shape[0] > MAX_SAMPLES:
        log.notes.append(
            Finding.warning(
                "too-many-events", f"behavior {name}", f"behavior {name}: {shape[0]} events are too many and left out"
            )
        )
        return None
    at = read_values(times, f"{name}/timestamps", log).astype(np.float64)
    valued = data is not None and shape_of(data) == shape and _is_number(data)
    values = read_values(data, name, log).astype(np.float64) if valued else np.ones(len(at))
    return TimedSamples(at, values[:, None], ("",))
