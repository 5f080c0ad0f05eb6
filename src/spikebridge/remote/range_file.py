"""A file object over ranges of an object elsewhere, as h5py opens it: blocks are kept, neighbours are fetched together.

HDF5 reads many small pieces of metadata and long runs of values. A block is small, so that a piece costs little; a run
is fetched in requests that double in length, so that it takes few of them.
"""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from typing import Any

from spikebridge.errors import RemoteError
from spikebridge.remote.http import ByteSource

BLOCK = 1 << 16
LONGEST_REQUEST = 1 << 22
KEPT_BLOCKS = 1024


class RangeFile(io.RawIOBase):
    """Read-only, seekable.

    Parameters
    ----------
    source : ByteSource
        The object.

    Notes
    -----
    HDF5 turns an exception of a file object into one of its errors; `failure` keeps the first RemoteError or Ctrl-C.
    """

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self.failure: BaseException | None = None
        self._source, self._position = source, 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._run_end, self._run_blocks = -1, 1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        stop = min(self._position + len(view), self._source.size)
        if stop <= self._position:
            return 0
        content = self._bytes(self._position, stop)
        view[: len(content)] = content
        self._position = stop
        return len(content)

    def _bytes(self, start: int, stop: int) -> bytes:
        first, last = start // BLOCK, (stop - 1) // BLOCK
        blocks: dict[int, bytes] = {}
        k = first
        while k <= last:
            if k in self._blocks:
                self._blocks.move_to_end(k)
                blocks[k] = self._blocks[k]
                k += 1
                continue
            end = k
            while end < last and end + 1 not in self._blocks:
                end += 1
            blocks |= self._fetch(k, end)
            k = max(blocks) + 1
        joined = b"".join(blocks[k] for k in range(first, last + 1))
        return joined[start - first * BLOCK : stop - first * BLOCK]

    def _fetch(self, first: int, last: int) -> dict[int, bytes]:
        """Fetch blocks, and a few more where they go on with the request before; keep them."""
        self._run_blocks = min(2 * self._run_blocks, LONGEST_REQUEST // BLOCK) if first == self._run_end else 1
        n = min(max(last - first + 1, self._run_blocks), LONGEST_REQUEST // BLOCK)
        start, stop = first * BLOCK, min((first + n) * BLOCK, self._source.size)
        try:
            content = self._source.read(start, stop)
        except (RemoteError, KeyboardInterrupt) as error:
            self.failure = self.failure or error
            raise OSError(str(error)) from error
        self._run_end, self._run_blocks = first + n, n
        fetched = {first + k: content[k * BLOCK : (k + 1) * BLOCK] for k in range(-(-len(content) // BLOCK))}
        self._blocks |= fetched
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return fetched
