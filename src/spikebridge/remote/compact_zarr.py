"""A compact copy of an NWB folder in Zarr (format 2): its metadata, and the chunks of all arrays but those left out.

Chunks are copied as they are stored. Which there are follows from the consolidated metadata, so that no listing is
needed; a chunk that does not exist holds fill values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from spikebridge.errors import RemoteError
from spikebridge.io.formats.nwb.columns import is_pickled
from spikebridge.remote.left_out import (
    SERIES_ARRAYS,
    Array,
    LeftOut,
    Types,
    emptied_arrays,
    emptied_shape,
    is_left_out,
    removed_columns,
)

CONSOLIDATED = ".zmetadata"
SPECIFICATIONS = "specifications/"


class KeySource(Protocol):
    """A folder elsewhere.

    Parameters
    ----------
    name : str
        Its address, for messages.
    """

    name: str

    def get(self, key: str) -> tuple[bytes, str] | None:
        """The bytes of a file in the folder and its ETag; None where there is no such file."""


def copy_zarr(source: KeySource, target: Path) -> list[LeftOut]:
    """Write the compact copy of an NWB folder.

    Parameters
    ----------
    source : KeySource
        The whole folder.
    target : Path
        The copy; it must not exist.

    Returns
    -------
    list of LeftOut
        The arrays whose values are not in the copy.

    Raises
    ------
    RemoteError
        Where files cannot be read, the folder is no NWB in Zarr with consolidated metadata, or it changes meanwhile.
    """
    consolidated, etag = consolidated_metadata(source)
    metadata = consolidated["metadata"]
    if "nwb_version" not in metadata.get(".zattrs", {}):
        raise RemoteError(f"{source.name}: Zarr, but no NWB: it has no nwb_version")
    target.mkdir(parents=True)
    folder = _Folder(metadata)
    for path in [p for p in folder.arrays if p.startswith(SPECIFICATIONS)]:
        _write(target, f"{path}/.zarray", json.dumps(metadata[f"{path}/.zarray"]).encode())
        _copy_chunks(source, target, path, metadata[f"{path}/.zarray"])
    left_out = folder.reduce(Types(_specifications(target, metadata)))
    for key, value in folder.metadata.items():
        _write(target, key, json.dumps(value, indent=1).encode())
    _write(target, CONSOLIDATED, json.dumps(consolidated | {"metadata": folder.metadata}, indent=1).encode())
    for key, about in folder.metadata.items():
        if key.rpartition("/")[2] == ".zarray" and not key.startswith(SPECIFICATIONS):
            _copy_chunks(source, target, key.removesuffix("/.zarray"), about)
    _, after = consolidated_metadata(source)
    if after != etag:
        raise RemoteError(f"{source.name}: the folder changed while it was read (its metadata); fetch it again")
    return left_out


def consolidated_metadata(source: KeySource) -> tuple[dict[str, Any], str]:
    """The consolidated metadata of a Zarr folder and their ETag. Raises RemoteError where there are none."""
    fetched = source.get(CONSOLIDATED)
    if fetched is None:
        text = f"expected a Zarr folder of format 2 with consolidated metadata ({CONSOLIDATED}), found none"
        raise RemoteError(f"{source.name}: {text}")
    try:
        document = json.loads(fetched[0])
        metadata = document["metadata"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RemoteError(f"{source.name}: {CONSOLIDATED} is no consolidated metadata of Zarr") from None
    if not isinstance(metadata, dict) or not all(isinstance(v, dict) and _is_inside(k) for k, v in metadata.items()):
        raise RemoteError(f"{source.name}: {CONSOLIDATED} is no consolidated metadata of Zarr")
    if damaged := [k for k, v in metadata.items() if k.rpartition("/")[2] == ".zarray" and not _describes_array(v)]:
        raise RemoteError(f"{source.name}: {damaged[0]} in {CONSOLIDATED} does not describe an array")
    return document, fetched[1]


def _describes_array(about: dict[str, Any]) -> bool:
    """Whether the content of a .zarray has a shape, chunks that fit it, and a type of values."""
    shape, chunks, dtype = (about.get(key) for key in ("shape", "chunks", "dtype"))
    if not isinstance(shape, list) or not isinstance(chunks, list) or len(shape) != len(chunks):
        return False
    try:
        np.dtype(dtype if isinstance(dtype, str) else "u1")
    except TypeError:
        return False
    sizes = [(n, 0) for n in shape] + [(n, 1) for n in chunks]
    return dtype is not None and all(isinstance(n, int) and n >= least for n, least in sizes)


def _is_inside(key: str) -> bool:
    """Whether a key names a file in the folder, and none above it."""
    return not key.startswith("/") and not {"..", ""} & set(key.split("/"))


class _Folder:
    """The metadata of a Zarr folder: key -> content."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        self.metadata = {key: dict(value) for key, value in metadata.items()}
        self.arrays = {key.removesuffix("/.zarray") for key in metadata if key.endswith("/.zarray")}
        self.groups = {
            key.removesuffix(".zgroup").rstrip("/") for key in metadata if key.rpartition("/")[2] == ".zgroup"
        }

    def reduce(self, types: Types) -> list[LeftOut]:
        """Make arrays empty, and take columns away, that `left_out` names."""
        kept, left_out = self._linked(types), []
        for group in sorted(self.groups):
            kind, arrays = self._kind(group), self._arrays_in(group)
            removed = [arrays[name] for name in removed_columns(types, kind, arrays)]
            emptied = [a for a in emptied_arrays(types, kind, arrays) if a.path not in kept]
            left_out += [LeftOut(a.path, a.kind or kind, a.shape, a.n_bytes) for a in [*removed, *emptied]]
            for array in emptied:
                about, shape = self.metadata[f"{array.path}/.zarray"], emptied_shape(types, kind, array)
                about["shape"], about["chunks"] = list(shape), about["chunks"][: len(shape)]
            if removed:
                self._remove(group, removed)
        return left_out

    def _remove(self, group: str, columns: list[Array]) -> None:
        names = {array.path.rpartition("/")[2] for array in columns}
        for array in columns:
            for file in (".zarray", ".zattrs"):
                self.metadata.pop(f"{array.path}/{file}", None)
        attributes = self.metadata[_key(group, ".zattrs")]
        attributes["colnames"] = [name for name in attributes.get("colnames", []) if name not in names]

    def _linked(self, types: Types) -> set[str]:
        """Paths of arrays that a series links to whose values are kept, such as the timestamps of another series."""
        targets = set()
        for group in self.groups:
            links = self.metadata.get(_key(group, ".zattrs"), {}).get("zarr_link", [])
            if links and not is_left_out(types, self._kind(group), self._arrays_in(group).get("data")):
                targets |= {str(k.get("path", "")).strip("/") for k in links if k.get("name") in SERIES_ARRAYS}
        return targets

    def _kind(self, path: str) -> str:
        return str(self.metadata.get(_key(path, ".zattrs"), {}).get("neurodata_type", ""))

    def _arrays_in(self, group: str) -> dict[str, Array]:
        inside = {path.rpartition("/")[2]: path for path in self.arrays if path.rpartition("/")[0] == group}
        return {name: self._array(path) for name, path in inside.items()}

    def _array(self, path: str) -> Array:
        about = self.metadata[f"{path}/.zarray"]
        shape = tuple(map(int, about["shape"]))
        dtype = about["dtype"]
        width = np.dtype(dtype).itemsize if isinstance(dtype, str) else 1
        return Array(path, shape, prod(shape) * width, self._kind(path))


def _key(group: str, file: str) -> str:
    return f"{group}/{file}" if group else file


def _specifications(target: Path, metadata: dict[str, Any]) -> list[str]:
    """The JSON documents of the types that the folder brings along. Pickled ones are not opened."""
    try:
        import zarr
    except ImportError as error:
        raise RemoteError(f"NWB in Zarr needs hdmf-zarr: pip install 'spikebridge[zarr]' ({error})") from error
    texts = []
    for key in metadata:
        if key.startswith(SPECIFICATIONS) and key.endswith("/.zarray"):
            array = zarr.open_array(str(target / key.removesuffix("/.zarray")), mode="r")
            if not is_pickled(array):
                texts += [str(value) for value in np.ravel(array[...])]
    return texts


def _copy_chunks(source: KeySource, target: Path, path: str, about: dict[str, Any]) -> None:
    for key in chunk_keys(about):
        chunk = source.get(f"{path}/{key}")
        if chunk is not None:
            _write(target, f"{path}/{key}", chunk[0])


def chunk_keys(about: dict[str, Any]) -> Iterator[str]:
    """The keys of the chunks of an array. about: the content of its .zarray."""
    shape, chunks = about["shape"], about["chunks"]
    if not shape:
        yield "0"
        return
    separator = about.get("dimension_separator", ".")
    for place in product(*(range(-(-n // c)) for n, c in zip(shape, chunks, strict=True))):
        yield separator.join(map(str, place))


def _write(target: Path, key: str, content: bytes) -> None:
    path = target / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
