"""Which recordings lie at `data.path`, found in a child process: see `guard`."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from spikebridge.config import DataConfig
from spikebridge.errors import DataError
from spikebridge.io import reader_registry
from spikebridge.io.entries import Entry, entries_of, left_beside
from spikebridge.io.guard import guarded
from spikebridge.io.limits import bounds_of
from spikebridge.io.reader_registry import key_of, reader_of

T = TypeVar("T")


@dataclass(frozen=True)
class Discovery:
    """not_read: names of what belongs to no recording, as `not_recordings` gives them."""

    entries: tuple[Entry, ...]
    not_read: tuple[str, ...]


def discover(data: DataConfig) -> Discovery:
    """The recordings at `data.path`, sorted. Raises as `entries_of`, and DataError as `guarded`."""
    return look_apart(partial(_discover, data), data)


def look_apart(work: Callable[[], T], data: DataConfig) -> T:
    """What `work`, which looks for recordings at `data.path`, returns; done as `guarded`.

    Raises ConfigError for an unknown reader.
    """
    for name in reader_registry.reader_names() if data.reader == "auto" else [data.reader]:
        reader_registry.get_reader(name)  # loaded here, and not in each child
    return guarded(work, Path(data.path), bounds_of(data))


def read_apart(work: Callable[[], T], entry: Entry, data: DataConfig) -> T:
    """What `work`, which reads one recording, returns; done as `guarded`, with the libraries of its reader loaded."""
    _load_libraries(entry.reader)
    return guarded(work, entry.path, bounds_of(data))


def with_readers(entries: Iterable[Entry], data: DataConfig) -> tuple[Entry, ...]:
    """The entries with the key of the reader of each. Raises DataError for a path that no reader takes any more."""
    known = []
    for entry in entries:
        reader = reader_of(entry.paths[0], data.reader)
        if reader is None:  # it went away meanwhile
            raise DataError(f"{entry.paths[0]}: no reader takes this (data.reader = {data.reader!r})")
        known.append(replace(entry, reader=key_of(reader)))
    return tuple(known)


def _discover(data: DataConfig) -> Discovery:
    entries = with_readers(entries_of(data), data)
    return Discovery(entries, tuple(left_beside(entries, data)))


def _load_libraries(reader: str) -> None:
    """Load here what each child would otherwise load again."""
    for name in getattr(reader_registry.get_reader(reader), "LIBRARIES", ()):
        with contextlib.suppress(Exception):  # who needs it says what is missing
            importlib.import_module(name)
