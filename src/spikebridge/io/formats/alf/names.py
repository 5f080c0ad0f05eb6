"""Names of ALF files: [_namespace_]object.attribute[_timescale][.uuid].suffix, in a folder and in its revisions.

A folder named #2024-05-06# holds later versions of files of the folder around it. Of each file the latest version
counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.messages import listed
from spikebridge.io.formats.table.log import Log

SUFFIXES = (".npy", ".pqt", ".parquet", ".csv", ".tsv")
"""What is read, and of one attribute in several files, the order in which one of them is taken."""
NAME = re.compile(r"(?:_[a-z0-9]+_)?(?P<thing>[A-Za-z]\w*)\.(?P<attribute>\w+)(?:\.(?P<uuid>[0-9a-f-]{36}))?")
REVISION = re.compile(r"#.+#")


@dataclass(frozen=True)
class AlfFile:
    """One file. thing: the ALF object it belongs to. revision: name of its folder, "" where it lies outside of one."""

    path: Path
    thing: str
    attribute: str
    revision: str = ""

    @property
    def is_table(self) -> bool:
        return self.path.suffix.lower() != ".npy"


Files = dict[tuple[str, str], AlfFile]
"""(object, attribute) -> its file."""


def parse(path: Path, revision: str = "") -> AlfFile | None:
    """None where the name is none of ALF, or the kind of file is none that is read."""
    if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
        return None
    match = NAME.fullmatch(path.name[: -len(path.suffix)])
    return match and AlfFile(path, match["thing"], match["attribute"], revision)


def files_in(folder: Path, log: Log | None = None) -> Files:
    """Every file that counts, of a folder and its revisions; what was passed over is noted in the log."""
    found: Files = {}
    passed: dict[str, list[str]] = {}
    for place in [folder, *revisions(folder)]:
        name = "" if place == folder else place.name
        here = [one for p in _entries(place) if p.is_file() and (one := parse(p, name))]
        here.sort(key=lambda one: (SUFFIXES.index(one.path.suffix.lower()), one.path.name))
        mine: Files = {}
        for one in here:
            key = (one.thing, one.attribute)
            if key in mine and log is not None:
                _several(mine[key], one, log)
            mine.setdefault(key, one)
        for key in mine.keys() & found.keys():
            passed.setdefault(name, []).append(".".join(key))
        found |= mine
    if log is not None:
        for name, files in passed.items():
            log.notes.append(f"{folder.name}: {listed(sorted(files), 8)} are read from the later revision {name}")
    return found


def revisions(folder: Path) -> list[Path]:
    """Folders of revisions, the earliest first."""
    return [p for p in _entries(folder) if REVISION.fullmatch(p.name) and p.is_dir()]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _several(kept: AlfFile, other: AlfFile, log: Log) -> None:
    """One attribute in two files: of two kinds the first is read; two of one kind contradict each other or are one."""
    if kept.path.suffix.lower() != other.path.suffix.lower():
        log.notes.append(f"{other.path.name} is not read: {kept.path.name} is")
    elif kept.path.read_bytes() != other.path.read_bytes():
        log.wrong.append(
            f"{kept.path.name} and {other.path.name} are two versions of {kept.thing}.{kept.attribute}: remove "
            "one of them"
        )


def load(file: AlfFile, log: Log) -> NDArray[np.generic] | None:
    """The array of a .npy file; None where it cannot be read, and the log says why. Pickles are never opened."""
    try:
        return np.asarray(np.load(file.path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        if "allow_pickle" in str(error):
            log.notes.append(
                f"{file.path.name} is not read: it holds Python objects (a pickle), which are never loaded"
            )
        else:
            log.wrong.append(f"{file.path.name} cannot be read as an array ({error})")
        return None


def column(values: NDArray[np.generic]) -> NDArray[np.generic] | None:
    """(n,) of an array of shape (n,) or (n, 1); None of any other."""
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    return values if values.ndim == 1 else None
