"""A folder of recordings: what lies in it, how the recordings are named, and what belongs to none of them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spikebridge.errors import DataError
from spikebridge.io.limits import LINKS, check_members, special_file_kind, target_outside
from spikebridge.runtime.stage_inputs import is_unfinished
from spikebridge.text.keys import name_problem
from spikebridge.text.plain_text import forbidden_character

TRUTH = "truth"
"""Folder of known answers beside simulated recordings. No reader may open it."""
MAX_FOLDER_DEPTH = 3
"""Folders in folders that are looked through for recordings."""
ARCHIVE, IN_ARCHIVE = "Subjects", 2
"""Folders lab/Subjects/mouse/date/number of ALF sessions are looked through however deep Subjects lies."""
TOO_DEEP = f"too deep to be looked into: a recording may lie in at most {MAX_FOLDER_DEPTH} folders"
LOOP = "a link to a folder that it lies in, not followed"
LOST = "a link to what is not here"


@dataclass(frozen=True)
class UnreadPath:
    """What belongs to no recording. why: where it was not looked at, the reason; else empty."""

    path: Path
    why: str = ""

    def name_in(self, folder: Path) -> str:
        name = self.path.relative_to(folder).as_posix()
        return f"{name} ({self.why})" if self.why else name


def list_folder(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, without hidden and unfinished entries and truth; of a file, its own path."""
    try:
        found = [p for p in folder.iterdir() if p.name != TRUTH and not is_unfinished(p.name)]
        check_members(len(found), f"data.path: {str(folder)!r}", "files and folders, and no reader takes it as a whole")
        return sorted(found)
    except NotADirectoryError:
        return [folder]
    except OSError as error:
        raise DataError(f"data.path: {str(folder)!r} cannot be listed: {error.strerror}") from None


def is_loop(path: Path) -> bool:
    """Whether a path is a link to one of the folders that lead to it: who follows it never comes to an end."""
    return path.is_symlink() and path.is_dir() and path.resolve() in {p.resolve() for p in path.parents}


def depth_below(folder: Path, depth: int) -> int:
    """How many folders in `folder` are still looked through, where it was reached with `depth`; below 0 it is not."""
    return max(depth - 1, IN_ARCHIVE) if folder.name == ARCHIVE else depth - 1


def unread_in(folder: Path, taken: Collection[Path]) -> list[UnreadPath]:
    """What is beside the taken paths. Of a folder in which nothing is taken, and that was looked through, its name."""
    return _left(folder, frozenset(taken), frozenset(p for one in taken for p in one.parents), MAX_FOLDER_DEPTH)


def _left(folder: Path, taken: Collection[Path], holding: Collection[Path], depth: int) -> list[UnreadPath]:
    """holding: the folders in which something is taken."""
    found: list[UnreadPath] = []
    for path in list_folder(folder):
        if path in taken:
            continue
        why = _not_seen(path, depth)
        below = depth_below(path, depth)
        inside = _left(path, taken, holding, below) if below >= 0 and not why and path.is_dir() else []
        found += inside if path in holding or any(one.why for one in inside) else [UnreadPath(path, why)]
    return found


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
    """Path -> name. Recordings of one name take as many folders above them, up to root, as tell them apart.

    rat1/phy and rat2/phy are rat1_phy and rat2_phy; who shares its name with nobody keeps it. The names depend on where
    the recordings lie alone, not on their order. They are still the same for two in one folder: see `check_names`.
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
    """Raises DataError with every name that cannot be used, or is there twice.

    Names that differ in case or Unicode form alone are one name for many file systems and databases.
    """
    by_name: dict[str, tuple[Path, str]] = {}
    wrong = []
    for path, name in recordings:
        alike = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if said := forbidden_character(name):
            wrong.append(f"{str(path)!r}: the name of a recording must not hold unseen characters; {said}: rename it")
        elif reason := name_problem(name):
            wrong.append(f"{path}: the name of a recording {reason}: rename it")
        elif alike in by_name:
            other, called = by_name[alike]
            if called == name:
                wrong.append(f"two recordings are called {name!r}: {other} and {path}; rename one of them")
            else:
                wrong.append(
                    f"two recordings are called {called!r} and {name!r}, which many file systems take for one name: "
                    f"{other} and {path}; rename one of them"
                )
        by_name[alike] = path, name
    if wrong:
        raise DataError("\n".join(wrong))
