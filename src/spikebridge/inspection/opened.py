"""Recordings, read one after the other and measured; their spikes are kept only while they are few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from spikebridge.config import DataConfig
from spikebridge.errors import DataError
from spikebridge.inspection.columns import series_of, table_of
from spikebridge.inspection.probes import Sessions, sessions_in
from spikebridge.inspection.records import Look
from spikebridge.inspection.spiking import measure, region_columns, regions
from spikebridge.io import Contents, reader_of
from spikebridge.io.contents import no_behavior
from spikebridge.io.entries import Entry, entries_of, read_entry
from spikebridge.io.joining import common_share
from spikebridge.io.offsets import check_offset_names
from spikebridge.io.registry import key_of
from spikebridge.repeated import errors_together
from spikebridge.suggest import counted

MIN_COMMON = 0.5
"""Share of their time that probes must have in common for them to be proposed as one recording."""
MAX_KEPT = 20_000_000
"""Spikes kept in memory over all recordings, for the proposal to be tried on; of larger ones only the outline."""


@dataclass(frozen=True)
class Opened:
    """A recording that could be read.

    outline: its contents without behaviour, with the first and last spike alone. contents: all of it, or None.
    units: as `spiking.measure`. places: `data.region_from` -> region of each unit.
    """

    entry: Entry
    look: Look
    outline: Contents
    contents: Contents | None
    units: pd.DataFrame
    places: Mapping[str, list[str]]


@dataclass(frozen=True)
class All:
    """Everything at a path. looks: of every recording; opened: those that could be read; entries: where they lie.

    data: the settings under which they were read, with the probes that are joined in `recordings`. remarks: on probes
    that were not joined.
    """

    looks: list[Look]
    opened: list[Opened]
    entries: list[Entry]
    data: DataConfig
    remarks: tuple[str, ...]


def open_all(data: DataConfig, say: Callable[[str], None]) -> All:
    """Every recording at `data.path`. Paths that look like the probes of one session are joined where their times
    agree.

    say: hears the name of each recording beforehand.

    Raises DataError where there is no recording, or none that can be read; ConfigError for a wrong reader or option.
    """
    sessions = sessions_in(data)
    found = _Opening(data, sessions, say)
    every = entries_of(sessions.asked)
    check_offset_names(data, [entry.name for entry in every])
    for entry in every:
        found.open(entry)
    if not found.opened:
        raise DataError("\n".join(errors_together([(look.name, look.path, look.error) for look in found.looks])))
    kept = {name: probes for name, probes in sessions.asked.recordings.items() if name not in found.apart}
    used = data.model_copy(update={"recordings": kept})
    return All(found.looks, found.opened, found.entries, used, tuple(found.remarks))


class _Opening:
    """Recordings as they are opened, one after the other."""

    def __init__(self, data: DataConfig, sessions: Sessions, say: Callable[[str], None]) -> None:
        self.data, self.sessions, self.say = data, sessions, say
        self.looks: list[Look] = []
        self.opened: list[Opened] = []
        self.entries: list[Entry] = []
        self.apart: set[str] = set()
        self.remarks: list[str] = []
        self.room = MAX_KEPT

    def open(self, entry: Entry) -> None:
        """Read one; the probes of a guessed session that do not fit each other are read each for itself."""
        start = _start(entry, self.data)
        self.say(entry.name)
        guessed = bool(entry.probes)
        try:
            contents = read_entry(entry, self.data)
            why = _why_apart(contents) if guessed else ""
        except DataError as error:
            if not guessed:
                self.looks.append(replace(start, error=str(error)))
                self.entries.append(entry)
                return
            why = str(error)
        if why:
            self.remarks.append(
                f"{', '.join(p.name for p in entry.probes)} look like the probes of one session, {entry.name}, "
                f"and are not proposed as one recording: {why}"
            )
            self.apart.add(entry.name)
            for single in self.sessions.singles[entry.name]:
                self.open(single)
            return
        few = len(contents.spikes) <= self.room or self.sessions.number == 1
        one = _opened(entry, start, contents, self.data, keep=few)
        self.room -= len(contents.spikes) if one.contents else 0
        self.looks.append(one.look)
        self.opened.append(one)
        self.entries.append(entry)


def _start(entry: Entry, data: DataConfig) -> Look:
    reader = reader_of(entry.paths[0], data.reader)
    assert reader is not None  # entries_of asked before
    joined = f", {counted(len(entry.probes), 'probe')} joined" if entry.probes else ""
    return Look(str(entry.path), entry.name, reader.FORMAT + joined, key_of(reader))


def _why_apart(contents: Contents) -> str:
    """What speaks against one recording of several probes; empty where nothing does."""
    share = common_share(contents)
    return "" if share >= MIN_COMMON else f"only {100 * share:.0f} % of their time is common"


def _opened(entry: Entry, start: Look, contents: Contents, data: DataConfig, keep: bool) -> Opened:
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
    return Opened(entry, look, outline(contents, look), contents if keep else None, units, places)


def outline(contents: Contents, look: Look) -> Contents:
    """The contents without what is large; its observed time stays the same."""
    times = [t for t in (look.spikes.first_s, look.spikes.last_s) if t is not None] if look.spikes else []
    unit = contents.units["unit"].iloc[0] if len(contents.units) else 0
    ends = pd.DataFrame(
        {"unit": pd.Series([unit] * len(times), dtype="int64"), "time_s": pd.Series(times, dtype=float)}
    )
    return replace(contents, spikes=ends, behavior=no_behavior())
