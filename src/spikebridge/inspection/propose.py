"""Proposed parameters for recordings: regions, trials, bins and settings of the translator, with their reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spikebridge.config import DataConfig
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.inspection.propose_translator import propose_min_rate, propose_translator
from spikebridge.inspection.propose_trials import propose_trials
from spikebridge.inspection.reading import OpenedRecording
from spikebridge.inspection.records import Proposal
from spikebridge.inspection.regions import FRONTAL, HIPPOCAMPUS, brain_division, is_region_name, region_column
from spikebridge.io.choose import REGION_COLUMNS
from spikebridge.io.validation.names import same_region


def propose(recordings: Sequence[OpenedRecording], asked: DataConfig, table: str | None) -> Proposal:
    """One proposal for all recordings. asked: the section data of the user. table: the trial table, if named."""
    comments: dict[str, str] = {}
    missing: dict[str, str] = {}
    columns = _region_columns(recordings, asked.region_from)
    counts = Counter(
        name
        for opened in recordings
        for name in (opened.unit_regions.get(columns[opened.summary.name], ()) if columns else ())
        if is_region_name(name)
    )
    source, target, problem = _source_and_target(counts, comments)
    if problem or not columns:
        missing["regions"] = problem if columns else _no_column(recordings, asked.region_from)
        comments |= {
            f"data.{role}": "TO FILL IN: no region is known for this"
            for role, names in (("source", source), ("target", target))
            if not names
        }
    data: dict[str, Any] = {"path": asked.path, "reader": asked.reader}
    if asked.options:
        data["options"] = dict(asked.options)
    if asked.recordings:
        joined = {name: dict(of) for name, of in asked.recordings.items() if isinstance(of, Mapping)}
        data["recordings"] = {name: {probe: files.path for probe, files in of.items()} for name, of in joined.items()}
        comments["data.recordings"] = "probes of one session, by the names of their paths: see docs/probes.md"
    data |= asked.model_dump(include={"follow_links", "limits"}, exclude_defaults=True)
    data |= {
        "source": source,
        "target": target,
        "region_from": _region_from(recordings, asked, columns, {*source, *target}),
    }
    if data["region_from"] == "auto" and len(set(columns.values())) > 1:
        comments["data.region_from"] = "; ".join(sorted(set(columns.values()))) + ", as each recording has it"
    if asked.offset_s != 0:
        data["offset_s"] = asked.offset_s
    if asked.clock != "checked":
        data["clock"] = asked.clock
    trials, bins, observed = propose_trials(recordings, data, table, comments, missing)
    data |= {"observed": observed, "min_rate_hz": propose_min_rate(recordings, comments)}
    proposal = Proposal(data, trials, bins, comments, columns, missing)
    if missing.keys() & {"table", "align"}:
        return proposal
    translator, reasons = propose_translator(recordings, trials["window_s"], bins["width_s"])
    return replace(proposal, translator=translator, reasons=reasons)


def _region_columns(recordings: Sequence[OpenedRecording], asked: str) -> dict[str, str]:
    """Recording -> the column with most of hippocampus and frontal cortex; {} where one recording has no column."""
    chosen = {opened.summary.name: region_column(opened.unit_regions, asked) for opened in recordings}
    known = {name: column for name, column in chosen.items() if column is not None}
    return known if len(known) == len(recordings) else {}


def _no_column(recordings: Sequence[OpenedRecording], asked: str) -> str:
    if asked == "auto":
        return "no column of the units, nor the electrodes, says where a unit is: add a column `region`"
    known = sorted(
        {str(n) for opened in recordings for n in (*opened.outline.units.columns, *opened.unit_regions)} - {"unit"}
    )
    return f"--region-from: {asked!r} is not in every recording{did_you_mean(asked, known)} Columns: {listed(known)}"


def _region_from(
    recordings: Sequence[OpenedRecording], asked: DataConfig, columns: Mapping[str, str], used: set[str]
) -> str:
    """`auto` where that finds the same columns, else the name of the column."""
    if asked.region_from != "auto":
        return asked.region_from
    for opened in recordings:
        known = [n for n in opened.unit_regions if n in REGION_COLUMNS or n in opened.outline.places]
        automatic = next((n for n in known if used & set(opened.unit_regions[n])), None)
        if columns and automatic != columns[opened.summary.name]:
            return columns[opened.summary.name]
    return "auto"


def _source_and_target(counts: Mapping[str, int], comments: dict[str, str]) -> tuple[list[str], list[str], str]:
    """Source and target regions: hippocampus and frontal cortex where there are such names, else the largest others.

    The third value is a message where there are fewer than two regions, else empty.
    """
    problem = ""
    divisions = {d: sorted(n for n in counts if brain_division(n) == d) for d in (HIPPOCAMPUS, FRONTAL)}
    others = _spelling_groups({n: k for n, k in counts.items() if brain_division(n) is None})
    source, target = divisions[HIPPOCAMPUS], divisions[FRONTAL]
    if len(others) < (not source) + (not target):
        regions = ", ".join(f"{n} ({counts[n]} units)" for n in counts) or "none"
        problem = f"two regions are needed, found {regions}"
    for key, names, division in (("source", source, "hippocampus"), ("target", target, "frontal cortex")):
        if not names and others:
            names += others.pop(0)
            comments[f"data.{key}"] = f"a guess, by number of units: no region's name looks like {division}"
    return source, target, problem


def _spelling_groups(counts: Mapping[str, int]) -> list[list[str]]:
    """Regions, largest first; names that differ only in spelling are taken together."""
    groups: dict[str, list[str]] = {}
    for name in sorted(counts):
        groups.setdefault(same_region(name), []).append(name)
    return sorted(groups.values(), key=lambda names: -sum(counts[n] for n in names))
