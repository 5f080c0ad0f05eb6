"""Interval tables and behaviour of an ALF session: every object that has intervals, every object that has
timestamps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.messages import counted, listed
from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.alf.files import AlfFile, Files, column, load
from spikebridge.io.formats.log import Log
from spikebridge.io.formats.table.columns import read_table

OTHERS = {"spikes", "clusters", "channels", "templates", "probes", "electrodeSites"}
"""Objects that are neither interval tables nor behaviour."""
ENDS = {"intervals_0": "start_time", "intervals_1": "stop_time"}
TABLE = "table"
TIMES = ("timestamps", "times")
MAX_WIDTH = 8
"""Columns of one array of behaviour; of more (images, poses), one is not read."""


def interval_tables(files: Files, log: Log) -> dict[str, pd.DataFrame]:
    """Name of an object -> its table: intervals become start_time and stop_time, other columns keep their names."""
    tables = {}
    for thing in sorted({thing for thing, _ in files} - OTHERS):
        mine = {attribute: file for (owner, attribute), file in files.items() if owner == thing}
        if thing != "trials" and not {"intervals", TABLE} & mine.keys():
            continue
        table = _table(thing, mine, log)
        if table is not None:
            tables[thing] = table
    return tables


def _table(thing: str, files: dict[str, AlfFile], log: Log) -> pd.DataFrame | None:
    columns: dict[str, NDArray[Any] | pd.Series] = {}
    origin: dict[str, str] = {}
    for attribute, file in sorted(files.items(), key=lambda pair: pair[0] != TABLE):
        if _on_another_clock(attribute):
            clock = attribute.rpartition("_")[2]
            log.notes.append(f"{file.path.name} is not read: its times are on the clock of {clock}, not of the spikes")
            continue
        for name, values in _columns(attribute, file, log).items():
            name = ENDS.get(name, name)
            if name not in columns:
                columns[name], origin[name] = values, file.path.name
            elif len(columns[name]) == len(values) and (odd := _differ(columns[name], values)) is not None:
                log.wrong.append(
                    f"{origin[name]} and {file.path.name} contradict each other in {name}: row {odd} has "
                    f"{np.asarray(columns[name])[odd]} and {np.asarray(values)[odd]}; remove the file that is "
                    "out of date"
                )
            elif len(columns[name]) != len(values):
                log.wrong.append(_lengths(thing, {origin[name]: len(columns[name]), file.path.name: len(values)}))
    sizes = {origin[n]: len(v) for n, v in columns.items()}
    if len(set(sizes.values())) > 1:
        log.wrong.append(_lengths(thing, sizes))
        return None
    if not {"start_time", "stop_time"} <= columns.keys():
        if thing == "trials":
            log.wrong.append(f"expected {thing}.intervals (start and stop of each), found {listed(columns, 12)}")
        return None
    first = [n for n in ("start_time", "stop_time") if n in columns]
    return pd.DataFrame({n: pd.Series(columns[n]) for n in [*first, *(c for c in columns if c not in first)]})


def _on_another_clock(attribute: str) -> bool:
    """Whether a name such as intervals_bpod gives the clock of its times."""
    head, underscore, _ = attribute.rpartition("_")
    return bool(underscore) and (head in ("intervals", "times") or head.endswith(("_times", "_intervals")))


def _lengths(thing: str, sizes: dict[str, int]) -> str:
    found = listed((f"{file} has {n}" for file, n in sizes.items()), 12)
    return f"expected one row for each of the {thing} in every file, found different numbers of rows: {found}"


def _columns(attribute: str, file: AlfFile, log: Log) -> dict[str, NDArray[Any] | pd.Series]:
    """Name of a column -> values, of one file."""
    if file.is_table:
        table = read_table(file.path, log)
        if table is None:
            return {}
        names = {
            c: c if attribute == TABLE else attribute if len(table.columns) == 1 else f"{attribute}_{c}" for c in table
        }
        other = [c for c in names.values() if _on_another_clock(re.sub(r"_\d$", "", str(c)))]
        if other:
            log.notes.append(f"{file.path.name}: {listed(other)} are not read: their times are on another clock")
        return {str(names[c]): table[c] for c in table if names[c] not in other}
    values = load(file, log)
    if values is None:
        return {}
    if (flat := column(values)) is not None:
        return {attribute: flat}
    if values.ndim == 2 and values.shape[1] <= MAX_WIDTH:
        return {f"{attribute}_{k}": values[:, k] for k in range(values.shape[1])}
    log.notes.append(f"{file.path.name} is not read: expected one value a row, found shape {values.shape}")
    return {}


def _differ(one: NDArray[Any] | pd.Series, other: NDArray[Any] | pd.Series) -> int | None:
    """The first row in which two columns differ; None where they are the same."""
    a, b = pd.Series(one).reset_index(drop=True), pd.Series(other).reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b):
        x, y = a.to_numpy(dtype=np.float64, na_value=np.nan), b.to_numpy(dtype=np.float64, na_value=np.nan)
        odd = ~((x == y) | (np.isnan(x) & np.isnan(y)))
    else:
        odd = (a.astype(str) != b.astype(str)).to_numpy()
    return int(np.flatnonzero(odd)[0]) if odd.any() else None


def behavior_of(files: Files, asked: Sequence[str] | None, log: Log) -> pd.DataFrame:
    """Every array of an object that has timestamps, as the series <object>_<attribute>; see `no_behavior`.

    asked: names of objects; None takes those whose values are arrays. Poses are tables, large, and read where asked
    for.
    """
    parts, passed = [no_behavior()], []
    things = {thing for thing, attribute in files if attribute in TIMES} - OTHERS
    for thing in sorted(things):
        mine = {attribute: file for (owner, attribute), file in files.items() if owner == thing}
        if "intervals" in mine or thing == "trials":
            continue
        values = {a: f for a, f in mine.items() if a not in TIMES and not _on_another_clock(a)}
        wanted = {a: f for a, f in values.items() if (not f.is_table if asked is None else thing in asked)}
        passed += [f.path.name for a, f in values.items() if a not in wanted]
        if wanted:
            parts += _series(thing, mine[next(t for t in TIMES if t in mine)], wanted, log)
    if passed:
        log.notes.append(f"behaviour that is not read: {listed(passed, 8)}; see data.options.behavior")
    if lost := [name for name in asked or () if name not in things]:
        log.wrong.append(
            f"data.options.behavior: no {listed(lost)} with timestamps here; there are {listed(sorted(things))}"
        )
    return pd.concat(parts, ignore_index=True)


def _series(thing: str, clock: AlfFile, files: dict[str, AlfFile], log: Log) -> list[pd.DataFrame]:
    stamps = load(clock, log)
    found = []
    for attribute, file in sorted(files.items()):
        for name, values in _columns(attribute, file, log).items():
            numbers = pd.Series(values)
            if not pd.api.types.is_numeric_dtype(numbers):
                continue
            times = None if stamps is None else _times(stamps, len(numbers))
            if times is None:
                shape = None if stamps is None else stamps.shape
                log.notes.append(
                    f"{file.path.name} is not read: {counted(len(numbers), 'sample')}, but {clock.path.name} has "
                    f"shape {shape}"
                )
                break
            value = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
            found.append(pd.DataFrame({"series": f"{thing}_{name}", "time_s": times, "value": value}))
    return found


def _times(stamps: NDArray[Any], n: int) -> NDArray[np.float64] | None:
    """(n,) seconds: one stamp a sample, or pairs (sample, seconds), between which samples come evenly."""
    flat = column(stamps)
    if flat is not None and len(flat) == n and flat.dtype.kind in "iuf":
        return flat.astype(np.float64)
    if stamps.ndim != 2 or stamps.shape[1] != 2 or len(stamps) < 2:
        return None
    at, seconds = stamps[:, 0].astype(np.float64), stamps[:, 1].astype(np.float64)
    if not ((np.diff(at) > 0).all() and (np.diff(seconds) > 0).all() and at[0] <= 0 and n - 1 <= at[-1] + 1):
        return None
    return np.asarray(np.interp(np.arange(n), at, seconds))
