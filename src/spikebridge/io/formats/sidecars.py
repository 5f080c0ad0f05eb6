"""Tables beside a recording whose own format holds no regions, trials or behaviour, and the inverse.

Of a folder they lie in it: units.csv, trials.csv, behavior.csv, recording.json. Of a file day1.mat they lie beside it:
day1.units.csv, day1.trials.csv, ... Any other table with start_time and stop_time is an interval table of that name.
CSV, TSV or Parquet; times in seconds on the clock of the spikes. recording.json: {"animal": "...", "observed":
[[0.0, 3600.0]]}, both optional.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.messages import listed
from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.log import Log
from spikebridge.io.formats.table.columns import SUFFIXES, header, integers
from spikebridge.io.formats.table.recording_tables import (
    About,
    Clock,
    about_recording,
    behavior_table,
    interval_table,
    units_table,
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

ABOUT = "recording.json"
KNOWN = ("units", "trials", "behavior", "spikes")


@dataclass(frozen=True)
class Sidecars:
    """units: column unit is int64, or text where an id is no whole number; None where there is no such table.

    tables: interval tables by name. behavior: long, empty where there is none. animal: "unknown" where not said.
    observed: (interval, 2), seconds; None where not said. resolution_s: of recordings that were binned before.
    """

    units: pd.DataFrame | None
    tables: dict[str, pd.DataFrame]
    behavior: pd.DataFrame
    animal: str
    observed: NDArray[np.float64] | None
    notes: tuple[str, ...]
    resolution_s: float = 0.0


def read_sidecars(path: Path, skip: Collection[str] = ()) -> Sidecars:
    """The tables that belong to the recording at `path`. skip: names of files of the format itself.

    Raises DataError with everything wrong in all of them.
    """
    log = Log()
    found = collect(path, skip, log, Clock())
    log.check(path)
    return found


def collect(
    path: Path,
    skip: Collection[str],
    log: Log,
    clock: Clock,
    trial_clock: Clock | None = None,
    behavior_clock: Clock | None = None,
) -> Sidecars:
    """As `read_sidecars`, with what is wrong left in the log. trial_clock, behavior_clock: where these have others."""
    files = dict(_files(path, skip, log))
    units, behavior, about = files.pop("units", None), files.pop("behavior", None), files.pop(ABOUT, None)
    tables: dict[str, pd.DataFrame] = {}
    for name, file in files.items():
        if name == "trials" or {"start_time", "stop_time"} <= set(header(file)):
            table = interval_table(file, log, trial_clock or clock)
            tables |= {} if table is None else {name: table}
        else:
            _unknown(name, file, log)
    said = About() if about is None else about_recording(about, log, clock)
    return Sidecars(
        units=None if units is None else units_table(units, log),
        tables=tables,
        behavior=no_behavior() if behavior is None else behavior_table(behavior, log, behavior_clock or clock),
        animal=said.animal,
        observed=said.observed,
        notes=tuple(log.notes),
        resolution_s=said.resolution_s,
    )


def sidecars_of(path: Path) -> list[Path]:
    """The files that `read_sidecars` may open for the recording at `path`."""
    return [file for _, file in _files(path, (), Log())]


def _files(path: Path, skip: Collection[str], log: Log) -> Iterator[tuple[str, Path]]:
    """Name of a table, or recording.json -> its file. Names are those of the files, without the recording's."""
    folder, stem = (path, "") if path.is_dir() else (path.parent, path.stem + ".")
    try:
        entries = sorted(p for p in folder.iterdir() if p.name.startswith(stem) and not p.name.startswith("."))
    except OSError as error:
        log.wrong.append(f"{folder}: cannot be listed ({error.strerror})")
        return
    seen: dict[str, Path] = {}
    for file in entries:
        name = file.name[len(stem) :]
        table = file.suffix.lower() in SUFFIXES
        if file.name in skip or file == path or not (table or name == ABOUT) or not file.is_file():
            continue
        name = name[: -len(file.suffix)] if table else name
        if stem and table and "." in name:  # day1.b.units.csv belongs to day1.b
            continue
        name = name.lower() if name.lower() in KNOWN else name
        if name in seen:
            log.wrong.append(f"expected one table {name}, found {seen[name].name} and {file.name}")
            continue
        seen[name] = file
        yield name, file


def _unknown(name: str, file: Path, log: Log) -> None:
    """A table of no known kind: wrong where its name is nearly a known one, else merely not read."""
    near = difflib.get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.8)
    columns = listed(header(file), 8)
    if near:
        log.fail(file, f"is no table that is known, did you mean {near[0]}{file.suffix}? Its columns: {columns}")
    else:
        log.notes.append(f"{file.name} is not read: it has no columns start_time and stop_time, but {columns}")


def join_units(
    units: pd.DataFrame, beside: pd.DataFrame | None, path: Path | str, notes: list[str] | None = None
) -> pd.DataFrame:
    """The format's own units with the columns of the table beside.

    Rows are matched by `unit`, or by the `name` of the units where the ids beside are text. Where both have a column,
    the value beside counts, and the own one where the table beside has none for a unit. Of two words of persons for
    the quality of a unit the more careful one counts, with a note.

    Raises DataError where a unit of the table does not exist or an id is twice.
    """
    if beside is None:
        return units
    ids = integers(beside["unit"])
    if ids is None and "name" in units:
        keys, own = beside["unit"].astype("str"), units["name"].astype("str")
    else:
        keys, own = pd.Series(beside["unit"] if ids is None else ids), units["unit"]
    log = Log()
    twice, strange = keys[keys.duplicated()].unique(), keys[~keys.isin(own)].unique()
    if len(twice):
        log.wrong.append(f"units beside it: ids must be unique, found more than once: {_ids(twice)}")
    if len(strange):
        log.wrong.append(f"units beside it: no such units as {_ids(strange)}; units here: {_ids(own)}")
    log.check(path)
    rows = pd.Index(keys).get_indexer(own)
    matched = beside.drop(columns="unit").take(np.maximum(rows, 0)) if len(beside) else beside.drop(columns="unit")
    matched = matched.reset_index(drop=True).reindex(range(len(own)))
    matched = matched.where(pd.Series(rows >= 0)) if (rows < 0).any() else matched
    own_rows = units.reset_index(drop=True)
    both = [c for c in matched if c in own_rows]
    matched = matched.assign(**{c: _cells(c, own_rows, matched[c], [] if notes is None else notes) for c in both})
    return pd.concat([own_rows.drop(columns=both), matched], axis=1)


def _cells(column: str, units: pd.DataFrame, beside: pd.Series, notes: list[str]) -> pd.Series:
    """A column that both have, cell by cell."""
    own = units[column]
    filled = beside.where(beside.notna(), own) if beside.isna().any() and not own.isna().all() else beside
    if judge_of_column(column) > UNNAMED or not (holds_labels(column, own) or holds_labels(column, beside)):
        return filled
    judged = merge_labels({"table beside": label_words(beside), "file": label_words(own)}, lambda _: PERSON)
    if judged.contradictions:
        calls = [f"unit {name}" for name in units["name" if "name" in units else "unit"]]
        notes.append(
            f"column {column}: " + describe_contradictions(judged.contradictions, calls, "change one of the two")
        )
    return pd.Series([label or None for label in judged.labels], index=filled.index, dtype="str")


def _ids(ids: Collection[object] | pd.Series) -> str:
    return listed(map(str, ids), 10)


def write_sidecars(recording: Recording, path: Path, units: bool = True) -> None:
    """Write what `read_sidecars` reads: into `path` where it is a folder, else beside it. Numbers keep every digit."""
    stem = "" if path.is_dir() else f"{path.stem}."
    folder = path if path.is_dir() else path.parent
    tables = {"units": recording.units if units else None, "trials": recording.trials, "behavior": recording.behavior}
    for name, table in tables.items():
        if table is not None and len(table.columns):
            table.to_csv(folder / f"{stem}{name}.csv", index=False, lineterminator="\n")
    write_about(recording, folder / f"{stem}{ABOUT}")


def write_about(recording: Recording, path: Path) -> None:
    """recording.json: the animal, the observed time and, of binned recordings, the width of their bins."""
    about: dict[str, object] = {"animal": recording.animal, "observed": recording.observed.tolist()}
    if not len(recording.observed):
        del about["observed"]
    if recording.resolution_s:
        about["bin_width_s"] = recording.resolution_s
    path.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
