"""Parts of the NWB readers: whether the chunks of a Zarr array are whole, which Zarr and Blosc do not ask.

Zarr gives zeros for a chunk whose file is missing, and Blosc decodes one that is cut short into whatever lay in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from spikebridge.errors import DataError
from spikebridge.suggest import counted, listed

BLOSC_HEADER = 16
"""Bytes: version, version of the compressor, flags, type size; then bytes of the values, of a block, of the chunk."""


def check_chunks(data: Any, where: str) -> None:
    """Raises DataError naming the chunks of a Zarr array that are missing or cut short; other arrays have none."""
    array = getattr(data, "dataset", data)
    chunks = getattr(array, "nchunks", 0)
    if not chunks:
        return
    lacking = chunks - array.nchunks_initialized
    if lacking:
        raise DataError(f"{where}: {lacking} of {chunks} chunks are missing: was the folder copied whole?")
    cut = [f"{key.rpartition('/')[2]} ({found} of {expected} bytes)" for key, found, expected in _cut_short(array)]
    if cut:
        raise DataError(
            f"{where}: {counted(len(cut), 'chunk is', 'chunks are')} not whole: {listed(cut, 5)}; copy the folder again"
        )


def _cut_short(array: Any) -> Iterator[tuple[str, int, int]]:
    """(key, bytes found, bytes expected) of each chunk whose length is not what it must be, as far as that is known."""
    codec = getattr(array.compressor, "codec_id", None)
    size = prod(array.chunks) * array.dtype.itemsize
    for place in product(*map(range, array.cdata_shape)):
        key = array._chunk_key(place)
        chunk = bytes(array.chunk_store[key])
        if codec == "blosc":
            whole = len(chunk) >= BLOSC_HEADER
            expected = int.from_bytes(chunk[12:16], "little") if whole else BLOSC_HEADER
        elif codec is None and not array.filters:
            expected = size
        else:  # gzip, zstd and the rest keep sums of their own
            continue
        if len(chunk) != expected:
            yield key, len(chunk), expected
