"""Errors of the system (disk full, no permission, no memory) in one line: which folder, how much space, what to do.

Libraries raise them in many forms: an OSError with a number, a database error with a sentence, or another error with
one of these as its cause.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from spikebridge.errors import SpikebridgeError

LIBRARIES = {"h5py", "mlflow", "optuna", "pyarrow", "safetensors", "sqlalchemy", "sqlite3", "torch"}
"""Libraries whose errors may contain an error of the system as text."""
NUMBERS = re.compile(r"(?:errno = |os error |\[errno )(\d+)", re.IGNORECASE)
HDF5_OR_TORCH = re.compile(r"file (?:write|read) failed: .*errno = \d+|PytorchStreamWriter", re.DOTALL)
"""RuntimeErrors of libraries that contain an error of the system."""
WORDS = {
    r"no space left on device|database or disk is full|\d+ requested and \d+ written": errno.ENOSPC,
    r"disk quota exceeded": errno.EDQUOT,
    r"file too large": errno.EFBIG,
    r"readonly database|read-only file system": errno.EROFS,
    r"permission denied|unable to open database file": errno.EACCES,
    r"disk i/o error|input/output error": errno.EIO,
    r"database is locked": errno.EBUSY,
}
SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
PERMISSION = {errno.EACCES, errno.EPERM}
SHAPE = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
MEMORY = "Set compute.workers: 1 in params.yaml, or close other programs, and run it again"


def explain(error: BaseException, target: Path | None = None, written: int = 0) -> str | None:
    """One line for an error of the system; None for any other error, and for spikebridge's own errors.

    target: the file or folder being written, used if the error names no file; written: number of its bytes already
    written.
    """
    if isinstance(error, SpikebridgeError):
        return None
    for cause in _chain(error):
        if isinstance(cause, MemoryError):
            return f"not enough memory{_for(target)}. {MEMORY}"
        if isinstance(cause, BrokenProcessPool):
            return f"a worker process was ended from outside, most often because memory ran out. {MEMORY}"
        number = _number(cause)
        if number is not None and (message := _said(number, _place(cause, target), target, written)):
            return message
    return None


def size_of(path: Path) -> int:
    """Number of bytes of a file, or of all files in a folder; 0 if it does not exist."""
    try:
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        return sum(p.stat().st_size for p in files)
    except OSError:
        return 0


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes. For an error of a library, also the error that was being handled when it was raised."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [getattr(cause, "orig", None), cause.__cause__, cause.__context__ if _of_library(cause) else None]


def _of_library(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in LIBRARIES


def _number(error: BaseException) -> int | None:
    """The system's number (errno) of an error; None if it has none."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    text = str(error)[:4000]
    if not (isinstance(error, OSError) or _of_library(error) or HDF5_OR_TORCH.search(text)):
        return None
    if match := NUMBERS.search(text):
        return int(match[1])
    return next((number for words, number in WORDS.items() if re.search(words, text, re.IGNORECASE)), None)


def _place(error: BaseException, target: Path | None) -> Path:
    """The file or folder that the error concerns."""
    for name in (getattr(error, "filename2", None), getattr(error, "filename", None)):
        if isinstance(name, str | bytes) and name:
            return Path(os.fsdecode(name))
    match = re.search(r"name = '([^']+)'", str(error)[:4000])
    return Path(match[1]) if match else target or Path.cwd()


def _said(number: int, place: Path, target: Path | None, written: int) -> str | None:
    if number in SPACE:
        return _no_space(number, place, target, written)
    if number == errno.EROFS:
        return f"{place} cannot be written: its disk or database is read-only. Make it writable, or use another folder"
    if number in PERMISSION:
        return _no_permission(place)
    if number in SHAPE:
        return _wrong_kind(number, place)
    if number in {errno.EMFILE, errno.ENFILE}:
        return f"too many open files, when opening {place}. Raise the limit (ulimit -n 4096) and run it again"
    if number == errno.ENAMETOOLONG:
        return f"{str(place)[:200]}: this name is too long for the disk. Use a shorter folder or file name"
    if number == errno.EBUSY:
        return f"{place} is in use by another process. Wait until it has ended, then run it again"
    if number == errno.ENOMEM:
        return f"not enough memory{_for(target)}. {MEMORY}"
    if number in {errno.EIO, getattr(errno, "ESTALE", errno.EIO)}:
        return (
            f"{place}: the disk failed to read or write ({_free(place)}). Is it damaged, full or limited (ulimit -f)? "
            "Check it, or use another folder"
        )
    return None


def _no_space(number: int, place: Path, target: Path | None, written: int) -> str:
    before = size_of(target) if target else 0
    need = f"; more than {_size(written)} are needed" if written else ""
    need += f"; the last result took {_size(before)}" if before else ""
    if number == errno.EFBIG or (number == errno.ENOSPC and _file_size_limited()):
        return (
            f"{place} would be larger than the disk or the process limit allows (ulimit -f; {_free(place)}{need}). "
            "Raise the limit, or use another disk"
        )
    why = "no space left" if number == errno.ENOSPC else "the disk quota of this user is used up"
    return f"{why} to write {place} ({_free(place)}{need}). Free some space there, then run it again"


def _no_permission(place: Path) -> str:
    nearest = _nearest(place)
    if nearest == place and not os.access(place, os.R_OK):
        return f"{place} cannot be read: permission denied. Give this user permission to read it (chmod u+r)"
    if nearest.is_dir() and not os.access(nearest, os.X_OK):
        return (
            f"{place} cannot be opened: this user may not look into {nearest}. Give this user permission (chmod u+rx)"
        )
    folder = place.parent if nearest == place and not place.is_dir() and os.access(place, os.W_OK) else nearest
    where = "it" if folder == place else folder.absolute()
    return (
        f"{place} cannot be written: this user may not write to {where}. Give this user permission (chmod u+w), or use "
        "another folder"
    )


def _wrong_kind(number: int, place: Path) -> str | None:
    if number == errno.EISDIR:
        return f"{place} is a folder where a file is expected. Move it away" if place.is_dir() else None
    file = next((p for p in (place, *place.parents) if p.is_file()), None)
    return f"{file} is a file where a folder is expected. Move it away" if file else None


def _nearest(path: Path) -> Path:
    """The path, or the nearest parent folder that exists."""
    return next((p for p in (path, *path.absolute().parents) if os.path.lexists(p)), Path.cwd())


def _free(place: Path) -> str:
    try:
        return f"{_size(shutil.disk_usage(_nearest(place)).free)} are free there"
    except OSError:
        return "free space unknown"


def _file_size_limited() -> bool:
    """Whether the size of this process's files is limited. numpy does not distinguish this from a full disk."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return False
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


def _size(count: int) -> str:
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    if count >= 1e5:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.1f} kB" if count >= 1e3 else f"{count} bytes"


def _for(target: Path | None) -> str:
    return f" for {target}" if target else ""
