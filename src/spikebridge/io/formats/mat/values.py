"""Parts of the MATLAB readers: nodes -> trains of spikes, columns and tables, or words why not; and the way back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.formats.mat.nodes import Cell, Node, Opaque, Struct, describe, elements, is_vector, unreadable_text


class UnexpectedValueError(Exception):
    """Says why a value is not of the kind that is needed."""


def as_vector(node: Node, where: str) -> NDArray[Any]:
    """A row or column of real numbers or logicals, as one dimension; [] is an empty one. Raises UnfitError."""
    if isinstance(node, Opaque):
        raise UnexpectedValueError(unreadable_text(node, where))
    if not isinstance(node, np.ndarray) or not is_vector(node):
        raise UnexpectedValueError(f"{where}: expected a vector of numbers, found {describe(node)}")
    if np.iscomplexobj(node):
        raise UnexpectedValueError(f"{where}: expected real numbers, found complex ones; save real(x) and imag(x)")
    return node.ravel()


def as_trains(node: Node, where: str) -> list[NDArray[Any]]:
    """One vector a unit of a cell array, or of a field of a struct array. Raises UnfitError naming the elements."""
    if isinstance(node, np.ndarray):
        raise UnexpectedValueError(
            f"{where}: expected a cell array with one vector of spike times a unit, found {describe(node)}; where it "
            "holds the spikes of all units, name it in spike_times and the vector of their units in spike_units"
        )
    if isinstance(node, Opaque):
        raise UnexpectedValueError(unreadable_text(node, where))
    if not isinstance(node, Cell):
        raise UnexpectedValueError(
            f"{where}: expected a cell array with one vector of spike times a unit, found {describe(node)}"
        )
    vectors, wrong = [], []
    for k, item in enumerate(node.items, start=1):
        try:
            vectors.append(as_vector(item, f"{where}{{{k}}}"))
        except UnexpectedValueError as error:
            wrong.append(str(error))
    if wrong:
        raise UnexpectedValueError(listed(wrong, 3))
    return vectors


def as_column(node: Node, where: str) -> pd.Series:
    """One value a row: a vector, a cell array of texts or of scalars, or a char matrix. Raises UnfitError.

    [] in a cell array is a missing number, or an empty text among texts.
    """
    if isinstance(node, str):
        raise UnexpectedValueError(
            f"{where}: expected one value a row, found one text {node[:30]!r}; save a cell array of texts"
        )
    if not isinstance(node, Cell):
        return pd.Series(as_vector(node, where))
    filled = [i for i in node.items if not (isinstance(i, np.ndarray) and not i.size)]
    if filled and all(isinstance(i, str) for i in filled):
        return pd.Series([i if isinstance(i, str) else "" for i in node.items], dtype="str")
    opaque = next((i for i in filled if isinstance(i, Opaque)), None)
    if opaque is not None:
        raise UnexpectedValueError(unreadable_text(opaque, where))
    if all(isinstance(i, np.ndarray) and i.size == 1 and not np.iscomplexobj(i) for i in filled):
        logical = len(filled) == len(node.items) > 0 and all(i.dtype == bool for i in filled)
        return pd.Series([i.ravel()[0] if i.size else np.nan for i in node.items], dtype=bool if logical else float)
    raise UnexpectedValueError(f"{where}: expected texts alone or one number a row, found {describe(node)}")


def as_table(node: Node, where: str, notes: list[Finding], skip: Collection[str] = ()) -> pd.DataFrame:
    """A struct of equally long columns, or a struct array with one element a row. Raises UnfitError.

    Fields that hold no column of that length are left out, with a note but for those in `skip`.
    """
    if isinstance(node, Opaque):
        raise UnexpectedValueError(unreadable_text(node, where))
    rows = elements(node)
    if not rows:
        raise UnexpectedValueError(f"{where}: expected a struct of vectors or a struct array, found {describe(node)}")
    whole = isinstance(node, Struct) and len(rows) == 1
    fields = rows[0] if whole else {n: Cell((len(rows), 1), tuple(r.get(n) for r in rows)) for n in rows[0]}
    columns, odd = {}, []
    for name, value in ((n, v) for n, v in fields.items() if n not in skip):
        try:
            columns[name] = as_column(_as_rows(value) if whole else value, f"{where}.{name}")
        except UnexpectedValueError:
            odd.append(name)
    length = len(columns.get("start_time", next(iter(columns.values()), ())))
    odd += [n for n, c in columns.items() if len(c) != length]
    if odd:
        text = f"{where}: fields without one value for each of {length} rows are left out: {listed(odd)}"
        notes.append(Finding.warning("fields-left-out", where, text))
    return pd.DataFrame({n: c for n, c in columns.items() if n not in odd})


def _as_rows(node: Node) -> Node:
    """A text in a struct of vectors is a char matrix of one row."""
    return Cell((1, 1), (node,)) if isinstance(node, str) else node


def to_cell(items: Sequence[Any]) -> NDArray[Any]:
    """(1, n) object array: a cell row for scipy's savemat."""
    cell = np.empty((1, len(items)), dtype=object)
    for k, item in enumerate(items):
        cell[0, k] = item
    return cell


def to_column(values: pd.Series) -> NDArray[Any]:
    """(n, 1) numbers or logicals, or a cell of texts, for scipy's savemat; missing texts are empty."""
    if values.dtype.kind in "biuf" and not values.isna().any():
        return values.to_numpy().reshape(-1, 1)
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64, na_value=np.nan).reshape(-1, 1)
    return to_cell(["" if pd.isna(v) else str(v) for v in values]).T


def to_struct(frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """A struct of columns, for scipy's savemat."""
    return {str(name): to_column(frame[name]) for name in frame}


def save_mat(path: Path, variables: Mapping[str, Any]) -> None:
    """Write a MATLAB 5 file.

    Parameters
    ----------
    path : Path
        The file to write.
    variables : Mapping[str, Any]
        Name of the variable -> arrays, text, and what `to_cell` and `to_struct` return.
    """
    from scipy.io import savemat

    savemat(str(path), dict(variables), appendmat=False, long_field_names=True, oned_as="column")
