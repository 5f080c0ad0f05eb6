"""A first set of parameters for recordings: regions, trials and bins, with a comment wherever it is a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from spikebridge.config import DataConfig
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.inspection.anatomy import FRONTAL, HIPPOCAMPUS, is_place, part_of_brain
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.propose_trials import propose_trials
from spikebridge.inspection.records import Proposal
from spikebridge.io.choose import REGION_COLUMNS
from spikebridge.io.validation.regions import same_region

MIN_RATE_HZ = 0.1


def propose(opened: Sequence[Opened], asked: DataConfig, table: str | None) -> Proposal:
    """One proposal for all recordings. asked: path, reader, options and region_from as the user gave them."""
    comments: dict[str, str] = {}
    missing: dict[str, str] = {}
    columns = _columns(opened, asked.region_from)
    counts = Counter(
        name
        for one in opened
        for name in (one.places.get(columns[one.look.name], ()) if columns else ())
        if is_place(name)
    )
    source, target, lacking = _sides(counts, comments)
    if lacking or not columns:
        missing["regions"] = lacking if columns else _no_column(opened, asked.region_from)
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
        "region_from": _region_from(opened, asked, columns, {*source, *target}),
    }
    if data["region_from"] == "auto" and len(set(columns.values())) > 1:
        comments["data.region_from"] = "; ".join(sorted(set(columns.values()))) + ", as each recording has it"
    if asked.offset_s != 0:
        data["offset_s"] = asked.offset_s
    if asked.clock != "checked":
        data["clock"] = asked.clock
    trials, bins, observed = propose_trials(opened, data, table, comments, missing)
    data |= {"observed": observed, "min_rate_hz": MIN_RATE_HZ}
    return Proposal(data, trials, bins, comments, columns, missing)


def _columns(opened: Sequence[Opened], asked: str) -> dict[str, str]:
    """Recording -> the column that says most about hippocampus and frontal cortex; {} where one has no column."""
    asked = "electrodes.location" if asked == "electrodes" else asked
    chosen = {}
    for one in opened:
        names = [asked] if asked in one.places else list(one.places) if asked == "auto" else []
        if names:
            chosen[one.look.name] = max(names, key=lambda n: (_told(one.places[n]), -names.index(n)))
    return chosen if len(chosen) == len(opened) else {}


def _no_column(opened: Sequence[Opened], asked: str) -> str:
    if asked == "auto":
        return "no column of the units, nor the electrodes, says where a unit is: add a column `region`"
    known = sorted({str(n) for one in opened for n in (*one.outline.units.columns, *one.places)} - {"unit"})
    return f"--region-from: {asked!r} is not in every recording{did_you_mean(asked, known)} Columns: {listed(known)}"


def _told(names: Sequence[str]) -> tuple[int, bool]:
    """How many of the two parts of the brain are there, and whether the units are told apart at all."""
    different = {n for n in set(names) if is_place(n)}
    return len({part_of_brain(n) for n in different} - {None}), len(different) > 1


def _region_from(opened: Sequence[Opened], asked: DataConfig, columns: Mapping[str, str], used: set[str]) -> str:
    """`auto` where that finds the same columns, else the column's name."""
    if asked.region_from != "auto":
        return asked.region_from
    for one in opened:
        known = [n for n in one.places if n in REGION_COLUMNS or n in one.outline.places]
        found = next((n for n in known if used & set(one.places[n])), None)
        if columns and found != columns[one.look.name]:
            return columns[one.look.name]
    return "auto"


def _sides(counts: Mapping[str, int], comments: dict[str, str]) -> tuple[list[str], list[str], str]:
    """Source and target regions: hippocampus and frontal cortex where there are such names, else the largest others.

    Third, what is missing for that, in words; else empty.
    """
    lacking = ""
    parts = {part: sorted(n for n in counts if part_of_brain(n) == part) for part in (HIPPOCAMPUS, FRONTAL)}
    others = _groups({n: k for n, k in counts.items() if part_of_brain(n) is None})
    source, target = parts[HIPPOCAMPUS], parts[FRONTAL]
    if len(others) < (not source) + (not target):
        found = ", ".join(f"{n} ({counts[n]} units)" for n in counts) or "none"
        lacking = f"two regions are needed, found {found}"
    for key, part, what in (("source", source, "hippocampus"), ("target", target, "frontal cortex")):
        if not part and others:
            part += others.pop(0)
            comments[f"data.{key}"] = f"a guess, by number of units: no region's name looks like {what}"
    return source, target, lacking


def _groups(counts: Mapping[str, int]) -> list[list[str]]:
    """Regions, largest first, those that differ in spelling alone together."""
    groups: dict[str, list[str]] = {}
    for name in sorted(counts):
        groups.setdefault(same_region(name), []).append(name)
    return sorted(groups.values(), key=lambda names: -sum(counts[n] for n in names))
