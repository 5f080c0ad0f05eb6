"""What will hurt, where `io.check` has nothing to say because it looks at one recording and at what is asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.inspection.anatomy import is_place
from spikebridge.inspection.clocks import beside_the_spikes, passed_over
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.records import Look, Proposal, Region, Trial
from spikebridge.inspection.spiking import FEW_SPIKES, REFRACTORY_S, VIOLATING
from spikebridge.io.validation.regions import same_region

FEW_TRIALS = 30
CHANGE = 1.5
"""Fold by which the rate of a region may change over a recording before it is drift."""
MANY = 1 / 4
SILENT_STRETCHES = "silent-stretches"
"""The code of the finding that no unit fires in some stretches; `io.check` may have said so for longer ones."""


def of_recording(one: Opened, proposal: Proposal) -> Iterator[Finding]:
    """What is odd about one recording by itself, and under the proposal."""
    spikes = one.look.spikes
    if spikes is None:
        return
    if spikes.observed_from in one.outline.tables:
        yield Finding.warning(
            "spikes-inside-table",
            spikes.observed_from,
            f"spikes exist only inside the intervals of table {spikes.observed_from}: {spikes.observed_s:.0f} of "
            f"{spikes.duration_s:.0f} s; the rest is missing, not silent",
        )
    if spikes.only_inside:
        yield Finding.warning(
            "spikes-inside-table",
            spikes.only_inside,
            f"spikes exist only inside the intervals of table {spikes.only_inside}, though the file says that "
            f"{spikes.observed_s:.6g} s were observed:",
            "if the rest was not recorded, name the table in data.observed",
        )
    if spikes.silences:
        longest = max(b - a for a, b in spikes.silences)
        yield Finding.warning(
            SILENT_STRETCHES,
            "observed time",
            f"no unit fires in {counted(len(spikes.silences), 'stretch', 'stretches')} of up to {longest:.1f} s that "
            f"count as observed (the first: {spikes.silences[0][0]:.1f} to {spikes.silences[0][1]:.1f} s)",
        )
    yield from beside_the_spikes(one)
    yield from passed_over(one, proposal)
    regions = one.look.regions.get(proposal.region_column.get(one.look.name, ""), ())
    yield from _spellings(regions)
    yield from _poor_units(regions, spikes.resolution_s)
    yield from _drift(regions)


def _alike_across(regions: Mapping[str, Sequence[Region]]) -> Iterator[Finding]:
    """Names of several recordings that differ in spelling, or in letters that look alike. regions: by recording."""
    found: dict[str, dict[str, list[str]]] = {}
    for recording, several in regions.items():
        for region in several:
            found.setdefault(looks_like(region.name), {}).setdefault(region.name, []).append(recording)
    for names in found.values():
        if len(names) > 1:
            said = (f"{name!r} ({listed(recordings, 3)})" for name, recordings in names.items())
            text = f"regions that look like one under several names: {' and '.join(said)};"
            yield Finding.warning("regions-look-alike", listed(names), text, "one spelling is needed")


def looks_like(region: str) -> str:
    """The same for names that differ in spelling alone or in l, 1 and I, or O and 0."""
    return same_region(region).translate(str.maketrans("1i0", "llo"))


def _spellings(regions: Iterable[Region]) -> Iterator[Finding]:
    groups: dict[str, list[str]] = {}
    for region in regions:
        text = f"{region.name!r} ({counted(region.units, 'unit')})"
        for key in {same_region(region.name), f"looks {looks_like(region.name)}"}:
            groups.setdefault(key, []).append(text)
    exact = {tuple(names) for key, names in groups.items() if not key.startswith("looks ")}
    for key, names in groups.items():
        if len(names) > 1 and not key.startswith("looks "):
            text = f"regions differ in spelling alone: {' and '.join(names)}"
            yield Finding.warning("regions-differ-in-spelling", key, text)
        elif len(names) > 1 and tuple(names) not in exact:
            text = f"regions look alike: {' and '.join(names)}; is one a slip of l, 1 and I, or O and 0?"
            yield Finding.warning("regions-look-alike", key, text)


def _poor_units(regions: Sequence[Region], resolution_s: float) -> Iterator[Finding]:
    units = sum(r.units for r in regions)
    few = sum(r.few_spikes for r in regions)
    if few:
        text = f"{few} of {counted(units, 'unit')} with fewer than {FEW_SPIKES} spikes"
        yield Finding.warning("units-with-few-spikes", "units", text)
    bad = sum(r.violating or 0 for r in regions)
    if bad >= MANY * units > 0:
        text = f"{bad} of {counted(units, 'unit')} look like several neurons (refractory contamination > {VIOLATING:g})"
        yield Finding.warning("contaminated-units", "units", text)
    if resolution_s > REFRACTORY_S:
        text = f"spike times are known to {1000 * resolution_s:.4g} ms: refractory violations cannot be told"
        yield Finding.warning("coarse-spike-times", "spikes", text)


def _drift(regions: Iterable[Region]) -> Iterator[Finding]:
    moved = [
        f"{r.name} to {r.rate_change:.2g} times"
        for r in regions
        if is_place(r.name) and np.isfinite(r.rate_change) and not 1 / CHANGE <= r.rate_change <= CHANGE
    ]
    if moved:
        text = (
            f"drift: rates change from the first to the last third of the recording: {listed(moved, 8)} (median unit)"
        )
        yield Finding.warning("drift", "regions", text)


def of_folder(
    looks: Sequence[Look], opened: Sequence[Opened], proposal: Proposal, not_read: Sequence[str]
) -> Iterator[Finding]:
    """What is odd about recordings as a group."""
    if not_read:
        text = f"not read, since no reader takes them: {listed(not_read, 10)}"
        yield Finding.warning("not-read", "files", text)
    yield from _same_spikes(opened)
    here = {o.look.name: o.look.regions.get(proposal.region_column.get(o.look.name, ""), ()) for o in opened}
    yield from _alike_across(here) if len(opened) > 1 else ()
    table = proposal.trials["table"]
    yield from _differences({o.look.name: _column_names(o, table) for o in opened}, f"columns of table {table}")
    places = {o.look.name: set(o.places.get(proposal.region_column.get(o.look.name, ""), ())) for o in opened}
    asked = {*proposal.data["source"], *proposal.data["target"]}
    yield from _differences({n: {p for p in names if p in asked} for n, names in places.items()}, "proposed regions")
    formats = Counter(look.format for look in looks)
    if len(formats) > 1:
        text = "several formats: " + ", ".join(f"{name} ({n})" for name, n in formats.items())
        yield Finding.warning("several-formats", "files", text)


def _column_names(one: Opened, table: str) -> set[str]:
    return {str(c) for c in one.outline.tables[table].columns} if table in one.outline.tables else set()


def _differences(names: Mapping[str, set[str]], what: str) -> Iterator[Finding]:
    """What is in some recordings and not in all."""
    everywhere = set.intersection(*names.values()) if names else set()
    some = sorted({n for mine in names.values() for n in mine} - everywhere)
    if some:
        having = (f"{n} in {sum(n in mine for mine in names.values())} of {len(names)}" for n in some)
        yield Finding.warning("recordings-differ", what, f"recordings differ in {what}: {listed(having, 8)}")


def _same_spikes(opened: Sequence[Opened]) -> Iterator[Finding]:
    first: dict[tuple[object, ...], str] = {}
    for one in opened:
        spikes = one.look.spikes
        if spikes is not None and spikes.number:
            key = (spikes.number, spikes.first_s, spikes.last_s, tuple(one.units["spikes"]))
            other = first.setdefault(key, one.look.name)
            if other != one.look.name:
                text = f"{other} and {one.look.name} hold the same spikes: one recording under two names?"
                yield Finding.warning("recording-twice", one.look.name, text)


def of_trial(trial: Trial, label: str) -> Iterator[Finding]:
    """What is odd about the trials that the proposal uses."""
    few = [f"{name} ({n})" for name, n in trial.labels.items() if n < FEW_TRIALS]
    if few:
        text = f"fewer than {FEW_TRIALS} trials of {label}: {', '.join(few)}: scores of these classes are uncertain"
        yield Finding.warning("few-trials", label, text)
    thin = [name for name, (used, total) in trial.kept.items() if used < total / 2]
    if thin:
        yield Finding.warning(
            "few-usable-trials", "trials", f"less than half of the trials can be used in {listed(thin, 8)}"
        )
