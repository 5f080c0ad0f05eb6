"""Nodes without MATLAB's dimensions of one, where the shape of a value is known and its structure does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikebridge.io.formats.mat.load import Cell, Node, Opaque, Struct


def squeezed(node: Node) -> Any:
    """A number or bool of a 1x1 array, (n,) of a vector, a dict of a 1x1 struct, else a list of its elements.

    A cell array is always a list; what only MATLAB can read is None.
    """
    if isinstance(node, Cell):
        return [squeezed(item) for item in node.items]
    if isinstance(node, Struct):
        items = [{name: squeezed(value) for name, value in item.items()} for item in node.items]
        return items[0] if len(items) == 1 else items
    if isinstance(node, np.ndarray):
        return node.ravel()[0].item() if node.size == 1 else node.squeeze()
    return None if isinstance(node, Opaque) else node
