"""Parts of the NWB readers: interval tables, wherever in the file they lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.io.formats.nwb.columns import Log, plain_columns, values_of
from spikebridge.io.formats.nwb.walk import free_name
from spikebridge.io.formats.precision import coarse
from spikebridge.io.offsets import is_time

ENDS = ("start_time", "stop_time", "timestamp")
COARSE_MS = 0.5
"""Times of trials that are rounded to less than this are fit for bins of some milliseconds."""


def interval_tables(objects: Iterable[tuple[tuple[str, ...], Any]], log: Log) -> dict[str, pd.DataFrame]:
    """Every interval table by name: trials, epochs and others, in any part of the file; also what interval series
    and tables of events say, as start_time and stop_time.

    Read as plain tables, never as interval sets: those merge overlapping trials. Two tables of one name keep the
    shortest end of their paths that tells them apart.
    """
    from hdmf.common import DynamicTable
    from pynwb.misc import IntervalSeries

    tables: dict[str, pd.DataFrame] = {}
    for path, thing in objects:
        name = free_name(path, tables)
        table = None
        if isinstance(thing, DynamicTable) and {"start_time", "stop_time"} <= set(thing.colnames):
            table = log.guarded(f"table {name}", None, _with_id, thing, name, log)
        elif isinstance(thing, DynamicTable) and "timestamp" in thing.colnames:
            table = log.guarded(f"table {name}", None, _events, thing, name, log)
        elif isinstance(thing, IntervalSeries):
            table = log.guarded(f"intervals {name}", None, _of_series, thing, name, log)
        if table is not None:
            tables[name] = table
    return tables


def _with_id(table: Any, name: str, log: Log) -> pd.DataFrame:
    frame = plain_columns(table, name, log)
    for column in (c for c in frame if frame[c].dtype.kind == "f" and frame[c].dtype.itemsize <= 4):
        values = frame[column].to_numpy()
        if column in ENDS or is_time(frame[column].astype(np.float64), frame):
            log.notes.extend(coarse(values, f"{name}/{column}", least_ms=COARSE_MS))
    frame.insert(0, "id", values_of(table.id.data, f"{name}/id", log))
    return frame


def _events(table: Any, name: str, log: Log) -> pd.DataFrame:
    """Events as intervals from timestamp to timestamp + duration (0 where there is none)."""
    frame = _with_id(table, name, log)
    lasting = frame["duration"].fillna(0.0) if "duration" in frame else 0.0
    frame.insert(1, "start_time", frame["timestamp"].astype(float))
    frame.insert(2, "stop_time", frame["start_time"] + lasting)
    return frame


def _of_series(series: Any, name: str, log: Log) -> pd.DataFrame | None:
    """Rows of an interval series, whose data are k where an interval of kind k starts and -k where it stops."""
    kinds = values_of(series.data, name, log).astype(np.int64)
    times = values_of(series.timestamps, name, log).astype(np.float64)
    parts = [_of_kind(kinds, times, k) for k in np.unique(np.abs(kinds))] if len(kinds) == len(times) else [None]
    if any(part is None for part in parts) or not parts:
        log.notes.append(f"intervals {name}: starts and stops do not alternate; read as a series only")
        return None
    return pd.concat([p for p in parts if p is not None]).sort_values("start_time", kind="stable", ignore_index=True)


def _of_kind(kinds: NDArray[np.int64], times: NDArray[np.float64], kind: np.int64) -> pd.DataFrame | None:
    mine = np.flatnonzero(np.abs(kinds) == kind)
    start, stop = mine[0::2], mine[1::2]
    if kind == 0 or len(start) != len(stop) or not ((kinds[start] > 0).all() and (kinds[stop] < 0).all()):
        return None
    return pd.DataFrame({"start_time": times[start], "stop_time": times[stop], "kind": np.full(len(start), kind)})
