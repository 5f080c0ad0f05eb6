"""Which regions the recordings have, and which of their names are one region of the sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from spikebridge.artifacts.sweep_plan import FoundRegions, RecordingRegions
from spikebridge.config import DataConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.inspection.regions import FRONTAL, HIPPOCAMPUS, brain_division, is_region_name, region_column
from spikebridge.inspection.regions import region_columns as columns_of
from spikebridge.io import discover, read_in_child_process
from spikebridge.io.discovery import RecordingPaths, read_paths
from spikebridge.io.validation.names import same_region

Asked = Sequence[str] | Mapping[str, Sequence[str]] | None
"""`sweep.regions`."""


def find_regions(data: DataConfig, asked: Asked, report: Callable[[str], None] = lambda _: None) -> FoundRegions:
    """Read the regions of every recording at `data.path`, from the column that `spikebridge inspect` takes.

    Parameters
    ----------
    data : DataConfig
        The section `data`; its source and target are not used.
    asked : list or mapping, optional
        As `sweep.regions`.
    report : callable
        Called with the name of each recording before it is read.

    Returns
    -------
    FoundRegions
        The regions of each recording, and the regions of the sweep.

    Raises
    ------
    DataError
        Where a recording cannot be read, or no column of its units gives regions.
    ConfigError
        Where an asked region is in no recording, or in two groups.
    """
    recordings = {}
    data = data.model_copy(update={"source": [], "target": []})
    for paths in discover(data).recordings:
        report(paths.name)
        recordings[paths.name] = read_in_child_process(partial(_regions_of, paths, data), paths, data)
    return FoundRegions(recordings, group_regions([of.units for of in recordings.values()], asked))


def _regions_of(paths: RecordingPaths, data: DataConfig) -> RecordingRegions:
    columns = columns_of(read_paths(paths, data), data)
    column = region_column(columns, data.region_from)
    if column is None:
        known = f"columns that do: {listed(columns)}" if data.region_from != "auto" else "add a column `region`"
        raise DataError(f"{paths.name}: data.region_from = {data.region_from}: no region of a unit found; {known}")
    return RecordingRegions(column, dict(Counter(columns[column])))


def group_regions(units: Sequence[Mapping[str, int]], asked: Asked = None) -> dict[str, list[str]]:
    """The regions of a sweep, in the order of the matrix, each with its names in the recordings.

    Names that differ in spelling alone are one region.

    Parameters
    ----------
    units : sequence of mappings
        Region -> units, of each recording.
    asked : list or mapping, optional
        As `sweep.regions`; None: every region, hippocampus first, then frontal cortex, then the others by name.

    Returns
    -------
    dict
        Region -> its names.

    Raises
    ------
    ConfigError
        Where an asked region is in no recording, or in two groups.
    """
    counts: Counter[str] = Counter()
    for of in units:
        counts.update(of)
    known = {name: n for name, n in counts.items() if is_region_name(name)}
    if asked is not None:
        wanted = asked if isinstance(asked, Mapping) else {name: [name] for name in asked}
        groups = {name: _names(name, parts, known) for name, parts in wanted.items()}
        _refuse_overlaps(groups)
        return groups
    spellings: dict[str, list[str]] = {}
    for name in sorted(known, key=lambda n: (-known[n], n)):  # the commonest spelling names the region
        spellings.setdefault(same_region(name), []).append(name)
    order = {HIPPOCAMPUS: 0, FRONTAL: 1}
    named = {names[0]: sorted(names) for names in spellings.values()}
    return dict(sorted(named.items(), key=lambda kv: (order.get(brain_division(kv[0]) or "", 2), kv[0].casefold())))


def _names(group: str, parts: Sequence[str], known: Collection[str]) -> list[str]:
    """The names in the recordings of the regions of a group."""
    matches: list[str] = []
    for part in parts:
        names = sorted(name for name in known if same_region(name) == same_region(part))
        if not names:
            of = f" of the group {group}" if group != part else ""
            raise ConfigError(
                f"sweep.regions: no unit of any recording is in {part}{of}{did_you_mean(part, known)} Regions: "
                f"{listed(sorted(known))}"
            )
        matches += names
    return list(dict.fromkeys(matches))


def _refuse_overlaps(groups: Mapping[str, Sequence[str]]) -> None:
    """A pair of regions with a unit in common would predict itself."""
    home: dict[str, str] = {}
    for group, names in groups.items():
        for name in names:
            if name in home:
                raise ConfigError(f"sweep.regions: {name} is in two regions of the sweep, {home[name]} and {group}")
            home[name] = group


def units_of(recording: RecordingRegions, groups: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Region of the sweep -> units of the recording; regions without a unit are left out."""
    counts = {group: sum(recording.units.get(name, 0) for name in names) for group, names in groups.items()}
    return {group: n for group, n in counts.items() if n}


def section_of(
    data: DataConfig, recording: RecordingRegions, groups: Mapping[str, Sequence[str]], regions: Collection[str]
) -> DataConfig | None:
    """The section `data` with which a recording is read: one of the regions as source, all others as target.

    regions: those to use. Counts and folds do not depend on which is the source: the one with most units is, so that
    neither role is without a unit. None where fewer than two of the regions have a unit here.
    """
    counts = {region: n for region, n in units_of(recording, groups).items() if region in regions}
    if len(counts) < 2:
        return None
    first = max(counts, key=lambda region: (counts[region], -list(groups).index(region)))

    def names(of: Collection[str]) -> list[str]:
        return [name for region in of for name in groups[region] if recording.units.get(name)]

    return data.model_copy(
        update={
            "source": names([first]),
            "target": names([region for region in counts if region != first]),
            "region_from": recording.column,
            "direction": "source_to_target",
        }
    )
