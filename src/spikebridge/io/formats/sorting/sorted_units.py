"""Output of spike sorters: joined with the tables that users add, and written on a clock of whole samples.

Sorters know neither regions nor trials nor behaviour. These come from tables in the same folder (see `sidecars`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.choose import REGION_COLUMNS
from spikebridge.io.contents import NO_REGIONS, Contents, no_behavior
from spikebridge.io.formats.log import raise_errors
from spikebridge.io.formats.sidecars import read_sidecars, with_sidecars
from spikebridge.types import Recording

MAX_RATE_ERROR = 1e-3
"""A measured sampling rate is at most this part off the nominal one."""
CLOCKS_HZ = (30000.0, 20000.0, 25000.0, 32000.0, 24000.0, 40000.0, 32556.0, 10000.0, 1000.0)
"""Clocks that are tried, in this order, to write times as whole samples."""


@dataclass(frozen=True)
class SortedUnits:
    """What the files of a sorter hold, before the tables beside are joined.

    Parameters
    ----------
    units, spikes : pd.DataFrame
        As in Contents.
    notes : tuple of Finding
        What is unusual.
    tables : Mapping[str, pd.DataFrame]
        Interval tables.
    animal : str
        Name of the animal.
    regions_by : tuple, optional
        Units column, name of the option, and {value of the column: region}, where the options name the region of each
        shank or tetrode.
    """

    units: pd.DataFrame
    spikes: pd.DataFrame
    notes: tuple[Finding, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    animal: str = "unknown"
    regions_by: tuple[str, str, Mapping[int, str]] | None = None


def agreed_sampling_rate(path: Path, in_files: Mapping[str, float | None], asked: float | None) -> float:
    """Choose the sampling rate that files and options agree on.

    Parameters
    ----------
    path : Path
        The recording, for messages.
    in_files : Mapping[str, float or None]
        Place in the files -> rate in Hz that it gives, None where it gives none.
    asked : float, optional
        The option sampling_rate_hz. Where it is nearly the same as the others, it is a measured rate and is used
        instead of the nominal one.

    Returns
    -------
    float
        Rate in Hz.

    Raises
    ------
    DataError
        Where there is none, where two differ, or where one is no positive number.
    """
    places = {**in_files, "data.options.sampling_rate_hz": asked}
    given = {place: rate for place, rate in places.items() if rate is not None}
    bad = [
        Finding.error("sampling-rate-not-positive", place, f"{place} gives a sampling rate of {r:g} Hz")
        for place, r in given.items()
        if not 0 < r < np.inf
    ]
    if asked is not None and not bad and all(abs(r / asked - 1) <= MAX_RATE_ERROR for r in given.values()):
        return asked
    if len(set(given.values())) > 1:
        bad.append(
            Finding.error(
                "sampling-rates-differ",
                "data.options.sampling_rate_hz",
                "sampling rates differ: " + listed(f"{place} gives {r:g} Hz" for place, r in given.items()),
            )
        )
    if not given:
        where = listed(in_files)
        bad.append(
            Finding.error(
                "sampling-rate-missing",
                "data.options.sampling_rate_hz",
                f"no sampling rate: expected it in {where}; or write data.options: "
                "{sampling_rate_hz: 30000} with yours",
            )
        )
    raise_errors(path, bad)
    return next(iter(given.values()))


def join_sidecars(
    path: Path, output: SortedUnits, name: str, at: Path | None = None, skip: Sequence[str] = ()
) -> Contents:
    """Join the output of a sorter with the tables beside it.

    Parameters
    ----------
    path : Path
        The recording.
    output : SortedUnits
        What the files of the sorter hold.
    name : str
        Name of the recording.
    at : Path, optional
        The path whose tables are read, if not `path`.
    skip : Sequence[str]
        Names of files that belong to the sorter.

    Returns
    -------
    Contents
        Everything of the recording.

    Raises
    ------
    DataError
        Where the tables cannot be read or do not fit the units.
    """
    own = Contents(
        name=name,
        animal=output.animal,
        spikes=output.spikes,
        units=output.units,
        tables=output.tables,
        behavior=no_behavior(),
        source_file=path.name,
        notes=output.notes,
    )
    contents = with_sidecars(own, read_sidecars(at or path, skip), path)
    units, notes = contents.units, list[Finding]()
    if output.regions_by is not None:
        units = _with_regions(path, units, *output.regions_by, notes)
    if not set(REGION_COLUMNS) & set(units.columns):
        remedy = "a table units.csv with columns unit and region can give them"
        notes.append(Finding.warning(NO_REGIONS, "regions", "no column names regions:", remedy))
    return replace(contents, units=units, notes=(*contents.notes, *notes))


def _with_regions(
    path: Path, units: pd.DataFrame, column: str, option: str, regions: Mapping[int, str], notes: list[Finding]
) -> pd.DataFrame:
    """Add a column `region` to the units: the region that the options give for the unit's shank or tetrode."""
    if not regions:
        return units
    if "region" in units:
        text = f"regions in the units table and in data.options.{option}: expected one of them"
        raise DataError.about(path, [Finding.error("regions-in-two-places", f"data.options.{option}", text)])
    here = set(units[column].dropna().astype(int))
    for what, groups in (("without a region", here - set(regions)), ("not in this recording", set(regions) - here)):
        if groups:
            text = f"data.options.{option}: {column} {listed(map(str, sorted(groups)))} {what}"
            notes.append(Finding.warning("groups-and-regions-differ", f"data.options.{option}", text))
    return units.assign(region=[regions.get(int(g), "") if g == g else "" for g in units[column]])


def to_samples(recording: Recording, rates: Sequence[float] = CLOCKS_HZ) -> tuple[NDArray[np.int64], float]:
    """Convert spike times to whole samples on the first clock from which the times come back exactly.

    Parameters
    ----------
    recording : Recording
        The recording to write.
    rates : Sequence[float]
        Rates in Hz that are tried, in this order.

    Returns
    -------
    samples : NDArray, shape (spike,), int64
        Sample of each spike.
    rate : float
        Rate in Hz.

    Raises
    ------
    DataError
        Where no clock fits: times are never moved.
    """
    times = recording.spikes["time_s"].to_numpy(dtype=np.float64)
    for rate in rates:
        samples = np.rint(times * rate)
        if np.array_equal(samples / rate, times):
            return samples.astype(np.int64), rate
    tried = listed(f"{r:g}" for r in rates)
    raise DataError.of(
        "write-times-on-no-clock",
        recording.name,
        f"spike times lie on no clock of {tried} Hz; this format would move them",
    )


def time_order(owner: NDArray[Any], samples: NDArray[np.int64]) -> NDArray[np.intp]:
    """(spike,): the order in which to write spikes: by time, as programs expect; unchanged where a unit's own times
    fall.
    """
    same = owner[1:] == owner[:-1]
    if (np.diff(samples)[same] < 0).any():
        return np.arange(len(samples))
    return np.argsort(samples, kind="stable")


def region_runs(units: pd.DataFrame) -> NDArray[np.int64]:
    """(unit,) number, from 1, of each run of units of one region: a shank or tetrode for every run."""
    regions = units["region"].astype(str).to_numpy()
    return np.cumsum(np.r_[True, regions[1:] != regions[:-1]][: len(regions)]).astype(np.int64)


@dataclass(frozen=True)
class ClusterGroup:
    """Spikes of one shank or channel, in the order in which programs write them.

    Parameters
    ----------
    number : int
        Number of the shank or channel, from 1.
    n_clusters : int
        How many units it has.
    clusters : NDArray, shape (spike,)
        Cluster of each spike, numbered within the group.
    samples : NDArray, shape (spike,)
        Sample of each spike.
    """

    number: int
    n_clusters: int
    clusters: NDArray[np.int64]
    samples: NDArray[np.int64]


def cluster_groups(
    recording: Recording, samples: NDArray[np.int64], first_cluster: int
) -> tuple[list[tuple[int, int]], list[ClusterGroup]]:
    """Arrange the units of a recording for a format that numbers clusters within each shank or channel.

    Parameters
    ----------
    recording : Recording
        Every run of units of one region becomes one group.
    samples : NDArray, shape (spike,)
        Spike times as whole samples, in the order of `recording.spikes`.
    first_cluster : int
        Number of the first cluster of each group.

    Returns
    -------
    numbers : list of (group, cluster)
        One pair a unit.
    groups : list of ClusterGroup
        The spikes of each group.
    """
    units = recording.units.reset_index(drop=True)
    group = pd.Series(region_runs(units))
    cluster = group.groupby(group).cumcount() + first_cluster
    row = pd.Series(units.index, index=units["unit"])[recording.spikes["unit"]].to_numpy()
    groups = []
    for n in group.unique():
        in_group = group.to_numpy()[row] == n
        clusters = cluster.to_numpy()[row[in_group]]
        order = time_order(clusters, samples[in_group])
        groups.append(ClusterGroup(int(n), int((group == n).sum()), clusters[order], samples[in_group][order]))
    return list(zip(group, cluster, strict=True)), groups


def units_of_clusters(
    groups: Mapping[Any, tuple[NDArray[np.int64], NDArray[np.float64]]],
    columns: tuple[str, str],
    name: str,
    noise: Collection[int],
) -> tuple[pd.DataFrame, list[NDArray[np.float64]]]:
    """Make units of clusters that are numbered within each shank or channel.

    Parameters
    ----------
    groups : Mapping
        Shank or channel -> clusters, shape (spike,), and times, shape (spike,), in seconds.
    columns : tuple of str
        Names of the units columns that hold the group and the cluster.
    name : str
        Name of a unit, with places for group and cluster: "shank{}_cluster{}".
    noise : Collection[int]
        Clusters whose quality is "noise", by the convention of the format; that of all others is empty.

    Returns
    -------
    units : pd.DataFrame
        Columns unit (from 0), name, group, cluster and quality; empty where there are no spikes.
    trains : list of NDArray, shape (spike,), seconds
        One train a unit.
    """
    rows, trains = [], []
    for group, (clusters, times) in groups.items():
        for cluster in np.unique(clusters):
            rows.append((name.format(group, cluster), group, int(cluster)))
            trains.append(times[clusters == cluster])
    units = pd.DataFrame(rows, columns=["name", *columns])
    units.insert(0, "unit", np.arange(len(units), dtype=np.int64))
    units["quality"] = pd.Series(np.where(units[columns[1]].isin(noise), "noise", ""), dtype="str")
    return units, trains
