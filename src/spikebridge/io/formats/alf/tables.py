"""Interval tables and behaviour of an ALF session: every object that has intervals, every object that has
timestamps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.alf.files import AlfFile, Files, flat_column, load_npy
from spikebridge.io.formats.log import ReadLog
from spikebridge.io.formats.table import read_table

NOT_TABLES = {"spikes", "clusters", "channels", "templates", "probes", "electrodeSites"}
"""Objects that are neither interval tables nor behaviour."""
INTERVAL_COLUMNS = {"intervals_0": "start_time", "intervals_1": "stop_time"}
TABLE = "table"
TIMES = ("timestamps", "times")
MAX_WIDTH = 8
"""Columns of one array of behaviour; of more (images, poses), one is not read."""


def interval_tables(files: Files, log: ReadLog) -> dict[str, pd.DataFrame]:
    """Read the interval tables of a session.

    Parameters
    ----------
    files : dict
        What `alf_files` returns.
    log : ReadLog
        Receives what is wrong and unusual.

    Returns
    -------
    dict[str, pd.DataFrame]
        Name of an object -> its table. Intervals become start_time and stop_time, in seconds; other columns keep their
        names.
    """
    tables = {}
    for name in sorted({name for name, _ in files} - NOT_TABLES):
        files_of_object = {attribute: file for (owner, attribute), file in files.items() if owner == name}
        if name != "trials" and not {"intervals", TABLE} & files_of_object.keys():
            continue
        table = _table(name, files_of_object, log)
        if table is not None:
            tables[name] = table
    return tables


def _table(thing: str, files: dict[str, AlfFile], log: ReadLog) -> pd.DataFrame | None:
    columns: dict[str, NDArray[Any] | pd.Series] = {}
    origin: dict[str, str] = {}
    for attribute, file in sorted(files.items(), key=lambda pair: pair[0] != TABLE):
        if _on_another_clock(attribute):
            clock = attribute.rpartition("_")[2]
            text = f"{file.path.name} is not read: its times are on the clock of {clock}, not of the spikes"
            log.notes.append(Finding.warning("file-on-another-clock", file.path.name, text))
            continue
        for name, values in _columns(attribute, file, log).items():
            name = INTERVAL_COLUMNS.get(name, name)
            if name not in columns:
                columns[name], origin[name] = values, file.path.name
            elif len(columns[name]) == len(values) and (odd := _first_difference(columns[name], values)) is not None:
                log.errors.append(
                    Finding.error(
                        "alf-files-contradict",
                        file.path.name,
                        f"{origin[name]} and {file.path.name} contradict each other in {name}: row {odd} has "
                        f"{np.asarray(columns[name])[odd]} and {np.asarray(values)[odd]}; remove the file that is "
                        "out of date",
                    )
                )
            elif len(columns[name]) != len(values):
                log.errors.append(_length_error(thing, {origin[name]: len(columns[name]), file.path.name: len(values)}))
    sizes = {origin[n]: len(v) for n, v in columns.items()}
    if len(set(sizes.values())) > 1:
        log.errors.append(_length_error(thing, sizes))
        return None
    if not {"start_time", "stop_time"} <= columns.keys():
        if thing == "trials":
            log.errors.append(
                Finding.error(
                    "alf-intervals-missing",
                    thing,
                    f"expected {thing}.intervals (start and stop of each), found {listed(columns, 12)}",
                )
            )
        return None
    first = [n for n in ("start_time", "stop_time") if n in columns]
    return pd.DataFrame({n: pd.Series(columns[n]) for n in [*first, *(c for c in columns if c not in first)]})


def _on_another_clock(attribute: str) -> bool:
    """Whether a name such as intervals_bpod gives the clock of its times."""
    head, underscore, _ = attribute.rpartition("_")
    return bool(underscore) and (head in ("intervals", "times") or head.endswith(("_times", "_intervals")))


def _length_error(thing: str, sizes: dict[str, int]) -> Finding:
    lengths = listed((f"{file} has {n}" for file, n in sizes.items()), 12)
    text = f"expected one row for each of the {thing} in every file, found different numbers of rows: {lengths}"
    return Finding.error("alf-lengths-differ", thing, text)


def _columns(attribute: str, file: AlfFile, log: ReadLog) -> dict[str, NDArray[Any] | pd.Series]:
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
            text = f"{file.path.name}: {listed(other)} are not read: their times are on another clock"
            log.notes.append(Finding.warning("columns-on-another-clock", file.path.name, text))
        return {str(names[c]): table[c] for c in table if names[c] not in other}
    values = load_npy(file, log)
    if values is None:
        return {}
    if (flat := flat_column(values)) is not None:
        return {attribute: flat}
    if values.ndim == 2 and values.shape[1] <= MAX_WIDTH:
        return {f"{attribute}_{k}": values[:, k] for k in range(values.shape[1])}
    text = f"{file.path.name} is not read: expected one value a row, found shape {values.shape}"
    log.notes.append(Finding.warning("several-values-a-row", file.path.name, text))
    return {}


def _first_difference(column: NDArray[Any] | pd.Series, other: NDArray[Any] | pd.Series) -> int | None:
    """The first row in which two columns differ; None where they are the same."""
    a, b = pd.Series(column).reset_index(drop=True), pd.Series(other).reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b):
        x, y = a.to_numpy(dtype=np.float64, na_value=np.nan), b.to_numpy(dtype=np.float64, na_value=np.nan)
        odd = ~((x == y) | (np.isnan(x) & np.isnan(y)))
    else:
        odd = (a.astype(str) != b.astype(str)).to_numpy()
    return int(np.flatnonzero(odd)[0]) if odd.any() else None


def behavior_series(files: Files, asked: Sequence[str] | None, log: ReadLog) -> pd.DataFrame:
    """Read every array of an object that has timestamps as the series <object>_<attribute>.

    Parameters
    ----------
    files : dict
        What `alf_files` returns.
    asked : Sequence[str], optional
        Names of objects. None takes those whose values are arrays; tables (poses) are large and read where they are
        named.
    log : ReadLog
        Receives what is wrong and unusual.

    Returns
    -------
    pd.DataFrame
        Columns series, time_s and value, as in Contents.
    """
    parts, not_read = [no_behavior()], []
    things = {thing for thing, attribute in files if attribute in TIMES} - NOT_TABLES
    for thing in sorted(things):
        files_of_object = {attribute: file for (owner, attribute), file in files.items() if owner == thing}
        if "intervals" in files_of_object or thing == "trials":
            continue
        values = {a: f for a, f in files_of_object.items() if a not in TIMES and not _on_another_clock(a)}
        wanted = {a: f for a, f in values.items() if (not f.is_table if asked is None else thing in asked)}
        not_read += [f.path.name for a, f in values.items() if a not in wanted]
        if wanted:
            parts += _series(thing, files_of_object[next(t for t in TIMES if t in files_of_object)], wanted, log)
    if not_read:
        log.notes.append(
            Finding.warning(
                "behavior-not-read",
                "behavior",
                f"behaviour that is not read: {listed(not_read, 8)};",
                "see data.options.behavior",
            )
        )
    if unknown := [name for name in asked or () if name not in things]:
        log.errors.append(
            Finding.error(
                "alf-behavior-unknown",
                "data.options.behavior",
                f"data.options.behavior: no {listed(unknown)} with timestamps here; there are {listed(sorted(things))}",
            )
        )
    return pd.concat(parts, ignore_index=True)


def _series(thing: str, clock: AlfFile, files: dict[str, AlfFile], log: ReadLog) -> list[pd.DataFrame]:
    stamps = load_npy(clock, log)
    frames = []
    for attribute, file in sorted(files.items()):
        for name, values in _columns(attribute, file, log).items():
            numbers = pd.Series(values)
            if not pd.api.types.is_numeric_dtype(numbers):
                continue
            times = None if stamps is None else _times(stamps, len(numbers))
            if times is None:
                shape = None if stamps is None else stamps.shape
                samples = counted(len(numbers), "sample")
                text = f"{file.path.name} is not read: {samples}, but {clock.path.name} has shape {shape}"
                log.notes.append(Finding.warning("samples-without-timestamps", file.path.name, text))
                break
            value = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
            frames.append(pd.DataFrame({"series": f"{thing}_{name}", "time_s": times, "value": value}))
    return frames


def _times(stamps: NDArray[Any], n: int) -> NDArray[np.float64] | None:
    """(n,) seconds: one stamp a sample, or pairs (sample, seconds), between which samples come evenly."""
    flat = flat_column(stamps)
    if flat is not None and len(flat) == n and flat.dtype.kind in "iuf":
        return flat.astype(np.float64)
    if stamps.ndim != 2 or stamps.shape[1] != 2 or len(stamps) < 2:
        return None
    at, seconds = stamps[:, 0].astype(np.float64), stamps[:, 1].astype(np.float64)
    if not ((np.diff(at) > 0).all() and (np.diff(seconds) > 0).all() and at[0] <= 0 and n - 1 <= at[-1] + 1):
        return None
    return np.asarray(np.interp(np.arange(n), at, seconds))
