"""Parts of the NWB readers: behavioural series and events, each with its own clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.nwb.columns import Log, shape_of, values_of
from spikebridge.io.formats.nwb.walk import free_name

MOST_SAMPLES = 5_000_000
"""A longer behavioural series (a raw photodiode, audio) is left out, with a warning: nothing here reads it."""
MOST_COLUMNS = 16


@dataclass(frozen=True)
class Series:
    """samples: (sample, column). suffixes: what the name of each column ends in."""

    times: NDArray[np.float64]
    samples: NDArray[np.float64]
    suffixes: tuple[str, ...]


def behavior_table(objects: Iterable[tuple[tuple[str, ...], Any]], log: Log) -> pd.DataFrame:
    """Long table (series, time_s, value) of every behavioural series and event of the file.

    A series of two or three columns becomes name_x, name_y(, name_z) where it is spatial, else name_0, name_1, ...
    Values are in the unit of the file (conversion and offset applied). Events without a value have the value 1.
    Raw voltage, images, fluorescence and other recordings of the brain are never read.
    """
    found: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for path, thing in objects:
        if path[:2] == ("processing", "ecephys"):
            continue
        where = "/".join(path)
        series = log.guarded(f"behavior {where}", None, _series, thing, path[-1], log)
        if series is None:
            continue
        name = free_name(path, found, series.suffixes)
        columns = zip(series.suffixes, series.samples.T, strict=True)
        found |= {name + end: (series.times, column) for end, column in columns}
    return _long(found)


def _long(found: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> pd.DataFrame:
    if not found:
        return no_behavior()
    codes = np.repeat(np.arange(len(found)), [len(times) for times, _ in found.values()])
    names = pd.Series(pd.Categorical.from_codes(codes, categories=list(found))).astype("str")
    times, values = (np.concatenate([pair[i] for pair in found.values()]) for i in (0, 1))
    return pd.DataFrame({"series": names, "time_s": times, "value": values}, copy=False)


def _series(thing: Any, name: str, log: Log) -> Series | None:
    from hdmf.common import DynamicTable
    from pynwb import TimeSeries

    if isinstance(thing, TimeSeries):
        return None if isinstance(thing, _of_the_brain()) else _time_series(thing, name, log)
    if isinstance(thing, DynamicTable):
        is_events = "timestamp" in thing.colnames and "start_time" not in thing.colnames
        return _events(thing["timestamp"].data, None, name, log) if is_events else None
    times = getattr(thing, "timestamps", None)
    return None if times is None else _events(times, getattr(thing, "data", None), name, log)


def _of_the_brain() -> tuple[type, ...]:
    from pynwb.ecephys import ElectricalSeries
    from pynwb.icephys import PatchClampSeries
    from pynwb.image import ImageSeries, IndexSeries
    from pynwb.misc import DecompositionSeries
    from pynwb.ophys import RoiResponseSeries

    return ElectricalSeries, PatchClampSeries, ImageSeries, IndexSeries, DecompositionSeries, RoiResponseSeries


def _time_series(series: Any, name: str, log: Log) -> Series | None:
    from pynwb.behavior import SpatialSeries

    shape = shape_of(series.data)
    n_columns = shape[1] if len(shape) == 2 else 1
    if len(shape) > 2 or n_columns > MOST_COLUMNS or np.prod(shape) > MOST_SAMPLES:
        log.notes.append(f"behavior {name}: shape {shape} is too large and left out")
        return None
    if not shape or not np.prod(shape) or log.has_lost(series.data, series.timestamps):
        return None
    if not _is_number(series.data):
        log.notes.append(f"behavior {name}: text, not numbers; left out")
        return None
    times = _times(series, name, shape[0], log)
    if times is None:
        return None
    values = values_of(series.data, name, log).astype(np.float64).reshape(shape[0], -1)
    conversion, offset = float(series.conversion), float(getattr(series, "offset", 0.0) or 0.0)
    if (conversion, offset) != (1.0, 0.0):
        values = values * conversion + offset
    suffixes = "xyz" if isinstance(series, SpatialSeries) and n_columns <= 3 else range(n_columns)
    ends = tuple(f"_{s}" for s, _ in zip(suffixes, range(n_columns), strict=False)) if n_columns > 1 else ("",)
    return Series(times, values, ends)


def _is_number(data: Any) -> bool:
    dtype = getattr(data, "dtype", None)
    return np.dtype(dtype if dtype is not None else np.asarray(data).dtype).kind in "biuf"


def _times(series: Any, name: str, n: int, log: Log) -> NDArray[np.float64] | None:
    """(n,), seconds; None, with a note, where the clock does not fit the values."""
    if series.timestamps is None:
        if not series.rate or not np.isfinite(series.rate):
            log.notes.append(f"behavior {name}: neither timestamps nor a rate; left out")
            return None
        return float(series.starting_time or 0.0) + np.arange(n) / float(series.rate)
    shape = shape_of(series.timestamps)
    if shape != (n,):
        log.notes.append(f"behavior {name}: {n} values but timestamps of shape {shape}; left out")
        return None
    return values_of(series.timestamps, f"{name}/timestamps", log).astype(np.float64)


def _events(times: Any, data: Any, name: str, log: Log) -> Series | None:
    """Events at given times, as extensions hold them; with the number of each event where there is one."""
    shape = shape_of(times)
    if len(shape) != 1 or not shape[0] or not _is_number(times):
        return None
    if shape[0] > MOST_SAMPLES:
        log.notes.append(f"behavior {name}: {shape[0]} events are too many and left out")
        return None
    at = values_of(times, f"{name}/timestamps", log).astype(np.float64)
    valued = data is not None and shape_of(data) == shape and _is_number(data)
    values = values_of(data, name, log).astype(np.float64) if valued else np.ones(len(at))
    return Series(at, values[:, None], ("",))
