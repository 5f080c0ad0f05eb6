"""Parts of the NWB readers: a recording -> pynwb's object of it, for HDF5 and Zarr alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.types import Recording

SESSION_START = datetime(2000, 1, 1, tzinfo=UTC)
"""A recording does not know its date, and NWB wants one."""
RESERVED_COLUMNS = (
    "spike_times",
    "obs_intervals",
    "electrodes",
    "electrode_group",
    "waveform_mean",
    "waveform_sd",
    "waveforms",
    "id",
)
"""Names of units columns that have another meaning in NWB."""


def nwb_file(recording: Recording) -> Any:
    """Make pynwb's object of a recording, in memory: units, spikes, observed time, trials, behaviour and animal.

    Parameters
    ----------
    recording : Recording
        The recording to write.

    Returns
    -------
    pynwb.NWBFile
        For HDF5 and Zarr alike.

    Raises
    ------
    DataError
        For column names that NWB cannot hold, and for trials without start and stop.
    """
    from pynwb import NWBFile
    from pynwb.file import Subject

    nwb = NWBFile(
        session_description=f"recording {recording.name}",
        identifier=recording.name,
        session_start_time=SESSION_START,
        file_create_date=SESSION_START,
    )
    if recording.animal != "unknown":
        nwb.subject = Subject(subject_id=recording.animal)
    nwb.units = _units(recording)
    if len(recording.trials.columns):
        nwb.trials = _trials(recording)
    if len(recording.behavior):
        module = nwb.create_processing_module("behavior", "behavioural series, each with its own clock")
        for series in _series(recording.behavior):
            module.add(series)
    return nwb


def _units(recording: Recording) -> Any:
    from hdmf.common import VectorData, VectorIndex
    from pynwb.misc import Units

    units = recording.units
    if "group_name" not in units:  # in NWB, electrode_group refers to a group; its name is what a recording keeps
        units = units.rename(columns={"electrode_group": "group_name"})
    order, counts = _by_unit(recording)
    times = VectorData(
        name="spike_times", description="seconds", data=recording.spikes["time_s"].to_numpy(float)[order]
    )
    columns = [times, VectorIndex(name="spike_times_index", data=np.cumsum(counts), target=times)]
    if len(recording.observed):
        spans = np.tile(np.asarray(recording.observed, dtype=np.float64), (len(units), 1))
        observed = VectorData(name="obs_intervals", description="seconds", data=spans)
        ends = len(recording.observed) * np.arange(1, len(units) + 1)
        columns += [observed, VectorIndex(name="obs_intervals_index", data=ends, target=observed)]
    columns += _columns(units, ("unit",), RESERVED_COLUMNS, f"the units of {recording.name}")
    return Units(name="units", description="sorted units", id=units["unit"].to_numpy(), columns=columns)


def _by_unit(recording: Recording) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Order that groups the spikes as the units table does, each unit's own order kept; spikes of each unit."""
    ids = pd.Index(recording.units["unit"])
    if not ids.is_unique:
        raise DataError.of("nwb-write-unit-ids-repeated", recording.name, "unit ids must be unique to be written")
    row = ids.get_indexer(recording.spikes["unit"])
    if (row < 0).any():
        raise DataError.of(
            "nwb-write-spikes-of-unknown-units",
            recording.name,
            f"{int((row < 0).sum())} spikes are of units that are not in the units table",
        )
    return np.argsort(row, kind="stable"), np.bincount(row, minlength=len(ids)).astype(np.int64)


def _trials(recording: Recording) -> Any:
    from pynwb.epoch import TimeIntervals

    trials, what = recording.trials, f"the trials of {recording.name}"
    lacking = {"start_time", "stop_time"} - set(trials.columns)
    if lacking:
        raise DataError.of(
            "nwb-write-columns-missing", "", f"{what} lack {', '.join(sorted(lacking))}, which NWB wants", subject=what
        )
    ids = trials["id"].to_numpy() if "id" in trials else np.arange(len(trials))
    if ids.dtype.kind not in "iu":
        raise DataError.of(
            "nwb-write-ids-not-whole", what, f"expected whole numbers in the column id, found {ids.dtype}"
        )
    columns = _columns(trials.astype({"start_time": float, "stop_time": float}), ("id",), (), what)
    return TimeIntervals(name="trials", description="one row a trial", id=ids, columns=columns)


def _columns(table: pd.DataFrame, skip: tuple[str, ...], taken: tuple[str, ...], what: str) -> list[Any]:
    from hdmf.common import VectorData

    names = [str(c) for c in table.columns if c not in skip]
    bad = [n for n in names if n in taken or "/" in n or ":" in n or not n]
    if bad:
        raise DataError.of(
            "nwb-write-column-names", what, f"NWB cannot hold columns of these names: {', '.join(map(repr, bad))}"
        )
    return [VectorData(name=n, description=n.replace("_", " "), data=_plain_values(table[n])) for n in names]


def _plain_values(values: pd.Series) -> Any:
    """What NWB can hold: numbers, bools, and text, with "" for missing text."""
    kinds = pd.api.types
    if kinds.is_bool_dtype(values) and not values.isna().any():
        return values.to_numpy(dtype=bool)
    if kinds.is_numeric_dtype(values):
        held = values.to_numpy(dtype=float, na_value=np.nan) if values.isna().any() else values.to_numpy()
        return held if held.dtype.kind in "biuf" else held.astype(float)
    return np.array(["" if v is None or v is pd.NA or v != v else str(v) for v in values], dtype=object)


def _series(behavior: pd.DataFrame) -> list[Any]:
    from pynwb import TimeSeries

    return [
        TimeSeries(
            name=str(name).replace("/", "_").replace(":", "_"),
            data=rows["value"].to_numpy(dtype=float),
            timestamps=rows["time_s"].to_numpy(dtype=float),
            unit="unknown",
        )
        for name, rows in behavior.groupby("series", sort=False, observed=True)
    ]
