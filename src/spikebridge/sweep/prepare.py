"""The stages ingest and prepare of a sweep: every recording is read and cut once, for all pairs.

All regions of a recording are cut into the same windows by one call, and one manifest of folds serves all pairs: so
every pair has the same trials and folds in a recording. The gap around test blocks is that of the region whose
population rate remembers longest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikebridge.artifacts.recordings import IngestedRecordings, load_about, load_ingested
from spikebridge.artifacts.splits import content_hash, save_splits
from spikebridge.artifacts.sweep import QUALITY, SPLITS, windows_of
from spikebridge.artifacts.sweep_plan import FoundRegions, SweepPlan
from spikebridge.artifacts.windows import load_recording_windows, save_quality, save_windows
from spikebridge.config import ComputeConfig, SplitConfig, SweepConfig, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.messages import listed
from spikebridge.io import IngestSections, ingest
from spikebridge.preprocess import classes_of, make_windows, quality_table
from spikebridge.runtime.parallel import Report, run_jobs, workers_for
from spikebridge.splits import gap_s, make_splits
from spikebridge.sweep.plan import make_plan
from spikebridge.sweep.regions import find_regions, section_of
from spikebridge.types import Recording, Splits, Windows


@dataclass(frozen=True)
class IngestRegionsSections(IngestSections):
    """The sections of params.yaml that the stage ingest of a sweep uses.

    Parameters
    ----------
    data, quality, trials, compute, sweep : Section
        The sections of these names.
    """

    sweep: SweepConfig


@dataclass(frozen=True)
class PrepareSections(WindowSections):
    """The sections of params.yaml that the stage prepare of a sweep uses.

    Parameters
    ----------
    data, quality, trials, bins, split, compute, sweep : Section
        The sections of these names.
    """

    split: SplitConfig
    compute: ComputeConfig
    sweep: SweepConfig


def ingest_regions(
    sections: IngestRegionsSections, out: Path, earlier: Path | None, say: Callable[[str], None]
) -> None:
    """Read every recording that has two regions or more, with all of its regions; unchanged ones are taken over.

    Parameters
    ----------
    sections : IngestRegionsSections
        The settings of the stage.
    out : Path
        Gets one folder a recording, and regions.json.
    earlier : Path, optional
        The last result.
    say : callable
        Called with one line of text per recording.

    Raises
    ------
    DataError, ConfigError
        With all errors in all recordings, or where fewer than two regions are found.
    """
    regions = find_regions(sections.data, sections.sweep.regions)
    data_of = {
        name: section
        for name, of in regions.recordings.items()
        if (section := section_of(sections.data, of, regions.groups, regions.groups)) is not None
    }
    if not data_of:
        raise DataError(
            f"{sections.data.path}: a sweep needs two regions or more in one recording; regions: "
            f"{listed(regions.groups)}"
        )
    out.mkdir(parents=True, exist_ok=True)
    ingest(IngestSections.of(sections), out, earlier, say, data_of)
    regions.write(out)


def prepare(sections: PrepareSections, ingested: Path, out: Path, say: Callable[[str], None]) -> SweepPlan:
    """Judge the units, list the pairs, cut the windows of every region, and make the folds of all pairs.

    Parameters
    ----------
    sections : PrepareSections
        The settings of the stage.
    ingested : Path
        What `ingest_regions` wrote.
    out : Path
        Gets plan.json, splits.json, the windows of each region and the quality tables.
    say : callable
        Called with one line for each recording.

    Returns
    -------
    SweepPlan
        Its pairs, and what is left out.

    Raises
    ------
    ConfigError
        Where whole recordings are to be held out.
    DataError
        Where no pair has enough units, with the reasons; or as the stages preprocess and split.
    """
    if sections.split.by != "block":
        raise ConfigError(
            f"split.by: a sweep needs block, got {sections.split.by}: the nested models and the common folds of all "
            "pairs hold out blocks of trials"
        )
    regions, recordings = FoundRegions.read(ingested), IngestedRecordings(ingested)
    out.mkdir(parents=True, exist_ok=True)
    judging = [_Judging(ingested, name, sections, regions, out / QUALITY) for name in recordings.names]
    kept = run_jobs(_kept_units, judging, workers_for(sections.compute, len(judging)), lambda _: None)
    animals = {name: str(load_about(ingested / name)["animal"]) for name in recordings.names}
    plan = make_plan(list(regions.groups), dict(zip(recordings.names, kept, strict=True)), animals, sections.sweep)
    if not plan.pairs:
        raise DataError(_no_pair(plan, regions))
    used = [name for name in recordings.names if name not in plan.unused_recordings]
    classes = classes_of((r for r in recordings.trials() if r.name in used), sections.trials)
    cutting = [_Cutting(ingested, name, sections, regions, plan, classes, out) for name in used]
    longest = run_jobs(_cut, cutting, workers_for(sections.compute, len(cutting)), say)
    reference = [
        load_recording_windows(windows_of(out, plan.folders[region]), name)
        for name, region in zip(used, longest, strict=True)
    ]
    save_splits(_folds_alone(make_splits(reference, sections.split, animals=animals)), out / SPLITS)
    plan.write(out)
    return plan


def _folds_alone(splits: Splits) -> Splits:
    """Without the digests of the windows: equal folds are one manifest, whichever region they were made from."""
    alone = replace(splits, data={}, hash="")
    return replace(alone, hash=content_hash(alone))


def _no_pair(plan: SweepPlan, regions: FoundRegions) -> str:
    reasons = [f"{pair.source} → {pair.target}: {pair.reason}" for pair in plan.left_out]
    reasons += [f"{region}: {why}" for region, why in plan.unused_regions.items()]
    return (
        f"no pair of the regions {listed(regions.groups)} has enough units: {listed(reasons, 6)}. Set a smaller "
        "sweep.min_units or sweep.min_recordings, or group regions"
    )


@dataclass(frozen=True)
class _Judging:
    """One recording whose units are judged. quality: folder of the quality tables."""

    ingested: Path
    name: str
    sections: PrepareSections
    regions: FoundRegions
    quality: Path


def _kept_units(job: _Judging, report: Report) -> dict[str, int]:
    """Region -> units that the filters keep."""
    recording, groups = load_ingested(job.ingested / job.name), job.regions.groups
    data = section_of(job.sections.data, job.regions.recordings[job.name], groups, groups)
    assert data is not None  # others were not ingested
    table = quality_table(recording, data, job.sections.quality)
    save_quality(table.drop(columns="role"), job.quality, job.name)
    kept = table[table["kept"].to_numpy(bool)]["region"]
    return {region: n for region, names in groups.items() if (n := int(kept.isin(list(names)).sum()))}


@dataclass(frozen=True)
class _Cutting:
    """One recording that is cut into windows. classes: of all recordings."""

    ingested: Path
    name: str
    sections: PrepareSections
    regions: FoundRegions
    plan: SweepPlan
    classes: tuple[str, ...]
    out: Path


def _cut(job: _Cutting, report: Report) -> str:
    """Write the windows of every region that a pair of this recording uses. Returns the region of the longest gap."""
    pairs = [pair for pair in job.plan.pairs if job.name in pair.recordings]
    used = {region for pair in pairs for region in (pair.source, pair.target)}
    recording = load_ingested(job.ingested / job.name)
    data = section_of(job.sections.data, job.regions.recordings[job.name], job.regions.groups, used)
    assert data is not None  # a pair has two regions
    whole, _ = make_windows(recording, replace(WindowSections.of(job.sections), data=data), job.classes)
    gaps = {}
    for region in job.plan.folders:
        if region in used:
            part = region_windows(whole, recording, job.regions.groups[region])
            save_windows(part, windows_of(job.out, job.plan.folders[region]))
            gaps[region] = gap_s(part)
    report(f"{job.name}: {len(whole)} windows, regions {listed(gaps)}")
    return max(gaps, key=lambda region: gaps[region])


def region_windows(whole: Windows, recording: Recording, names: Sequence[str]) -> Windows:
    """The windows with the units of one region as source, and without a target.

    Parameters
    ----------
    whole : Windows
        All units that are used, in either role.
    recording : Recording
        Its units have their regions.
    names : sequence of str
        Names of the region in this recording.

    Returns
    -------
    Windows
        Units in rising order.
    """
    region_of: Mapping[int, str] = dict(zip(recording.units["unit"], recording.units["region"], strict=True))
    ids = np.concatenate([whole.source_units, whole.target_units])
    at = np.flatnonzero([region_of[unit] in names for unit in ids.tolist()])
    at = at[np.argsort(ids[at], kind="stable")]
    counts = np.concatenate([whole.source, whole.target], axis=2)[:, :, at]
    counts = counts.astype(
        np.min_scalar_type(int(counts.max(initial=0))), copy=False
    )  # whatever the other regions need
    none = np.empty((len(whole), whole.n_bins, 0), dtype=counts.dtype)
    return replace(
        whole,
        source=counts,
        target=none,
        source_units=ids[at],
        target_units=np.empty(0, dtype=whole.target_units.dtype),
    )


def pair_windows(source: Windows, target: Windows) -> Windows:
    """The windows of a pair, from those of its regions.

    Parameters
    ----------
    source, target : Windows
        Of the same recording; the units of each are its source.

    Returns
    -------
    Windows
        Source and target.

    Raises
    ------
    DataError
        Where the two are not the same windows.
    """
    if source.recording != target.recording or not np.array_equal(source.start_s, target.start_s):
        raise DataError(f"{source.recording}: the regions have other windows; run the stage prepare again")
    return replace(source, target=target.source, target_units=target.source_units)
