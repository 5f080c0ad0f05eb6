"""Neurodata Without Borders (NWB 2, HDF5), by pynwb.

The name of a recording is the stem of its file; its animal is `subject.subject_id`, or "unknown".

Regions (`data.region_from`): "auto" takes the first of the units columns in `REGION_COLUMNS`, then electrodes.location,
that holds one of the asked regions; "electrodes" or "electrodes.<column>" goes through the electrodes of a unit; any
other word is a units column. A unit on electrodes of several regions is where most of its electrodes are, the first
named one on a tie; a tie between a source and a target region puts it in neither ("CA1/ACA", with a warning).

Observed time (`data.observed`): "auto" is the intersection of the obs_intervals of the units in source and target, else
first to last spike of all units; "trials" is the union of start_time..stop_time of the trial table; any other word is
an interval table.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.intervals import as_intervals, intersect_intervals, merge_intervals
from spikebridge.io.readers._nwb_tables import behavior_table, interval_table, plain_columns, text
from spikebridge.io.suggest import did_you_mean, listed
from spikebridge.types import Recording

REGION_COLUMNS = (
    "brain_area", "region", "location", "area", "brain_region", "anatomical_location", "structure", "structure_acronym"
)  # fmt: skip


def can_read(path: Path) -> bool:
    return path.suffix.lower() == ".nwb" and path.is_file()


def read(path: Path, data: DataConfig, trials: TrialsConfig) -> Recording:
    """Read one file. Raises DataError where it is no NWB file or lacks units, spikes, regions or the trial table."""
    from pynwb import NWBHDF5IO  # a second to import: only where a file is read

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cached namespaces, deprecated fields: nothing a user can act on
        try:
            with NWBHDF5IO(str(path), mode="r", load_namespaces=True) as handle:
                return _recording(handle.read(), path, data, trials)
        except SpikebridgeError:
            raise
        except Exception as error:  # pynwb, hdmf and h5py raise anything from OSError to TypeError on a broken file
            raise DataError(f"{path}: cannot be read as NWB ({type(error).__name__}: {error})") from error


def _recording(nwb: Any, path: Path, data: DataConfig, trials: TrialsConfig) -> Recording:
    notes: list[str] = []
    if nwb.units is None or "spike_times" not in nwb.units.colnames or len(nwb.units) == 0:
        raise DataError(f"{path}: expected a units table with spike_times, found none")
    units = plain_columns(nwb.units, notes)
    units.insert(0, "unit", np.asarray(nwb.units.id[:]).astype(np.int64))
    units["region"] = _regions(nwb, path, data, notes)
    spikes = _spikes(nwb.units, units["unit"].to_numpy())
    table = interval_table(nwb, trials.table, path, "trials.table", notes)
    subject = getattr(nwb.subject, "subject_id", None) if nwb.subject is not None else None
    return Recording(
        name=path.stem,
        animal=text(subject) if subject else "unknown",
        spikes=spikes,
        units=units,
        trials=table,
        behavior=behavior_table(nwb, notes),
        observed=_observed(nwb, path, data, table, units, spikes, notes),
        source_file=path.name,
        warnings=tuple(notes),
    )


def _ragged(column: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values of a ragged units column and how many each unit has."""
    ends = np.asarray(column.data[:], dtype=np.int64)
    return np.asarray(column.target.data[:]), np.diff(ends, prepend=0)


def _spikes(table: Any, ids: NDArray[np.int64]) -> pd.DataFrame:
    times, n = _ragged(table["spike_times"])
    return pd.DataFrame({"unit": np.repeat(ids, n), "time_s": times.astype(np.float64)})


def _regions(nwb: Any, path: Path, data: DataConfig, notes: list[str]) -> list[str]:
    """(unit,): see the head of this file."""
    units, asked = nwb.units, data.region_from
    if asked != "auto":
        if asked.split(".")[0] == "electrodes":
            return _regions_by_electrode(nwb, path, data, asked.partition(".")[2] or "location", notes)
        if asked not in units.colnames:
            raise DataError(
                f"{path}: data.region_from = {asked!r} is no column of the units{did_you_mean(asked, units.colnames)} "
                f"Columns: {listed(units.colnames)}"
            )
        return [text(v) for v in units[asked].data[:]]
    choices = [[text(v) for v in units[c].data[:]] for c in REGION_COLUMNS if c in units.colnames]
    if "electrodes" in units.colnames:
        choices.append(_regions_by_electrode(nwb, path, data, "location", notes))
    if not choices:
        raise DataError(
            f"{path}: no region of a unit found: expected a units column ({listed(REGION_COLUMNS)}) or electrodes; "
            f"units have {listed(units.colnames)}. Name the column in data.region_from"
        )
    wanted = set(data.source) | set(data.target)
    return next((regions for regions in choices if wanted & set(regions)), choices[0])


def _regions_by_electrode(nwb: Any, path: Path, data: DataConfig, column: str, notes: list[str]) -> list[str]:
    if "electrodes" not in nwb.units.colnames or nwb.electrodes is None:
        raise DataError(f"{path}: data.region_from = {data.region_from!r}, but units have no electrodes")
    if column not in nwb.electrodes.colnames:
        raise DataError(f"{path}: electrodes have no column {column!r}; columns: {listed(nwb.electrodes.colnames)}")
    places = [text(v) for v in nwb.electrodes[column].data[:]]
    rows, n = _ragged(nwb.units["electrodes"])
    per_unit = np.split(rows.astype(np.int64), np.cumsum(n)[:-1])
    regions = [_place([places[row] for row in mine], data) for mine in per_unit]
    torn = sum(region not in places and region != "" for region in regions)
    if torn:
        notes.append(f"{torn} units lie as much in a source as in a target region and are in neither")
    return regions


def _place(places: list[str], data: DataConfig) -> str:
    """The region of one unit from those of its electrodes."""
    counts = Counter(places)
    best = [p for p in counts if counts[p] == max(counts.values())]
    if set(best) & set(data.source) and set(best) & set(data.target):
        return "/".join(best)
    return best[0] if best else ""


def _observed(
    nwb: Any, path: Path, data: DataConfig, trials: pd.DataFrame, units: pd.DataFrame, spikes: pd.DataFrame,
    notes: list[str],
) -> NDArray[np.float64]:  # fmt: skip
    if data.observed == "trials":
        return _span_of(trials, path, "trials.table")
    if data.observed != "auto":
        return _span_of(interval_table(nwb, data.observed, path, "data.observed", notes), path, data.observed)
    used = np.flatnonzero(units["region"].isin([*data.source, *data.target]))
    if "obs_intervals" in nwb.units.colnames and len(used):
        pairs, n = _ragged(nwb.units["obs_intervals"])
        per_unit = np.split(pairs, np.cumsum(n)[:-1])
        per_unit = list({p.tobytes(): p for p in (per_unit[u] for u in used)}.values())  # mostly all are the same
        observed = intersect_intervals(per_unit)
        if not len(observed):
            raise DataError(f"{path}: the obs_intervals of the source and target units have no time in common")
        return observed
    times = spikes["time_s"].to_numpy()
    times = times[np.isfinite(times)]
    # the last spike itself must lie inside a half-open interval
    return as_intervals([[times.min(), np.nextafter(times.max(), np.inf)]] if len(times) else [])


def _span_of(table: pd.DataFrame, path: Path, name: str) -> NDArray[np.float64]:
    missing = {"start_time", "stop_time"} - set(table.columns)
    if missing:
        raise DataError(f"{path}: observed time from {name} needs columns start_time and stop_time")
    return merge_intervals(table[["start_time", "stop_time"]].to_numpy(dtype=np.float64))
