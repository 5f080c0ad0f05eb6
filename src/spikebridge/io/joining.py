"""Join several probes or sortings of one session into the contents of one recording, for every reader.

Spike sorters number the units of each probe from 0. In the joined recording, unit `id` of the k-th probe (k from 0)
gets the number k x step + id. step is the smallest power of ten above every id: with ids up to 999, unit 12 of the
second probe is 1012. The columns `probe`, `id_on_probe` and `name` ("imec1/12") keep the original identity of each
unit. A unit was observed when its probe was observed.

Times are compared but never changed. If a probe has another clock, the user sets `offset_s` (see docs/probes.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.choose import PROBE, REGION_COLUMNS
from spikebridge.io.contents import NAME, Contents, unit_names
from spikebridge.io.joining_tables import joined_behavior, joined_tables, note_of, raise_if_wrong
from spikebridge.io.observed_time import first_to_last
from spikebridge.types.intervals import intersect_intervals, merge_intervals, total_s

ID = "id_on_probe"
MAX_ID = 2**62
MIN_COMMON = 0.9
"""If a smaller share of the observed time is common to all probes, a note asks whether they have one clock."""
MIN_OFFSET_S, ALIKE = 1.0, 0.1
"""A probe is noted if its first spike differs by more seconds, and its last spike by the same within this share."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class ProbeContents:
    """One probe and its contents from the reader."""

    probe: str
    contents: Contents


def join_probes(name: str, parts: Sequence[ProbeContents], source_file: str = "") -> Contents:
    """Join several parts, whose times are on one clock. The units are in the order of the parts.

    Raises DataError if two parts have no common time, different animals, bins of different widths, or tables that
    contradict each other.
    """
    wrong: list[Finding] = []
    notes: list[Finding] = [note_of(p.probe, note) for p in parts for note in p.contents.notes]
    spans = [observed_of(p.contents) for p in parts]
    notes += _compared(parts, spans, wrong)
    ids, numbering = _new_ids(parts)
    notes.append(numbering)
    animal = _animal(parts, wrong)
    _check_widths(parts, wrong)
    tables = joined_tables([(p.probe, p.contents.tables) for p in parts], wrong)
    behavior = joined_behavior([(p.probe, p.contents.behavior) for p in parts], notes)
    raise_if_wrong(name, wrong)
    return Contents(
        name=name,
        animal=animal,
        spikes=_spikes(parts, ids),
        units=_units(parts, ids, notes),
        tables=tables,
        behavior=behavior,
        places=_places(parts),
        observed_of_unit=tuple(pairs for p, span in zip(parts, spans, strict=True) for pairs in _per_unit(p, span)),
        resolution_s=parts[0].contents.resolution_s,
        source_file=source_file or name,
        notes=tuple(dict.fromkeys(notes)),
        time_unit_options=any(p.contents.time_unit_options for p in parts),
    )


def observed_of(contents: Contents) -> Array:
    """(interval, 2), seconds: when a part was observed: the intervals of its file, else from first to last spike."""
    if contents.observed is not None:
        return merge_intervals(contents.observed)
    if contents.observed_of_unit is not None and len(contents.observed_of_unit):
        return merge_intervals(np.concatenate(list(contents.observed_of_unit)))
    return first_to_last(contents.spikes["time_s"].to_numpy(dtype=np.float64))


def common_share(contents: Contents) -> float:
    """Share of the observed time of all units of a joined recording in which every one of them was observed."""
    pairs = {p.tobytes(): merge_intervals(p) for p in contents.observed_of_unit or ()}
    if not pairs:
        return 1.0
    ever = total_s(merge_intervals(np.concatenate(list(pairs.values()))))
    return total_s(intersect_intervals(list(pairs.values()))) / ever if ever else 0.0


def _per_unit(part: ProbeContents, span: Array) -> Sequence[Array]:
    """(unit,) observed times."""
    intervals = part.contents.observed_of_unit
    return intervals if intervals is not None and part.contents.observed is None else [span] * len(part.contents.units)


def _compared(parts: Sequence[ProbeContents], spans: Sequence[Array], wrong: list[Finding]) -> list[Finding]:
    """A note on the times of the parts. Two parts without common time are an error: no trial has spikes of both."""
    held = [(p.probe, first_to_last(p.contents.spikes["time_s"].to_numpy(dtype=np.float64))) for p in parts]
    held = [(probe, span) for probe, span in held if len(span)]
    for (probe_a, a), (probe_b, b) in combinations(held, 2):
        if a[0, 1] <= b[0, 0] or b[0, 1] <= a[0, 0]:
            wrong.append(
                Finding.error(
                    "probes-without-common-time",
                    probe_b,
                    f"{probe_a} has spikes from {a[0, 0]:g} to {a[0, 1]:g} s, {probe_b} from {b[0, 0]:g} to "
                    f"{b[0, 1]:g} s: no time in common. Are they of one session, on one clock? Where the clock of "
                    f"{probe_b} began at another time, write its path as {{path: ..., offset_s: seconds that are added "
                    f"to its times}} in data.recordings ({a[0, 0] - b[0, 0]:.6g} would bring its first spike to that "
                    f"of {probe_a})",
                )
            )
    if wrong or len(held) < 2:
        return []
    first, last = ([float(span[0, k]) for _, span in held] for k in (0, 1))
    ranges = listed(f"{probe} {span[0, 0]:.3f} to {span[0, 1]:.3f} s" for probe, span in held)
    common = total_s(intersect_intervals(list(spans)))
    ever = total_s(merge_intervals(np.concatenate(list(spans))))
    text = (
        f"probes joined on one clock: spikes of {ranges}; first spikes {np.ptp(first):.3g} s apart, last spikes "
        f"{np.ptp(last):.3g} s apart; {common:.6g} of {ever:.6g} s are common to all"
    )
    text += ": are they on one clock?" if common < MIN_COMMON * ever else ""
    return [Finding.warning("probes-joined", "probes", text), *_offsets(held)]


def _offsets(held: Sequence[tuple[str, Array]]) -> list[Finding]:
    """A note for each probe whose start and end are shifted equally relative to the first: a hint at another clock."""
    (first, a), *others = held
    notes = []
    for probe, b in others:
        begin, end = b[0] - a[0]
        if abs(begin) > MIN_OFFSET_S and abs(begin - end) < ALIKE * abs(begin):
            text = f"{probe} begins {begin:+.3g} s and ends {end:+.3g} s from {first}:"
            remedy = (
                f"where their clocks began at different times, write its path as {{path: ..., offset_s: {-begin:.3g}}}"
                ", with the exact seconds"
            )
            notes.append(Finding.warning("probe-offset", probe, text, remedy))
    return notes


def _new_ids(parts: Sequence[ProbeContents]) -> tuple[list[NDArray[np.int64]], Finding]:
    """(unit,) ids of each part, and a note that states their rule."""
    old = [p.contents.units["unit"].to_numpy(dtype=np.int64) for p in parts]
    every = np.concatenate(old) if old else np.empty(0, dtype=np.int64)
    largest = int(every.max(initial=0))
    step = 10 ** len(str(largest))
    if every.min(initial=0) < 0 or step * len(parts) > MAX_ID:
        ends = np.cumsum([0, *map(len, old)])
        made = [np.arange(a, b, dtype=np.int64) for a, b in pairwise(ends)]
        return made, _numbering("units of all probes are numbered from 0; see the columns probe, id_on_probe and name")
    rule = listed(f"{p.probe} {f'{k * step} + ' if k else ''}its number" for k, p in enumerate(parts))
    text = f"unit ids: {rule}; see the columns probe, id_on_probe, name"
    return [k * step + ids for k, ids in enumerate(old)], _numbering(text)


def _numbering(text: str) -> Finding:
    return Finding.warning("unit-ids-of-probes", "unit ids", text)


def _animal(parts: Sequence[ProbeContents], wrong: list[Finding]) -> str:
    known = {p.contents.animal: p.probe for p in reversed(parts) if p.contents.animal != "unknown"}
    if len(known) > 1:
        several = listed(f"{animal} ({probe})" for animal, probe in sorted(known.items()))
        wrong.append(
            Finding.error("probes-of-several-animals", "animal", f"expected probes of one animal, found {several}")
        )
    return next(iter(known), "unknown")


def _check_widths(parts: Sequence[ProbeContents], wrong: list[Finding]) -> None:
    if len({p.contents.resolution_s for p in parts}) > 1:
        several = listed(f"{p.probe} {p.contents.resolution_s:g}" for p in parts)
        wrong.append(
            Finding.error(
                "probes-of-different-bins",
                "bin_width_s",
                f"expected spike times of all probes, or bins of one width; widths in s (0: times): {several}",
            )
        )


def _spikes(parts: Sequence[ProbeContents], ids: Sequence[NDArray[np.int64]]) -> pd.DataFrame:
    frames = []
    for part, new in zip(parts, ids, strict=True):
        spikes = part.contents.spikes
        rows = pd.Index(part.contents.units["unit"]).get_indexer(spikes["unit"])
        frames.append(pd.DataFrame({"unit": new[rows], "time_s": spikes["time_s"].to_numpy(dtype=np.float64)}))
    return pd.concat(frames, ignore_index=True)


def _units(parts: Sequence[ProbeContents], ids: Sequence[NDArray[np.int64]], notes: list[Finding]) -> pd.DataFrame:
    same = _share_regions(parts, notes)
    frames = []
    for part, new in zip(parts, ids, strict=True):
        own = part.contents.units
        names = unit_names(own)
        called = [f"{part.probe}/{names.get(int(u), str(u))}" for u in own["unit"]]
        first = {"unit": new, NAME: called, PROBE: part.probe, ID: own["unit"].to_numpy(dtype=np.int64)}
        rest = own.drop(columns="unit").rename(columns={c: f"{c}_in_file" for c in (NAME, PROBE, ID)})
        if not same:
            rest = rest.assign(region=_own_regions(part.contents))
        frames.append(pd.concat([pd.DataFrame(first), rest.reset_index(drop=True)], axis=1))
    units = pd.concat(frames, ignore_index=True)
    return pd.DataFrame({c: _one_type(units[c]) for c in units})


def _one_type(column: pd.Series) -> pd.Series:
    """A column of several types as text; columns of truth values are kept. Missing values stay missing."""
    if column.dtype != object:
        return column
    known = column.dropna()
    if all(isinstance(v, (bool, np.bool_)) for v in known):
        return column.where(column.notna(), None)
    return column.map(lambda v: None if v is None or v != v else str(v)).astype("str")


def _region_names(contents: Contents) -> list[str]:
    """Columns and electrode properties with the region of a unit, in the order of `choose`."""
    columns = [c for c in REGION_COLUMNS if c in contents.units and contents.units[c].notna().any()]
    order = sorted(contents.places, key=lambda name: (name != "electrodes.location", name))
    return columns + [name for name in order if any(contents.places[name])]


def _own_regions(contents: Contents) -> list[str]:
    """The region of each unit, from the first of these columns."""
    name = next(iter(_region_names(contents)), None)
    if name is None:
        return [""] * len(contents.units)
    if name in contents.places:
        return [max(places, key=places.count) if places else "" for places in contents.places[name]]
    return ["" if v is None or v != v else str(v) for v in contents.units[name]]


def _share_regions(parts: Sequence[ProbeContents], notes: list[Finding]) -> bool:
    """Whether all parts have regions in the same columns. If not, each fills a column region, and a note says so."""
    named = [_region_names(p.contents) for p in parts]
    if len({frozenset(names) for names in named}) == 1 or not any(named):
        return True
    sources = listed(
        f"{p.probe} from {names[0] if names else 'nowhere'}" for p, names in zip(parts, named, strict=True)
    )
    text = f"the column region is filled for each probe by its own files: {sources}"
    notes.append(Finding.warning("regions-of-probes", "regions", text))
    return False


def _places(parts: Sequence[ProbeContents]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Name -> places of every unit; empty for the units of a part without places of this name."""
    names = dict.fromkeys(name for p in parts for name in p.contents.places)
    return {
        name: tuple(places for p in parts for places in p.contents.places.get(name, ((),) * len(p.contents.units)))
        for name in names
    }
