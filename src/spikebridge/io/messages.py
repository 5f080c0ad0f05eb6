"""What a child process sends to its parent: any object, its arrays as they lie in memory."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
from typing import Any

import numpy as np

PIPE = 1 << 20
"""Bytes that the pipe between the two holds, where the system allows it."""
F_SETPIPE_SZ = 1031
ALIGNED = 64
"""Arrays are received at addresses that are a multiple of this, as numpy's own are."""


def packed(value: Any) -> list[Any]:
    """How many parts there are, the bytes of each, and the parts: a pickle, then arrays as they lie in memory."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    raw = [b.raw() for b in buffers]
    sizes = [len(body), *(len(r) for r in raw)]
    return [struct.pack("<Q", len(sizes)), struct.pack(f"<{len(sizes)}Q", *sizes), body, *raw]


class Received:
    """What `packed` makes, received piece by piece, each part in memory that belongs to it alone."""

    def __init__(self) -> None:
        self._parts: list[memoryview] = [memoryview(bytearray(8))]
        self._at, self._filled = 0, 0

    def more(self, pipe: int) -> bool:
        """Read once; False where the other end is closed."""
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
        return pickle.loads(self._parts[2], buffers=self._parts[3:])  # noqa: S301  (what our own child has sent)


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
