"""Recordings, read one after the other and measured; their spikes are kept only while they are few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from spikebridge.config import DataConfig
from spikebridge.errors import DataError
from spikebridge.inspection.columns import series_of, table_of
from spikebridge.inspection.records import Look
from spikebridge.inspection.spiking import measure, region_columns, regions
from spikebridge.io import Contents, named_recordings, read_contents, reader_of
from spikebridge.io.contents import no_behavior
from spikebridge.io.offsets import check_offset_names
from spikebridge.io.registry import key_of
from spikebridge.repeated import errors_together

MOST_KEPT = 20_000_000
"""Spikes kept in memory over all recordings, for the proposal to be tried on; of larger ones only the outline."""


@dataclass(frozen=True)
class Opened:
    """A recording that could be read.

    outline: its contents without behaviour, with the first and last spike alone. contents: all of it, or None.
    units: as `spiking.measure`. places: `data.region_from` -> region of each unit.
    """

    path: Path
    look: Look
    outline: Contents
    contents: Contents | None
    units: pd.DataFrame
    places: Mapping[str, list[str]]


def open_all(data: DataConfig, say: Callable[[str], None]) -> tuple[list[Look], list[Opened]]:
    """Every recording at `data.path`, and those of them that could be read. say: hears the name of each beforehand.

    Raises DataError where there is no recording, or none that can be read; ConfigError for a wrong reader or option.
    """
    looks: list[Look] = []
    opened: list[Opened] = []
    room = MOST_KEPT
    paths = named_recordings(Path(data.path), data.reader)
    check_offset_names(data, list(paths.values()))
    for path, name in paths.items():
        reader = reader_of(path, data.reader)
        assert reader is not None  # named_recordings asked before
        start = Look(str(path), name, reader.FORMAT, key_of(reader))
        say(start.name)
        try:
            contents = read_contents(path, data, name)
        except DataError as error:
            looks.append(replace(start, error=str(error)))
            continue
        one = _opened(path, start, contents, data, keep=len(contents.spikes) <= room or len(paths) == 1)
        room -= len(contents.spikes) if one.contents else 0
        looks.append(one.look)
        opened.append(one)
    if not opened:
        raise DataError("\n".join(errors_together([(look.name, look.path, look.error) for look in looks])))
    return looks, opened


def _opened(path: Path, start: Look, contents: Contents, data: DataConfig, keep: bool) -> Opened:
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
    return Opened(path, look, outline(contents, look), contents if keep else None, units, places)


def outline(contents: Contents, look: Look) -> Contents:
    """The contents without what is large; its observed time stays the same."""
    times = [t for t in (look.spikes.first_s, look.spikes.last_s) if t is not None] if look.spikes else []
    unit = contents.units["unit"].iloc[0] if len(contents.units) else 0
    ends = pd.DataFrame(
        {"unit": pd.Series([unit] * len(times), dtype="int64"), "time_s": pd.Series(times, dtype=float)}
    )
    return replace(contents, spikes=ends, behavior=no_behavior())
