"""Which recordings lie at `data.path`, found in a child process: see `guard`."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from spikebridge.config import DataConfig
from spikebridge.errors import DataError
from spikebridge.io import registry
from spikebridge.io.guard import guarded
from spikebridge.io.limits import bounds_of
from spikebridge.io.registry import key_of, named_recordings, not_recordings, reader_of

T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """A recording before it is read. reader: what `data.reader` calls its reader."""

    path: Path
    name: str
    reader: str


@dataclass(frozen=True)
class Discovery:
    """not_read: names of what belongs to no recording, as `not_recordings` gives them."""

    recordings: tuple[Found, ...]
    not_read: tuple[str, ...]


def discover(data: DataConfig) -> Discovery:
    """The recordings at `data.path`, sorted. Raises as `named_recordings`, and DataError as `guarded`."""
    if data.reader != "auto":
        registry.get_reader(data.reader)
    return guarded(partial(_discover, data), Path(data.path), bounds_of(data))


def read_apart(work: Callable[[], T], found: Found, data: DataConfig) -> T:
    """What `work`, which reads one recording, returns; done as `guarded`, with the libraries of its reader loaded."""
    _load_libraries(found.reader)
    return guarded(work, found.path, bounds_of(data))


def _discover(data: DataConfig) -> Discovery:
    path = Path(data.path)
    names = named_recordings(path, data.reader)
    recordings = []
    for one, name in names.items():
        reader = reader_of(one, data.reader)
        if reader is None:  # it went away meanwhile
            raise DataError(f"{one}: no reader takes this (data.reader = {data.reader!r})")
        recordings.append(Found(one, name, key_of(reader)))
    return Discovery(tuple(recordings), tuple(not_recordings(path, names, data.reader)))


def _load_libraries(reader: str) -> None:
    """Load here what each child would otherwise load again."""
    for name in getattr(registry.get_reader(reader), "LIBRARIES", ()):
        with contextlib.suppress(Exception):  # who needs it says what is missing
            importlib.import_module(name)
