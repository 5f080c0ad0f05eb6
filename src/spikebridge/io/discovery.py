"""Find the recordings at `data.path`, including those that `data.recordings` joins from several probes.

Searching and reading happen in a child process; see `child_process`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from spikebridge.config import DataConfig, ProbeFiles
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io import reader_registry
from spikebridge.io.child_process import run_in_child_process
from spikebridge.io.contents import NO_REGIONS, Contents
from spikebridge.io.folders import check_names, list_folder
from spikebridge.io.formats import read_sidecars, sidecars_of
from spikebridge.io.joining import ProbeContents, join_probes
from spikebridge.io.joining_tables import add_shared_tables
from spikebridge.io.limits import bounds_of
from spikebridge.io.offsets import Offset, add_offset, apply_offset_setting
from spikebridge.io.probes import names_for
from spikebridge.io.reader_registry import (
    Reader,
    files_of,
    key_of,
    name_recordings,
    named_recordings,
    not_recordings,
    read_contents,
    read_unmoved,
    reader_of,
    recordings_at,
)


@dataclass(frozen=True)
class ProbePath:
    """The path of one probe of a recording, and the seconds that are added to its times."""

    name: str
    path: Path
    offset: Offset


@dataclass(frozen=True)
class RecordingPaths:
    """One recording: a path that a reader can read, or the folder with its probes.

    beside: the path whose tables belong to all probes (see `sidecars`): the folder, or, if the folder has other
    recordings too, <folder>/<name>.joined, whose tables are <name>.trials.csv and so on. reader: the name of the reader
    of its first path in `data.reader`; "" until `with_readers` sets it.
    """

    name: str
    path: Path
    probes: tuple[ProbePath, ...] = ()
    beside: Path | None = None
    reader: str = ""

    @property
    def paths(self) -> list[Path]:
        """The paths that are given to readers."""
        return [p.path for p in self.probes] or [self.path]


def recording_paths(data: DataConfig) -> list[RecordingPaths]:
    """Every recording at `data.path`, sorted by path: those joined by `data.recordings`, and all others.

    Raises DataError if there is no recording, if two have the same name, or if the path of a probe does not exist or is
    not a recording. Raises ConfigError for an unknown reader, or a path that is named twice.
    """
    if not data.recordings:
        return [RecordingPaths(name, path) for path, name in named_recordings(Path(data.path), data.reader).items()]
    root = _plain(Path(data.path))
    readers = recordings_at(root, data.reader)
    probes = {name: _probes(name, given, data) for name, given in data.recordings.items()}
    used = [p.path for several in probes.values() for p in several]
    if twice := sorted({str(p) for p in used if used.count(p) > 1}):
        raise ConfigError(f"data.recordings: each path belongs to one probe, named more than once: {listed(twice)}")
    alone = {p: r for p, r in readers.items() if p != root and not any(_within(p, u) or _within(u, p) for u in used)}
    singles = [RecordingPaths(name, path) for path, name in name_recordings(alone, root).items()]
    joined = [_joined(name, several, [*alone, *used]) for name, several in probes.items()]
    every = sorted([*joined, *singles], key=lambda e: (e.path, e.name))
    check_names([(e.path, e.name) for e in every])
    return every


def _plain(path: Path) -> Path:
    """The path without "." and ".."; links are not resolved."""
    return Path(os.path.normpath(path))


def _within(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _probes(
    name: str, given: Sequence[ProbeFiles] | Mapping[str, ProbeFiles], data: DataConfig
) -> tuple[ProbePath, ...]:
    root = _plain(Path(data.path))
    key = f"data.recordings: {name}"
    if not given:
        raise ConfigError(f"{key}: expected paths of its probes, found none")
    if isinstance(given, Mapping):
        named = list(given.items())
    else:
        named = list(zip(names_for(Path(files.path) for files in given), given, strict=True))
    if odd := [probe for probe, _ in named if "/" in probe or not probe]:
        raise ConfigError(f"{key}: the name of a probe must not be empty nor contain '/': {listed(odd)}")
    if out := [files.path for _, files in named if not _within(_plain(root / files.path), _plain(root))]:
        raise ConfigError(
            f"{key}: expected paths in data.path ({str(root)!r}), whose changes are seen, got {listed(out)}"
        )
    probes = tuple(ProbePath(probe, _plain(root / files.path), Offset.of(files.offset_s)) for probe, files in named)
    for probe in probes:
        _reader_of(probe, key, data)
    return probes


def _reader_of(probe: ProbePath, key: str, data: DataConfig) -> Reader:
    if not probe.path.exists():
        neighbours = [p.name for p in list_folder(probe.path.parent)] if probe.path.parent.is_dir() else []
        hint = did_you_mean(probe.path.name, neighbours) if neighbours else "."
        raise DataError.of(
            "probe-path-missing",
            key,
            f"{probe.name}: {str(probe.path)!r} does not exist{hint} Paths are relative to data.path",
        )
    reader = reader_of(probe.path, data.reader)
    if reader is None:
        inside = [p.relative_to(_plain(Path(data.path))).as_posix() for p in recordings_at(probe.path, data.reader)]
        hint = f"; recordings in it: {listed(inside, 5)}" if inside else ""
        raise DataError.of(
            "probe-without-reader",
            key,
            f"{probe.name}: no reader takes {str(probe.path)!r} (data.reader = {data.reader!r}){hint}",
        )
    return reader


def _joined(name: str, probes: tuple[ProbePath, ...], every: Sequence[Path]) -> RecordingPaths:
    """every: the paths of all recordings."""
    own = [p.path for p in probes]
    home = Path(os.path.commonpath([p.parent for p in own])) if len(own) > 1 else own[0].parent
    shared = [p for p in every if p not in own and _within(p, home)]
    return RecordingPaths(name, home, probes, home / f"{name}.joined" if shared else home)


def read_paths(paths: RecordingPaths, data: DataConfig, times: Collection[str] = ()) -> Contents:
    """The contents of one recording, with `data.offset_s` added to its times. times: as for `read_contents`.

    Raises DataError if it cannot be read, or if its probes contradict each other.
    """
    if not paths.probes:
        return read_contents(paths.path, data, paths.name, times)
    parts: list[ProbeContents] = []
    wrong: list[Finding] = []
    for probe in paths.probes:
        try:
            contents = add_offset(read_unmoved(probe.path, data, probe.name), probe.offset, times)
            parts.append(ProbeContents(probe.name, contents))
        except DataError as error:
            wrong.extend(error.refusal.complete)
    if wrong:
        raise DataError.about("", wrong)
    folder = paths.path if len(paths.probes) > 1 else paths.probes[0].path
    contents = join_probes(paths.name, parts, folder.name)
    assert paths.beside is not None
    beside = read_sidecars(paths.beside, _own_files(paths, data))
    contents = add_shared_tables(contents, beside, paths.path.name)
    contents = replace(contents, notes=tuple(n for n in contents.notes if not _answered(n, contents)))
    return apply_offset_setting(contents, data, times)


def _answered(note: Finding, contents: Contents) -> bool:
    """Whether a note about missing regions no longer applies, because the shared table has regions for all units."""
    return note.code == NO_REGIONS and "region" in contents.units and contents.units["region"].notna().all()


def _own_files(paths: RecordingPaths, data: DataConfig) -> list[str]:
    """Names of the files in the common folder that belong to a single probe."""
    return [f.name for f in _files_of_probes(paths, data) if f.parent == paths.path]


def _files_of_probes(paths: RecordingPaths, data: DataConfig) -> list[Path]:
    return [f for p in paths.probes if (reader := reader_of(p.path, data.reader)) for f in files_of(p.path, reader)]


def files_of_paths(paths: RecordingPaths, data: DataConfig) -> list[Path]:
    """Every file that belongs to a recording, sorted."""
    if not paths.probes:
        reader = reader_of(paths.path, data.reader)
        assert reader is not None  # recording_paths checked this
        return files_of(paths.path, reader)
    assert paths.beside is not None
    return sorted({*_files_of_probes(paths, data), *sidecars_of(paths.beside)})


def unread_paths(every: Sequence[RecordingPaths], data: DataConfig) -> list[str]:
    """Names of the files and folders at `data.path` that belong to no recording; see `not_recordings`."""
    taken = [path for paths in every for path in paths.paths]
    taken += [f for paths in every if paths.beside is not None for f in sidecars_of(paths.beside)]
    root = _plain(Path(data.path)) if data.recordings else Path(data.path)
    return not_recordings(root, taken, data.reader)


T = TypeVar("T")


@dataclass(frozen=True)
class Discovery:
    """The recordings at `data.path`. not_read: names of other files and folders there; see `not_recordings`."""

    recordings: tuple[RecordingPaths, ...]
    not_read: tuple[str, ...]


def discover(data: DataConfig) -> Discovery:
    """Find the recordings at `data.path`, in a child process.

    Parameters
    ----------
    data : DataConfig
        The section `data` of params.yaml.

    Returns
    -------
    Discovery
        The sorted paths of the recordings, and the files and folders that belong to none of them.

    Raises
    ------
    DataError
        As `recording_paths` and `run_in_child_process`.
    """
    return search_in_child_process(partial(_discover, data), data)


def search_in_child_process(work: Callable[[], T], data: DataConfig) -> T:
    """Call `work`, which searches `data.path` for recordings, in a child process, and return its result.

    Raises ConfigError for an unknown reader.
    """
    for name in reader_registry.reader_names() if data.reader == "auto" else [data.reader]:
        reader_registry.get_reader(name)  # loaded here once, not in each child
    return run_in_child_process(work, Path(data.path), bounds_of(data))


def read_in_child_process(work: Callable[[], T], paths: RecordingPaths, data: DataConfig) -> T:
    """Call a function that reads one recording in a child process. The libraries of its reader are loaded first.

    Parameters
    ----------
    work : callable
        A function without arguments; its result is sent back.
    paths : RecordingPaths
        The recording that it reads, for the limits and for messages.
    data : DataConfig
        The section `data`: its limits and its rule on links.

    Returns
    -------
    object
        What `work` returns.

    Raises
    ------
    DataError
        As `run_in_child_process`.
    """
    _load_libraries(paths.reader)
    return run_in_child_process(work, paths.path, bounds_of(data))


def with_readers(recordings: Iterable[RecordingPaths], data: DataConfig) -> tuple[RecordingPaths, ...]:
    """The recordings with the name of the reader of each. Raises DataError if no reader can read a path any more."""
    known = []
    for paths in recordings:
        reader = reader_of(paths.paths[0], data.reader)
        if reader is None:  # it was removed after the search
            raise DataError.of(
                "path-without-reader", paths.paths[0], f"no reader takes this (data.reader = {data.reader!r})"
            )
        known.append(replace(paths, reader=key_of(reader)))
    return tuple(known)


def _discover(data: DataConfig) -> Discovery:
    recordings = with_readers(recording_paths(data), data)
    return Discovery(recordings, tuple(unread_paths(recordings, data)))


def _load_libraries(reader: str) -> None:
    """Load the libraries of a reader here once, so that the children need not load them."""
    for name in getattr(reader_registry.get_reader(reader), "LIBRARIES", ()):
        with contextlib.suppress(Exception):  # the code that needs it reports the missing library
            importlib.import_module(name)
