"""Safe walks through HDF5 files and Zarr folders.

Zarr gives zeros for a chunk whose file is missing, and Blosc decodes a chunk that is cut short into whatever the memory
holds: for text, that may be a length of billions of characters, and the process is killed for memory. Libraries decode
ids and texts while they open a folder, so the chunks are checked before any library opens it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.limits import check_depth, check_members

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
BLOSC_HEADER = 16
"""Bytes: version, version of the compressor, flags, type size; then bytes of the values, of a block, of the chunk."""
MAX_CHUNKS = 10_000
"""Arrays of more chunks (raw voltage) are not opened by themselves: `check_chunks` looks at them when they are read."""


def npy_header(handle: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the header of a .npy file, not its values; a class that `hasobject` would have to be unpickled.

    Parameters
    ----------
    handle : BinaryIO
        At the beginning of the file.

    Returns
    -------
    tuple of int, dtype
        Shape and class of the array.

    Raises
    ------
    ValueError
        Where the file does not begin with such a header.
    """
    version = np.lib.format.read_magic(handle)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(handle)
    return tuple(shape), dtype


def walk_hdf5(file: Any, skip: Collection[str] = ()) -> Iterator[tuple[str, Any, Any]]:
    """Walk through everything in an open HDF5 file or group, level by level; no link is followed.

    HDF5's own walk takes minutes for groups that lie thousands deep. Names that are no UTF-8 are passed over; a group
    that lies in several places is entered once.

    Parameters
    ----------
    file : h5py.File or h5py.Group
        Where the walk begins.
    skip : Collection[str]
        Names of groups at the top that are not entered.

    Yields
    ------
    name : str
        Path without leading slash.
    link : h5py.HardLink, h5py.SoftLink or h5py.ExternalLink
        The link by which the object lies there.
    thing : h5py.Group, h5py.Dataset or None
        The object; None for soft and external links.

    Raises
    ------
    DataError
        Where there are more objects, or they lie deeper, than `limits` allows.
    """
    import h5py

    where, seen, n = str(file.file.filename), {_address(file)}, 0
    level = [("", file)]
    depth = 0
    while level:
        below = []
        depth += 1
        for above, group in level:
            n += len(group)
            check_members(n, where, "groups and arrays")
            for name in group:
                if not isinstance(name, str) or (not above and name in skip):
                    continue
                link = group.get(name, getlink=True)
                thing = group[name] if isinstance(link, h5py.HardLink) else None
                yield above + name, link, thing
                if isinstance(thing, h5py.Group) and (address := _address(thing)) not in seen:
                    seen.add(address)
                    below.append((f"{above}{name}/", thing))
        if below:
            check_depth(depth + 1, where)
        level = below


def _address(group: Any) -> tuple[int, int]:
    import h5py

    about = h5py.h5o.get_info(group.id)
    return about.fileno, about.addr


def incomplete_arrays(folder: Path) -> list[Finding]:
    """Find Zarr arrays (format 2) with chunks that are cut short. Reads lengths and headers only.

    Parameters
    ----------
    folder : Path
        A Zarr folder.

    Returns
    -------
    list[Finding]
        One error for each such array.
    """
    errors = []
    for file in sorted(folder.rglob(".zarray")):
        cut = list(_incomplete_files(file))
        if cut:
            errors.append(_incomplete(file.parent.relative_to(folder).as_posix(), cut))
    return errors


def _incomplete_files(zarray: Path) -> Iterator[tuple[str, int, int]]:
    """(key, bytes found, bytes expected) of each chunk of one array whose length is wrong."""
    try:
        about = json.loads(zarray.read_text(encoding="utf-8"))
        codec = (about["compressor"] or {}).get("id")
        raw = codec is None and not about["filters"]
        size = prod(about["chunks"]) * np.dtype(about["dtype"]).itemsize if raw else 0
        n_chunks = prod(-(-n // c) for n, c in zip(about["shape"], about["chunks"], strict=True))
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError, AttributeError):
        return  # not a readable array: the library that opens it raises the error
    if n_chunks > MAX_CHUNKS or not (raw or codec == "blosc"):  # gzip, zstd and the rest keep sums of their own
        return
    for file in sorted(zarray.parent.rglob("*")):
        if file.name.startswith(".") or not file.is_file():
            continue
        with file.open("rb") as handle:
            header = handle.read(BLOSC_HEADER)
        length, expected = file.stat().st_size, size if raw else _blosc_length(header)
        if length != expected:
            yield file.relative_to(zarray.parent).as_posix(), length, expected


def check_chunks(data: Any, where: str) -> None:
    """Check that the chunks of a Zarr array are complete; other arrays have no chunks to check.

    Parameters
    ----------
    data : object
        An array of Zarr, h5py or numpy, or a wrapper of hdmf.
    where : str
        Name of the array, for the message.

    Raises
    ------
    DataError
        Naming the chunks that are missing or cut short.
    """
    array = getattr(data, "dataset", data)
    chunks = getattr(array, "nchunks", 0)
    if not chunks:
        return
    lacking = chunks - array.nchunks_initialized
    if lacking:
        raise DataError.of(
            "chunks-missing", where, f"{lacking} of {chunks} chunks are missing: was the folder copied whole?"
        )
    cut = [(key.rpartition("/")[2], length, expected) for key, length, expected in _incomplete_chunks(array)]
    if cut:
        raise DataError.about("", [_incomplete(where, cut)])


def _incomplete(where: str, cut: Sequence[tuple[str, int, int]]) -> Finding:
    parts = [f"{key} ({length} of {expected} bytes)" for key, length, expected in cut]
    text = f"{where}: {counted(len(cut), 'chunk is', 'chunks are')} not whole: {listed(parts, 5)};"
    return Finding.error("chunks-incomplete", where, text, "copy the folder again")


def _incomplete_chunks(array: Any) -> Iterator[tuple[str, int, int]]:
    """(key, bytes found, bytes expected) of each chunk whose length is wrong, as far as the compression shows it."""
    codec = getattr(array.compressor, "codec_id", None)
    size = prod(array.chunks) * array.dtype.itemsize
    for place in product(*map(range, array.cdata_shape)):
        key = array._chunk_key(place)
        chunk = bytes(array.chunk_store[key])
        if codec == "blosc":
            expected = _blosc_length(chunk)
        elif codec is None and not array.filters:
            expected = size
        else:  # gzip, zstd and the rest keep sums of their own
            continue
        if len(chunk) != expected:
            yield key, len(chunk), expected


def _blosc_length(chunk: bytes) -> int:
    """Length in bytes that the header of a chunk gives; a header must be there."""
    return int.from_bytes(chunk[12:16], "little") if len(chunk) >= BLOSC_HEADER else BLOSC_HEADER
