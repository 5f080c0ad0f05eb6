"""A folder and the folders in it: what lies there, how deep is looked, and what is left beside the recordings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from spikebridge.errors import DataError
from spikebridge.io.limits import LINKS, check_members, leaves, not_regular
from spikebridge.runtime.stage_inputs import is_unfinished

TRUTH = "truth"
"""Folder of known answers beside simulated recordings. No reader may open it."""
DEEPEST = 3
"""Folders in folders that are looked through for recordings."""
ARCHIVE, IN_ARCHIVE = "Subjects", 2
"""Folders lab/Subjects/mouse/date/number of ALF sessions are looked through however deep Subjects lies."""
TOO_DEEP = f"too deep to be looked into: a recording may lie in at most {DEEPEST} folders"
LOOP = "a link to a folder that it lies in, not followed"
LOST = "a link to what is not here"


@dataclass(frozen=True)
class Left:
    """What belongs to no recording. why: where it was not looked at, the reason; else empty."""

    path: Path
    why: str = ""

    def name_in(self, folder: Path) -> str:
        name = self.path.relative_to(folder).as_posix()
        return f"{name} ({self.why})" if self.why else name


def entries(folder: Path) -> list[Path]:
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


def left_in(folder: Path, taken: Collection[Path]) -> list[Left]:
    """What is beside the taken paths. Of a folder in which nothing is taken, and that was looked through, its name."""
    return _left(folder, frozenset(taken), frozenset(p for one in taken for p in one.parents), DEEPEST)


def _left(folder: Path, taken: Collection[Path], holding: Collection[Path], depth: int) -> list[Left]:
    """holding: the folders in which something is taken."""
    found: list[Left] = []
    for path in entries(folder):
        if path in taken:
            continue
        why = _not_seen(path, depth)
        below = depth_below(path, depth)
        inside = _left(path, taken, holding, below) if below >= 0 and not why and path.is_dir() else []
        found += inside if path in holding or any(one.why for one in inside) else [Left(path, why)]
    return found


def _not_seen(path: Path, depth: int) -> str:
    if path.is_symlink() and not path.exists():
        return LOST
    if is_loop(path):
        return LOOP
    if kind := not_regular(path):
        return f"{kind}, which is never opened"
    if (target := leaves(path)) is not None:
        return f"a link out of the data folder to {str(target)!r}, not followed; {LINKS}"
    return TOO_DEEP if depth_below(path, depth) < 0 and path.is_dir() and entries(path) else ""
