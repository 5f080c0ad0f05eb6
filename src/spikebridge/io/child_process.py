"""Read in a child process, so that a file that crashes, blocks or inflates a decoder causes only one line of error.

Decoders of HDF5, MATLAB and other formats are C programs that damaged bytes can crash, and no check of a file in
advance can predict all such cases. On Linux a fork of this process therefore does the work. It has all libraries loaded
already and starts in milliseconds, and it sends its result back. When it ends, the system gets back all memory that
reading took. On other systems libraries do not work after a fork: the work is done in this process, and only the checks
of `limits` protect it.
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
from spikebridge.errors.findings import Finding
from spikebridge.io.formats import error_summary
from spikebridge.io.limits import Bounds, check_opened, limits_in_force, raise_limit
from spikebridge.io.processes import Received, data_bytes, free_bytes, own_memory, packed, pipe, processor_s

T = TypeVar("T")

FORKS = sys.platform == "linux"
if sys.platform == "linux":
    import resource
TICK_S = 0.02
WAITS_S = 45.0
"""How long (s) a child may wait without using processor time, for example for a slow disk."""
BOARD = 4096
"""Size (bytes) of the shared memory to which the child writes the path that it opens."""
SPARE = 1 << 30
"""Bytes that allocators reserve but do not use. Used memory is monitored; this limits a single large request."""
SHARE = 0.8
"""Share of the free memory that reading may take. Beyond it, the system might kill any process."""
COUNTED = 20_000
"""Maximum number of files that are counted for the size of a folder."""
PR_SET_PDEATHSIG = 1

_board: mmap.mmap | None = None
_loaded: list[str] = []
"""Modules that earlier children loaded and that this process has not loaded yet."""


def announce_path(path: Path) -> None:
    """Announce the path that is opened next. Its time starts now, and the error names it if the process dies."""
    if _board is not None:
        encoded = os.fsencode(path)[-(BOARD - 8) :]
        count = struct.unpack_from("<I", _board)[0]
        _board[4 : 8 + len(encoded)] = struct.pack("<I", len(encoded)) + encoded
        _board[:4] = struct.pack("<I", count + 1)


def run_in_child_process(work: Callable[[], T], path: Path, bounds: Bounds) -> T:
    """Call `work` in a child process, within the bounds for the size of `path`, and return its result.

    Raises DataError if the child dies, if it takes too much memory or time, or if a library raises an exception that
    the reader does not handle. A SpikebridgeError of `work` is raised unchanged.
    """
    if not FORKS:
        with limits_in_force(bounds):
            return _named(work, path)
    _load_as_children_did()
    size = size_on_disk(path)
    most = max(bounds.limits.max_bytes, min(bounds.memory(size), int(SHARE * free_bytes())))
    result: T = ChildRun(path, bounds, size, most).run(work)
    return result


def size_on_disk(path: Path) -> int:
    """Bytes on disk of a file, or of the counted files of a folder. No file is opened."""
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
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # a fork of a process with threads: the child does not use them
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
            raise DataError.about(at, [why])
        return self._result(at, os.waitstatus_to_exitcode(status))

    def _follow(self, pid: int, pipe: int, board: mmap.mmap) -> Finding | None:
        """Receive until the child has sent everything (returns None), or return why it must be stopped."""
        before, used, looked, busy, spent = -1, 0.0, 0.0, time.monotonic(), 0.0
        base = own_memory(pid)
        most_s = self.bounds.seconds(self.size)
        while True:
            ready, _, _ = select.select([pipe], [], [], TICK_S)
            if ready and not self.received.more(pipe):
                return None
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
                text = f"what it is read from has not answered for {WAITS_S:.0f} s:"
                return Finding.error("disk-does-not-answer", "file", text, "is it on a disk that is not here?")

    def too_large(self) -> Finding:
        with limits_in_force(self.bounds):
            text = (
                f"to read it takes more than {self.most / 1e9:.1f} GB of memory, though it holds "
                f"{self.size / 1e6:.3g} MB: it is damaged, or made to do harm; if neither,"
            )
            return Finding.error("too-much-memory", "data.limits", text, raise_limit("max_bytes"))

    def too_slow(self) -> Finding:
        with limits_in_force(self.bounds):
            text = (
                f"to read it takes more than {self.bounds.seconds(self.size):.0f} s, though it holds "
                f"{self.size / 1e6:.3g} MB: it is damaged, or made to do harm; if neither,"
            )
            return Finding.error("too-much-time", "data.limits", text, raise_limit("max_seconds"))

    def _result(self, at: str, code: int) -> Any:
        if code != 0:
            raise DataError.about(at, [_death(code)])
        kind, value, modules = self.received.value()
        _loaded.extend(modules)
        if kind == "value":
            return value
        if kind == "memory":
            raise DataError.about(at, [self.too_large()])
        raise value


def _death(code: int) -> Finding:
    name = signal.Signals(-code).name if -code in set(signal.Signals) else str(code)
    if code == -signal.SIGKILL:
        text = "the process that read it was killed from outside:"
        return Finding.error("reading-killed", "file", text, "was the machine out of memory?")
    text = f"the library that reads it died of it ({name}): it is damaged, or made to do harm;"
    return Finding.error("reading-library-died", "file", text, "copy or download it again")


def _child(work: Callable[[], Any], path: Path, pipe: int, board: mmap.mmap, bounds: Bounds, most: int) -> NoReturn:
    """Do the work, send the result, and end. Never returns to the code of the caller."""
    global _board
    code = 1
    try:
        _board = board
        _prepare(most)
        with limits_in_force(bounds):
            sys.addaudithook(check_opened)
            answer = _answer(work, path)
        for part in answer:
            view = memoryview(part).cast("B")
            while len(view):
                view = view[os.write(pipe, view) :]
        code = 0
    finally:
        os._exit(code)


def _prepare(most: int) -> None:
    """Let the child end with its parent and at the memory limit, without a core dump or output on the terminal."""
    gc.freeze()  # garbage collection of the parent's objects would copy their memory
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
    """The result of the work, packed, with the names of the modules that it loaded."""
    before = set(sys.modules)

    def answer(kind: str, value: Any) -> list[Any]:
        return packed((kind, value, [name for name in sys.modules if name not in before]))

    try:
        return answer("value", _named(work, path))
    except MemoryError:
        return answer("memory", None)
    except SpikebridgeError as error:
        error.__cause__ = error.__context__ = None
        return answer("error", error)
    except Exception as error:  # the result cannot be sent: a defect
        return answer("error", RuntimeError(error_summary(error)))


def _load_as_children_did() -> None:
    """Load the modules of earlier children here, so that later children need not load them again."""
    for name in _loaded:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # the code that needs it reports the missing module
                importlib.import_module(name)
    _loaded.clear()


def _named(work: Callable[[], T], path: Path) -> T:
    """The result of `work`. An exception that no reader handles becomes a DataError with its place in the code."""
    try:
        return work()
    except (SpikebridgeError, MemoryError):
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise DataError.of(
            "file-not-read",
            _shown(_board, path),
            f"cannot be read ({error_summary(error)}; {Path(frame.filename).name}:{frame.lineno})",
        ) from error


def _shown(board: mmap.mmap | None, path: Path) -> str:
    """The path that the child opened last, or else the path of the recording."""
    if board is None:
        return str(path)
    count, length = struct.unpack_from("<II", board)
    return os.fsdecode(board[8 : 8 + length]) if count else str(path)
