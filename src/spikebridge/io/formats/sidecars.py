"""Tables beside a recording whose own format holds no regions, trials or behaviour, and the inverse.

Of a folder they lie in it: units.csv, trials.csv, behavior.csv, recording.json. Of a file day1.mat they lie beside it:
day1.units.csv, day1.trials.csv, ... Any other table with start_time and stop_time is an interval table of that name.
CSV, TSV or Parquet; times in seconds on the clock of the spikes. recording.json: {"animal": "...", "observed":
[[0.0, 3600.0]]}, both optional.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents, no_behavior
from spikebridge.io.formats.log import ReadLog
from spikebridge.io.formats.table import TimeUnit, as_integers, table_header
from spikebridge.io.formats.table.columns import SUFFIXES
from spikebridge.io.formats.table.recording_tables import (
    RecordingInfo,
    read_behavior_table,
    read_interval_table,
    read_recording_info,
    read_units_table,
)
from spikebridge.labels.unit_labels import (
    PERSON,
    UNNAMED,
    describe_contradictions,
    holds_labels,
    judge_of_column,
    label_words,
    merge_labels,
)
from spikebridge.types import Recording

INFO_FILE = "recording.json"
TABLE_NAMES = ("units", "trials", "behavior", "spikes")


@dataclass(frozen=True)
class Sidecars:
    """The tables that a user put beside a recording.

    Parameters
    ----------
    units : pd.DataFrame or None
        Column unit is int64, or text where an id is no whole number; None where there is no such table.
    tables : dict[str, pd.DataFrame]
        Interval tables by name, times in seconds.
    behavior : pd.DataFrame
        Long table as in Contents; empty where there is none.
    animal : str
        "unknown" where it is not given.
    observed : NDArray, shape (interval, 2), or None
        Observed time in seconds; None where it is not given.
    notes : tuple of Finding
        What is unusual.
    resolution_s : float
        Width of the bins of recordings that were binned before; else 0.
    """

    units: pd.DataFrame | None
    tables: dict[str, pd.DataFrame]
    behavior: pd.DataFrame
    animal: str
    observed: NDArray[np.float64] | None
    notes: tuple[Finding, ...]
    resolution_s: float = 0.0


def read_sidecars(path: Path, skip: Collection[str] = ()) -> Sidecars:
    """Read the tables beside a recording.

    Parameters
    ----------
    path : Path
        The recording.
    skip : Collection[str]
        Names of files of the format itself.

    Returns
    -------
    Sidecars
        The tables; empty where there are none.

    Raises
    ------
    DataError
        With everything that is wrong in all of them.
    """
    log = ReadLog()
    sidecars = collect_sidecars(path, skip, log, TimeUnit())
    log.raise_errors(path)
    return sidecars


def collect_sidecars(
    path: Path,
    skip: Collection[str],
    log: ReadLog,
    clock: TimeUnit,
    trial_clock: TimeUnit | None = None,
    behavior_clock: TimeUnit | None = None,
) -> Sidecars:
    """As `read_sidecars`, with what is wrong left in the log. trial_clock, behavior_clock: where these have others."""
    files = dict(_files(path, skip, log))
    units, behavior, about = files.pop("units", None), files.pop("behavior", None), files.pop(INFO_FILE, None)
    tables: dict[str, pd.DataFrame] = {}
    for name, file in files.items():
        if name == "trials" or {"start_time", "stop_time"} <= set(table_header(file)):
            table = read_interval_table(file, log, trial_clock or clock)
            tables |= {} if table is None else {name: table}
        else:
            _unknown_table(name, file, log)
    info = RecordingInfo() if about is None else read_recording_info(about, log, clock)
    return Sidecars(
        units=None if units is None else read_units_table(units, log),
        tables=tables,
        behavior=no_behavior() if behavior is None else read_behavior_table(behavior, log, behavior_clock or clock),
        animal=info.animal,
        observed=info.observed,
        notes=tuple(log.notes),
        resolution_s=info.resolution_s,
    )


def sidecars_of(path: Path) -> list[Path]:
    """List the files that `read_sidecars` may open.

    Parameters
    ----------
    path : Path
        The recording.

    Returns
    -------
    list[Path]
        Tables beside, and recording.json.
    """
    return [file for _, file in _files(path, (), ReadLog())]


def _files(path: Path, skip: Collection[str], log: ReadLog) -> Iterator[tuple[str, Path]]:
    """Pairs of the name of a table, or recording.json, and its file. Names are without the recording's."""
    folder, stem = (path, "") if path.is_dir() else (path.parent, path.stem + ".")
    try:
        entries = sorted(p for p in folder.iterdir() if p.name.startswith(stem) and not p.name.startswith("."))
    except OSError as error:
        log.errors.append(
            Finding.error("folder-beside-not-listed", str(folder), f"{folder}: cannot be listed ({error.strerror})")
        )
        return
    seen: dict[str, Path] = {}
    for file in entries:
        name = file.name[len(stem) :]
        table = file.suffix.lower() in SUFFIXES
        if file.name in skip or file == path or not (table or name == INFO_FILE) or not file.is_file():
            continue
        name = name[: -len(file.suffix)] if table else name
        if stem and table and "." in name:  # day1.b.units.csv belongs to day1.b
            continue
        name = name.lower() if name.lower() in TABLE_NAMES else name
        if name in seen:
            log.errors.append(
                Finding.error(
                    "table-beside-twice", name, f"expected one table {name}, found {seen[name].name} and {file.name}"
                )
            )
            continue
        seen[name] = file
        yield name, file


def _unknown_table(name: str, file: Path, log: ReadLog) -> None:
    """Report a table of no known kind: an error where its name is nearly a known one, else a note that it is not
    read."""
    near = difflib.get_close_matches(name.lower(), TABLE_NAMES, n=1, cutoff=0.8)
    columns = listed(table_header(file), 8)
    if near:
        log.add_error(
            "table-beside-misspelt",
            file,
            f"is no table that is known, did you mean {near[0]}{file.suffix}? Its columns: {columns}",
        )
    else:
        text = f"{file.name} is not read: it has no columns start_time and stop_time, but {columns}"
        log.notes.append(Finding.warning("table-not-read", file.name, text))


def join_units(
    units: pd.DataFrame, table: pd.DataFrame | None, path: Path | str, notes: list[Finding] | None = None
) -> pd.DataFrame:
    """Join the units of a format with the table beside.

    Rows are matched by `unit`, or by the `name` of the units where the ids beside are text. Where both have a column,
    the value beside is used, and the own value where the table beside has none. Of two quality labels that persons gave
    a unit the more careful one is used, with a note.

    Parameters
    ----------
    units : pd.DataFrame
        Units of the format, column unit int64.
    table : pd.DataFrame or None
        The table beside; None where there is none.
    path : Path or str
        The recording, for messages.
    notes : list of Finding, optional
        Receives notes.

    Returns
    -------
    pd.DataFrame
        One row a unit, in the order of `units`.

    Raises
    ------
    DataError
        Where a unit of the table does not exist or an id occurs twice.
    """
    if table is None:
        return units
    ids = as_integers(table["unit"])
    if ids is None and "name" in units:
        keys, own = table["unit"].astype("str"), units["name"].astype("str")
    else:
        keys, own = pd.Series(table["unit"] if ids is None else ids), units["unit"]
    log = ReadLog()
    twice, strange = keys[keys.duplicated()].unique(), keys[~keys.isin(own)].unique()
    if len(twice):
        log.errors.append(
            Finding.error(
                "units-beside-ids-repeated",
                "units",
                f"units beside it: ids must be unique, found more than once: {_ids(twice)}",
            )
        )
    if len(strange):
        log.errors.append(
            Finding.error(
                "units-beside-unknown",
                "units",
                f"units beside it: no such units as {_ids(strange)}; units here: {_ids(own)}",
            )
        )
    log.raise_errors(path)
    rows = pd.Index(keys).get_indexer(own)
    matched = table.drop(columns="unit").take(np.maximum(rows, 0)) if len(table) else table.drop(columns="unit")
    matched = matched.reset_index(drop=True).reindex(range(len(own)))
    matched = matched.where(pd.Series(rows >= 0)) if (rows < 0).any() else matched
    own_rows = units.reset_index(drop=True)
    both = [c for c in matched if c in own_rows]
    matched = matched.assign(
        **{c: _merge_column(c, own_rows, matched[c], [] if notes is None else notes) for c in both}
    )
    return pd.concat([own_rows.drop(columns=both), matched], axis=1)


def with_sidecars(contents: Contents, sidecars: Sidecars, path: Path) -> Contents:
    """Join what a format holds with the tables that a user put beside it.

    Parameters
    ----------
    contents : Contents
        What the files of the format hold.
    sidecars : Sidecars
        The tables beside. Their animal, observed time and interval tables replace those of the format.
    path : Path
        The recording, for messages.

    Returns
    -------
    Contents
        Behaviour series of both; units joined as in `join_units`; notes of both.

    Raises
    ------
    DataError
        Where a unit of the table beside does not exist or an id occurs twice.
    """
    notes: list[Finding] = []
    behavior = [table for table in (contents.behavior, sidecars.behavior) if len(table)] or [contents.behavior]
    return replace(
        contents,
        animal=sidecars.animal if sidecars.animal != "unknown" else contents.animal,
        units=join_units(contents.units, sidecars.units, path, notes),
        tables={**contents.tables, **sidecars.tables},
        behavior=pd.concat(behavior, ignore_index=True),
        observed=contents.observed if sidecars.observed is None else sidecars.observed,
        notes=(*contents.notes, *notes, *sidecars.notes),
    )


def _merge_column(column: str, units: pd.DataFrame, table: pd.Series, notes: list[Finding]) -> pd.Series:
    """A column that both tables have, cell by cell."""
    own = units[column]
    filled = table.where(table.notna(), own) if table.isna().any() and not own.isna().all() else table
    if judge_of_column(column) > UNNAMED or not (holds_labels(column, own) or holds_labels(column, table)):
        return filled
    judged = merge_labels({"table beside": label_words(table), "file": label_words(own)}, lambda _: PERSON)
    if judged.contradictions:
        calls = [f"unit {name}" for name in units["name" if "name" in units else "unit"]]
        text = f"column {column}: {describe_contradictions(judged.contradictions, calls)}"
        remedy = "for another, change one of the two"
        notes.append(Finding.warning("labels-contradict-table-beside", f"column {column}", text, remedy))
    return pd.Series([label or None for label in judged.labels], index=filled.index, dtype="str")


def _ids(ids: Collection[object] | pd.Series) -> str:
    return listed(map(str, ids), 10)


def write_sidecars(
    recording: Recording, path: Path, units: bool = True, unit_names: Sequence[str] | None = None
) -> None:
    """Write the tables that `read_sidecars` reads, and recording.json. Numbers keep every digit.

    Parameters
    ----------
    recording : Recording
        Its trials, behaviour, animal and observed time are written.
    path : Path
        The recording that was written: a folder, whose tables lie in it, or a file, whose tables lie beside it.
    units : bool
        Whether the units are written as well.
    unit_names : Sequence[str], optional
        Names that the format gives the units; they replace the ids in the table of units.
    """
    stem = "" if path.is_dir() else f"{path.stem}."
    folder = path if path.is_dir() else path.parent
    named = recording.units if unit_names is None else recording.units.assign(unit=unit_names)
    tables = {"units": named if units else None, "trials": recording.trials, "behavior": recording.behavior}
    for name, table in tables.items():
        if table is not None and len(table.columns):
            table.to_csv(folder / f"{stem}{name}.csv", index=False, lineterminator="\n")
    write_recording_info(recording, folder / f"{stem}{INFO_FILE}")


def write_recording_info(recording: Recording, path: Path) -> None:
    """recording.json: the animal, the observed time and, of binned recordings, the width of their bins."""
    about: dict[str, object] = {"animal": recording.animal, "observed": recording.observed.tolist()}
    if not len(recording.observed):
        del about["observed"]
    if recording.resolution_s:
        about["bin_width_s"] = recording.resolution_s
    path.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
