"""Output of spike sorters: joined with the tables that users add, and written on a clock of whole samples.

Sorters know neither regions nor trials nor behaviour. These come from tables in the same folder (see `sidecars`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.choose import REGION_COLUMNS
from spikebridge.io.contents import NO_REGIONS, Contents
from spikebridge.io.formats.sidecars import join_units, read_sidecars
from spikebridge.types import Recording

MEASURED = 1e-3
"""A measured sampling rate is at most this part off the nominal one."""
RATES_HZ = (30000.0, 20000.0, 25000.0, 32000.0, 24000.0, 40000.0, 32556.0, 10000.0, 1000.0)
"""Clocks that are tried, in this order, to write times as whole samples."""


@dataclass(frozen=True)
class Sorted:
    """What a sorter's files hold, before the tables beside are joined.

    units, spikes, tables, animal: as in Contents. regions_by: (units column, name of the option, {value of the column:
    region}), where the user's options say which shank or tetrode lies where.
    """

    units: pd.DataFrame
    spikes: pd.DataFrame
    notes: tuple[str, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    animal: str = "unknown"
    regions_by: tuple[str, str, Mapping[int, str]] | None = None


def refuse(path: Path, wrong: Sequence[str]) -> None:
    """Raises DataError with everything wrong in a recording; nothing where nothing is."""
    if wrong:
        raise DataError(f"{path}:" + (f" {wrong[0]}" if len(wrong) == 1 else "".join(f"\n  - {w}" for w in wrong)))


def agreed_rate(path: Path, found: Mapping[str, float | None], asked: float | None) -> float:
    """The sampling rate in Hz that files and options agree on.

    found: place -> rate it gives, None where it gives none. asked: data.options.sampling_rate_hz; where it is nearly
    the same as the others, it is a measured rate and counts before the nominal one.

    Raises DataError where there is none, where two differ, or where one is no positive number.
    """
    places = {**found, "data.options.sampling_rate_hz": asked}
    said = {place: rate for place, rate in places.items() if rate is not None}
    bad = [f"{place} gives a sampling rate of {r:g} Hz" for place, r in said.items() if not 0 < r < np.inf]
    if asked is not None and not bad and all(abs(r / asked - 1) <= MEASURED for r in said.values()):
        return asked
    if len(set(said.values())) > 1:
        bad.append("sampling rates differ: " + listed(f"{place} gives {r:g} Hz" for place, r in said.items()))
    if not said:
        where = listed(found)
        bad.append(
            f"no sampling rate: expected it in {where}; or write data.options: {{sampling_rate_hz: 30000}} with yours"
        )
    refuse(path, bad)
    return next(iter(said.values()))


def with_tables_beside(
    path: Path, found: Sorted, name: str, at: Path | None = None, skip: Sequence[str] = ()
) -> Contents:
    """A sorter's output and the tables beside it.

    at: the path whose tables they are, if not `path`. skip: files that belong to the sorter.

    Raises DataError where the tables cannot be read or do not fit the units.
    """
    beside = read_sidecars(at or path, skip)
    notes = [*found.notes, *beside.notes]
    units = join_units(found.units, beside.units, path, notes)
    if found.regions_by is not None:
        units = _with_regions(path, units, *found.regions_by, notes)
    unnamed: tuple[Finding, ...] = ()
    if not set(REGION_COLUMNS) & set(units.columns):
        remedy = "a table units.csv with columns unit and region can give them"
        unnamed = (Finding.warning(NO_REGIONS, "regions", "no column names regions:", remedy),)
    return Contents(
        name=name,
        animal=beside.animal if beside.animal != "unknown" else found.animal,
        spikes=found.spikes,
        units=units,
        tables={**found.tables, **beside.tables},
        behavior=beside.behavior,
        observed=beside.observed,
        source_file=path.name,
        notes=(*notes, *unnamed),
    )


def _with_regions(
    path: Path, units: pd.DataFrame, column: str, option: str, regions: Mapping[int, str], notes: list[str]
) -> pd.DataFrame:
    """Units with a column `region` looked up in what the options say of each shank or tetrode."""
    if not regions:
        return units
    if "region" in units:
        refuse(path, [f"regions in the units table and in data.options.{option}: expected one of them"])
    here = set(units[column].dropna().astype(int))
    for what, groups in (("without a region", here - set(regions)), ("not in this recording", set(regions) - here)):
        if groups:
            notes.append(f"data.options.{option}: {column} {listed(map(str, sorted(groups)))} {what}")
    return units.assign(region=[regions.get(int(g), "") if g == g else "" for g in units[column]])


def to_samples(recording: Recording, rates: Sequence[float] = RATES_HZ) -> tuple[NDArray[np.int64], float]:
    """Spike times as whole samples (spike,) and the rate in Hz: the first from which the times come back exactly.

    Raises DataError where none does: times are never moved.
    """
    times = recording.spikes["time_s"].to_numpy(dtype=np.float64)
    for rate in rates:
        samples = np.rint(times * rate)
        if np.array_equal(samples / rate, times):
            return samples.astype(np.int64), rate
    tried = listed(f"{r:g}" for r in rates)
    raise DataError(f"{recording.name}: spike times lie on no clock of {tried} Hz; this format would move them")


def in_time_order(owner: NDArray[Any], samples: NDArray[np.int64]) -> NDArray[np.intp]:
    """The order in which to write spikes: by time, as programs expect; as they are where a unit's own times fall."""
    same = owner[1:] == owner[:-1]
    if (np.diff(samples)[same] < 0).any():
        return np.arange(len(samples))
    return np.argsort(samples, kind="stable")


def runs_of_regions(units: pd.DataFrame) -> NDArray[np.int64]:
    """(unit,) number, from 1, of each run of units of one region: a shank or tetrode for every run."""
    regions = units["region"].astype(str).to_numpy()
    return np.cumsum(np.r_[True, regions[1:] != regions[:-1]][: len(regions)]).astype(np.int64)
