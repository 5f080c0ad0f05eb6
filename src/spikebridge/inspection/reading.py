"""Reading of recordings one after the other. Their spikes are kept in memory only while they are few.

Folders or files whose names look like the probes of one session are read as one recording where their times agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from spikebridge.config import DataConfig
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding, Refusal
from spikebridge.errors.grouping import group_errors
from spikebridge.errors.messages import counted
from spikebridge.inspection.records import RecordingSource, RecordingSummary
from spikebridge.inspection.regions import brain_division, region_columns, summarize_regions
from spikebridge.inspection.spikes import summarize_spikes
from spikebridge.inspection.tables import summarize_behavior, summarize_table
from spikebridge.io import Contents, named_recordings, read_in_child_process, reader_registry
from spikebridge.io.contents import no_behavior
from spikebridge.io.discovery import (
    RecordingPaths,
    read_paths,
    recording_paths,
    search_in_child_process,
    unread_paths,
    with_readers,
)
from spikebridge.io.joining import common_share
from spikebridge.io.offsets import check_offset_names
from spikebridge.io.probes import TOKEN, WORD, Group, groups_in, relative

MIN_COMMON_TO_PROBES = 0.5
"""Share of their time that probes must have in common to be proposed as one recording."""
MAX_KEPT_BYTES = 64_000_000
"""Contents kept in memory over all recordings, for the dry run; of the others only the outline is kept, and the dry run
reads them again."""
PATH_WORDS = {"sub", "lo", "fra"}
"""Words of paths (sub-01) that are also acronyms of regions."""


@dataclass(frozen=True)
class OpenedRecording:
    """A recording that could be read.

    outline: its contents without behaviour, with the first and last spike alone. contents: all of it, or None.
    units: as `summarize_spikes`. unit_regions: value of `data.region_from` -> region of each unit.
    """

    entry: RecordingPaths
    summary: RecordingSummary
    outline: Contents
    contents: Contents | None
    units: pd.DataFrame
    unit_regions: Mapping[str, list[str]]


@dataclass(frozen=True)
class PathContents:
    """Everything at a path. summaries: of every recording; recordings: those that could be read.

    not_read: names of what is no recording. data: the settings under which they were read; its `recordings` names the
    probes that were joined. remarks: on probes that were not joined.
    """

    summaries: tuple[RecordingSummary, ...]
    recordings: tuple[OpenedRecording, ...]
    not_read: tuple[str, ...]
    data: DataConfig
    remarks: tuple[Finding, ...]


@dataclass(frozen=True)
class ProbeSessions:
    """Sessions of several probes, guessed from names. data: the settings with these sessions in `recordings`.

    probes: session -> the entry of each of its probes. number: of all recordings before any are joined.
    """

    data: DataConfig
    probes: Mapping[str, list[RecordingPaths]]
    number: int


def read_all(data: DataConfig, report: Callable[[str], None]) -> PathContents:
    """Read every recording at `data.path`. report: called with the name of each before it is read.

    Raises DataError where there is no recording, or none that can be read; ConfigError for a wrong reader or option.
    """
    sessions, entries = search_in_child_process(partial(_find_entries, data), data)
    check_offset_names(data, [entry.name for entry in entries])
    opening = _Opening(data, sessions, report)
    for entry in entries:
        opening.open(entry)
    if not opening.recordings:
        raise _nothing_read(opening.summaries)
    kept = {name: probes for name, probes in sessions.data.recordings.items() if name not in opening.separated}
    used = data.model_copy(update={"recordings": kept})
    not_read = search_in_child_process(partial(unread_paths, opening.entries, used), data)
    return PathContents(
        tuple(opening.summaries), tuple(opening.recordings), tuple(not_read), used, tuple(opening.remarks)
    )


def _nothing_read(summaries: Sequence[RecordingSummary]) -> DataError:
    """The error where no recording can be read."""
    refusals = [(s.name, s.error) for s in summaries if s.error is not None]
    errors = tuple(error for _, refusal in refusals for error in refusal.complete)
    return DataError("\n".join(group_errors(refusals)), Refusal("", errors))


def _find_entries(data: DataConfig) -> tuple[ProbeSessions, tuple[RecordingPaths, ...]]:
    """The guessed sessions, and what is opened first, with the reader of each."""
    sessions = _guess_sessions(data)
    probes = {name: list(with_readers(several, data)) for name, several in sessions.probes.items()}
    return replace(sessions, probes=probes), with_readers(recording_paths(sessions.data), data)


def _guess_sessions(data: DataConfig) -> ProbeSessions:
    """Raises DataError and ConfigError as `named_recordings` does."""
    root = Path(data.path)
    named = named_recordings(root, data.reader)
    groups = groups_in(named, root, _is_region)
    groups = {name: group for name, group in groups.items() if _are_probes(group)}
    taken = {path for group in groups.values() for path in group.values()}
    groups = {n: g for n, g in groups.items() if n not in {named[p] for p in named if p not in taken}}
    joined = {**data.model_dump(), "recordings": {name: relative(group, root) for name, group in groups.items()}}
    probes = {name: [RecordingPaths(named[p], p) for p in group.values()] for name, group in groups.items()}
    return ProbeSessions(DataConfig.model_validate(joined), probes, len(named))


def _are_probes(group: Group) -> bool:
    """Whether the names are those of probes, or of different divisions: PL1 and PL2 may be two animals."""
    words = {word for label in group for word in WORD.findall(label)}
    return all(TOKEN.search(label) for label in group) or len({brain_division(w) for w in words} - {None}) > 1


def _is_region(word: str) -> bool:
    return word.casefold() not in PATH_WORDS and brain_division(word) is not None


class _Opening:
    """The recordings that have been read so far, and what remains of the memory for their contents."""

    def __init__(self, data: DataConfig, sessions: ProbeSessions, report: Callable[[str], None]) -> None:
        self.data, self.sessions, self.report = data, sessions, report
        self.summaries: list[RecordingSummary] = []
        self.recordings: list[OpenedRecording] = []
        self.entries: list[RecordingPaths] = []
        self.separated: set[str] = set()
        self.remarks: list[Finding] = []
        self.memory_left = MAX_KEPT_BYTES

    def open(self, entry: RecordingPaths) -> None:
        """Read one entry. The probes of a guessed session that do not fit each other are read one by one."""
        start = _start(entry)
        self.report(entry.name)
        memory = None if self.sessions.number == 1 else self.memory_left
        try:
            opened = read_in_child_process(partial(_open_one, entry, start, self.data, memory), entry, self.data)
        except DataError as error:
            if not entry.probes:
                self.summaries.append(replace(start, error=error.refusal))
                self.entries.append(entry)
                return
            self._open_separately(entry, str(error))
            return
        self.memory_left -= _n_bytes(opened.contents) if opened.contents else 0
        self.summaries.append(opened.summary)
        self.recordings.append(opened)
        self.entries.append(entry)

    def _open_separately(self, entry: RecordingPaths, reason: str) -> None:
        """Read the probes of a guessed session one by one. reason: why they are not one recording."""
        text = (
            f"{', '.join(p.name for p in entry.probes)} look like the probes of one session, {entry.name}, "
            f"and are not proposed as one recording: {reason}"
        )
        self.remarks.append(Finding.warning("probes-not-joined", entry.name, text))
        self.separated.add(entry.name)
        for probe in self.sessions.probes[entry.name]:
            self.open(probe)


def _open_one(entry: RecordingPaths, start: RecordingSummary, data: DataConfig, memory: int | None) -> OpenedRecording:
    """Read a recording and summarise it. memory: bytes left for its contents; None where they are kept in any case.

    Raises DataError where it cannot be read, or where its probes have too little time in common.
    """
    contents = read_paths(entry, data)
    if entry.probes and (share := common_share(contents)) < MIN_COMMON_TO_PROBES:
        text = f"only {100 * share:.0f} % of their time is common"
        raise DataError.of("probes-with-little-common-time", "", text, subject=entry.name)
    spikes, units = summarize_spikes(contents)
    unit_regions = region_columns(contents, data)
    summary = replace(
        start,
        animal=contents.animal,
        units=len(contents.units),
        spikes=spikes,
        regions={name: summarize_regions(units, names) for name, names in unit_regions.items()},
        tables=tuple(summarize_table(name, frame) for name, frame in contents.tables.items()),
        behavior=summarize_behavior(contents.behavior),
        warnings=contents.notes,
    )
    keep = memory is None or _n_bytes(contents) <= memory
    return OpenedRecording(entry, summary, _outline(contents, summary), contents if keep else None, units, unit_regions)


def _start(entry: RecordingPaths) -> RecordingSummary:
    """What is known of a recording before it is read."""
    joined = f", {counted(len(entry.probes), 'probe')} joined" if entry.probes else ""
    file_format = reader_registry.get_reader(entry.reader).FORMAT + joined
    return RecordingSummary(entry.name, RecordingSource(str(entry.path), file_format, entry.reader))


def _n_bytes(contents: Contents) -> int:
    """Memory of spikes and behaviour, the large tables."""
    return int(sum(frame.memory_usage(index=False, deep=False).sum() for frame in (contents.spikes, contents.behavior)))


def _outline(contents: Contents, summary: RecordingSummary) -> Contents:
    """The contents without spikes and behaviour. The first and last spike stay, so the observed time is the same."""
    ends = (summary.spikes.first_s, summary.spikes.last_s) if summary.spikes else ()
    times = [t for t in ends if t is not None]
    unit = contents.units["unit"].iloc[0] if len(contents.units) else 0
    spikes = pd.DataFrame(
        {"unit": pd.Series([unit] * len(times), dtype="int64"), "time_s": pd.Series(times, dtype=float)}
    )
    return replace(contents, spikes=spikes, behavior=no_behavior())
