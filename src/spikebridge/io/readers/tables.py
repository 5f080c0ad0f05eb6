"""Tables: a folder with spikes, units, trials and behavior as CSV, TSV or Parquet, and recording.json: docs/tables.md.

Folders that the stage ingest wrote are read as well. The name of a recording is that of its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import model_validator

from spikebridge.config import Positive, Section
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import ReadLog
from spikebridge.io.formats.sidecars import INFO_FILE, collect_sidecars, sidecars_of, write_recording_info
from spikebridge.io.formats.table import TimeUnit, as_integers, read_table, table_header
from spikebridge.io.formats.table.columns import SUFFIXES, similar_name_hint
from spikebridge.io.formats.table.recording_tables import (
    UNIQUE_ID_ADVICE,
    group_column,
    numbered_within_group,
    time_column,
)
from spikebridge.types import Recording

FORMAT = "tables (folder of CSV, TSV or Parquet)"
LIBRARIES = ("pyarrow.csv", "pyarrow.parquet")
TICKS_PER_S = {"s": 1.0, "ms": 1e3, "us": 1e6}
Unit = Literal["s", "ms", "us", "samples"]


class Options(Section):
    """time_unit: of every time in the tables and in recording.json, but where trial_time_unit (trials and all other
    interval tables) or behavior_time_unit say otherwise. sampling_rate_hz: of the samples, where times are samples.
    time_columns: columns of interval tables that hold times though their names do not end in _time.
    """

    time_unit: Unit = "s"
    trial_time_unit: Unit | None = None
    behavior_time_unit: Unit | None = None
    sampling_rate_hz: Positive | None = None
    time_columns: list[str] = []

    @model_validator(mode="after")
    def _rate_of_samples(self) -> Options:
        units = {self.time_unit, self.trial_time_unit, self.behavior_time_unit}
        if ("samples" in units) != (self.sampling_rate_hz is not None):
            raise ValueError("time_unit: samples and sampling_rate_hz need each other")
        return self

    def clock(self, unit: Unit | None = None) -> TimeUnit:
        unit = unit or self.time_unit
        return TimeUnit(unit, float(TICKS_PER_S.get(unit) or self.sampling_rate_hz or 1.0), tuple(self.time_columns))


def can_read(path: Path) -> bool:
    return bool(_spike_files(path))


def read(path: Path, options: Options) -> Contents:
    """Read one folder. Raises DataError naming everything that is wrong in any of its files."""
    log, clock, trial_clock = ReadLog(), options.clock(), options.clock(options.trial_time_unit)
    behavior_clock = options.clock(options.behavior_time_unit)
    files = _spike_files(path)
    sidecars = collect_sidecars(path, [f.name for f in files], log, clock, trial_clock, behavior_clock)
    if len(files) != 1:
        log.errors.append(
            Finding.error(
                "spikes-table-missing",
                "spikes",
                f"expected one table spikes.csv, .tsv or .parquet, found {listed(f.name for f in files)}",
            )
        )
    if not any(file.stem.lower() == "units" for file in sidecars_of(path)):
        log.errors.append(
            Finding.error(
                "units-table-missing",
                "units",
                "expected a table units.csv, .tsv or .parquet with columns unit and region, found none",
            )
        )
    units = None if sidecars.units is None else _with_integer_ids(sidecars.units, log)
    spikes = _spikes(files[0], units, clock, log) if files else None
    _check_time_columns(sidecars.tables, clock, log)
    log.raise_errors(path)
    assert units is not None and spikes is not None  # else the check would have raised
    return Contents(
        name=path.name,
        animal=sidecars.animal,
        spikes=spikes,
        units=units.drop(columns="key"),
        tables=sidecars.tables,
        behavior=sidecars.behavior,
        observed=sidecars.observed,
        source_file=path.name,
        resolution_s=sidecars.resolution_s,
        notes=(*log.notes, *_more_notes(path, sidecars.tables, clock, trial_clock, behavior_clock)),
    )


def write(recording: Recording, folder: Path, suffix: str = ".parquet") -> Path:
    """Write a folder of tables; suffix: .parquet, .csv or .tsv. Numbers keep every digit in each of them."""
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    for name in ("spikes", "units", "trials", "behavior"):
        table, file = getattr(recording, name), path / f"{name}{suffix}"
        if not len(table.columns):
            continue
        if suffix == ".parquet":
            table.to_parquet(file, index=False)
        else:
            table.to_csv(file, index=False, sep="\t" if suffix == ".tsv" else ",", lineterminator="\n")
    write_recording_info(recording, path / INFO_FILE)
    return path


def _spike_files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return []
        names = {f"spikes{suffix}" for suffix in SUFFIXES}
        return sorted(p for p in path.iterdir() if p.name.lower() in names and p.is_file())
    except (OSError, ValueError):  # no permission; a path that no system can have
        return []


def _with_integer_ids(units: pd.DataFrame, log: ReadLog) -> pd.DataFrame:
    """Units with int64 ids, and in `key` the id of the file. Ids that are text are numbered, and kept as `name`."""
    ids = as_integers(units["unit"])
    key = units["unit"].astype("str") if ids is None else pd.Series(ids, index=units.index)
    twice = key[key.duplicated(keep=False) & ~units["unit"].isna()]
    if len(twice):
        rows = [f"{k} in rows {listed(str(i + 2) for i in same.index)}" for k, same in twice.groupby(twice)]
        column = group_column(units)
        hint = f". Do they count within the column {column}? Then {UNIQUE_ID_ADVICE.format(column)}" if column else ""
        log.errors.append(
            Finding.error(
                "units-table-ids-repeated",
                "units",
                f"units: column unit: ids must be unique, found more than once: {listed(rows, 10)}{hint}",
            )
        )
    if ids is not None:
        return units.assign(unit=ids, key=key)
    rest = units.drop(columns="unit")
    if "name" in rest and list(rest["name"]) != list(key):
        text = "units: the column name is called name_in_file; name holds the ids of the column unit"
        log.notes.append(Finding.warning("column-renamed", "units.name", text))
        rest = rest.rename(columns={"name": "name_in_file"})
    first = pd.DataFrame({"unit": np.arange(len(units), dtype=np.int64), "name": key}, index=units.index)
    return pd.concat([first, rest.drop(columns="name", errors="ignore")], axis=1).assign(key=key)


def _spikes(file: Path, units: pd.DataFrame | None, clock: TimeUnit, log: ReadLog) -> pd.DataFrame | None:
    """Columns unit and time_s, grouped by unit, in the order of the file."""
    names = table_header(file)
    at = clock.column(names)
    frame = read_table(file, log, numbers=(at,), ids=("unit",))
    if frame is None:
        return None
    if units is not None and _swapped(frame, at, units):
        log.add_error(
            "columns-swapped",
            file,
            f"are the columns unit and {at} swapped? {at} holds ids of the units table, unit does not",
        )
        return None
    if at not in frame and "unit" not in frame and _one_column_a_unit(frame):
        log.add_error(
            "spikes-columns-missing",
            file,
            f"expected columns unit and {at}, found {listed(names, 8)}: {ONE_COLUMN_A_UNIT}",
        )
        return None
    seconds = time_column(frame, at, file, log, clock)
    if "unit" not in frame:
        log.add_error(
            "spikes-column-unit-missing",
            file,
            f"expected a column unit, found {listed(map(str, frame.columns))}{similar_name_hint('unit', names)}",
        )
        return None
    within, text = numbered_within_group(frame)
    if within:
        column = group_column(frame)
        log.add_error(
            "unit-ids-count-within-a-group",
            file,
            f"{text}. Ids seem to count within it: {UNIQUE_ID_ADVICE.format(column)}; where a unit may have spikes on "
            f"several, take the column {column} out",
        )
        return None
    if text:
        log.notes.append(
            Finding.warning(
                "units-on-several-channels",
                file.name,
                f"{file.name}: {text}; each unit is read as one.",
                "Ids that count within it would need other ones",
            )
        )
    more = [str(c) for c in frame if c not in ("unit", at)]
    if more:
        unread = f"{file.name}: columns that are not read: {listed(more)}"
        log.notes.append(Finding.warning("columns-not-read", file.name, unread))
    place = None if units is None else _unit_rows(frame["unit"], units, file, log)
    if seconds is None or place is None or units is None:
        return None
    if (place < 0).any():
        place, seconds = place[place >= 0], seconds[place >= 0]
    if np.count_nonzero(np.diff(place)) + 1 > len(np.unique(place)):
        order = np.argsort(place, kind="stable")
        place, seconds = place[order], seconds[order]
    return pd.DataFrame({"unit": units["unit"].to_numpy()[place], "time_s": seconds})


ONE_COLUMN_A_UNIT = (
    "is there one column for each unit? Write one row for each spike, with its unit and its time, or one file for each "
    "unit (data.reader: cells)"
)


def _one_column_a_unit(frame: pd.DataFrame) -> bool:
    """Whether all of several columns hold times that rise, as programs export the spikes of all units side by side."""
    columns = [frame[c].dropna() for c in frame]
    return len(columns) > 1 and all(pd.api.types.is_numeric_dtype(c) and c.is_monotonic_increasing for c in columns)


def _swapped(frame: pd.DataFrame, at: str, units: pd.DataFrame) -> bool:
    if "unit" not in frame or at not in frame:
        return False
    known = set(units["key"].astype(str))
    ids, times = (frame[name].head(1000).astype(str) for name in ("unit", at))
    times = times.str.removesuffix(".0")
    return bool(len(times) and times.isin(known).all() and not ids.isin(known).any())


TO_ADD = "Add a row for each of them to it; a unit whose region is empty is not used"


def _unit_rows(owners: pd.Series, units: pd.DataFrame, file: Path, log: ReadLog) -> NDArray[np.int64] | None:
    """(spike,): the row of each spike's unit in the units table, -1 where that has none, which is noted: no region is
    known of such a unit, so that nothing could use it. None where an id is missing, or the tables do not seem to belong
    to each other: most spikes are of such units, or ids count from another number.
    """
    without = np.flatnonzero(owners.isna())
    if len(without):
        log.add_error(
            "spikes-without-unit",
            file,
            f"column unit: expected an id in every row, found none in rows {listed(map(str, without + 2), 10)}",
        )
        return None
    ids = as_integers(owners)
    if ids is None or units["key"].dtype != np.int64:
        codes, unique_ids = pd.factorize(owners.astype("str") if ids is None else ids)
        unique_ids, known = pd.Index(unique_ids).astype("str"), pd.Index(units["key"].astype("str"))
    else:
        codes, unique_ids = pd.factorize(ids)
        known = pd.Index(units["key"])
    rows = known.drop_duplicates().get_indexer(pd.Index(unique_ids))
    strange = np.flatnonzero(rows < 0)
    if not len(strange):
        return np.asarray(rows[codes], dtype=np.int64)
    first = {k: int(np.argmax(codes == k)) + 2 for k in strange[:10]}
    shown = [f"{unique_ids[k]} (from row {row})" for k, row in first.items()]
    if len(strange) > len(shown):
        shown.append(f"{len(strange) - len(shown)} more")
    n = int(np.isin(codes, strange).sum())
    text = f"column unit: {counted(n, 'spike')} of units that are not in the units table: {', '.join(shown)}"
    numbers = ids is not None and known.dtype == np.int64
    if numbers and (by := _id_shift(np.asarray(unique_ids), np.asarray(known))):
        begin = "1 here and from 0 there" if by > 0 else "0 here and from 1 there"
        log.add_error(
            "spikes-of-ids-shifted", file, f"{text}. Ids seem to count from {begin}: give both tables the same ids"
        )
    elif 2 * n > len(codes) or numbers != (known.dtype == np.int64):
        log.add_error("spikes-of-no-unit", file, f"{text}. {TO_ADD}")
    else:
        log.notes.append(
            Finding.warning(
                "spikes-left-out", file.name, f"{file.name}: {text}; left out, since no region is known of them"
            )
        )
        return np.asarray(rows[codes], dtype=np.int64)
    return None


def _id_shift(spike_ids: NDArray[np.int64], known: NDArray[np.int64]) -> int:
    """1 or -1 where ids of spikes are all in the units table once that is taken from them; else 0."""
    return next((by for by in (1, -1) if np.isin(spike_ids - by, known).all()), 0)


def _check_time_columns(tables: dict[str, pd.DataFrame], clock: TimeUnit, log: ReadLog) -> None:
    columns = sorted({str(c) for t in tables.values() for c in t})
    for name in set(clock.time_columns) - set(columns):
        hint = did_you_mean(name, columns)
        log.errors.append(
            Finding.error(
                "time-column-missing",
                "data.options.time_columns",
                f"data.options.time_columns: no table has a column {name!r}{hint} Columns: {listed(columns)}",
            )
        )


def _more_notes(
    path: Path, tables: dict[str, pd.DataFrame], clock: TimeUnit, trial_clock: TimeUnit, behavior_clock: TimeUnit
) -> list[Finding]:
    notes = []
    left = [p for p in sorted(path.iterdir()) if p.name != INFO_FILE and not p.name.startswith(".")]
    left = [p for p in left if p.suffix.lower() not in SUFFIXES or p.is_dir()]
    if left:
        notes.append(Finding.warning("files-not-read", "files", f"not read: {listed((p.name for p in left), 10)}"))
    times = [f"{n}.{c}" for n, t in tables.items() for c in t if clock.is_time(str(c)) and t[c].dtype.kind == "f"]
    of: dict[str, list[str]] = {}
    for name, clock_of_part in (("spikes", clock), ("behavior", behavior_clock), *((t, trial_clock) for t in times)):
        of.setdefault(clock_of_part.unit, []).append(name)
    texts = {unit: f"times in {unit}, read as seconds: {listed(what)}" for unit, what in of.items() if unit != "s"}
    return notes + [Finding.warning("times-converted", f"times in {unit}", text) for unit, text in texts.items()]
