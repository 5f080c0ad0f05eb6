"""Recordings, read one after the other and measured; their spikes are kept only while they are few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from spikebridge.config import DataConfig
from spikebridge.errors import DataError
from spikebridge.inspection.columns import series_of, table_of
from spikebridge.inspection.records import Look
from spikebridge.inspection.spiking import measure, region_columns, regions
from spikebridge.io import Contents, discover, read_apart, read_contents, registry
from spikebridge.io.contents import no_behavior
from spikebridge.io.discovery import Found

MAX_KEPT_BYTES = 64_000_000
"""Kept in memory of all recordings, for the proposal to be tried on; of what is more only the outline, and it is read
again."""


@dataclass(frozen=True)
class Opened:
    """A recording that could be read.

    outline: its contents without behaviour, with the first and last spike alone. contents: all of it, or None.
    units: as `spiking.measure`. places: `data.region_from` -> region of each unit.
    """

    found: Found
    look: Look
    outline: Contents
    contents: Contents | None
    units: pd.DataFrame
    places: Mapping[str, list[str]]


def open_all(data: DataConfig, say: Callable[[str], None]) -> tuple[list[Look], list[Opened], tuple[str, ...]]:
    """Every recording at `data.path`, those of them that could be read, and what belongs to none.

    say: hears the name of each recording beforehand.

    Raises DataError where there is no recording, or none that can be read; ConfigError for a wrong reader or option.
    """
    looks: list[Look] = []
    opened: list[Opened] = []
    room = MAX_KEPT_BYTES
    here = discover(data)
    for found in here.recordings:
        start = Look(str(found.path), found.name, registry.get_reader(found.reader).FORMAT, found.reader)
        say(start.name)
        try:
            keep = room if len(here.recordings) > 1 else None
            one = read_apart(partial(_open_one, found, start, data, keep), found, data)
        except DataError as error:
            looks.append(replace(start, error=str(error)))
            continue
        room -= size_of(one.contents) if one.contents else 0
        looks.append(one.look)
        opened.append(one)
    if not opened:
        raise DataError("\n".join(look.error for look in looks))
    return looks, opened, here.not_read


def _open_one(found: Found, start: Look, data: DataConfig, room: int | None) -> Opened:
    """room: bytes that its contents may have to be kept; None where they are kept whatever they have."""
    contents = read_contents(found.path, data, found.name)
    return _opened(found, start, contents, data, keep=room is None or size_of(contents) <= room)


def size_of(contents: Contents) -> int:
    """Bytes of what is large in them."""
    return int(sum(frame.memory_usage(index=False, deep=False).sum() for frame in (contents.spikes, contents.behavior)))


def _opened(found: Found, start: Look, contents: Contents, data: DataConfig, keep: bool) -> Opened:
    spikes, units = measure(contents)
    places = region_columns(contents, data)
    look = replace(
        start,
        animal=contents.animal,
        units=len(contents.units),
        spikes=spikes,
        regions={name: regions(units, names) for name, names in places.items()},
        tables=tuple(table_of(name, frame) for name, frame in contents.tables.items()),
        behavior=series_of(contents.behavior),
        warnings=contents.notes,
    )
    return Opened(found, look, outline(contents, look), contents if keep else None, units, places)


def outline(contents: Contents, look: Look) -> Contents:
    """The contents without what is large; its observed time stays the same."""
    times = [t for t in (look.spikes.first_s, look.spikes.last_s) if t is not None] if look.spikes else []
    unit = contents.units["unit"].iloc[0] if len(contents.units) else 0
    ends = pd.DataFrame(
        {"unit": pd.Series([unit] * len(times), dtype="int64"), "time_s": pd.Series(times, dtype=float)}
    )
    return replace(contents, spikes=ends, behavior=no_behavior())
