"""Contents of a file -> the Recording that params.yaml asks for: regions, trial table and observed time.

Regions (`data.region_from`): "auto" takes the first of the columns in `REGION_COLUMNS`, then of the places of the
electrodes, that holds one of the asked regions; "electrodes" or "electrodes.<column>" goes through the electrodes of a
unit; any other word is a units column. A unit on electrodes of several regions is where most of its electrodes are, the
first named one on a tie; a tie between a source and a target region puts it in neither ("CA1/ACA", with a warning).

Observed time (`data.observed`): "auto" is what the file says (of all, or of every unit in source and target), else
first to last spike; "trials" is the union of start_time..stop_time of the trial table; any other word is an interval
table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.intervals import as_intervals, intersect_intervals, merge_intervals
from spikebridge.io.contents import Contents
from spikebridge.io.findings import Finding
from spikebridge.io.suggest import did_you_mean, listed
from spikebridge.types import Recording

REGION_COLUMNS = (
    "region", "brain_area", "brain_region", "area", "location", "anatomical_location", "structure", "structure_acronym",
    "acronym", "electrode_group", "group_name",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """A recording, what was odd or wrong in choosing it, and the parts that could not be chosen at all.

    missing: any of "regions", "trials", "observed"; these parts of the recording are empty.
    """

    recording: Recording
    findings: tuple[Finding, ...]
    missing: frozenset[str]


def choose(contents: Contents, data: DataConfig, trials: TrialsConfig) -> Choice:
    """The recording that the parameters ask for. Raises nothing: what cannot be chosen is a finding."""
    findings: list[Finding] = []
    regions = _regions(contents, data, findings)
    table = _table(contents, trials.table, "trials.table", findings)
    units = contents.units.assign(region=np.full(len(contents.units), "") if regions is None else regions)
    observed = _observed(contents, data, table, units["region"], findings)
    parts = {"regions": regions, "trials": table, "observed": observed}
    recording = Recording(
        name=contents.name,
        animal=contents.animal,
        spikes=contents.spikes,
        units=units,
        trials=pd.DataFrame() if table is None else table,
        behavior=contents.behavior,
        observed=as_intervals([]) if observed is None else observed,
        source_file=contents.source_file,
        warnings=contents.notes,
        resolution_s=contents.resolution_s,
    )
    return Choice(recording, tuple(findings), frozenset(name for name, part in parts.items() if part is None))


def region_choices(contents: Contents, data: DataConfig) -> dict[str, list[str]]:
    """`data.region_from` -> region of each unit: every column and electrode property that is known to name regions."""
    choices = {c: _column(contents, c) for c in REGION_COLUMNS if c in contents.units}
    order = sorted(contents.places, key=lambda name: (name != "electrodes.location", name))
    return choices | {name: [_place(mine, data) for mine in contents.places[name]] for name in order}


def _column(contents: Contents, name: str) -> list[str]:
    return ["" if v is None or v is pd.NA or v != v else str(v) for v in contents.units[name]]


def _place(places: Sequence[str], data: DataConfig) -> str:
    """The region of one unit from those of its electrodes."""
    counts = Counter(places)
    best = [p for p in counts if counts[p] == max(counts.values())]
    if set(best) & set(data.source) and set(best) & set(data.target):
        return "/".join(best)
    return best[0] if best else ""


def _regions(contents: Contents, data: DataConfig, findings: list[Finding]) -> list[str] | None:
    asked = "electrodes.location" if data.region_from == "electrodes" else data.region_from
    choices = region_choices(contents, data)
    if asked == "auto":
        wanted = {*data.source, *data.target}
        asked = next((name for name, regions in choices.items() if wanted & set(regions)), next(iter(choices), "auto"))
    if asked not in choices and asked in contents.units:
        choices[asked] = _column(contents, asked)
    if asked not in choices:
        findings.append(Finding(True, _no_region(contents, data.region_from, choices)))
        return None
    regions = choices[asked]
    torn = sum(r not in p and r != "" for r, p in zip(regions, contents.places.get(asked, ()), strict=False))
    if torn:
        findings.append(
            Finding(False, f"{torn} units lie as much in a source as in a target region and are in neither")
        )
    return regions


def _no_region(contents: Contents, asked: str, choices: dict[str, list[str]]) -> str:
    columns = [str(c) for c in contents.units.columns if c != "unit"] + list(contents.places)
    if asked == "auto":
        return (
            f"no region of a unit found: expected a units column ({listed(REGION_COLUMNS)}) or electrodes; "
            f"units have {listed(columns)}. Name the column in data.region_from"
        )
    if asked.startswith("electrodes") and not contents.places:
        return f"data.region_from = {asked!r}, but units have no electrodes; columns of the units: {listed(columns)}"
    hint = did_you_mean(asked, columns)
    return f"data.region_from = {asked!r} is no column of the units{hint} Columns: {listed(columns)}"


def _table(contents: Contents, name: str, key: str, findings: list[Finding]) -> pd.DataFrame | None:
    if name not in contents.tables:
        hint = did_you_mean(name, contents.tables)
        text = f"{key} = {name!r} is no interval table{hint} Tables: {listed(contents.tables)}"
        findings.append(Finding(True, text))
        return None
    return contents.tables[name]


def _observed(
    contents: Contents, data: DataConfig, trials: pd.DataFrame | None, regions: pd.Series, findings: list[Finding]
) -> NDArray[np.float64] | None:
    if data.observed == "trials":
        return None if trials is None else _span_of(trials, "trials.table", findings)
    if data.observed != "auto":
        table = _table(contents, data.observed, "data.observed", findings)
        return None if table is None else _span_of(table, data.observed, findings)
    if contents.observed is not None:
        return merge_intervals(contents.observed)
    used = np.flatnonzero(regions.isin([*data.source, *data.target]))
    if contents.observed_of_unit is not None and len(used):
        per_unit = {p.tobytes(): p for p in (contents.observed_of_unit[u] for u in used)}  # mostly all are the same
        observed = intersect_intervals(list(per_unit.values()))
        if not len(observed):
            text = "the observation intervals of the source and target units have no time in common"
            findings.append(Finding(True, text))
            return None
        return observed
    return first_to_last(contents.spikes["time_s"].to_numpy(dtype=np.float64))


def first_to_last(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1, 2): first to last finite spike time; the last one lies inside. Empty where there is no spike."""
    times = times[np.isfinite(times)]
    return as_intervals([[times.min(), np.nextafter(times.max(), np.inf)]] if len(times) else [])


def _span_of(table: pd.DataFrame, name: str, findings: list[Finding]) -> NDArray[np.float64] | None:
    if not {"start_time", "stop_time"} <= set(table.columns):
        findings.append(Finding(True, f"observed time from {name} needs columns start_time and stop_time"))
        return None
    return merge_intervals(table[["start_time", "stop_time"]].to_numpy(dtype=np.float64))
