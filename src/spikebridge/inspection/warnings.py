"""Warnings about recordings and their trials beyond the checks of `io.validation`.

Those checks see one recording at a time and what the parameters ask of it. These also compare recordings, look at all
interval tables and columns, and judge units and trials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.inspection.clock_warnings import rejected_align_columns, tables_outside_spikes
from spikebridge.inspection.reading import OpenedRecording
from spikebridge.inspection.records import DryRun, Proposal, RecordingSummary, RegionSummary, SpikeSummary
from spikebridge.inspection.regions import FEW_SPIKES, MAX_CONTAMINATION, is_region_name
from spikebridge.inspection.spikes import REFRACTORY_S
from spikebridge.io.validation.names import same_region
from spikebridge.preprocess.unit_metrics import MAX_RATE_CHANGE

MIN_TRIALS_OF_CLASS = 30
MIN_CONTAMINATED_SHARE = 1 / 4
SILENT_INTERVALS = "silent-intervals"
"""The code of the finding that no unit fires in parts of the observed time."""


def recording_warnings(opened: OpenedRecording, proposal: Proposal) -> Iterator[Finding]:
    """Warnings about one recording, alone and under the proposal."""
    spikes = opened.summary.spikes
    if spikes is None:
        return
    yield from _observed_time(opened, spikes)
    yield from tables_outside_spikes(opened)
    yield from rejected_align_columns(opened, proposal)
    regions = opened.summary.regions.get(proposal.region_column.get(opened.summary.name, ""), ())
    yield from _spellings(regions)
    yield from _poor_units(regions, spikes.resolution_s)
    yield from _drift(regions)


def folder_warnings(
    summaries: Sequence[RecordingSummary],
    recordings: Sequence[OpenedRecording],
    proposal: Proposal,
    not_read: Sequence[str],
) -> Iterator[Finding]:
    """Warnings about recordings as a group."""
    if not_read:
        text = f"not read, since no reader takes them: {listed(not_read, 10)}"
        yield Finding.warning("not-read", "files", text)
    yield from _same_spikes(recordings)
    column_of = proposal.region_column
    regions = {o.summary.name: o.summary.regions.get(column_of.get(o.summary.name, ""), ()) for o in recordings}
    yield from _spellings_across(regions) if len(recordings) > 1 else ()
    table = proposal.trials["table"]
    columns = {o.summary.name: _column_names(o, table) for o in recordings}
    yield from _differences(columns, f"columns of table {table}")
    asked = {*proposal.data["source"], *proposal.data["target"]}
    unit_regions = {o.summary.name: o.unit_regions.get(column_of.get(o.summary.name, ""), ()) for o in recordings}
    yield from _differences({n: asked.intersection(names) for n, names in unit_regions.items()}, "proposed regions")
    formats = Counter(summary.source.format for summary in summaries)
    if len(formats) > 1:
        text = "several formats: " + ", ".join(f"{name} ({n})" for name, n in formats.items())
        yield Finding.warning("several-formats", "files", text)


def dry_run_warnings(result: DryRun, label: str) -> Iterator[Finding]:
    """Warnings about the trials that the proposal uses. label: its name, for the text."""
    few = [f"{name} ({n})" for name, n in result.class_counts.items() if n < MIN_TRIALS_OF_CLASS]
    if few:
        text = (
            f"fewer than {MIN_TRIALS_OF_CLASS} trials of {label}: {', '.join(few)}: scores of these classes are "
            "uncertain"
        )
        yield Finding.warning("few-trials", label, text)
    mostly_unused = [name for name, (used, total) in result.trials_used.items() if used < total / 2]
    if mostly_unused:
        text = f"less than half of the trials can be used in {listed(mostly_unused, 8)}"
        yield Finding.warning("few-usable-trials", "trials", text)


def _observed_time(opened: OpenedRecording, spikes: SpikeSummary) -> Iterator[Finding]:
    if spikes.observed_from in opened.outline.tables:
        text = (
            f"spikes exist only inside the intervals of table {spikes.observed_from}: {spikes.observed_s:.0f} of "
            f"{spikes.duration_s:.0f} s; the rest is missing, not silent"
        )
        yield Finding.warning("observed-time-of-table", spikes.observed_from, text)
    if spikes.enclosing_table:
        text = (
            f"spikes exist only inside the intervals of table {spikes.enclosing_table}, though the file says that "
            f"{spikes.observed_s:.6g} s were observed:"
        )
        remedy = "if the rest was not recorded, name the table in data.observed"
        yield Finding.warning("spikes-inside-table", spikes.enclosing_table, text, remedy)
    silent = spikes.silent_intervals
    if silent:
        text = (
            f"no unit fires in {counted(len(silent), 'stretch', 'stretches')} of up to "
            f"{max(b - a for a, b in silent):.1f} s that count as observed (the first: {silent[0][0]:.1f} to "
            f"{silent[0][1]:.1f} s)"
        )
        yield Finding.warning(SILENT_INTERVALS, "observed time", text)


def _spellings_across(regions: Mapping[str, Sequence[RegionSummary]]) -> Iterator[Finding]:
    """Names in several recordings that differ in spelling, or in letters that look alike. regions: by recording."""
    groups: dict[str, dict[str, list[str]]] = {}
    for recording, several in regions.items():
        for region in several:
            groups.setdefault(_look_alike_key(region.name), {}).setdefault(region.name, []).append(recording)
    for names in groups.values():
        if len(names) > 1:
            texts = (f"{name!r} ({listed(recordings, 3)})" for name, recordings in names.items())
            text = f"regions that look like one under several names: {' and '.join(texts)};"
            yield Finding.warning("recordings-with-similar-regions", listed(names), text, "one spelling is needed")


def _look_alike_key(region: str) -> str:
    """The same for names that differ only in spelling, in l, 1 and I, or in O and 0."""
    return same_region(region).translate(str.maketrans("1i0", "llo"))


def _spellings(regions: Iterable[RegionSummary]) -> Iterator[Finding]:
    """Names in one recording that differ in spelling, or in letters that look alike."""
    spellings: dict[str, list[str]] = {}
    look_alikes: dict[str, list[str]] = {}
    for region in regions:
        text = f"{region.name!r} ({counted(region.units, 'unit')})"
        spellings.setdefault(same_region(region.name), []).append(text)
        look_alikes.setdefault(_look_alike_key(region.name), []).append(text)
    for key, names in spellings.items():
        if len(names) > 1:
            text = f"regions differ in spelling alone: {' and '.join(names)}"
            yield Finding.warning("regions-in-several-spellings", key, text)
    for key, names in look_alikes.items():
        if len(names) > 1 and names not in spellings.values():
            text = f"regions look alike: {' and '.join(names)}; is one a slip of l, 1 and I, or O and 0?"
            yield Finding.warning("regions-look-alike", key, text)


def _poor_units(regions: Sequence[RegionSummary], resolution_s: float) -> Iterator[Finding]:
    n_units = sum(r.units for r in regions)
    n_few = sum(r.few_spikes for r in regions)
    n_contaminated = sum(r.contaminated or 0 for r in regions)
    if n_few:
        text = f"{n_few} of {counted(n_units, 'unit')} with fewer than {FEW_SPIKES} spikes"
        yield Finding.warning("units-with-few-spikes", "units", text)
    if n_contaminated >= MIN_CONTAMINATED_SHARE * n_units > 0:
        text = (
            f"{n_contaminated} of {counted(n_units, 'unit')} look like several neurons (refractory contamination > "
            f"{MAX_CONTAMINATION:g})"
        )
        yield Finding.warning("contaminated-units", "units", text)
    if resolution_s > REFRACTORY_S:
        text = f"spike times are known to {1000 * resolution_s:.4g} ms: refractory violations cannot be told"
        yield Finding.warning("coarse-spike-times", "spikes", text)


def _drift(regions: Iterable[RegionSummary]) -> Iterator[Finding]:
    changed = [
        f"{r.name} to {r.rate_change:.2g} times"
        for r in regions
        if is_region_name(r.name)
        and np.isfinite(r.rate_change)
        and not 1 / MAX_RATE_CHANGE <= r.rate_change <= MAX_RATE_CHANGE
    ]
    if changed:
        names = listed(changed, 8)
        text = f"drift: rates change from the first to the last third of the recording: {names} (median unit)"
        yield Finding.warning("drift", "regions", text)


def _column_names(opened: OpenedRecording, table: str) -> set[str]:
    return {str(c) for c in opened.outline.tables[table].columns} if table in opened.outline.tables else set()


def _differences(names: Mapping[str, set[str]], what: str) -> Iterator[Finding]:
    """Names that some recordings have and not all. names: by recording."""
    in_all = set.intersection(*names.values()) if names else set()
    in_some = sorted({n for several in names.values() for n in several} - in_all)
    if in_some:
        counts = (f"{n} in {sum(n in several for several in names.values())} of {len(names)}" for n in in_some)
        yield Finding.warning("recordings-differ", what, f"recordings differ in {what}: {listed(counts, 8)}")


def _same_spikes(recordings: Sequence[OpenedRecording]) -> Iterator[Finding]:
    first: dict[tuple[object, ...], str] = {}
    for opened in recordings:
        spikes, name = opened.summary.spikes, opened.summary.name
        if spikes is not None and spikes.count:
            key = (spikes.count, spikes.first_s, spikes.last_s, tuple(opened.units["spikes"]))
            other = first.setdefault(key, name)
            if other != name:
                text = f"{other} and {name} hold the same spikes: one recording under two names?"
                yield Finding.warning("recording-twice", name, text)
