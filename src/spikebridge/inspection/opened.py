"""Recordings, read one after the other and measured; their spikes are kept only while they are few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from spikebridge.config import DataConfig
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.grouping import group_errors
from spikebridge.errors.messages import counted
from spikebridge.inspection.columns import series_of, table_of
from spikebridge.inspection.probes import Sessions, sessions_in
from spikebridge.inspection.records import Look
from spikebridge.inspection.spiking import measure, region_columns, regions
from spikebridge.io import Contents, read_in_child_process, reader_registry
from spikebridge.io.contents import no_behavior
from spikebridge.io.discovery import (
    RecordingSource,
    read_source,
    recording_sources,
    search_in_child_process,
    unread_paths,
    with_readers,
)
from spikebridge.io.joining import common_share
from spikebridge.io.offsets import check_offset_names

MIN_COMMON = 0.5
"""Share of their time that probes must have in common for them to be proposed as one recording."""
MAX_KEPT_BYTES = 64_000_000
"""Kept in memory of all recordings, for the proposal to be tried on; of what is more only the outline, and it is read
again."""


@dataclass(frozen=True)
class Opened:
    """A recording that could be read.

    outline: its contents without behaviour, with the first and last spike alone. contents: all of it, or None.
    units: as `spiking.measure`. places: `data.region_from` -> region of each unit.
    """

    entry: RecordingSource
    look: Look
    outline: Contents
    contents: Contents | None
    units: pd.DataFrame
    places: Mapping[str, list[str]]


@dataclass(frozen=True)
class All:
    """Everything at a path. looks: of every recording; opened: those that could be read; not_read: what is none.

    data: the settings under which they were read, with the probes that are joined in `recordings`. remarks: on probes
    that were not joined.
    """

    looks: list[Look]
    opened: list[Opened]
    not_read: tuple[str, ...]
    data: DataConfig
    remarks: tuple[Finding, ...]


def open_all(data: DataConfig, say: Callable[[str], None]) -> All:
    """Every recording at `data.path`. Paths that look like the probes of one session are joined where their times
    agree.

    say: hears the name of each recording beforehand.

    Raises DataError where there is no recording, or none that can be read; ConfigError for a wrong reader or option.
    """
    sessions, entries = search_in_child_process(partial(_entries, data), data)
    check_offset_names(data, [entry.name for entry in entries])
    found = _Opening(data, sessions, say)
    for entry in entries:
        found.open(entry)
    if not found.opened:
        raise DataError("\n".join(group_errors([(look.name, look.path, look.error) for look in found.looks])))
    kept = {name: probes for name, probes in sessions.asked.recordings.items() if name not in found.apart}
    used = data.model_copy(update={"recordings": kept})
    not_read = search_in_child_process(partial(unread_paths, found.entries, used), data)
    return All(found.looks, found.opened, tuple(not_read), used, tuple(found.remarks))


def _entries(data: DataConfig) -> tuple[Sessions, tuple[RecordingSource, ...]]:
    """The sessions that names speak of, and what is opened first, with the reader of each."""
    sessions = sessions_in(data)
    singles = {name: list(with_readers(several, data)) for name, several in sessions.singles.items()}
    return replace(sessions, singles=singles), with_readers(recording_sources(sessions.asked), data)


class _Opening:
    """Recordings as they are opened, one after the other."""

    def __init__(self, data: DataConfig, sessions: Sessions, say: Callable[[str], None]) -> None:
        self.data, self.sessions, self.say = data, sessions, say
        self.looks: list[Look] = []
        self.opened: list[Opened] = []
        self.entries: list[RecordingSource] = []
        self.apart: set[str] = set()
        self.remarks: list[Finding] = []
        self.room = MAX_KEPT_BYTES

    def open(self, entry: RecordingSource) -> None:
        """Read one; the probes of a guessed session that do not fit each other are read each for itself."""
        start = _start(entry)
        self.say(entry.name)
        room = None if self.sessions.number == 1 else self.room
        try:
            found = read_in_child_process(partial(_open_one, entry, start, self.data, room), entry, self.data)
        except DataError as error:
            if not entry.probes:
                self.looks.append(replace(start, error=str(error)))
                self.entries.append(entry)
                return
            found = str(error)
        if isinstance(found, str):
            self._apart(entry, found)
            return
        self.room -= size_of(found.contents) if found.contents else 0
        self.looks.append(found.look)
        self.opened.append(found)
        self.entries.append(entry)

    def _apart(self, entry: RecordingSource, why: str) -> None:
        """Read the probes of a guessed session each for itself. why: what speaks against one recording."""
        text = (
            f"{', '.join(p.name for p in entry.probes)} look like the probes of one session, {entry.name}, "
            f"and are not proposed as one recording: {why}"
        )
        self.remarks.append(Finding.warning("probes-not-joined", entry.name, text))
        self.apart.add(entry.name)
        for single in self.sessions.singles[entry.name]:
            self.open(single)


def _open_one(entry: RecordingSource, start: Look, data: DataConfig, room: int | None) -> Opened | str:
    """The recording, or why several probes are no single one.

    room: bytes that its contents may have to be kept; None where they are kept whatever they have.
    """
    contents = read_source(entry, data)
    if entry.probes and (why := _why_apart(contents)):
        return why
    return _opened(entry, start, contents, data, keep=room is None or size_of(contents) <= room)


def size_of(contents: Contents) -> int:
    """Bytes of what is large in them."""
    return int(sum(frame.memory_usage(index=False, deep=False).sum() for frame in (contents.spikes, contents.behavior)))


def _start(entry: RecordingSource) -> Look:
    joined = f", {counted(len(entry.probes), 'probe')} joined" if entry.probes else ""
    return Look(str(entry.path), entry.name, reader_registry.get_reader(entry.reader).FORMAT + joined, entry.reader)


def _why_apart(contents: Contents) -> str:
    """What speaks against one recording of several probes; empty where nothing does."""
    share = common_share(contents)
    return "" if share >= MIN_COMMON else f"only {100 * share:.0f} % of their time is common"


def _opened(entry: RecordingSource, start: Look, contents: Contents, data: DataConfig, keep: bool) -> Opened:
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
        warnings=tuple(map(Finding.of, contents.notes)),
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
