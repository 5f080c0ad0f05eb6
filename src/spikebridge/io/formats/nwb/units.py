"""Parts of the NWB readers: the tables of units of a file, and what each holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.formats.log import precision_notes
from spikebridge.io.formats.nwb.columns import NwbLog, plain_columns, ragged_column, read_values, to_text
from spikebridge.types.intervals import as_intervals

SEPARATE_COLUMNS = ("spike_times", "obs_intervals", "electrodes")
"""Columns of the units that are read apart."""
IGNORED_COLUMNS = ("waveform_mean", "waveform_sd", "waveforms")
"""Columns of the units that NWB itself defines and nothing here reads."""


def empty_units() -> pd.DataFrame:
    return pd.DataFrame({"unit": np.empty(0, dtype=np.int64)})


def choose_units_tables(nwb: Any, objects: list[Any], asked: str | list[str], log: NwbLog) -> dict[str, Any]:
    """Path -> table of units, in the order in which they are asked for; "auto" takes the first of the file.

    Empty, with an entry in `log.errors`, where one of them is not there or holds no spikes.
    """
    from pynwb.misc import Units

    tables = {"/".join(path): thing for path, thing in objects if isinstance(thing, Units)}
    if nwb.units is not None:
        tables = {"units": nwb.units} | tables
    names = [asked] if isinstance(asked, str) else list(dict.fromkeys(asked))
    if asked == "auto":
        names = list(tables)[:1] or [""]
        others = list(tables)[1:]
        if others:
            text = f"units are read from {names[0]}; the file also has {listed(others)}:"
            all_of_them = f"data.options.units: [{', '.join(tables)}] reads them all as one recording"
            remedy = f"see data.options.units; {all_of_them}"
            log.notes.append(Finding.warning("several-units-tables", "units", text, remedy))
    wrong = [why for name in names if (why := _table_error(nwb, name, tables)) is not None]
    log.errors.extend(wrong)
    return {} if wrong else {name: tables[name] for name in names}


def _table_error(nwb: Any, asked: str, tables: dict[str, Any]) -> Finding | None:
    """Why a table cannot be read; None where it can."""
    if asked not in tables and asked:
        hint = did_you_mean(asked, tables)
        text = f"data.options.units = {asked!r} is no units table{hint} Tables: {listed(tables)}"
        return Finding.error("nwb-units-table-unknown", "data.options.units", text)
    if asked not in tables:
        text = f"expected a units table with spike_times, found none{_other_contents(nwb)}"
        return Finding.error("nwb-units-table-missing", "units", text)
    table = tables[asked]
    if not len(table):
        text = f"expected units, but the table {asked} has no rows{_other_contents(nwb)}"
        return Finding.error("nwb-units-table-empty", asked, text)
    if "spike_times" not in table.colnames:
        text = f"expected a column spike_times in {asked}, found only {listed(table.colnames)}"
        return Finding.error("nwb-spike-times-missing", asked, text)
    return None


def _other_contents(nwb: Any) -> str:
    """What a file without units holds instead."""
    from pynwb.ecephys import ElectricalSeries

    raw = [name for name, thing in nwb.acquisition.items() if isinstance(thing, ElectricalSeries)]
    if raw:
        return f"; the file holds raw data ({listed(raw, 5)}) but no units: sort the spikes first"
    inside = {"acquisition": list(nwb.acquisition), "processing": list(nwb.processing)}
    held = "; ".join(f"{group}: {listed(names, 8)}" for group, names in inside.items() if names)
    return f"; the file holds {held or 'neither acquisition nor processing'}"


def read_units(table: Any, where: str, log: NwbLog) -> pd.DataFrame:
    """The columns of one value a unit, unit first."""
    units = plain_columns(table, where, log, (*SEPARATE_COLUMNS, *IGNORED_COLUMNS))
    ids = read_values(table.id.data, f"{where}/id", log)
    if ids.dtype.kind in "iu" and (not len(ids) or int(ids.max()) <= np.iinfo(np.int64).max):
        units.insert(0, "unit", ids.astype(np.int64))
        return units
    keep = next(n for n in ("name", "original_id", "id of the file") if n not in units)
    largest = np.iinfo(np.int64).max
    odd = ids if ids.dtype.kind not in "iu" else ids[ids.astype(np.uint64) > largest]
    log.notes.append(
        Finding.warning(
            "unit-ids-numbered",
            where,
            f"unit ids such as {to_text(odd[0])} are no 64-bit integers: units are numbered, see column {keep}",
        )
    )
    units.insert(0, "unit", np.arange(len(units), dtype=np.int64))
    return units.assign(**{keep: [to_text(i) for i in ids]})


def read_spikes(table: Any, units: pd.DataFrame, where: str, log: NwbLog) -> pd.DataFrame:
    times, counts = ragged_column(table, "spike_times", where, log)
    if times.ndim != 1 or times.dtype.kind not in "iuf":
        raise DataError.of(
            "nwb-spike-times-not-numbers",
            f"{where}/spike_times",
            f"expected one number a spike, found {times.dtype} of shape {times.shape}",
        )
    log.notes.extend(precision_notes(times, f"{where}/spike_times"))
    ids = np.repeat(units["unit"].to_numpy(), counts)
    return pd.DataFrame({"unit": ids, "time_s": times.astype(np.float64, copy=False)}, copy=False)


def read_observed(table: Any, where: str, log: NwbLog) -> tuple[NDArray[np.float64], ...] | None:
    if "obs_intervals" not in table.colnames:
        return None
    pairs, counts = ragged_column(table, "obs_intervals", where, log)
    if len(pairs) and pairs.shape[1:] != (2,):
        raise DataError.of(
            "nwb-obs-intervals-shape", f"{where}/obs_intervals", f"expected (interval, 2), found shape {pairs.shape}"
        )
    if (counts == 0).any():
        log.notes.append(
            Finding.warning(
                "units-without-obs-intervals",
                where,
                f"{int((counts == 0).sum())} of {len(counts)} units have no obs_intervals",
            )
        )
    return tuple(as_intervals(p) for p in np.split(pairs, np.cumsum(counts)[:-1]))
