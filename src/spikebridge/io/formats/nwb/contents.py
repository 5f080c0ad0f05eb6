"""Parts of the NWB readers: an open file, of HDF5 or Zarr -> Contents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from spikebridge.config import Section
from spikebridge.errors import DataError
from spikebridge.intervals import as_intervals
from spikebridge.io.contents import Contents, no_behavior
from spikebridge.io.formats.nwb.behavior import behavior_table
from spikebridge.io.formats.nwb.columns import Log, plain_columns, ragged, text, values_of
from spikebridge.io.formats.nwb.places import places_of
from spikebridge.io.formats.nwb.tables import interval_tables
from spikebridge.io.formats.nwb.walk import walk
from spikebridge.io.formats.precision import coarse
from spikebridge.suggest import did_you_mean, listed

PARTS = ("spike_times", "obs_intervals", "electrodes")
"""Columns of the units that are read apart."""
STANDARD = ("waveform_mean", "waveform_sd", "waveforms")
"""Columns of the units that NWB itself defines and nothing here reads."""


class NWBOptions(Section):
    """What `data.options` may say."""

    units: str = Field("auto", description="path of the units table where a file has several: processing/ecephys/units")


def contents_of(nwb: Any, name: str, path: Path, options: NWBOptions, log: Log) -> Contents:
    """Everything of an open NWB file. Raises DataError with everything wrong, not the first thing."""
    objects = list(walk(nwb))
    table, where = _units_table(nwb, objects, options, log)
    tables = log.guarded("interval tables", {}, interval_tables, objects, log)
    behavior = log.guarded("behavior", no_behavior(), behavior_table, objects, log)
    units = log.guarded(where, _no_units(), _units, table, where, log)
    spikes, places, observed = None, None, None
    if len(units):
        spikes = log.guarded(where, None, _spikes, table, units, where, log)
        places = log.guarded(where, None, places_of, nwb, table, where, log)
        observed = log.guarded(where, None, _observed, table, where, log)
    if log.wrong or spikes is None:
        raise DataError(refusal(path, log.wrong))
    subject = getattr(nwb.subject, "subject_id", None) if nwb.subject is not None else None
    return Contents(
        name=name,
        animal=text(subject) or "unknown",
        spikes=spikes,
        units=units,
        tables=tables,
        behavior=behavior,
        places=places or {},
        observed_of_unit=observed,
        source_file=path.name,
        notes=tuple(log.notes),
    )


def refusal(path: Path, wrong: list[str]) -> str:
    """The message of an error: the file, and one line for each thing."""
    return f"{path}:" + (f" {wrong[0]}" if len(wrong) == 1 else "".join(f"\n  - {w}" for w in wrong))


def _no_units() -> pd.DataFrame:
    return pd.DataFrame({"unit": np.empty(0, dtype=np.int64)})


def _units_table(nwb: Any, objects: list[Any], options: NWBOptions, log: Log) -> tuple[Any, str]:
    """The units table and its name; None, with a word in `log.wrong`, where there is none with spikes."""
    from pynwb.misc import Units

    found = {"/".join(path): thing for path, thing in objects if isinstance(thing, Units)}
    if nwb.units is not None:
        found = {"units": nwb.units} | found
    asked = options.units if options.units != "auto" else next(iter(found), "")
    if asked not in found:
        log.wrong.append(_no_such_units(nwb, asked, found))
        return None, "units"
    table = found[asked]
    others = [name for name in found if name != asked]
    if others and options.units == "auto":
        log.notes.append(f"units are read from {asked}; the file also has {listed(others)}: see data.options.units")
    if not len(table):
        log.wrong.append(f"expected units, but the table {asked} has no rows{_what_else(nwb)}")
    elif "spike_times" not in table.colnames:
        log.wrong.append(f"expected a column spike_times in {asked}, found only {listed(table.colnames)}")
    else:
        return table, asked
    return None, asked


def _no_such_units(nwb: Any, asked: str, found: dict[str, Any]) -> str:
    if asked:
        return f"data.options.units = {asked!r} is no units table{did_you_mean(asked, found)} Tables: {listed(found)}"
    return f"expected a units table with spike_times, found none{_what_else(nwb)}"


def _what_else(nwb: Any) -> str:
    """What a file without units holds instead, in words."""
    from pynwb.ecephys import ElectricalSeries

    raw = [name for name, thing in nwb.acquisition.items() if isinstance(thing, ElectricalSeries)]
    if raw:
        return f"; the file holds raw data ({listed(raw, 5)}) but no units: sort the spikes first"
    inside = {"acquisition": list(nwb.acquisition), "processing": list(nwb.processing)}
    held = "; ".join(f"{group}: {listed(names, 8)}" for group, names in inside.items() if names)
    return f"; the file holds {held or 'neither acquisition nor processing'}"


def _units(table: Any, where: str, log: Log) -> pd.DataFrame:
    """The columns of one value a unit, unit first."""
    if table is None:
        return _no_units()
    units = plain_columns(table, where, log, (*PARTS, *STANDARD))
    ids = values_of(table.id.data, f"{where}/id", log)
    if ids.dtype.kind in "iu" and (not len(ids) or int(ids.max()) <= np.iinfo(np.int64).max):
        units.insert(0, "unit", ids.astype(np.int64))
        return units
    keep = next(n for n in ("name", "original_id", "id of the file") if n not in units)
    largest = np.iinfo(np.int64).max
    odd = ids if ids.dtype.kind not in "iu" else ids[ids.astype(np.uint64) > largest]
    log.notes.append(f"unit ids such as {text(odd[0])} are no 64-bit integers: units are numbered, see column {keep}")
    units.insert(0, "unit", np.arange(len(units), dtype=np.int64))
    return units.assign(**{keep: [text(i) for i in ids]})


def _spikes(table: Any, units: pd.DataFrame, where: str, log: Log) -> pd.DataFrame:
    times, counts = ragged(table, "spike_times", where, log)
    if times.ndim != 1 or times.dtype.kind not in "iuf":
        raise DataError(f"{where}/spike_times: expected one number a spike, found {times.dtype} of shape {times.shape}")
    log.notes.extend(coarse(times, f"{where}/spike_times"))
    ids = np.repeat(units["unit"].to_numpy(), counts)
    return pd.DataFrame({"unit": ids, "time_s": times.astype(np.float64, copy=False)}, copy=False)


def _observed(table: Any, where: str, log: Log) -> tuple[NDArray[np.float64], ...] | None:
    if "obs_intervals" not in table.colnames:
        return None
    pairs, counts = ragged(table, "obs_intervals", where, log)
    if len(pairs) and pairs.shape[1:] != (2,):
        raise DataError(f"{where}/obs_intervals: expected (interval, 2), found shape {pairs.shape}")
    if (counts == 0).any():
        log.notes.append(f"{int((counts == 0).sum())} of {len(counts)} units have no obs_intervals")
    return tuple(as_intervals(p) for p in np.split(pairs, np.cumsum(counts)[:-1]))
