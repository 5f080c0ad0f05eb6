"""MATLAB files for tests: one and the same content in version 5 (by scipy) and in version 7.3, as MATLAB lays it out.

Numbers and logicals are arrays, text is char, a dict is a struct, `Cells` a cell array row, `Structs` a struct array
row, None a cell that was never set.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np


class Cells(list[Any]):
    """A 1xN cell array."""


class Structs(list[dict[str, Any]]):
    """A 1xN struct array."""


def write_5(path: Path, variables: dict[str, Any]) -> Path:
    from scipy.io import savemat

    savemat(str(path), {n: _for_scipy(v) for n, v in variables.items()}, appendmat=False, long_field_names=True)
    return path


def _for_scipy(value: Any) -> Any:
    if value is None:
        return np.zeros((0, 0))
    if isinstance(value, Cells):
        cell = np.empty((1, len(value)), dtype=object)
        for k, item in enumerate(value):
            cell[0, k] = _for_scipy(item)
        return cell
    if isinstance(value, Structs):
        array = np.empty((1, len(value)), dtype=[(n, object) for n in value[0]])
        for k, item in enumerate(value):
            array[0, k] = tuple(_for_scipy(v) for v in item.values())
        return array
    if isinstance(value, dict):
        return {n: _for_scipy(v) for n, v in value.items()}
    return value if isinstance(value, str) else np.atleast_2d(value)


def write_73(path: Path, variables: dict[str, Any]) -> Path:
    """The layout of files that MATLAB saves with -v7.3: user block, transposed arrays, references into #refs#."""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")
        empty = refs.create_dataset("a", data=np.zeros(2, dtype="u8"))
        empty.attrs["MATLAB_class"], empty.attrs["MATLAB_empty"] = np.bytes_("canonical empty"), np.uint8(1)
        for name, value in variables.items():
            _put(file, name, value)
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  5 10:00:00 2026 HDF5 schema 1.00 ."
    with open(path, "r+b") as handle:
        handle.write(head.ljust(116) + bytes(8) + struct.pack("<H", 0x0200) + b"IM")
    return path


def _put(group: Any, name: str, value: Any) -> None:
    if isinstance(value, (Cells, Structs)) and not value:
        _empty(group, name, (1, 0), "cell" if isinstance(value, Cells) else "struct")
    elif isinstance(value, Cells):
        _references(group, name, value).attrs["MATLAB_class"] = np.bytes_("cell")
    elif isinstance(value, Structs):
        made = _struct(group, name, list(value[0]))
        for field in value[0]:
            _references(made, field, [item[field] for item in value])
    elif isinstance(value, dict):
        made = _struct(group, name, list(value))
        for field, item in value.items():
            _put(made, field, item)
    elif isinstance(value, str):
        _chars(group, name, value)
    else:
        _array(group, name, np.zeros((0, 0)) if value is None else np.atleast_2d(value))


def _struct(group: Any, name: str, fields: list[str]) -> Any:
    import h5py

    made = group.create_group(name)
    made.attrs["MATLAB_class"] = np.bytes_("struct")
    names = np.empty(len(fields), dtype=object)
    for k, field in enumerate(fields):
        names[k] = np.frombuffer(field.encode(), dtype="S1")
    made.attrs.create("MATLAB_fields", names, dtype=h5py.vlen_dtype(np.dtype("S1")))
    return made


def _references(group: Any, name: str, items: list[Any]) -> Any:
    import h5py

    refs = group.file["#refs#"]
    links = np.empty((len(items), 1), dtype=h5py.ref_dtype)
    for k, item in enumerate(items):
        key = "a"
        if item is not None:
            key = f"r{refs.attrs.get('n', 0)}"
            refs.attrs["n"] = refs.attrs.get("n", 0) + 1
            _put(refs, key, item)
        links[k, 0] = refs[key].ref
    return group.create_dataset(name, data=links, dtype=h5py.ref_dtype)


def _chars(group: Any, name: str, text: str) -> None:
    if not text:
        _empty(group, name, (0, 0), "char")
        return
    made = group.create_dataset(name, data=np.frombuffer(text.encode("utf-16-le"), dtype="<u2").reshape(-1, 1))
    made.attrs["MATLAB_class"], made.attrs["MATLAB_int_decode"] = np.bytes_("char"), np.int32(2)


def _array(group: Any, name: str, value: np.ndarray) -> None:
    classes = {"float64": "double", "float32": "single", "bool": "logical"}
    kind = classes.get(str(value.dtype), str(value.dtype))
    if not value.size:
        _empty(group, name, value.shape, kind)
        return
    held = value.T.astype("u1") if kind == "logical" else value.T
    if kind == "complex128":
        kind, held = "double", np.ascontiguousarray(held).view([("real", "f8"), ("imag", "f8")])
    made = group.create_dataset(name, data=held)
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    if kind == "logical":
        made.attrs["MATLAB_int_decode"] = np.int32(1)


def _empty(group: Any, name: str, shape: tuple[int, ...], kind: str) -> None:
    made = group.create_dataset(name, data=np.array(shape, dtype="u8"))
    made.attrs["MATLAB_class"], made.attrs["MATLAB_empty"] = np.bytes_(kind), np.uint8(1)


def add_object_73(path: Path, name: str, kind: str) -> None:
    """A variable of a MATLAB class (string, table, datetime), as it lies in a 7.3 file."""
    import h5py

    with h5py.File(path, "r+") as file:
        made = file.create_dataset(name, data=np.array([[3707764736, 2, 1, 1, 1, 1]], dtype="u4"))
        made.attrs["MATLAB_class"], made.attrs["MATLAB_object_decode"] = np.bytes_(kind), np.int32(3)


def add_object_5(path: Path, name: str, kind: str) -> None:
    """The same at the end of a version 5 file: class 17, three names and the object's numbers."""

    def element(number: int, data: bytes) -> bytes:
        return struct.pack("<2I", number, len(data)) + data + bytes(-len(data) % 8)

    numbers = struct.pack("<6I", 3707764736, 2, 1, 1, 1, 1)
    inner = element(6, struct.pack("<2I", 13, 0)) + element(5, struct.pack("<2i", 6, 1)) + element(1, b"")
    names = b"".join(element(1, word.encode()) for word in (name, "MCOS", kind))
    body = element(6, struct.pack("<2I", 17, 0)) + names + element(14, inner + element(6, numbers))
    with open(path, "ab") as handle:
        handle.write(element(14, body))
