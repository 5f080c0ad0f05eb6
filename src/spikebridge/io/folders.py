"""A folder of recordings: its entries, the names of the recordings, and the entries that belong to no recording."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spikebridge.artifacts.fetched import BESIDE, FETCH_RECORD
from spikebridge.artifacts.truth import TRUTH_FOLDER
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io.limits import LINKS, check_members, special_file_kind, target_outside
from spikebridge.runtime.stage_inputs import is_unfinished
from spikebridge.text.keys import name_problem
from spikebridge.text.plain_text import forbidden_character

MAX_FOLDER_DEPTH = 3
"""Maximum depth of nested folders that are searched for recordings."""
ARCHIVE, IN_ARCHIVE = "Subjects", 2
"""Folders lab/Subjects/mouse/date/number of ALF sessions are searched at any depth of Subjects."""
TOO_DEEP = f"too deep to be looked into: a recording may lie in at most {MAX_FOLDER_DEPTH} folders"
LOOP = "a link to a folder that it lies in, not followed"
LOST = "a link to what is not here"


@dataclass(frozen=True)
class UnreadPath:
    """A path that belongs to no recording. why: the reason if it was not searched; else empty."""

    path: Path
    why: str = ""

    def name_in(self, folder: Path) -> str:
        name = self.path.relative_to(folder).as_posix()
        return f"{name} ({self.why})" if self.why else name


def list_folder(folder: Path) -> list[Path]:
    """The sorted entries of a folder, except hidden and unfinished ones and truth; for a file, its own path."""
    try:
        entries = [p for p in folder.iterdir() if p.name != TRUTH_FOLDER and not is_unfinished(p.name)]
        check_members(
            len(entries), f"data.path: {str(folder)!r}", "files and folders, and no reader takes it as a whole"
        )
        return sorted(entries)
    except NotADirectoryError:
        return [folder]
    except OSError as error:
        raise DataError.of(
            "folder-not-listed", "data.path", f"{str(folder)!r} cannot be listed: {error.strerror}"
        ) from None


def is_loop(path: Path) -> bool:
    """Whether a path is a link to one of its parent folders. Following it would never end."""
    return path.is_symlink() and path.is_dir() and path.resolve() in {p.resolve() for p in path.parents}


def depth_below(folder: Path, depth: int) -> int:
    """The number of folder levels still searched in `folder`, reached with `depth`; it is not searched below 0."""
    return max(depth - 1, IN_ARCHIVE) if folder.name == ARCHIVE else depth - 1


def unread_in(folder: Path, taken: Collection[Path]) -> list[UnreadPath]:
    """The paths not in `taken`. A searched folder without taken paths appears as one path."""
    return _left(folder, frozenset(taken), frozenset(p for path in taken for p in path.parents), MAX_FOLDER_DEPTH)


def _left(folder: Path, taken: Collection[Path], holding: Collection[Path], depth: int) -> list[UnreadPath]:
    """Recursive part of `unread_in`. holding: the folders that contain taken paths."""
    unread: list[UnreadPath] = []
    beside = BESIDE if (folder / FETCH_RECORD).is_file() else ()
    for path in list_folder(folder):
        if path in taken or path.name in beside:
            continue
        why = _not_seen(path, depth)
        below = depth_below(path, depth)
        inside = _left(path, taken, holding, below) if below >= 0 and not why and path.is_dir() else []
        unread += inside if path in holding or any(entry.why for entry in inside) else [UnreadPath(path, why)]
    return unread


def _not_seen(path: Path, depth: int) -> str:
    if path.is_symlink() and not path.exists():
        return LOST
    if is_loop(path):
        return LOOP
    if kind := special_file_kind(path):
        return f"{kind}, which is never opened"
    if (target := target_outside(path)) is not None:
        return f"a link out of the data folder to {str(target)!r}, not followed; {LINKS}"
    return TOO_DEEP if depth_below(path, depth) < 0 and path.is_dir() and list_folder(path) else ""


def unique_names(own: Mapping[Path, str], root: Path) -> dict[Path, str]:
    """Path -> name. Recordings with the same name get the names of parent folders, up to root, until they differ.

    rat1/phy and rat2/phy become rat1_phy and rat2_phy; a unique name is not changed. The names depend only on the paths
    of the recordings, not on their order. Two recordings in one folder may still have the same name: see `check_names`.
    """
    above = {path: path.relative_to(root).parts[:-1] for path in own}
    taken = dict.fromkeys(own, 0)
    while True:
        names = {p: "_".join([*above[p][len(above[p]) - taken[p] :], own[p]]) for p in own}
        counts = Counter(names.values())
        longer = [p for p in own if counts[names[p]] > 1 and taken[p] < len(above[p])]
        if not longer:
            return names
        taken |= {p: taken[p] + 1 for p in longer}


def check_names(recordings: Iterable[tuple[Path, str]]) -> None:
    """Raise DataError with every name that cannot be used or is not unique.

    Many file systems and databases treat names that differ only in case or Unicode form as the same name.
    """
    by_name: dict[str, tuple[Path, str]] = {}
    wrong: list[Finding] = []
    for path, name in recordings:
        alike = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if problem := forbidden_character(name):
            wrong.append(
                Finding.error(
                    "recording-name-unseen-characters",
                    str(path),
                    f"{str(path)!r}: the name of a recording must not hold unseen characters; {problem}: rename it",
                )
            )
        elif reason := name_problem(name):
            wrong.append(
                Finding.error(
                    "recording-name-not-usable", str(path), f"{path}: the name of a recording {reason}: rename it"
                )
            )
        elif alike in by_name:
            other, called = by_name[alike]
            if called == name:
                wrong.append(
                    Finding.error(
                        "recording-name-repeated",
                        name,
                        f"two recordings are called {name!r}: {other} and {path}; rename one of them",
                    )
                )
            else:
                wrong.append(
                    Finding.error(
                        "recording-names-differ-in-case",
                        name,
                        f"two recordings are called {called!r} and {name!r}, which many file systems take for one "
                        f"name: {other} and {path}; rename one of them",
                    )
                )
        by_name[alike] = path, name
    if wrong:
        raise DataError.about("", wrong)
