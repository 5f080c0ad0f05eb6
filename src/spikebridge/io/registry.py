"""Readers, found by file name in io/readers/. Adding a reader is adding one file there.

A reader module defines
    can_read(path: Path) -> bool                                            cheap: looks at the name, opens nothing
    read(path: Path, data: DataConfig, trials: TrialsConfig) -> Recording   raises DataError
and its file name is its key in `data.reader`. Files that begin with an underscore are parts of a reader.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol, cast

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.io import readers
from spikebridge.io.suggest import did_you_mean, listed
from spikebridge.types import Recording

TRUTH = "truth"
"""Folder of known answers beside simulated recordings. No reader may open it."""


class Reader(Protocol):
    def can_read(self, path: Path) -> bool: ...

    def read(self, path: Path, data: DataConfig, trials: TrialsConfig) -> Recording: ...


def reader_names() -> list[str]:
    """Every reader, by file name."""
    return sorted(m.name for m in pkgutil.iter_modules(readers.__path__) if not m.name.startswith("_"))


def get_reader(name: str) -> Reader:
    """The reader of that file name. Raises ConfigError, with a suggestion, where there is none."""
    if name not in reader_names():
        raise ConfigError(
            f"data.reader: unknown reader {name!r}{did_you_mean(name, reader_names())} Known: auto, "
            f"{listed(reader_names())}"
        )
    return cast(Reader, importlib.import_module(f"{readers.__name__}.{name}"))


def reader_of(path: Path, reader: str = "auto") -> Reader | None:
    """The named reader, or with "auto" the first that can read the path; None where none can."""
    names = reader_names() if reader == "auto" else [reader]
    return next((r for r in map(get_reader, names) if r.can_read(path)), None)


def find_recordings(folder: Path, reader: str = "auto") -> list[Path]:
    """The recordings directly in a folder, sorted by name. Subfolders named truth and hidden entries are never opened.

    Raises DataError where the folder is missing, holds no recording, or holds two of one name; ConfigError for an
    unknown reader.
    """
    folder = Path(folder)
    if reader != "auto":
        get_reader(reader)
    if not folder.is_dir():
        raise DataError(f"data.path: expected a folder of recordings, got {str(folder)!r}, which does not exist")
    entries = sorted(p for p in folder.iterdir() if p.name != TRUTH and not p.name.startswith("."))
    found = [p for p in entries if reader_of(p, reader)]
    if not found:
        names = reader_names() if reader == "auto" else [reader]
        raise DataError(
            f"data.path: no recording in {str(folder)!r} that a reader ({listed(names)}) takes; "
            f"found there: {listed([p.name for p in entries], 5)}"
        )
    _check_names(found)
    return found


def _check_names(paths: list[Path]) -> None:
    by_name: dict[str, Path] = {}
    for path in paths:
        if "|" in path.stem:
            raise DataError(f"{path}: the name of a recording must not contain '|'")
        if path.stem in by_name:
            raise DataError(f"two recordings are called {path.stem!r}: {by_name[path.stem]} and {path}")
        by_name[path.stem] = path
