"""The arrays of a .mat file by path, trials/choice for trials.choice, in MATLAB's own order of axes in every version.

A matrix of one row or column becomes a list, cell arrays of text and char matrices become text; what else a file
holds is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.io.formats.mat.load import Cell, Node, Struct, load, variables_of, version_of

NUMBERS = {"double", "single", "logical", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64))}


def is_mat(path: Path) -> bool:
    """Whether it is a MATLAB file of version 5 to 7.3."""
    return path.suffix.lower() == ".mat" and version_of(path) in ("5", "7.3")


def numeric_variables(path: Path) -> set[str]:
    """Names of the variables that are numbers, by the headers alone."""
    return {name for name, kind in variables_of(path).items() if kind in NUMBERS}


def only_vector(path: Path) -> str:
    """The name of the one variable of a file, where that is a vector of numbers; else empty. Reads headers alone."""
    if not is_mat(path) or len(names := numeric_variables(path)) != 1 or len(variables_of(path)) != 1:
        return ""
    (name,) = names
    if version_of(path) == "5":
        from scipy.io import whosmat

        shape = next(shape for found, shape, _ in whosmat(str(path), appendmat=False) if found == name)
    else:
        shape = mat_arrays(path, values=False)[name].shape
    return name if sum(n > 1 for n in shape) <= 1 else ""


def mat_arrays(path: Path, values: bool = True, names: frozenset[str] | None = None) -> dict[str, NDArray[Any]]:
    """Every array, or those of some variables. values: False gives shapes and classes alone, where the version allows.

    Raises DataError where the file cannot be read.
    """
    return dict(_arrays(path, path.stat().st_mtime_ns, values, names))


@lru_cache(maxsize=2)
def _arrays(path: Path, changed: int, values: bool, names: frozenset[str] | None) -> dict[str, NDArray[Any]]:
    """changed: when the file was written last, so that a new one is read again."""
    return dict(_flat(load(path, names, values), ""))


def _flat(nodes: dict[str, Node], prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, node in nodes.items():
        if isinstance(node, Struct) and len(node.items) == 1:
            yield from _flat(dict(node.items[0]), f"{prefix}{name}/")
        elif isinstance(node, Cell) and node.items and all(isinstance(item, str) for item in node.items):
            yield f"{prefix}{name}", np.array(node.items, dtype=np.str_)
        elif isinstance(node, str):
            yield f"{prefix}{name}", np.array([node], dtype=np.str_)
        elif isinstance(node, np.ndarray):
            yield f"{prefix}{name}", node.ravel() if node.ndim == 2 and min(node.shape) == 1 else node
