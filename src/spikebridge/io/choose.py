"""Contents of a file -> the Recording that params.yaml selects: regions, trial table and observed time.

Regions (`data.region_from`): "auto" takes the first column of `REGION_COLUMNS`, or else the first property of the
electrodes, that contains one of the selected regions. "electrodes" or "electrodes.<column>" uses the electrodes of each
unit. Any other word is a units column. A unit with electrodes in several regions is assigned to the region of most of
its electrodes. On a tie the first region counts, but a tie between a source and a target region assigns the unit to
neither ("CA1/ACA", with a warning).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, QualityConfig, TrialsConfig
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.contents import Contents
from spikebridge.io.excluded_units import exclude_faulty_units, exclude_units_by_name, merge_duplicate_spikes, unused
from spikebridge.io.observed_time import interval_table, observed_time
from spikebridge.types import Recording
from spikebridge.types.intervals import as_intervals

REGION_COLUMNS = (
    "region", "brain_area", "brain_region", "area", "location", "anatomical_location", "structure", "structure_acronym",
    "acronym", "electrode_group", "group_name",
)  # fmt: skip
PROBE = "probe"
"""The units column with the probe of each unit. It may serve as the region if no other column does."""


@dataclass(frozen=True)
class Choice:
    """A selected recording, the findings of the selection, and the parts that could not be selected.

    missing: any of "regions", "trials", "observed"; these parts of the recording are empty. time_unit_options: as
    in Contents. unused: ids of units that no result uses because of their region or sorter label; see `excluded_units`.
    """

    recording: Recording
    findings: tuple[Finding, ...]
    missing: frozenset[str]
    time_unit_options: bool = False
    unused: frozenset[int] = frozenset()


def choose(contents: Contents, data: DataConfig, trials: TrialsConfig, quality: QualityConfig | None = None) -> Choice:
    """Select from a file the recording of the parameters. A part that cannot be selected is a finding, not an error.

    Units of `data.exclude_units` and faulty units that no result uses are left out; see `excluded_units`.

    Parameters
    ----------
    contents : Contents
        The contents from the reader.
    data : DataConfig
        The section `data`: regions, observed time, excluded units, duplicates.
    trials : TrialsConfig
        The section `trials`: the trial table.
    quality : QualityConfig, optional
        The section `quality`: the sorter labels of units that are used.

    Returns
    -------
    Choice
        The recording, the findings, and the parts that could not be selected.
    """
    left: list[Finding] = []
    quality = quality or QualityConfig()
    contents = merge_duplicate_spikes(exclude_units_by_name(contents, data, left), data, left)
    choice = _chosen(contents, data, trials)
    if not _has_both(choice, data):  # for example a misspelt region: keep all units, so that the checks can report more
        return replace(choice, findings=(*left, *choice.findings))
    sound = exclude_faulty_units(contents, _unused(choice, data, quality), data, left)
    choice = choice if sound is contents else _chosen(sound, data, trials)
    out = np.logical_or.reduce(list(_unused(choice, data, quality).values()))
    units = choice.recording.units["unit"].to_numpy()
    used = frozenset(units[~out].tolist())
    return replace(choice, findings=(*left, *choice.findings), unused=frozenset(units.tolist()) - used)


def _has_both(choice: Choice, data: DataConfig) -> bool:
    """Whether there are units of source and of target."""
    regions = choice.recording.units["region"]
    return all(bool(regions.isin(role).any()) for role in (data.source, data.target))


def _unused(choice: Choice, data: DataConfig, quality: QualityConfig) -> dict[str, NDArray[np.bool_]]:
    recording = choice.recording
    return unused(recording.units, recording.units["region"], data, quality, recording.name)


def _chosen(contents: Contents, data: DataConfig, trials: TrialsConfig) -> Choice:
    findings: list[Finding] = []
    regions = _regions(contents, data, findings)
    table = interval_table(contents, trials.table, "trials.table", findings)
    units = contents.units.assign(region=np.full(len(contents.units), "") if regions is None else regions)
    observed = observed_time(contents, data, table, units["region"], findings)
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
    missing = frozenset(name for name, part in parts.items() if part is None)
    return Choice(recording, tuple(findings), missing, contents.time_unit_options)


def region_choices(contents: Contents, data: DataConfig) -> dict[str, list[str]]:
    """`data.region_from` -> region of each unit: every column and electrode property that usually contains regions."""
    choices = {c: _column(contents, c) for c in REGION_COLUMNS if c in contents.units}
    order = sorted(contents.places, key=lambda name: (name != "electrodes.location", name))
    choices |= {name: [_place(places, data) for places in contents.places[name]] for name in order}
    return choices | ({PROBE: _column(contents, PROBE)} if PROBE in contents.units else {})


def _column(contents: Contents, name: str) -> list[str]:
    return ["" if v is None or v is pd.NA or v != v else str(v) for v in contents.units[name]]


def _place(places: Sequence[str], data: DataConfig) -> str:
    """The region of one unit, from the regions of its electrodes."""
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
        why, remedy = _no_region(contents, data.region_from, choices)
        findings.append(Finding.error("no-region-column", "data.region_from", why, remedy))
        return None
    regions = choices[asked]
    torn = sum(r not in p and r != "" for r, p in zip(regions, contents.places.get(asked, ()), strict=False))
    if torn:
        n = f"{torn} of {counted(len(regions), 'unit')}"
        text = f"{n} on as many electrodes of a source as of a target region, used in neither"
        findings.append(Finding.warning("units-between-regions", "regions", text))
    return regions


def _no_region(contents: Contents, asked: str, choices: dict[str, list[str]]) -> tuple[str, str]:
    """The text and the remedy of the finding."""
    columns = [str(c) for c in contents.units.columns if c != "unit"] + list(contents.places)
    if asked == "auto":
        text = (
            f"no region of a unit found: expected a units column ({listed(REGION_COLUMNS)}) or electrodes; "
            f"units have {listed(columns)}."
        )
        return text, "Name the column in data.region_from"
    if asked.startswith("electrodes") and not contents.places:
        text = f"data.region_from = {asked!r}, but units have no electrodes; columns of the units: {listed(columns)}"
        return text, ""
    hint = did_you_mean(asked, columns)
    return f"data.region_from = {asked!r} is no column of the units{hint} Columns: {listed(columns)}", ""
