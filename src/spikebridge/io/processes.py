"""Child processes on Linux: their memory and processor time, and the pipe through which a child sends objects."""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np


def own_memory(pid: int) -> int:
    """Bytes of memory of a process, without mapped files; 0 if it has ended."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * mmap.PAGESIZE


def processor_s(pid: int) -> float:
    """Processor time (s) of a process; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def data_bytes() -> int:
    """Bytes of this process that count towards RLIMIT_DATA."""
    return _line_of("/proc/self/status", "VmData:")


def free_bytes() -> int:
    return _line_of("/proc/meminfo", "MemAvailable:")


def _line_of(file: str, key: str) -> int:
    """Bytes, from a line with a value in kB."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:  # in a process that gave up its permissions
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)


PIPE = 1 << 20
"""Buffer size (bytes) of the pipe between the processes, if the system allows it."""
F_SETPIPE_SZ = 1031
ALIGNED = 64
"""Arrays are received at addresses that are multiples of this number, as in numpy."""


def packed(value: Any) -> list[Any]:
    """The number of parts, their sizes (bytes), and the parts: a pickle, then the arrays as raw memory."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    raw = [b.raw() for b in buffers]
    sizes = [len(body), *(len(r) for r in raw)]
    return [struct.pack("<Q", len(sizes)), struct.pack(f"<{len(sizes)}Q", *sizes), body, *raw]


class Received:
    """Receives the output of `packed` piece by piece, each part into separate memory."""

    def __init__(self) -> None:
        self._parts: list[memoryview] = [memoryview(bytearray(8))]
        self._at, self._filled = 0, 0

    def more(self, pipe: int) -> bool:
        """Read once; False if the other end is closed."""
        if self._at == len(self._parts):
            return bool(os.read(pipe, 1))
        n = os.readv(pipe, [self._parts[self._at][self._filled :]])
        self._filled += n
        while self._at < len(self._parts) and self._filled == len(self._parts[self._at]):
            self._done()
        return n > 0

    def _done(self) -> None:
        part = self._parts[self._at]
        if self._at == 0:
            self._parts.append(memoryview(bytearray(8 * struct.unpack("<Q", part)[0])))
        elif self._at == 1:
            self._parts += [_aligned(n) for n in struct.unpack(f"<{len(part) // 8}Q", part)]
        self._at, self._filled = self._at + 1, 0

    def value(self) -> Any:
        return pickle.loads(self._parts[2], buffers=self._parts[3:])  # noqa: S301  (sent by our own child process)


def _aligned(n: int) -> memoryview:
    held = np.empty(n + ALIGNED, dtype=np.uint8)
    first = -held.ctypes.data % ALIGNED
    return held[first : first + n].data


def pipe() -> tuple[int, int]:
    import fcntl

    begin, end = os.pipe()
    with contextlib.suppress(OSError):
        fcntl.fcntl(end, F_SETPIPE_SZ, PIPE)
    return begin, end
