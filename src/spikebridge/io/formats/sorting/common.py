"""What the readers of sorted spikes share: clocks, ids, and the tables beside a sorter's output.

Sorters know neither regions nor trials nor behaviour: those come from tables beside (see _sidecars). The column `unit`
of a table units.csv holds ids, or names where the sorter names its units in words.
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

PIECE = 1 << 20
"""Spikes brought into order in one go."""
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


def by_unit(units: NDArray[np.int64], owner: NDArray[Any], times: NDArray[np.float64]) -> pd.DataFrame:
    """Spikes grouped by unit in the order of `units` (unit,), each unit's in the order of the file.

    owner, times: (spike,); every owner is one of the units.
    """
    return spike_table(units, *grouped_times(units, owner, times))


def grouped_times(
    units: NDArray[np.int64], owner: NDArray[Any], samples: NDArray[Any], rate_hz: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Seconds (spike,) grouped by unit as in `by_unit`, and how many spikes each unit has (unit,).

    Piece by piece: beside the arrays given, the times are the only array as long as the recording.
    """
    index = pd.Index(units)
    pieces = [slice(first, first + PIECE) for first in range(0, len(owner), PIECE)]
    counts = np.zeros(len(units), dtype=np.int64)
    for piece in pieces:
        counts += np.bincount(index.get_indexer(owner[piece]), minlength=len(units))
    times = np.empty(len(owner))
    first = np.cumsum(counts) - counts  # where the next spike of each unit goes
    for piece in pieces:
        rank = index.get_indexer(owner[piece])
        sequence = grouping(rank, len(units))
        n = np.bincount(rank, minlength=len(units))
        within = np.arange(len(rank)) - np.repeat(np.cumsum(n) - n, n)
        times[np.repeat(first, n) + within] = samples[piece][sequence] / rate_hz
        first += n
    return times, counts


def spike_table(units: NDArray[np.int64], times: NDArray[np.float64], counts: NDArray[np.int64]) -> pd.DataFrame:
    """Columns unit and time_s, of what `grouped_times` gives."""
    return pd.DataFrame({"unit": np.repeat(units.astype(np.int64, copy=False), counts), "time_s": times}, copy=False)


def grouping(rank: NDArray[Any], n: int) -> NDArray[np.intp]:
    """The order that brings spikes of one unit together, each unit's as they were. rank: (spike,), below n."""
    return np.argsort(rank.astype(np.uint16) if n <= 2**16 else rank, kind="stable")  # numpy sorts 16 bits by radix


def joined(units: NDArray[np.int64], trains: Sequence[NDArray[Any]]) -> pd.DataFrame:
    """Spikes of one train a unit, in seconds."""
    n = [len(t) for t in trains]
    times = np.concatenate([np.asarray(t, dtype=np.float64) for t in trains]) if trains else np.empty(0)
    return spike_table(np.asarray(units), times, np.array(n, dtype=np.int64))


def integer_ids(ids: Sequence[Any]) -> tuple[NDArray[np.int64], list[str] | None]:
    """(unit,) ids as integers, and their names where they are none: then units are counted from 0.

    Text that is a whole number ("12") is that number.
    """
    words = [str(i) for i in ids]
    if all(w.isdecimal() and str(int(w)) == w and len(w) < 19 for w in words) and len(set(words)) == len(words):
        return np.array([int(w) for w in words], dtype=np.int64), None
    return np.arange(len(words), dtype=np.int64), words


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
