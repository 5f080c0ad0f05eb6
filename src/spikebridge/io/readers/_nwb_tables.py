"""Parts of the NWB reader: dynamic tables and time series -> plain pandas tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.io.suggest import listed

MOST_SAMPLES = 5_000_000
"""A longer behavioural series (a raw photodiode, audio) is left out, with a warning: nothing here reads it."""
MOST_COLUMNS = 16


def text(value: Any) -> str:
    """A str of str, bytes or anything else; None and NaN become empty."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return "" if value is None or value != value else str(value)


def plain_columns(table: Any, notes: list[str]) -> pd.DataFrame:
    """The columns of a dynamic table that hold one number, bool or text a row; ragged ones (spike_times) are left."""
    from hdmf.common import DynamicTableRegion, VectorIndex

    columns = {}
    for name in table.colnames:
        column = table[name]
        if isinstance(column, (VectorIndex, DynamicTableRegion)):
            continue
        values = np.asarray(column.data[:])
        if values.ndim == 1:
            columns[name] = _plain(pd.Series(values))
    return pd.DataFrame(columns, index=range(len(table)))


def _plain(values: pd.Series) -> pd.Series:
    """Text where there is text, else as it was. Missing text stays missing."""
    if values.dtype.kind in "biufM":
        return values
    held = values.map(lambda v: v.decode("utf-8", "replace") if isinstance(v, bytes) else v)
    numbers = [isinstance(v, (bool, int, float, np.number, np.bool_)) or v is None for v in held]
    if all(numbers):
        return held.infer_objects()
    return held.map(lambda v: None if v is None or v != v else str(v)).astype("str")


def interval_tables(nwb: Any, notes: list[str]) -> dict[str, pd.DataFrame]:
    """Every interval table by name: trials, epochs, those of nwb.intervals, and those in processing modules.

    Read as plain tables, never as interval sets: those merge overlapping trials.
    """
    from pynwb.epoch import TimeIntervals

    tables = {
        n: t for m in nwb.processing.values() for n, t in m.data_interfaces.items() if isinstance(t, TimeIntervals)
    }
    tables.update(nwb.intervals)
    return {name: _interval_table(name, table, notes) for name, table in tables.items()}


def _interval_table(name: str, table: Any, notes: list[str]) -> pd.DataFrame:
    skip = {c for c in table.colnames if c in ("timeseries", "tags")}
    frame = table.to_dataframe(exclude=skip).reset_index(names="id")
    ragged = [c for c in frame if frame[c].map(lambda v: isinstance(v, (list, tuple, np.ndarray))).any()]
    if ragged:
        notes.append(f"{name}: columns with several values a row are left out: {listed(map(str, ragged))}")
    return pd.DataFrame({str(c): _plain(frame[c]) for c in frame if c not in ragged}, index=frame.index)


def behavior_table(nwb: Any, notes: list[str]) -> pd.DataFrame:
    """Long table (series, time_s, value) of the plain and spatial time series in processing and acquisition.

    A series of two or three columns becomes name_x, name_y(, name_z) where it is spatial, else name_0, name_1, ...
    Values are in the unit of the file (conversion and offset applied).
    """
    parts = []
    for name, series in _behavior_series(nwb):
        shape = np.shape(series.data)
        n_columns = shape[1] if len(shape) == 2 else 1
        if len(shape) > 2 or n_columns > MOST_COLUMNS or np.prod(shape) > MOST_SAMPLES:
            notes.append(f"behavior {name}: shape {tuple(map(int, shape))} is too large and left out")
            continue
        values = np.asarray(series.data[:])
        if values.dtype.kind not in "biuf" or not len(values):
            continue
        values = (values * series.conversion + getattr(series, "offset", 0.0)).reshape(len(values), -1)
        times = _times(series, len(values))
        names = _column_names(name, series, values.shape[1])
        parts += [pd.DataFrame({"series": n, "time_s": times, "value": values[:, i]}) for i, n in enumerate(names)]
    empty = {"series": pd.Series(dtype="str"), "time_s": pd.Series(dtype=float), "value": pd.Series(dtype=float)}
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(empty)


def _behavior_series(nwb: Any) -> Iterator[tuple[str, Any]]:
    from pynwb import TimeSeries
    from pynwb.behavior import SpatialSeries

    seen: set[str] = set()
    groups = [(m.name, list(m.data_interfaces.values())) for m in nwb.processing.values() if m.name != "ecephys"]
    for group, members in [*groups, ("acquisition", list(nwb.acquisition.values()))]:
        for member in members:
            for series in [member, *getattr(member, "children", ())]:
                if type(series) in (TimeSeries, SpatialSeries):  # subclasses are raw voltage, images, annotations
                    name = series.name if series.name not in seen else f"{group}/{series.name}"
                    seen.add(name)
                    yield name, series


def _times(series: Any, n: int) -> np.ndarray:
    if series.timestamps is not None:
        return np.asarray(series.timestamps[:], dtype=np.float64)[:n]
    return float(series.starting_time or 0.0) + np.arange(n) / float(series.rate)


def _column_names(name: str, series: Any, n: int) -> list[str]:
    from pynwb.behavior import SpatialSeries

    if n == 1:
        return [name]
    suffixes = "xyz" if isinstance(series, SpatialSeries) and n <= 3 else range(n)
    return [f"{name}_{s}" for s, _ in zip(suffixes, range(n), strict=False)]
