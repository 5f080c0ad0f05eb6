"""The readers: modules in io/readers/, found by file name. To add a reader, add one file there.

A reader module defines

    FORMAT: str                                         description of its format, for people
    Options: type[Section]                              the options in `data.options` (NoOptions: none)
    can_read(path: Path) -> bool                        checks the content if the name is not enough; reads little
    read(path: Path, options: Options) -> Contents      raises DataError with all errors, not only the first
    write(recording: Recording, folder: Path) -> Path   writes the format, for tests and export; the path to read

and may define

    name_of(path: Path) -> str                          name of the recording; default: file name without suffix. If
                                                        names are equal, parent folders are added (`folders`)
    takes(path: Path) -> bool                           what it may open if `data.reader` names it; default: can_read
    files_of(path: Path) -> list[Path]                  every file that `read` may open for this recording; default: all
                                                        in the folder, or the file and all files <stem>.*
    LIBRARIES: tuple[str, ...]                          slow modules that `read` uses: loaded once, not for each
                                                        recording

A recording is one file or one folder. The file name of the module is its name in `data.reader`. Files that begin with
an underscore are parts of readers.
"""

from __future__ import annotations

import glob
import importlib
import pkgutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from pydantic import ValidationError

from spikebridge.config import DataConfig, Section
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.errors.validation_errors import describe_errors
from spikebridge.io import readers
from spikebridge.io.child_process import announce_path
from spikebridge.io.contents import Contents
from spikebridge.io.folders import (
    MAX_FOLDER_DEPTH,
    check_names,
    depth_below,
    is_loop,
    list_folder,
    unique_names,
    unread_in,
)
from spikebridge.io.limits import (
    LINKS,
    current_bounds,
    limits_in_force,
    reason_not_opened,
    rooted,
    special_file_kind,
    target_outside,
)
from spikebridge.io.offsets import apply_offset_setting
from spikebridge.runtime.stage_inputs import UNFINISHED
from spikebridge.types import Recording


class NoOptions(Section):
    """The options of a reader without options."""


class Reader(Protocol):
    __name__: str
    FORMAT: str
    Options: type[Section]

    def can_read(self, path: Path) -> bool: ...

    def read(self, path: Path, options: Section) -> Contents: ...

    def write(self, recording: Recording, folder: Path) -> Path: ...


def reader_names() -> list[str]:
    """List every reader.

    Returns
    -------
    list of str
        The values of `data.reader` other than "auto": the file names of the readers, sorted.
    """
    return list(_reader_names())


@cache
def _reader_names() -> tuple[str, ...]:
    """Looked up once: discovery asks for the readers of every file."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(readers.__path__) if not m.name.startswith("_")))


def get_reader(name: str) -> Reader:
    """Return the reader with a given name.

    Parameters
    ----------
    name : str
        The file name of the reader, as in `data.reader`.

    Returns
    -------
    Reader
        The module of the reader.

    Raises
    ------
    ConfigError
        If there is no reader with this name; the message suggests one.
    """
    if name not in _reader_names():
        raise ConfigError(
            f"data.reader: unknown reader {name!r}{did_you_mean(name, reader_names())} Known: auto, "
            f"{listed(reader_names())}"
        )
    return cast(Reader, importlib.import_module(f"{readers.__name__}.{name}"))


def reader_of(path: Path, reader: str = "auto") -> Reader | None:
    """Return the reader of a path.

    Parameters
    ----------
    path : Path
        A file or a folder.
    reader : str
        "auto" for the first reader that can read the path, or the name of one.

    Returns
    -------
    Reader or None
        None if no reader, or not the named one, can read the path.
    """
    announce_path(path)
    if reader == "auto":
        return next((r for r in map(get_reader, _reader_names()) if r.can_read(path)), None)
    named = get_reader(reader)
    return named if getattr(named, "takes", named.can_read)(path) else None


def key_of(reader: Reader) -> str:
    """The name of a reader in `data.reader`."""
    return reader.__name__.rpartition(".")[2]


def options_of(reader: Reader, data: DataConfig) -> Section:
    """`data.options`, checked by the reader. Raises ConfigError with the wrong key and the known ones."""
    try:
        return reader.Options.model_validate(data.options)
    except ValidationError as error:
        lines = describe_errors(error, reader.Options)
        raise ConfigError(f"data.options of the reader {key_of(reader)}: {lines}") from None


def takes_time_units(options: type[Section]) -> bool:
    """Whether `data.options` of a reader can set the time units of spikes, trials and behaviour."""
    return {"time_unit", "trial_time_unit", "behavior_time_unit"} <= set(options.model_fields)


def read_contents(path: Path, data: DataConfig, name: str = "", times: Collection[str] = ()) -> Contents:
    """Read the contents of one recording, and add `data.offset_s` to its times.

    Parameters
    ----------
    path : Path
        The file or folder of the recording.
    data : DataConfig
        The section `data` of params.yaml: reader, options and offsets.
    name : str
        The name from `named_recordings`, if it differs from the name that the reader gives.
    times : collection of str
        Columns of the interval tables that contain times (trials.align, trials.decision); see `offsets`.

    Returns
    -------
    Contents
        The contents from the reader, with all times in seconds on the clock of the spikes.

    Raises
    ------
    DataError
        If no reader can read the path, or reading fails.
    """
    return apply_offset_setting(read_unmoved(path, data, name), data, times)


def read_unmoved(path: Path, data: DataConfig, name: str = "") -> Contents:
    """As `read_contents`, without the offset."""
    reader = reader_of(Path(path), data.reader)
    if reader is None:
        raise DataError.of("recording-without-reader", path, f"no reader takes this (data.reader = {data.reader!r})")
    contents = reader.read(Path(path), options_of(reader, data))
    return replace(contents, name=name or contents.name, time_unit_options=takes_time_units(reader.Options))


def name_of(path: Path, reader: Reader) -> str:
    """Return the name that a reader gives to a recording.

    Parameters
    ----------
    path : Path
        The file or folder of the recording.
    reader : Reader
        Its reader.

    Returns
    -------
    str
        The name; several recordings may share it (see `named_recordings`).
    """
    given = getattr(cast(ModuleType, reader), "name_of", None)
    if given is not None:
        return str(given(path))
    return path.name if path.is_dir() else path.stem


def files_of(path: Path, reader: Reader) -> list[Path]:
    """Every file that belongs to a recording, sorted. If one of them changes, the recording counts as changed.

    Files that may not be opened are not included, such as raw traces behind a link out of the data folder.
    """
    given = getattr(cast(ModuleType, reader), "files_of", None)
    if given is not None:
        files = set(given(path))
    elif path.is_dir():
        files = {p for p in path.rglob("*") if p.is_file() and not p.name.endswith(UNFINISHED)}
    else:
        files = {path, *(p for p in path.parent.glob(f"{glob.escape(path.stem)}.*") if p.is_file())}
    return sorted(p for p in files if not reason_not_opened(p))


def named_recordings(path: Path, reader: str = "auto") -> dict[Path, str]:
    """Find the recordings at a path, and name them.

    Parameters
    ----------
    path : Path
        A recording, or a folder of recordings.
    reader : str
        "auto", or the name of a reader.

    Returns
    -------
    dict of Path to str
        Sorted paths and their names: the path itself if a reader can read it, else the recordings in it. The readers
        give the names; equal names are extended by parent folders, see `unique_names`.

    Raises
    ------
    DataError
        If the path does not exist, has no recording, or has two recordings with the same name.
    ConfigError
        For an unknown reader.
    """
    path = Path(path)
    reader_by_path = recordings_at(path, reader)
    if not reader_by_path:
        raise _nothing_in(path, reader)
    names = name_recordings(reader_by_path, path)
    check_names(names.items())
    return names


def name_recordings(reader_by_path: Mapping[Path, Reader], path: Path) -> dict[Path, str]:
    """Names of the recordings at a path."""
    if path in reader_by_path:
        return {path: name_of(path, reader_by_path[path])}
    return unique_names({p: name_of(p, r) for p, r in reader_by_path.items()}, path)


def recordings_at(path: Path, reader: str = "auto") -> dict[Path, Reader]:
    """The path itself if a reader can read it, else the recordings in it, each with its reader; may be empty.

    Folders that are not recordings are searched too (sub-01/, as in archives), down to `MAX_FOLDER_DEPTH` levels.
    Folders named truth, hidden entries and links to a parent folder are never opened.

    Raises DataError if the path does not exist; ConfigError for an unknown reader.
    """
    if reader != "auto":
        get_reader(reader)
    try:
        exists = path.exists()
    except OSError as error:
        text = f"{str(path)!r} cannot be opened: {error.strerror}"
        raise DataError.of("data-path-not-opened", "data.path", text) from None
    if not exists:
        text = f"expected recordings in {str(path)!r}, which does not exist"
        raise DataError.of("data-path-missing", "data.path", text)
    if kind := special_file_kind(path):
        raise DataError.of("data-path-special-file", "data.path", f"{str(path)!r} is {kind}, which is never opened")
    with rooted(path):
        return _found_at(path, reader)


def _found_at(path: Path, reader: str) -> dict[Path, Reader]:
    if found_reader := reader_of(path, reader):
        return {path: found_reader}
    if lost := [p for p in list_folder(path) if p.is_symlink() and not p.exists()]:
        several = listed(f"{p.name} -> {p.readlink()}" for p in lost)
        raise DataError.of(
            "data-path-dead-links",
            "data.path",
            f"links in {str(path)!r} to files that are not here: {several}; fetch the data (dvc pull, git "
            "annex get) or remove the links",
        )
    return _within(path, reader, MAX_FOLDER_DEPTH)


def _within(folder: Path, reader: str, depth: int) -> dict[Path, Reader]:
    """Recordings in a folder and its subfolders, down to `depth` levels, each with its reader."""
    recordings: dict[Path, Reader] = {}
    for path in list_folder(folder):
        if is_loop(path) or special_file_kind(path):
            continue
        if (target := target_outside(path)) is not None:
            _refuse_recording(path, target, reader)
            continue
        if found_reader := reader_of(path, reader):
            recordings[path] = found_reader
        elif (below := depth_below(path, depth)) >= 0 and path.is_dir():
            recordings |= _within(path, reader, below)
    return recordings


def _refuse_recording(link: Path, target: Path, reader: str) -> None:
    """Raise DataError if a link out of the data folder leads to a folder or a recording, so that it is not missed."""
    with limits_in_force(replace(current_bounds(), follow_links=True)):
        missed = link.is_dir() or reader_of(link, reader) is not None
    if missed:
        raise DataError.of(
            "data-path-link-outside",
            "data.path",
            f"{str(link)!r} is a link to {str(target)!r}, which lies outside of the data folder; {LINKS}, or remove it",
        )


def not_recordings(path: Path, paths: Iterable[Path], reader: str = "auto") -> list[str]:
    """Name the files and folders of a folder that belong to none of its recordings.

    Parameters
    ----------
    path : Path
        The folder, or a recording.
    paths : iterable of Path
        The recordings there.
    reader : str
        "auto", or the name of a reader.

    Returns
    -------
    list of str
        Names within the folder. If a path was not searched (too deep, a loop of links, a broken link), the reason
        follows in brackets.
    """
    path, paths = Path(path), set(paths)
    if path in paths:
        return []
    if unread_in(path, paths):
        paths |= {f for p in paths if (known := reader_of(p, reader) or reader_of(p)) for f in files_of(p, known)}
    return [entry.name_in(path) for entry in unread_in(path, paths)]


def _nothing_in(path: Path, reader: str) -> DataError:
    names = reader_names() if reader == "auto" else [reader]
    if path.is_file():
        return DataError.of("file-without-reader", "data.path", f"no reader ({listed(names)}) takes {str(path)!r}")
    here = list_folder(path)
    if not here:
        text = f"expected recordings in {str(path)!r}, which is empty"
        return DataError.of("data-path-empty", "data.path", text)
    others = [f"{p.name} (by {key_of(r)})" for p in here if reader != "auto" and (r := reader_of(p))]
    hint = f"; other readers take {listed(others, 5)}: set data.reader" if others else ""
    unseen = [entry.name_in(path) for entry in unread_in(path, ()) if entry.why]
    hint += f"; not looked at: {listed(unseen, 5)}" if unseen else ""
    text = (
        f"no recording in {str(path)!r} that a reader ({listed(names)}) takes; "
        f"found there: {listed([p.name for p in here], 5)}{hint}"
    )
    return DataError.of("folder-without-recordings", "data.path", text)
