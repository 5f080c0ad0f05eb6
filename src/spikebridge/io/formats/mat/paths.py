"""Paths in a MATLAB file, such as session.units(2).times, spikes{1}{3} or spikes(:,2), and a listing of all paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

import numpy as np

from spikebridge.io.formats.mat.nodes import Cell, Node, Opaque, Struct, describe, elements, unreadable_text

STEP = re.compile(r"\.?([^.{}()]+)|\{(\d+)\}|\((\d+)\)|\(:, *(\d+)\)")
MAX_LINES = 80
MAX_DEPTH = 8


class NoSuchPathError(Exception):
    """Says where in the file a path ends."""


def find_node(path: str, variables: Mapping[str, Node]) -> Node:
    """The node at a path. A field of several structs is a Cell of its values; the field of one struct is its value.

    Raises NoSuchPathError, with a similar path.
    """
    steps = list(STEP.finditer(path))
    if not steps or "".join(s[0] for s in steps) != path or steps[0][1] is None:
        raise NoSuchPathError(f"{path!r} is no path; expected something like session.units.spike_times or spikes{{2}}")
    node: Node = Struct((1, 1), (dict(variables),), tuple(variables))
    for step in steps:
        where = path[: step.start()] or "the file"
        try:
            node = _step(node, step, where)
        except NoSuchPathError as error:
            raise NoSuchPathError(f"{path!r}: {error}{_suggestion(path, variables)}") from None
    return node


def _step(node: Node, step: re.Match[str], where: str) -> Node:
    if step[1]:
        return _field(node, step[1], where)
    return _column(node, int(step[4]), where) if step[4] else _element(node, int(step[2] or step[3]), where)


def _column(node: Node, number: int, where: str) -> Node:
    """x(:,2) of a matrix."""
    if not isinstance(node, np.ndarray) or node.ndim != 2:
        raise NoSuchPathError(f"{where} is {describe(node)} and has no columns")
    if not 1 <= number <= node.shape[1]:
        raise NoSuchPathError(f"{where} has no column {number}, but {node.shape[1]}; they count from 1")
    return node[:, [number - 1]]


def _field(node: Node, name: str, where: str) -> Node:
    if isinstance(node, Opaque):
        raise NoSuchPathError(unreadable_text(node, where))
    structs = elements(node)
    if any(name not in s for s in structs) or not structs:
        raise NoSuchPathError(f"{where} has no {'variable' if where == 'the file' else 'field'} {name!r}")
    if isinstance(node, Struct) and len(structs) == 1:
        return structs[0][name]
    return Cell(node.shape, tuple(s[name] for s in structs))


def _element(node: Node, number: int, where: str) -> Node:
    if not isinstance(node, (Cell, Struct)):
        raise NoSuchPathError(f"{where} is {describe(node)} and has no element {number}; name the whole of it")
    if not 1 <= number <= len(node.items):
        raise NoSuchPathError(f"{where} has no element {number}, but {len(node.items)}; they count from 1")
    item = node.items[number - 1]
    return item if isinstance(node, Cell) else Struct((1, 1), (item,), node.fields)


def _suggestion(path: str, variables: Mapping[str, Node]) -> str:
    """', did you mean X?' by the whole path, else by its last name."""
    known = [p for p, _ in walk_paths(variables)]
    near = difflib.get_close_matches(path.lower(), [k.lower() for k in known], n=1)
    if near:
        return f", did you mean {next(k for k in known if k.lower() == near[0])}?"
    last = [k.rpartition(".")[2].lower() for k in known]
    near = difflib.get_close_matches(path.rpartition(".")[2].lower(), last, n=1)
    return f", did you mean {known[last.index(near[0])]}?" if near else ""


def walk_paths(variables: Mapping[str, Node], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Node]]:
    """Every path through structs, with its node. Of cell arrays of cells, the first that holds something is entered."""
    for name, node in variables.items():
        path = f"{prefix}{name}"
        yield path, node
        if depth < MAX_DEPTH:
            yield from _inside(path, node, depth)


def _inside(path: str, node: Node, depth: int) -> Iterator[tuple[str, Node]]:
    structs = elements(node)
    if structs:
        fields = {name: _field(node, name, path) for name in structs[0] if all(name in s for s in structs)}
        yield from walk_paths(fields, f"{path}.", depth + 1)
    elif isinstance(node, Cell):
        first = next((k for k, i in enumerate(node.items) if isinstance(i, (Cell, Struct)) and i.items), None)
        if first is not None:
            yield from walk_paths({f"{path}{{{first + 1}}}": node.items[first]}, "", depth + 1)


def list_contents(variables: Mapping[str, Node]) -> str:
    """List every path in a file.

    Parameters
    ----------
    variables : Mapping[str, Node]
        What `load_mat` returns.

    Returns
    -------
    str
        One line a path: its name, class and size; at most `MAX_LINES` lines.
    """
    lines = [f"  {path}: {describe(node)}" for path, node in walk_paths(variables)]
    more = [f"  ... and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
    return "\n".join([*lines[:MAX_LINES], *more]) or "  nothing"
