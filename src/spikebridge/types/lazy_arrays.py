"""Files that are read in place: arrays whose rows come when asked for, through a map, and JSON that is checked."""

from __future__ import annotations

import json
import mmap
import struct
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from spikebridge.errors import DataError

LOCAL_HEADER = struct.Struct("<4s22x2H")  # signature, lengths of name and extra field (APPNOTE.TXT of ZIP, 4.3.7)


class StoredRows(NDArrayOperatorsMixin):
    """Some rows of an array in a file, read-only. What numpy does with it, it does with a copy of these rows.

    A selection of rows (`rows[index]`) reads only them; `select` puts even that off. The pages of the file go back to
    the system after every read, so that the memory in use is that of the rows asked for.
    """

    def __init__(self, file: mmap.mmap, stored: NDArray[Any], rows: NDArray[np.int64] | None = None) -> None:
        self._file = file
        self._stored = stored
        self._rows = rows
        self.dtype = stored.dtype
        self.ndim = stored.ndim
        self.shape = (len(stored) if rows is None else len(rows), *stored.shape[1:])

    def __len__(self) -> int:
        return int(self.shape[0])

    def select(self, index: Any) -> StoredRows:
        """The rows of an index (numbers, truth values or a slice), still unread."""
        return StoredRows(self._file, self._stored, self._numbers()[index])

    def joined(self, other: Any) -> StoredRows | None:
        """These rows and then the other's, unread; None where the other's lie elsewhere."""
        if not isinstance(other, StoredRows) or other._stored is not self._stored:
            return None
        return StoredRows(self._file, self._stored, np.concatenate([self._numbers(), other._numbers()]))

    def __getitem__(self, index: Any) -> Any:
        first, *rest = index if isinstance(index, tuple) else (index,)
        if first is Ellipsis or first is None:
            return np.asarray(self)[index]
        numbers = self._numbers()[first]
        rows = self._read(np.atleast_1d(numbers))
        return rows[(slice(None) if np.ndim(numbers) else 0, *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("rows of a file cannot be had without a copy")
        read = self._read(self._rows)
        return read if dtype is None else read.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*(np.asarray(x) if isinstance(x, StoredRows) else x for x in inputs), **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def __reduce__(self) -> Any:
        return np.array, (np.asarray(self),)

    def _numbers(self) -> NDArray[np.int64]:
        return np.arange(len(self._stored)) if self._rows is None else self._rows

    def _read(self, rows: NDArray[np.int64] | None) -> NDArray[Any]:
        read = self._stored.copy() if rows is None else self._stored[rows]
        _let_go(self._file)
        return read


def _let_go(file: mmap.mmap) -> None:
    """Give the pages of the file back; they are read again when needed."""
    if hasattr(file, "madvise"):
        file.madvise(mmap.MADV_DONTNEED)


def stored_members(path: Path, names: Collection[str]) -> dict[str, StoredRows]:
    """Those of the named arrays of a .npz file that can be read in place: not compressed, in C order, of plain numbers.

    Raises DataError where the file is not what its own directory says.
    """
    with open(path, "rb") as handle, zipfile.ZipFile(handle) as archive:
        plain = [m for m in archive.infolist() if m.compress_type == zipfile.ZIP_STORED and m.file_size]
        places = {m.filename.removesuffix(".npy"): m for m in plain if m.filename.removesuffix(".npy") in names}
        if not places:
            return {}
        file = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        found = {name: _member(path, handle, file, member) for name, member in places.items()}
        _let_go(file)
    return {name: rows for name, rows in found.items() if rows is not None}


def _member(path: Path, handle: Any, file: mmap.mmap, member: zipfile.ZipInfo) -> StoredRows | None:
    wrong = DataError(f"{path}: {member.filename} is not where the file's directory says; write the file again")
    header = file[member.header_offset : member.header_offset + LOCAL_HEADER.size]
    if len(header) < LOCAL_HEADER.size:
        raise wrong
    signature, name, extra = LOCAL_HEADER.unpack(header)
    begin = member.header_offset + LOCAL_HEADER.size + name + extra
    if signature != b"PK\x03\x04" or begin + member.file_size > len(file):
        raise wrong
    handle.seek(begin)
    try:
        version = np.lib.format.read_magic(handle)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(handle)
    except ValueError:
        raise wrong from None
    if dtype.hasobject or fortran or not shape:
        return None
    count = int(np.prod(shape))
    if handle.tell() + count * dtype.itemsize != begin + member.file_size:
        raise wrong
    if not count:
        return None
    return StoredRows(file, np.frombuffer(file, dtype, count, handle.tell()).reshape(shape))


def selected(array: Any, index: Any) -> Any:
    """array[index]; unread where the array is."""
    return array.select(index) if isinstance(array, StoredRows) else array[index]


def joined(first: Any, second: Any) -> Any:
    """One array after the other; unread where both lie in one place."""
    both = first.joined(second) if isinstance(first, StoredRows) else None
    return np.concatenate([np.asarray(first), np.asarray(second)]) if both is None else both


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises DataError naming the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content
