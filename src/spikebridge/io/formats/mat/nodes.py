"""MATLAB values in Python, and their description in words.

Nothing is squeezed and nothing empty is dropped, so the k-th element of a cell array stays the k-th, in every version:

    numeric, logical  -> np.ndarray of MATLAB's shape          char row     -> str
    cell array        -> Cell, items in MATLAB's order         char matrix  -> Cell of its rows (as cellstr does)
    struct (array)    -> Struct, one dict an element           anything else -> Opaque, with the name of its class
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Node = Any
"""np.ndarray, str, Cell, Struct or Opaque."""
EXPORT = {
    "table": "table2struct(x, 'ToScalar', true)",
    "timetable": "table2struct(timetable2table(x), 'ToScalar', true)",
    "string": "cellstr(x)",
    "categorical": "cellstr(x)",
    "datetime": "seconds(x - x0), with x0 the moment at which the clock of the spikes is 0",
    "duration": "seconds(x)",
    "sparse": "full(x)",
    "containers.Map": "a struct with one field a key",
}
"""How to turn what only MATLAB can read into what any reader can."""


@dataclass(frozen=True)
class Cell:
    """A cell array.

    Parameters
    ----------
    shape : tuple of int
        Shape in MATLAB.
    items : tuple of Node
        The elements in column-major order, MATLAB's own.
    """

    shape: tuple[int, ...]
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Struct:
    """A struct array; of shape (1, 1) it is a plain struct.

    Parameters
    ----------
    shape : tuple of int
        Shape in MATLAB.
    items : tuple of Mapping
        One mapping field -> value an element, in column-major order.
    fields : tuple of str
        Names of the fields, in MATLAB's order.
    """

    shape: tuple[int, ...]
    items: tuple[Mapping[str, Node], ...]
    fields: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Opaque:
    """A value that only MATLAB can read (table, string, datetime, ...) or that no reader here needs (sparse).

    Parameters
    ----------
    kind : str
        Name of its class in MATLAB.
    """

    kind: str


def char_node(rows: list[str]) -> Node:
    """A char array by its rows: text, or for several rows a Cell of texts without their padding."""
    if len(rows) > 1:
        return Cell((len(rows), 1), tuple(str(r).rstrip(" \0") for r in rows))
    return str(rows[0]) if rows else ""


def squeeze_node(node: Node) -> Any:
    """A number or bool of a 1x1 array, (n,) of a vector, a dict of a 1x1 struct, else a list of its elements.

    A cell array is always a list; what only MATLAB can read is None.
    """
    if isinstance(node, Cell):
        return [squeeze_node(item) for item in node.items]
    if isinstance(node, Struct):
        items = [{name: squeeze_node(value) for name, value in item.items()} for item in node.items]
        return items[0] if len(items) == 1 else items
    if isinstance(node, np.ndarray):
        return node.ravel()[0].item() if node.size == 1 else node.squeeze()
    return None if isinstance(node, Opaque) else node


def elements(node: Node) -> list[Mapping[str, Node]]:
    """The structs of a struct array, or of a cell array of structs; empty where it is neither."""
    if isinstance(node, Struct):
        return list(node.items)
    if isinstance(node, Cell) and all(isinstance(i, Struct) and len(i.items) == 1 for i in node.items):
        return [i.items[0] for i in node.items]
    return []


def describe(node: Node) -> str:
    """Class and size of a node, as MATLAB's whos gives them."""
    if isinstance(node, str):
        return f"text {node[:30]!r}"
    if isinstance(node, Opaque):
        return f"{node.kind} (MATLAB alone can read it)"
    size = "x".join(map(str, node.shape))
    if isinstance(node, Struct):
        return "struct" if len(node.items) == 1 else f"struct array {size}"
    if not isinstance(node, Cell):
        return f"{class_name(node)} {size}"
    kinds = sorted({_describe_item(item) for item in node.items})
    return f"cell {size}" + (f" of {', '.join(kinds)}" if kinds else "")


def _describe_item(node: Node) -> str:
    if isinstance(node, np.ndarray):
        empty = "[]" if not node.size else "scalar" if node.size == 1 else "vector" if is_vector(node) else "matrix"
        return empty if not node.size else f"{class_name(node)} {empty}"
    return {str: "text", Cell: "cell", Struct: "struct"}.get(type(node)) or node.kind


def class_name(array: np.ndarray) -> str:
    """MATLAB's name of a numeric class."""
    names = {"float64": "double", "float32": "single", "bool": "logical"}
    return "complex" if array.dtype.kind == "c" else names.get(str(array.dtype), str(array.dtype))


def is_vector(array: np.ndarray) -> bool:
    """At most one dimension is longer than 1; empty ones count."""
    return array.size == 0 or sum(n > 1 for n in array.shape) <= 1


def unreadable_text(node: Opaque, where: str) -> str:
    """Why it cannot be read, and how to export it."""
    how = EXPORT.get(node.kind, "a struct, cell array or vector")
    return f"{where} is of MATLAB's class {node.kind}, which MATLAB alone can read; in MATLAB, save it as {how}"
