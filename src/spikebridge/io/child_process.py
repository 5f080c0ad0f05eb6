"""Reading in a child process, so that a file that a decoder dies of, hangs on or swells from costs one line of error.

HDF5, MATLAB's and other decoders are programs in C that can be killed by the bytes that they decode, and no look at a
file beforehand can foresee all of that. On Linux the work is therefore done by a fork of this process, which has all
libraries loaded already and starts in milliseconds; it sends back what it found. What is given back to the system when
it ends is everything that reading took. Elsewhere libraries do not bear a fork: the work is done in this process, and
only the looks of `limits` protect it.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import mmap
import os
import select
import signal
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.io.formats import error_summary
from spikebridge.io.limits import Bounds, check_opened, limits_in_force, raise_limit
from spikebridge.io.processes import Received, data_bytes, free_bytes, own_memory, packed, pipe, processor_s

T = TypeVar("T")

FORKS = sys.platform == "linux"
if sys.platform == "linux":
    import resource
TICK_S = 0.02
WAITS_S = 45.0
"""How long a child may wait, for a slow disk for instance, without any processor time."""
BOARD = 4096
"""Bytes in which the child says what it looks at."""
SPARE = 1 << 30
"""Bytes that allocators reserve and do not use. What is used is watched; this bounds what is asked for at once."""
SHARE = 0.8
"""Of the memory that is free, what reading may take: beyond it, the system would kill whatever it chooses."""
COUNTED = 20_000
"""Files of a folder that are counted for its size."""
PR_SET_PDEATHSIG = 1

_board: mmap.mmap | None = None
_loaded: list[str] = []
"""Modules that earlier children have loaded, and this process not yet."""


def announce_path(path: Path) -> None:
    """Say what is opened now: that is named where the process dies of it, and its time begins here."""
    if _board is not None:
        said = os.fsencode(path)[-(BOARD - 8) :]
        count = struct.unpack_from("<I", _board)[0]
        _board[4 : 8 + len(said)] = struct.pack("<I", len(said)) + said
        _board[:4] = struct.pack("<I", count + 1)


def run_in_child_process(work: Callable[[], T], path: Path, bounds: Bounds) -> T:
    """What `work` returns, done in a child process within the bounds of the size of `path`.

    Raises DataError where the child dies, takes too much memory or time, or where a library raises what no reader
    foresaw; SpikebridgeError as `work` raises it.
    """
    if not FORKS:
        with limits_in_force(bounds):
            return _named(work, path)
    _load_as_children_did()
    size = size_of(path)
    most = max(bounds.limits.max_bytes, min(bounds.memory(size), int(SHARE * free_bytes())))
    found: T = ChildRun(path, bounds, size, most).run(work)
    return found


def size_of(path: Path) -> int:
    """Bytes on disk of a file, or of the files of a folder as far as they are counted. Nothing is opened."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        total, seen, folders = 0, 0, [os.fspath(path)]
        while folders and seen < COUNTED:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file():
                        about = entry.stat()
                        total += min(about.st_size, 512 * getattr(about, "st_blocks", about.st_size))
                    if seen >= COUNTED:
                        break
        return total
    except (OSError, ValueError):
        return 0


@dataclass
class ChildRun:
    path: Path
    bounds: Bounds
    size: int
    most: int
    received: Received = field(default_factory=Received)

    def run(self, work: Callable[[], Any]) -> Any:
        board = mmap.mmap(-1, BOARD)
        begin, end = pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads: the child uses none of them
            pid = os.fork()
        if pid == 0:
            os.close(begin)
            _child(work, self.path, end, board, self.bounds, self.most)
        os.close(end)
        alive = True
        try:
            why = self._follow(pid, begin, board)
            if why:
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            alive = False
        finally:
            os.close(begin)
            if alive:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        at = _shown(board, self.path)
        board.close()
        if why:
            raise DataError(f"{at}: {why}")
        return self._result(at, os.waitstatus_to_exitcode(status))

    def _follow(self, pid: int, pipe: int, board: mmap.mmap) -> str:
        """Receive until the child has said all; else why it must be stopped."""
        before, used, looked, busy, spent = -1, 0.0, 0.0, time.monotonic(), 0.0
        base = own_memory(pid)
        most_s = self.bounds.seconds(self.size)
        while True:
            ready, _, _ = select.select([pipe], [], [], TICK_S)
            if ready and not self.received.more(pipe):
                return ""
            if time.monotonic() - looked < TICK_S:
                continue
            looked = time.monotonic()
            count = struct.unpack_from("<I", board)[0]
            now_s = processor_s(pid)
            if count != before:
                before, used = count, now_s
            if now_s > spent or ready:
                busy, spent = looked, now_s
            if own_memory(pid) - base > self.most:
                return self.too_large()
            if now_s - used > most_s:
                return self.too_slow()
            if looked - busy > WAITS_S:
                return f"what it is read from has not answered for {WAITS_S:.0f} s: is it on a disk that is not here?"

    def too_large(self) -> str:
        with limits_in_force(self.bounds):
            return (
                f"to read it takes more than {self.most / 1e9:.1f} GB of memory, though it holds "
                f"{self.size / 1e6:.3g} MB: it is damaged, or made to do harm; if neither, {raise_limit('max_bytes')}"
            )

    def too_slow(self) -> str:
        with limits_in_force(self.bounds):
            return (
                f"to read it takes more than {self.bounds.seconds(self.size):.0f} s, though it holds "
                f"{self.size / 1e6:.3g} MB: it is damaged, or made to do harm; if neither, {raise_limit('max_seconds')}"
            )

    def _result(self, at: str, code: int) -> Any:
        if code != 0:
            raise DataError(f"{at}: {_death(code)}")
        kind, value, modules = self.received.value()
        _loaded.extend(modules)
        if kind == "value":
            return value
        if kind == "memory":
            raise DataError(f"{at}: {self.too_large()}")
        raise value


def _death(code: int) -> str:
    name = signal.Signals(-code).name if -code in set(signal.Signals) else str(code)
    if code == -signal.SIGKILL:
        return "the process that read it was killed from outside: was the machine out of memory?"
    return (
        f"the library that reads it died of it ({name}): it is damaged, or made to do harm; copy or download it again"
    )


def _child(work: Callable[[], Any], path: Path, pipe: int, board: mmap.mmap, bounds: Bounds, most: int) -> NoReturn:
    """Do the work, send what came of it, end. Never returns into the caller's code."""
    global _board
    code = 1
    try:
        _board = board
        _prepare(most)
        with limits_in_force(bounds):
            sys.addaudithook(check_opened)
            said = _answer(work, path)
        for part in said:
            view = memoryview(part).cast("B")
            while len(view):
                view = view[os.write(pipe, view) :]
        code = 0
    finally:
        os._exit(code)


def _prepare(most: int) -> None:
    """The child dies with its parent, and of too much memory, without a trace on disk or terminal."""
    gc.freeze()  # to look for garbage among the parent's objects would copy the memory that holds them
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.disable()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    held = data_bytes()
    wanted = held + most + SPARE
    if not held:
        return
    if hard == resource.RLIM_INFINITY or wanted <= hard:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def _answer(work: Callable[[], Any], path: Path) -> list[Any]:
    """What came of it, and the names of the modules that were loaded for it."""
    before = set(sys.modules)

    def said(kind: str, value: Any) -> list[Any]:
        return packed((kind, value, [name for name in sys.modules if name not in before]))

    try:
        return said("value", _named(work, path))
    except MemoryError:
        return said("memory", None)
    except SpikebridgeError as error:
        error.__cause__ = error.__context__ = None
        return said("error", error)
    except Exception as error:  # what was found cannot be sent: a defect
        return said("error", RuntimeError(error_summary(error)))


def _load_as_children_did() -> None:
    """Load here, once, what each further child would load again. A single child costs nothing more."""
    for name in _loaded:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # who needs it says what is missing
                importlib.import_module(name)
    _loaded.clear()


def _named(work: Callable[[], T], path: Path) -> T:
    """What `work` returns; what no reader foresaw becomes a DataError that says where in the code it came up."""
    try:
        return work()
    except (SpikebridgeError, MemoryError):
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise DataError(
            f"{_shown(_board, path)}: cannot be read "
            f"({error_summary(error)}; {Path(frame.filename).name}:{frame.lineno})"
        ) from error


def _shown(board: mmap.mmap | None, path: Path) -> str:
    """The path that the child looked at last, else the one that it was given."""
    if board is None:
        return str(path)
    count, length = struct.unpack_from("<II", board)
    return os.fsdecode(board[8 : 8 + length]) if count else str(path)
