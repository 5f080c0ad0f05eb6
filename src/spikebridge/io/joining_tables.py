"""Merge tables and behaviour of several probes of one session: equal ones are kept once, contradictions are errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io.choose import PROBE
from spikebridge.io.contents import NAME, Contents, no_behavior
from spikebridge.io.formats import Sidecars, join_units
from spikebridge.labels.trial_labels import label_names

SAME_S = 1e-6
"""Numbers that differ by less are equal: text files may have fewer digits."""
CONSTANT_S = 1e-3
"""If the differences of times vary by less (s), they are a constant offset between two clocks."""
Tables = Mapping[str, pd.DataFrame]


def joined_tables(parts: Sequence[tuple[str, Tables]], wrong: list[Finding]) -> dict[str, pd.DataFrame]:
    """Name -> table. A table of several parts must be the same in all; columns of only one part are added.

    parts: (name of a part, its tables). wrong: receives one finding for each contradiction.
    """
    kept_tables: dict[str, tuple[str, pd.DataFrame]] = {}
    for part, tables in parts:
        for name, table in tables.items():
            if name not in kept_tables or not len(kept_tables[name][1]):  # a table without rows is ignored
                kept_tables[name] = (part, table)
                continue
            if not len(table):
                continue
            owner, kept = kept_tables[name]
            if odd := contradiction(kept, table):
                wrong.append(
                    Finding.error(
                        "tables-of-parts-contradict",
                        name,
                        f"the tables {name!r} of {owner} and {part} contradict each other: {odd}",
                    )
                )
            else:
                more = [c for c in table if c not in kept]
                kept_tables[name] = (
                    owner,
                    pd.concat([kept, table[more].set_axis(kept.index)], axis=1) if more else kept,
                )
    return {name: table for name, (_, table) in kept_tables.items()}


def contradiction(table: pd.DataFrame, other: pd.DataFrame) -> str:
    """Description of how two tables of the same trials differ in their common columns; empty if they do not."""
    if len(table) != len(other):
        return f"{len(table)} and {len(other)} rows. One session has one table: remove one of the two"
    for name in (c for c in table if c in other):
        a, b = table[name], other[name]
        if _is_number(a) and _is_number(b):
            x, y = (v.to_numpy(dtype=np.float64, na_value=np.nan) for v in (a, b))
            odd = ~((np.abs(x - y) <= SAME_S) | (np.isnan(x) & np.isnan(y)) | (x == y))
        else:
            odd = label_names(a) != label_names(b)
        if odd.any():
            row = int(np.flatnonzero(odd)[0])
            n = f"{int(odd.sum())} of {len(table)} rows"
            text = f"column {name} differs in {n}, first in row {row}: {a.iloc[row]} and {b.iloc[row]}"
            return text + (_as_offset(x - y) if name == "start_time" and _is_number(a) and _is_number(b) else REMEDY)
    return ""


REMEDY = ". Remove the table that is out of date"


def _as_offset(difference: NDArray[np.float64]) -> str:
    """Text about the two clocks. difference: (trial,), start times of the first less those of the second, seconds."""
    known = difference[np.isfinite(difference)]
    if np.ptp(known) <= CONSTANT_S:
        return (
            f". All differ by {np.median(known):.6g} s: two clocks? Then offset_s: {np.median(known):.6g} for "
            "the second in data.recordings brings it to the clock of the first"
        )
    return (
        f". They differ by {known.min():.6g} to {known.max():.6g} s: where these are the same trials, the two "
        "clocks run at different speeds; bring the spikes and trials of one to the clock of the other first "
        "(TPrime does so by shared pulses)"
    )


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def joined_behavior(parts: Sequence[tuple[str, pd.DataFrame]], notes: list[Finding]) -> pd.DataFrame:
    """The series of all parts. Equal series are kept once; different ones get the names of their parts."""
    held: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    for part, behavior in parts:
        for name, series in behavior.groupby("series", sort=False):
            held.setdefault(str(name), []).append((part, series))
    frames = [no_behavior()]
    for name, versions in held.items():
        different = [versions[0]]
        for part, series in versions[1:]:
            if not any(_same_series(series, kept) for _, kept in different):
                different.append((part, series))
        if len(different) == 1:
            frames.append(different[0][1])
            continue
        called = [f"{part}/{name}" for part, _ in different]
        text = f"behaviour {name} differs between the probes: its series are called {', '.join(called)}"
        notes.append(Finding.warning("behavior-of-probes-differs", name, text))
        frames += [series.assign(series=new) for new, (_, series) in zip(called, different, strict=True)]
    return pd.concat(frames, ignore_index=True)


def _same_series(series: pd.DataFrame, other: pd.DataFrame) -> bool:
    if len(series) != len(other):
        return False
    pairs = [(series[c].to_numpy(dtype=np.float64), other[c].to_numpy(dtype=np.float64)) for c in ("time_s", "value")]
    return all(bool(np.allclose(a, b, rtol=0, atol=SAME_S, equal_nan=True)) for a, b in pairs)


def add_shared_tables(contents: Contents, beside: Sidecars, where: str) -> Contents:
    """A joined recording with the tables that all of its parts share. where: their folder, for messages.

    Raises DataError if they contradict the parts, or identify units by numbers that occur on several probes.
    """
    wrong: list[Finding] = []
    tables = joined_tables([("the probes", contents.tables), (where, beside.tables)], wrong)
    animals = {contents.animal, beside.animal} - {"unknown"}
    if len(animals) > 1:
        wrong.append(
            Finding.error(
                "animal-contradicts-probes",
                "animal",
                f"animal: {where} says {beside.animal}, the probes say {contents.animal}",
            )
        )
    raise_if_wrong(contents.name, wrong)
    notes = [*contents.notes, *(note_of(where, note) for note in beside.notes)]
    behavior = joined_behavior([("probes", contents.behavior), (where, beside.behavior)], notes)
    units = _with_units_beside(contents, beside.units, where, notes)
    return replace(
        contents,
        animal=next(iter(animals), "unknown"),
        units=units,
        tables=tables,
        behavior=behavior,
        observed=beside.observed,
        notes=tuple(notes),
    )


def _with_units_beside(
    contents: Contents, beside: pd.DataFrame | None, where: str, notes: list[Finding]
) -> pd.DataFrame:
    """Units with the columns of the shared table. Its column unit has names (imec0/12), or numbers with a column probe.
    A number without a probe could be a unit of each probe."""
    if beside is None:
        return contents.units
    if PROBE in beside:
        named = [f"{p}/{u}" for p, u in zip(beside[PROBE], beside["unit"], strict=True)]
        beside = beside.drop(columns=PROBE).assign(unit=pd.Series(named, dtype="str"))
    elif pd.api.types.is_numeric_dtype(beside["unit"]):
        some = str(contents.units[NAME].iloc[0]) if len(contents.units) else "imec0/12"
        raise DataError.of(
            "units-beside-without-probe",
            contents.name,
            f"the units table in {where} names units by numbers alone, which each probe has: "
            f"add a column {PROBE} to it, write names such as {some}, or put one table into the folder of each probe",
        )
    return join_units(contents.units, beside, contents.name, notes)


def raise_if_wrong(name: str, wrong: Sequence[Finding]) -> None:
    """Raise DataError with all errors, if there are any."""
    if wrong:
        raise DataError.about(name, wrong)


def note_of(part: str, note: Finding) -> Finding:
    """A note of one probe, or of the shared tables, as a note of the recording."""
    return replace(note, subject=f"{part}: {note.subject}", text=f"{part}: {note.text}")
