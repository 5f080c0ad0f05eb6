"""MATLAB files of version 5 to 7.3: recognised by their first bytes, and read as nodes or as plain arrays."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.io.formats.containers import HDF5_SIGNATURE
from spikebridge.io.formats.log import error_summary
from spikebridge.io.formats.mat.hdf5 import hdf5_classes, load_hdf5
from spikebridge.io.formats.mat.nodes import Cell, Node, Opaque, Struct, char_node

NUMERIC_CLASSES = {"double", "single", "logical", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64))}


def mat_version(path: Path) -> str:
    """Decide by the first bytes of a file which version of MATLAB's format it has. Raises nothing.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    str
        "5", "7.3" or "4"; "" where it is no MATLAB file.
    """
    try:
        if not path.is_file():
            return ""
        with open(path, "rb") as handle:
            head = handle.read(520)
    except OSError:
        return ""
    if head.startswith(b"MATLAB 5.0 MAT-file") and head[126:128] in (b"IM", b"MI"):
        return "5"
    if head.startswith(b"MATLAB 7.") and head[512:520] == HDF5_SIGNATURE:  # the first ones say 7.0
        return "7.3"
    return "4" if _is_version_4(head) else ""


def _is_version_4(head: bytes) -> bool:
    """Version 4 has no signature: five integers of narrow range, then a name that ends with a zero byte."""
    if len(head) < 22:
        return False
    for order, machine in (("<", 0), (">", 1)):
        kind, rows, columns, imaginary, length = struct.unpack(f"{order}5i", head[:20])
        thousands, rest = divmod(kind, 1000)
        fits = thousands == machine and rest // 100 == 0 and rest // 10 <= 5 and rest % 10 <= 2
        if fits and min(rows, columns) >= 0 and imaginary in (0, 1) and 2 <= length <= 64:
            name = head[20 : 20 + length]
            return name.endswith(b"\0") and name[:-1].decode("latin1").isidentifier()
    return False


def variable_classes(path: Path) -> dict[str, str]:
    """Read the class of each variable from the headers alone. Raises nothing.

    Parameters
    ----------
    path : Path
        A MATLAB file.

    Returns
    -------
    dict[str, str]
        Name of the variable -> name of its class; empty where the headers cannot be read.
    """
    try:
        if mat_version(path) == "7.3":
            return hdf5_classes(path)
        from scipy.io import whosmat

        return {str(name): str(kind) for name, _, kind in whosmat(str(path), appendmat=False)}
    except Exception:  # scipy and h5py raise anything on a damaged file, and on objects of MATLAB classes
        return {}


def load_mat(path: Path, names: Collection[str] | None = None, values: bool = True) -> dict[str, Node]:
    """Read variables of a MATLAB file of version 5 to 7.3.

    Parameters
    ----------
    path : Path
        The file.
    names : Collection[str], optional
        Variables to read; all where it is None.
    values : bool
        False leaves out the numbers where the version allows it (7.3): arrays have their shape and class, and hold 0.

    Returns
    -------
    dict[str, Node]
        Name of the variable -> np.ndarray, str, Cell, Struct or Opaque; see `nodes`.

    Raises
    ------
    DataError
        Where it is no MATLAB file of version 5 or 7.3, or a damaged one.
    """
    version = mat_version(path)
    if version == "4":
        raise DataError.of(
            "matlab-version-4",
            path,
            "a MATLAB file of version 4, which holds neither cell arrays nor structs; load it in MATLAB and "
            "save it again with save(file, '-v7')",
        )
    if not version:
        raise DataError.of(
            "matlab-header-missing", path, "expected a MATLAB file (version 5 to 7.3), found no MATLAB header"
        )
    try:
        if version == "5":
            return _load_version_5(path, names)
        return load_hdf5(path, names, values)
    except DataError:
        raise
    except Exception as error:  # scipy, zlib and h5py raise anything from OSError to TypeError on a damaged file
        raise DataError.of(
            "matlab-file-not-read", path, f"cannot be read as a MATLAB file ({error_summary(error)})"
        ) from error


def _load_version_5(path: Path, names: Collection[str] | None) -> dict[str, Node]:
    from numpy.exceptions import ComplexWarning

    wanted = None if names is None else [*names, "None"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # mat_dtype: MATLAB stores whole doubles as small integers; without it logicals come as uint8
        variables = _variables(path, wanted, mat_dtype=True)
        if any(issubclass(w.category, ComplexWarning) for w in caught):  # with it, imaginary parts are lost
            other = _variables(path, wanted, mat_dtype=False)
            variables = {n: _with_imaginary(v, other[n]) for n, v in variables.items()}
        if "None" in variables:  # scipy's name for variables of MATLAB classes, of which it keeps the last
            variables = {n: v for n, v in variables.items() if n != "None"} | _objects(path)
    return {n: v for n, v in variables.items() if names is None or n in names}


def _variables(path: Path, names: list[str] | None, mat_dtype: bool) -> dict[str, Node]:
    from scipy.io import loadmat

    raw = loadmat(str(path), appendmat=False, mat_dtype=mat_dtype, variable_names=names)
    return {n: node_of(v) for n, v in raw.items() if not n.startswith("__")}


def _with_imaginary(node: Node, other: Node) -> Node:
    """The node, with the complex arrays of the same node as read without MATLAB's own types."""
    if isinstance(node, Cell):
        return Cell(node.shape, tuple(map(_with_imaginary, node.items, other.items)))
    if isinstance(node, Struct):
        items = (
            {n: _with_imaginary(v, b[n]) for n, v in a.items()} for a, b in zip(node.items, other.items, strict=True)
        )
        return Struct(node.shape, tuple(items), node.fields)
    return other if isinstance(other, np.ndarray) and np.iscomplexobj(other) else node


def _objects(path: Path) -> dict[str, Node]:
    """The variables of MATLAB classes, by name."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatlabOpaque, varmats_from_mat

    with open(path, "rb") as handle:
        parts = [loadmat(part).get("None") for name, part in varmats_from_mat(handle) if name == "None"]
    known = [p for p in parts if isinstance(p, MatlabOpaque)]
    return {_text(p, "s0", "_ObjectName"): Opaque(_class_of(p)) for p in known}


def _class_of(value: Any) -> str:
    return _text(value, "s2", "_Class")


def _text(value: Any, *fields: str) -> str:
    """The first of the fields that is there: scipy 1.18 renames them."""
    name = next((f for f in fields if f in (value.dtype.names or ())), None)
    held = np.ravel(value[name])[0] if name else "object"
    return held.decode("latin1") if isinstance(held, bytes) else str(held)


def node_of(value: Any) -> Node:
    """What scipy reads from a file of version 5, as a node."""
    from scipy.io.matlab import MatlabFunction, MatlabObject, MatlabOpaque

    if isinstance(value, MatlabOpaque):
        return Opaque(_class_of(value))
    if isinstance(value, MatlabFunction):
        return Opaque("function_handle")
    if isinstance(value, MatlabObject):
        return Opaque(str(value.classname))
    if not isinstance(value, np.ndarray):
        return Opaque("sparse")
    if value.dtype.names:
        names = value.dtype.names
        items = tuple({n: node_of(element[n]) for n in names} for element in value.ravel("F"))
        return Struct(value.shape, items, names)
    if value.dtype == object:
        items = tuple(value.ravel("F"))
        if items and all(i is None for i in items):  # a struct without fields
            return Struct(value.shape, tuple({} for _ in items))
        return Cell(value.shape, tuple(node_of(i) for i in items))
    if value.dtype.kind == "U":
        return char_node(list(value.ravel("F")))
    return value.astype(value.dtype.newbyteorder("="), copy=False)


def is_mat(path: Path) -> bool:
    """Decide whether a file is a MATLAB file of version 5 to 7.3.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        By suffix and first bytes.
    """
    return path.suffix.lower() == ".mat" and mat_version(path) in ("5", "7.3")


def numeric_variables(path: Path) -> set[str]:
    """Names of the variables that are numbers, by the headers alone."""
    return {name for name, kind in variable_classes(path).items() if kind in NUMERIC_CLASSES}


def single_vector(path: Path) -> str:
    """The name of the one variable of a file, where that is a vector of numbers; else empty. Reads headers alone."""
    if not is_mat(path) or len(names := numeric_variables(path)) != 1 or len(variable_classes(path)) != 1:
        return ""
    (name,) = names
    if mat_version(path) == "5":
        from scipy.io import whosmat

        shape = next(shape for variable, shape, _ in whosmat(str(path), appendmat=False) if variable == name)
    else:
        shape = mat_arrays(path, values=False)[name].shape
    return name if sum(n > 1 for n in shape) <= 1 else ""


def mat_arrays(path: Path, values: bool = True, names: frozenset[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read the arrays of a MATLAB file by path, trials/choice for trials.choice, in MATLAB's own order of axes.

    A matrix of one row or column becomes one-dimensional; cell arrays of text and char matrices become arrays of text.
    Whatever else the file holds is left out.

    Parameters
    ----------
    path : Path
        The file.
    values : bool
        False gives shapes and classes alone, where the version allows it.
    names : frozenset[str], optional
        Variables to read; all where it is None.

    Returns
    -------
    dict[str, NDArray]
        Path of the array -> its values.

    Raises
    ------
    DataError
        Where the file cannot be read.
    """
    return dict(_cached_arrays(path, path.stat().st_mtime_ns, values, names))


@lru_cache(maxsize=2)
def _cached_arrays(path: Path, changed: int, values: bool, names: frozenset[str] | None) -> dict[str, NDArray[Any]]:
    """changed: when the file was written last, so that a new one is read again."""
    return dict(_flat_arrays(load_mat(path, names, values), ""))


def _flat_arrays(nodes: dict[str, Node], prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, node in nodes.items():
        if isinstance(node, Struct) and len(node.items) == 1:
            yield from _flat_arrays(dict(node.items[0]), f"{prefix}{name}/")
        elif isinstance(node, Cell) and node.items and all(isinstance(item, str) for item in node.items):
            yield f"{prefix}{name}", np.array(node.items, dtype=np.str_)
        elif isinstance(node, str):
            yield f"{prefix}{name}", np.array([node], dtype=np.str_)
        elif isinstance(node, np.ndarray):
            yield f"{prefix}{name}", node.ravel() if node.ndim == 2 and min(node.shape) == 1 else node
