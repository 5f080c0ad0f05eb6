"""Parts of the MATLAB readers: version 7.3, an HDF5 file with MATLAB's own conventions.

Arrays lie transposed, since HDF5 is row-major. A cell array is a dataset of references. A struct is a group; where each
of its fields is a dataset of references that has no class itself, it is a struct array. Empty arrays hold their
dimensions instead of values (attribute MATLAB_empty).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.errors import DataError
from spikebridge.io.formats.mat.nodes import Cell, Node, Opaque, Struct, char_node

NUMERIC = {"double": "f8", "single": "f4", "logical": "?"} | {
    f"{sign}int{bits}": f"{sign or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
UNSET = "canonical empty"
"""What MATLAB calls the value of a cell that was never set."""
MAX_REFERENCES = 1000
_reference_counts: ContextVar[Counter[int]] = ContextVar("followed")
"""Cells and structs of the file that is read, by their address: how often a reference led there."""


def hdf5_classes(path: Path) -> dict[str, str]:
    """The class of each variable, by name."""
    import h5py

    with h5py.File(path, "r") as file:
        return {name: _class(file[name]) for name in _variables(file)}


def load_hdf5(path: Path, names: Collection[str] | None, values: bool) -> dict[str, Node]:
    """See `_mat.load`. Raises whatever h5py raises on a damaged file."""
    import h5py

    with h5py.File(path, "r") as file:
        wanted = [n for n in _variables(file) if names is None or n in names]
        _reference_counts.set(Counter())
        return {name: _node(file[name], values) for name in wanted}


def _variables(file: Any) -> list[str]:
    return [name for name in file if not name.startswith("#")]


def _class(item: Any) -> str:
    held = item.attrs.get("MATLAB_class", b"")
    return held.decode("latin1") if isinstance(held, bytes) else str(held)


def _node(item: Any, values: bool) -> Node:
    kind = _class(item)
    if "MATLAB_sparse" in item.attrs:
        return Opaque("sparse")
    if hasattr(item, "keys"):
        return _struct(item, values) if kind in ("struct", "") else Opaque(kind)
    if "MATLAB_empty" in item.attrs:
        return _empty(item, kind)
    if "MATLAB_object_decode" in item.attrs or kind not in {*NUMERIC, "char", "cell"}:
        return Opaque(kind or "unknown")
    if kind == "cell":
        return _cell(item, values)
    if kind == "char":
        return _char(item[()])
    return _array(item, kind, values)


def _empty(item: Any, kind: str) -> Node:
    shape = tuple(int(n) for n in np.ravel(item[()]))
    if kind == "char":
        return ""
    if kind == "cell":
        return Cell(shape, ())
    if kind == "struct":
        return Struct(shape, (), _field_names(item))
    if kind in NUMERIC or kind == UNSET:
        return np.zeros(shape, dtype=NUMERIC.get(kind, "f8"))
    return Opaque(kind)


def _array(item: Any, kind: str, values: bool) -> Node:
    if not values:
        return np.broadcast_to(np.zeros((), dtype=NUMERIC[kind]), item.shape[::-1])
    held = item[()]
    if held.dtype.names == ("real", "imag"):
        held = held["real"] + 1j * held["imag"]
    held = np.asarray(held).T
    return held.astype(bool) if kind == "logical" else held


def _char(codes: Any) -> Node:
    """UTF-16 code units, one a character."""
    rows = np.asarray(codes, dtype="<u2").T
    rows = rows.reshape(rows.shape[0], -1) if rows.ndim else rows.reshape(1, 1)
    return char_node([np.ascontiguousarray(r).tobytes().decode("utf-16-le", errors="replace") for r in rows])


def _cell(item: Any, values: bool) -> Node:
    return Cell(item.shape[::-1], tuple(_referenced(item.file, r, values) for r in item[()].ravel()))


def _referenced(file: Any, reference: Any, values: bool) -> Node:
    if not reference:
        return np.zeros((0, 0))
    item = file[reference]
    if _class(item) in ("cell", "struct"):
        _count_reference(item)
    return _node(item, values)


def _count_reference(item: Any) -> None:
    """Raises DataError where cells and structs are referred to again and again: MATLAB writes each of them once, and
    a few of them that hold each other twice are 2^n values."""
    import h5py

    about = h5py.h5o.get_info(item.id)
    seen = _reference_counts.get()
    seen[about.addr] += 1
    if seen[about.addr] > MAX_REFERENCES:
        raise DataError.of(
            "matlab-too-many-references",
            item.file.filename,
            f"more than {MAX_REFERENCES} references lead to one cell array or struct, "
            f"{item.name}, which MATLAB never writes: it is damaged, or made to do harm; if neither, load it in "
            "MATLAB and save it again",
        )


def _struct(group: Any, values: bool) -> Node:
    names = _field_names(group)
    if names and all(_is_column(group[n]) for n in names):
        shape = group[names[0]].shape[::-1]
        columns = {n: [_referenced(group.file, r, values) for r in group[n][()].ravel()] for n in names}
        items = tuple({n: columns[n][k] for n in names} for k in range(int(np.prod(shape))))
        return Struct(shape, items, names)
    return Struct((1, 1), ({n: _node(group[n], values) for n in names},), names)


def _is_column(item: Any) -> bool:
    """A field of a struct array: references to one value an element, that has no class."""
    import h5py

    is_reference = not hasattr(item, "keys") and h5py.check_dtype(ref=item.dtype) is h5py.Reference
    return is_reference and not _class(item)


def _field_names(item: Any) -> tuple[str, ...]:
    """Fields in MATLAB's order, which an attribute keeps; HDF5 itself sorts them."""
    given = item.attrs.get("MATLAB_fields", ())
    named = tuple(b"".join(np.ravel(n).tolist()).decode("latin1") for n in given)
    there = tuple(item.keys()) if hasattr(item, "keys") else named
    return named if set(named) == set(there) else there
