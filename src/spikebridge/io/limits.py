"""Limits of memory and time for reading, and the rule for links: `data.limits` and `data.follow_links`.

Readers check before they load: the functions here test whether a declared size, a number of members or a depth is
within the limits, and whether a path may be opened. `child_process` stops reading in the cases that no check can
predict. The current limits are in a context variable, because the decoders that need them are called many levels below
the code that knows the configuration.

DVC stores files in a cache, and git-annex below .git. Both replace the files by links, which are followed.
"""

from __future__ import annotations

import configparser
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path

from spikebridge.config import DataConfig, LimitsConfig
from spikebridge.errors import DataError

BYTES_A_BYTE = 32
"""Bytes of memory allowed per byte of a file: times compressed to a third or a half of their size, and their copies."""
BYTES_A_SECOND = 2_000_000
LINKS = "set data.follow_links: true to follow such links"


class LimitError(DataError):
    """More than a limit allows."""


@dataclass(frozen=True)
class Bounds:
    """root: the resolved folder that links may not leave; None: links are not checked. named: its unresolved path."""

    limits: LimitsConfig = field(default_factory=LimitsConfig)
    follow_links: bool = False
    root: Path | None = None
    named: str = ""

    def memory(self, size: int) -> int:
        """Bytes of memory allowed for reading files of this size."""
        return max(self.limits.max_bytes, BYTES_A_BYTE * size)

    def seconds(self, size: int) -> float:
        """Processor time (s) allowed for reading files of this size."""
        return self.limits.max_seconds + size / BYTES_A_SECOND


_DEFAULT = Bounds()
_bounds: ContextVar[Bounds] = ContextVar("bounds")


def current_bounds() -> Bounds:
    """The bounds in force; the default ones outside `limits_in_force`."""
    return _bounds.get(_DEFAULT)


def bounds_of(data: DataConfig) -> Bounds:
    return _of(Bounds(data.limits, data.follow_links), Path(data.path))


def _of(bounds: Bounds, path: Path) -> Bounds:
    try:
        folder = path if path.is_dir() else path.parent
    except OSError:  # no permission: the code that opens it reports this
        folder = path.parent
    return replace(bounds, root=folder_of(path), named=os.path.abspath(folder))  # noqa: PTH100  (with its links)


def folder_of(path: Path) -> Path:
    """The folder that links may not leave: the path itself, or the folder of a file."""
    try:
        return path.resolve() if path.is_dir() else path.parent.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links; a name that no system can have
        return path.parent


@contextmanager
def limits_in_force(bounds: Bounds) -> Iterator[Bounds]:
    """Bounds in force inside the block."""
    token = _bounds.set(bounds)
    try:
        yield bounds
    finally:
        _bounds.reset(token)


@contextmanager
def rooted(path: Path) -> Iterator[Bounds]:
    """The current bounds. If they do not check links, check those that leave the folder of `path`."""
    now = current_bounds()
    with limits_in_force(now if now.root is not None else _of(now, path)) as bounds:
        yield bounds


def check_members(n: int, where: str, what: str = "members") -> None:
    """Raise LimitError if there are more than `max_members`."""
    most = current_bounds().limits.max_members
    if n > most:
        raise LimitError.of(
            "too-many-members",
            where,
            f"holds more than {most} {what}; if that is right, {raise_limit('max_members', n)}",
        )


def check_depth(depth: int, where: str) -> None:
    """Raise LimitError if the nesting is deeper than `max_depth`."""
    most = current_bounds().limits.max_depth
    if depth > most:
        raise LimitError.of(
            "nested-too-deep", where, f"is nested more than {most} deep; if that is right, {raise_limit('max_depth')}"
        )


def check_bytes(n: int, size: int, where: str) -> None:
    """Raise LimitError if a file of `size` bytes declares values of more bytes, `n`, than allowed."""
    most = current_bounds().memory(size)
    if n > most:
        raise LimitError.of(
            "declared-size-too-large",
            where,
            f"declares {n:.3g} bytes of values in a file of {size} bytes, more than {most:.3g}; "
            f"if that is right, {raise_limit('max_bytes', n)}",
        )


def raise_limit(name: str, needed: int = 0) -> str:
    """The part of a message that states how to raise a limit."""
    now = getattr(current_bounds().limits, name)
    return f"raise data.limits: {{{name}: {max(needed, 10 * int(now))}}}"


def special_file_kind(path: Path) -> str:
    """The kind of a path that is neither a file nor a folder (pipe, socket, device), for messages; else empty."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    kinds = (
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for holds, name in kinds if holds(mode)), "")


def target_outside(path: Path) -> Path | None:
    """The target of a path, if links lead out of the data folder and no data manager created them; else None."""
    bounds = current_bounds()
    if bounds.root is None or bounds.follow_links:
        return None
    try:
        target = path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None  # a loop of links: the code that opens it reports this
    if target == bounds.root or bounds.root in target.parents or made_by_data_manager(target, bounds.root):
        return None
    return target


def reason_not_opened(path: Path) -> str:
    """The reason why a file may not be opened, as text that follows its name; empty if it may be opened."""
    if kind := special_file_kind(path):
        return f"is {kind}, which is never opened"
    if (target := target_outside(path)) is not None:
        return f"leads to {os.fspath(target)!r}, outside of {os.fspath(current_bounds().root or '')!r}: {LINKS}"
    return ""


def check_file(path: Path) -> None:
    """Raise LimitError for a pipe, a socket, a device, or a link out of the data folder that may not be followed."""
    if why := reason_not_opened(path):
        raise LimitError.of("path-not-opened", path, why)


def check_opened(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook (see `sys.addaudithook`): raises LimitError before Python opens a file that may not be opened.

    It applies the rule for links, pipes and devices to every reader. It does not check files outside the data folder,
    because modules are loaded from there.
    """
    if event != "open" or not isinstance(arguments[0], (str, bytes)):
        return
    path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100  (with its links)
    bounds = current_bounds()
    inside = any(path.startswith(f"{root.rstrip('/')}/") for root in (str(bounds.root or ""), bounds.named) if root)
    if inside:
        check_file(Path(path))


def made_by_data_manager(target: Path, folder: Path) -> bool:
    """Whether a resolved path lies in the DVC cache or the annex of the project that a resolved folder belongs to."""
    return any(_in_annex(target, above) or _in_cache(target, above) for above in (folder, *folder.parents))


def _in_annex(target: Path, above: Path) -> bool:
    """In a submodule, .git is a link or a file; its annex is below the .git of the parent project."""
    git = above / ".git"
    return git in target.parents and "annex" in target.relative_to(git).parts


def _in_cache(target: Path, above: Path) -> bool:
    return (above / ".dvc").is_dir() and any(cache in target.parents for cache in _caches(above / ".dvc"))


def _caches(dvc: Path) -> Iterator[Path]:
    """The caches of a DVC project: .dvc/cache, and the folder in its configuration."""
    yield (dvc / "cache").resolve()
    for name in ("config", "config.local"):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(dvc / name, encoding="utf-8")
            folder = parser.get("cache", "dir", fallback="")
        except (configparser.Error, OSError, ValueError):
            continue
        if folder:
            yield (dvc / folder.strip("'\"")).resolve()
