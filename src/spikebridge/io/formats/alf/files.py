"""Files of an ALF session: their names, their revisions, and where the session and its probes lie.

A file is called [_namespace_]object.attribute[_timescale][.uuid].suffix. A folder named #2024-05-06# holds later
versions of files of the folder around it. The latest version of each file is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.formats.containers import npy_header
from spikebridge.io.formats.log import ReadLog

SUFFIXES = (".npy", ".pqt", ".parquet", ".csv", ".tsv")
"""What is read, and of one attribute in several files, the order in which one of them is taken."""
NAME = re.compile(r"(?:_[a-z0-9]+_)?(?P<thing>[A-Za-z]\w*)\.(?P<attribute>\w+)(?:\.(?P<uuid>[0-9a-f-]{36}))?")
REVISION = re.compile(r"#.+#")
PROBE = re.compile(r"(probe|imec|prb)[ _-]?[0-9a-z]{0,3}", re.IGNORECASE)
SORTERS = ("iblsorter", "pykilosort", "")
"""Folders of sortings within a probe's folder, the one that is taken first; "" is the probe's folder itself."""
DATE = re.compile(r"\d{4}-\d\d-\d\d")
NUMBER = re.compile(r"\d{1,3}")


@dataclass(frozen=True)
class AlfFile:
    """One file. thing: the ALF object it belongs to. revision: name of its folder, "" where it lies outside of one."""

    path: Path
    object_name: str
    attribute: str
    revision: str = ""

    @property
    def is_table(self) -> bool:
        return self.path.suffix.lower() != ".npy"


Files = dict[tuple[str, str], AlfFile]
"""(object, attribute) -> its file."""


def parse_name(path: Path, revision: str = "") -> AlfFile | None:
    """None where the name is none of ALF, or the kind of file is none that is read."""
    if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
        return None
    match = NAME.fullmatch(path.name[: -len(path.suffix)])
    return match and AlfFile(path, match["thing"], match["attribute"], revision)


def alf_files(folder: Path, log: ReadLog | None = None) -> Files:
    """List the files of a folder and its revisions, the latest revision of each.

    Parameters
    ----------
    folder : Path
        A folder of the session.
    log : ReadLog, optional
        Receives what was passed over and what contradicts.

    Returns
    -------
    dict[tuple[str, str], AlfFile]
        (object, attribute) -> its file.
    """
    files: Files = {}
    replaced: dict[str, list[str]] = {}
    for place in [folder, *revision_folders(folder)]:
        name = "" if place == folder else place.name
        here = [file for p in _entries(place) if p.is_file() and (file := parse_name(p, name))]
        here.sort(key=lambda file: (SUFFIXES.index(file.path.suffix.lower()), file.path.name))
        files_here: Files = {}
        for file in here:
            key = (file.object_name, file.attribute)
            if key in files_here and log is not None:
                _note_duplicate(files_here[key], file, log)
            files_here.setdefault(key, file)
        for key in files_here.keys() & files.keys():
            replaced.setdefault(name, []).append(".".join(key))
        files |= files_here
    if log is not None:
        for name, attributes in replaced.items():
            log.notes.append(
                Finding.warning(
                    "later-revision",
                    folder.name,
                    f"{folder.name}: {listed(sorted(attributes), 8)} are read from the later revision {name}",
                )
            )
    return files


def revision_folders(folder: Path) -> list[Path]:
    """Folders of revisions, the earliest first."""
    return [p for p in _entries(folder) if REVISION.fullmatch(p.name) and p.is_dir()]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _note_duplicate(kept: AlfFile, other: AlfFile, log: ReadLog) -> None:
    """One attribute in two files. Of two suffixes the first is read; two files of one suffix must be equal."""
    if kept.path.suffix.lower() != other.path.suffix.lower():
        text = f"{other.path.name} is not read: {kept.path.name} is"
        log.notes.append(Finding.warning("second-format-not-read", other.path.name, text))
    elif kept.path.read_bytes() != other.path.read_bytes():
        log.errors.append(
            Finding.error(
                "alf-versions-of-one-attribute",
                f"{kept.object_name}.{kept.attribute}",
                f"{kept.path.name} and {other.path.name} are two versions of {kept.object_name}.{kept.attribute}: "
                "remove one of them",
            )
        )


def load_npy(file: AlfFile, log: ReadLog) -> NDArray[np.generic] | None:
    """The array of a .npy file; None where it cannot be read, and the log says why. Pickles are never opened."""
    try:
        with file.path.open("rb") as handle:
            _, dtype = npy_header(handle)
        if not dtype.hasobject:
            return np.asarray(np.load(file.path, allow_pickle=False))
        text = f"{file.path.name} is not read: it holds Python objects (a pickle), which are never loaded"
        log.notes.append(Finding.warning("pickle-not-read", file.path.name, text))
    except (OSError, ValueError, EOFError) as error:
        text = f"{file.path.name} cannot be read as an array ({error})"
        log.errors.append(Finding.error("alf-array-not-read", file.path.name, text))
    return None


def flat_column(values: NDArray[np.generic]) -> NDArray[np.generic] | None:
    """(n,) of an array of shape (n,) or (n, 1); None of any other."""
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    return values if values.ndim == 1 else None


@dataclass(frozen=True)
class AlfSession:
    """One session and its probes.

    A session whose spikes lie beside its trials has one probe without a name.

    Parameters
    ----------
    folder : Path
        The path of the recording.
    trials_folder : Path
        Where its trials are.
    probes : dict
        Name of a probe -> name of a sorting -> folder of the sorting.
    """

    folder: Path
    trials_folder: Path
    probes: dict[str, dict[str, Path]]


def find_session(path: Path) -> AlfSession | None:
    """Find the session at a path: its own folder, its folder alf, or the folder of one probe. Raises nothing.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    AlfSession or None
        None where there are no spikes.
    """
    try:
        if not path.is_dir():
            return None
        home = path / "alf" if (path / "alf").is_dir() else path
        if _has_spikes(home):
            name = path.name if PROBE.fullmatch(path.name) else ""
            return AlfSession(path, _trials_folder(home), {name: {"": home}})
        if PROBE.fullmatch(path.name) and (sortings := _sortings(path)):
            return AlfSession(path, _trials_folder(path), {path.name: sortings})
        probes = {p.name: s for p in sorted(home.iterdir()) if PROBE.fullmatch(p.name) and (s := _sortings(p))}
        return AlfSession(path, home, probes) if probes else None
    except OSError:
        return None


def _has_spikes(folder: Path) -> bool:
    """Whether spikes.times and spikes.clusters are there, in the folder or its revisions."""
    if not folder.is_dir():
        return False
    attributes = {
        file.attribute
        for place in [folder, *revision_folders(folder)]
        for p in place.glob("*spikes.*")
        if (file := parse_name(p))
    }
    return {"times", "clusters"} <= attributes


def _sortings(probe: Path) -> dict[str, Path]:
    """Name of a sorting -> its folder; "" for one that lies in the folder of the probe itself."""
    if not probe.is_dir():
        return {}
    own = {"": probe} if _has_spikes(probe) else {}
    inside = {p.name: p for p in sorted(probe.iterdir()) if p.is_dir() and not p.name.startswith((".", "#"))}
    return own | {name: p for name, p in inside.items() if _has_spikes(p)}


def _trials_folder(folder: Path) -> Path:
    """The folder alf above the folder of a probe or sorting; else the folder itself."""
    return next((p for p in [folder, *folder.parents[:2]] if p.name == "alf"), folder)


def choose_sorting(probe: str, sortings: dict[str, Path], asked: str | None, log: ReadLog) -> Path | None:
    """The folder whose spikes are read; None where the choice is open, and the log says why."""
    if asked is not None:
        if asked not in sortings:
            log.errors.append(
                Finding.error(
                    "alf-sorter-unknown",
                    "data.options.sorter",
                    f"data.options.sorter = {asked!r}: {probe} has {listed(map(_sorting_name, sortings))}",
                )
            )
        return sortings.get(asked)
    if len(sortings) == 1:
        return next(iter(sortings.values()))
    known = [name for name in SORTERS if name in sortings]
    if not known or len(sortings) > len(known):
        log.errors.append(
            Finding.error(
                "alf-several-sortings",
                "data.options.sorter",
                f"{probe} has several sortings ({listed(map(_sorting_name, sortings))}): name one in data.options: "
                f"{{sorter: {next(name for name in sortings if name)}}}",
            )
        )
        return None
    others = [_sorting_name(name) for name in sortings if name != known[0]]
    text = f"{probe}: the sorting {_sorting_name(known[0])} is read; {listed(others)} is there too:"
    log.notes.append(Finding.warning("several-sortings", probe, text, "see data.options.sorter"))
    return sortings[known[0]]


def _sorting_name(sorter: str) -> str:
    return sorter or "'' (the folder of the probe itself)"


def name_and_animal(path: Path) -> tuple[str, str]:
    """Names of a session by the folders that lead to it: .../Subjects/mouse_x/2021-03-04/001/alf is
    mouse_x_2021-03-04_001 of the animal mouse_x; a folder Cori_2016-12-14 is of Cori. Else the folder, and "unknown".
    """
    parts = list(path.absolute().parts)
    probe = ""
    while len(parts) > 1 and (parts[-1] in ("alf", *SORTERS) or PROBE.fullmatch(parts[-1])):
        probe = parts[-1] if PROBE.fullmatch(parts[-1]) else probe
        parts.pop()
    last = parts[-1]
    more = f"_{probe}" if probe else ""
    if len(parts) > 3 and NUMBER.fullmatch(last) and DATE.fullmatch(parts[-2]):
        return "_".join(parts[-3:]) + more, parts[-3]
    if len(parts) > 2 and DATE.fullmatch(last):
        return "_".join(parts[-2:]) + more, parts[-2]
    before = DATE.search(last)
    animal = last[: before.start()].rstrip("_- ") if before else ""
    return last + more, animal or "unknown"
