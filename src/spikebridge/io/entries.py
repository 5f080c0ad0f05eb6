"""The recordings that params.yaml asks for: those found at `data.path`, and those that `data.recordings` joins of
probes."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spikebridge.config import DataConfig, ProbeFiles
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.contents import NO_REGIONS, Contents
from spikebridge.io.formats import read_sidecars, sidecars_of
from spikebridge.io.joining import Part, join, with_shared
from spikebridge.io.naming import check_names
from spikebridge.io.offsets import Offset, moved, moved_by
from spikebridge.io.probes import names_for
from spikebridge.io.reader_registry import (
    Reader,
    files_of,
    named_recordings,
    names_of,
    not_recordings,
    read_contents,
    read_unmoved,
    reader_of,
    recordings_at,
)
from spikebridge.io.tree import entries


@dataclass(frozen=True)
class Probe:
    """One of several paths of a recording, and the seconds that are added to its times."""

    name: str
    path: Path
    offset: Offset


@dataclass(frozen=True)
class Entry:
    """One recording: a path that a reader takes, or the folder that holds its probes.

    beside: whose tables belong to all probes (see `sidecars`): the folder, or where it holds other recordings too, a
    path <folder>/<name>.joined, whose tables are <name>.trials.csv and the like. reader: what `data.reader` calls the
    reader of its first path; "" until `discovery` has asked.
    """

    name: str
    path: Path
    probes: tuple[Probe, ...] = ()
    beside: Path | None = None
    reader: str = ""

    @property
    def paths(self) -> list[Path]:
        """What readers take."""
        return [p.path for p in self.probes] or [self.path]


def entries_of(data: DataConfig) -> list[Entry]:
    """Every recording at `data.path`, by path: those that `data.recordings` names, of their probes, and all others.

    Raises DataError where there is none, two have one name, or a path of a probe is not there or no recording;
    ConfigError for an unknown reader, or a probe that is named twice.
    """
    if not data.recordings:
        return [Entry(name, path) for path, name in named_recordings(Path(data.path), data.reader).items()]
    root = _plain(Path(data.path))
    found = recordings_at(root, data.reader)
    probes = {name: _probes(name, given, data) for name, given in data.recordings.items()}
    used = [p.path for several in probes.values() for p in several]
    if twice := sorted({str(p) for p in used if used.count(p) > 1}):
        raise ConfigError(f"data.recordings: each path belongs to one probe, named more than once: {listed(twice)}")
    alone = {p: r for p, r in found.items() if p != root and not any(_within(p, u) or _within(u, p) for u in used)}
    singles = [Entry(name, path) for path, name in names_of(alone, root).items()]
    joined = [_joined(name, several, [*alone, *used]) for name, several in probes.items()]
    every = sorted([*joined, *singles], key=lambda e: (e.path, e.name))
    check_names([(e.path, e.name) for e in every])
    return every


def _plain(path: Path) -> Path:
    """Without "." and ".."; links stay."""
    return Path(os.path.normpath(path))


def _within(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _probes(name: str, given: Sequence[ProbeFiles] | Mapping[str, ProbeFiles], data: DataConfig) -> tuple[Probe, ...]:
    root = _plain(Path(data.path))
    key = f"data.recordings: {name}"
    if not given:
        raise ConfigError(f"{key}: expected paths of its probes, found none")
    if isinstance(given, Mapping):
        named = list(given.items())
    else:
        named = list(zip(names_for(Path(one.path) for one in given), given, strict=True))
    if odd := [probe for probe, _ in named if "/" in probe or not probe]:
        raise ConfigError(f"{key}: the name of a probe must not be empty nor contain '/': {listed(odd)}")
    if out := [one.path for _, one in named if not _within(_plain(root / one.path), _plain(root))]:
        raise ConfigError(
            f"{key}: expected paths in data.path ({str(root)!r}), whose changes are seen, got {listed(out)}"
        )
    probes = tuple(Probe(probe, _plain(root / one.path), Offset.of(one.offset_s)) for probe, one in named)
    for probe in probes:
        _reader_of(probe, key, data)
    return probes


def _reader_of(probe: Probe, key: str, data: DataConfig) -> Reader:
    if not probe.path.exists():
        there = [p.name for p in entries(probe.path.parent)] if probe.path.parent.is_dir() else []
        hint = did_you_mean(probe.path.name, there) if there else "."
        raise DataError(
            f"{key}: {probe.name}: {str(probe.path)!r} does not exist{hint} Paths are relative to data.path"
        )
    reader = reader_of(probe.path, data.reader)
    if reader is None:
        inside = [p.relative_to(_plain(Path(data.path))).as_posix() for p in recordings_at(probe.path, data.reader)]
        hint = f"; recordings in it: {listed(inside, 5)}" if inside else ""
        raise DataError(
            f"{key}: {probe.name}: no reader takes {str(probe.path)!r} (data.reader = {data.reader!r}){hint}"
        )
    return reader


def _joined(name: str, probes: tuple[Probe, ...], every: Sequence[Path]) -> Entry:
    """every: the paths of all recordings."""
    mine = [p.path for p in probes]
    home = Path(os.path.commonpath([p.parent for p in mine])) if len(mine) > 1 else mine[0].parent
    shared = [p for p in every if p not in mine and _within(p, home)]
    return Entry(name, home, probes, home / f"{name}.joined" if shared else home)


def read_entry(entry: Entry, data: DataConfig, times: Collection[str] = ()) -> Contents:
    """Everything one recording holds, its times moved by `data.offset_s`. times: as for `read_contents`.

    Raises DataError where it cannot be read, or its probes do not fit each other.
    """
    if not entry.probes:
        return read_contents(entry.path, data, entry.name, times)
    parts, wrong = [], []
    for probe in entry.probes:
        try:
            contents = moved_by(read_unmoved(probe.path, data, probe.name), probe.offset, times)
            parts.append(Part(probe.name, contents))
        except DataError as error:
            wrong.append(str(error))
    if wrong:
        raise DataError("\n".join(wrong))
    contents = join(entry.name, parts, entry.path.name if len(entry.probes) > 1 else entry.probes[0].path.name)
    assert entry.beside is not None
    beside = read_sidecars(entry.beside, _own_files(entry, data))
    contents = with_shared(contents, beside, entry.path.name)
    contents = replace(contents, notes=tuple(n for n in contents.notes if not _answered(n, contents)))
    return moved(contents, data, times)


def _answered(note: Finding | str, contents: Contents) -> bool:
    """Whether a note of one probe on its regions no longer holds, since a table beside all probes names them."""
    return Finding.of(note).code == NO_REGIONS and "region" in contents.units and contents.units["region"].notna().all()


def _own_files(entry: Entry, data: DataConfig) -> list[str]:
    """Names of files that belong to a probe alone, in the folder of all."""
    return [f.name for f in _files_of_probes(entry, data) if f.parent == entry.path]


def _files_of_probes(entry: Entry, data: DataConfig) -> list[Path]:
    return [f for p in entry.probes if (reader := reader_of(p.path, data.reader)) for f in files_of(p.path, reader)]


def files_of_entry(entry: Entry, data: DataConfig) -> list[Path]:
    """Every file that belongs to a recording, sorted."""
    if not entry.probes:
        reader = reader_of(entry.path, data.reader)
        assert reader is not None  # entries_of asked before
        return files_of(entry.path, reader)
    assert entry.beside is not None
    return sorted({*_files_of_probes(entry, data), *sidecars_of(entry.beside)})


def left_beside(every: Sequence[Entry], data: DataConfig) -> list[str]:
    """Names of what lies at `data.path` and belongs to no recording; see `not_recordings`."""
    taken = [path for entry in every for path in entry.paths]
    taken += [f for entry in every if entry.beside is not None for f in sidecars_of(entry.beside)]
    root = _plain(Path(data.path)) if data.recordings else Path(data.path)
    return not_recordings(root, taken, data.reader)
