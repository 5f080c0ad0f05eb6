"""Parts of the NWB readers: columns of dynamic tables, ragged ones too -> numpy and pandas."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.formats.containers import check_chunks
from spikebridge.io.formats.log import ReadLog, error_summary

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")

TEXT_SEPARATOR = ", "
"""Between the texts of one row, where a row holds several."""


@dataclass(frozen=True)
class NwbLog(ReadLog):
    """The log of one NWB file.

    lost: arrays whose values lie in another file that is missing. Libraries would give fill values for some of them.
    """

    lost: set[str] = field(default_factory=set)

    def guarded(self, what: str, otherwise: D, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | D:
        """The result of `read`; where it fails, `otherwise`, and the reason is added to `errors`."""
        try:
            return read(*args, **kwargs)
        except DataError as error:
            self.add_refusal(error)
        except Exception as error:  # pynwb, hdmf, h5py and zarr raise anything on a broken file
            self.errors.append(
                Finding.error("nwb-part-not-read", what, f"{what} cannot be read ({nwb_error_summary(error)})")
            )
        return otherwise

    def has_lost(self, *arrays: Any) -> bool:
        return bool(self.lost) and any(getattr(array, "name", "") in self.lost for array in arrays)

    def left_out(self, table: str, columns: Collection[str]) -> None:
        if columns:
            text = f"{table}: columns that do not hold one number or text a row are left out: {listed(columns)}"
            self.notes.append(Finding.warning("nwb-columns-left-out", table, text))


def nwb_error_summary(error: BaseException) -> str:
    """One line on an error; hdmf's own message would print whole tables."""
    builder = error.args[0] if error.args else None
    where = f"{builder.path}: " if builder is not None and hasattr(builder, "path") and error.__cause__ else ""
    error = error.__cause__ if where and error.__cause__ is not None else error
    summary = error_summary(error)
    hint = "; perhaps pip install hdf5plugin" if "filter" in summary and "not registered" in summary else ""
    return f"{where}{summary}{hint}"


def to_text(value: Any) -> str:
    """A str of str, bytes or anything else; None and NaN become empty."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return "" if value is None or value != value else str(value)


def shape_of(data: Any) -> tuple[int, ...]:
    """The shape of an array, without reading it."""
    return tuple(map(int, getattr(data, "shape", None) or np.shape(data)))


def is_flat(data: Any) -> bool:
    """Whether an array holds one value a row: of shape (row,), or (row, 1) as MATLAB writes a vector."""
    return len(shape_of(data)) in (1, 2) and shape_of(data)[1:] in ((), (1,))


def flatten_column(values: NDArray[Any]) -> NDArray[Any]:
    """(row,) of (row, 1); other shapes as they are."""
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def is_pickled(data: Any) -> bool:
    """Whether an array of Zarr is stored as pickled Python objects, which could run code and are never opened."""
    filters = getattr(getattr(data, "dataset", data), "filters", None) or ()
    return any(getattr(f, "codec_id", "") == "pickle" for f in filters)


def read_values(data: Any, where: str, log: NwbLog) -> NDArray[Any]:
    """The values of an array, read now. Raises DataError where a file of it is missing or cut short."""
    if log.has_lost(data):
        raise DataError.of("nwb-values-missing", where, "its values lie in a file that is missing")
    check_chunks(data, where)
    return np.asarray(data[:])


def ragged_column(table: Any, name: str, where: str, log: NwbLog) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """All values of a column with a list a row, and how many each row has; also of a column with one value a row.

    Raises DataError where the index does not divide the values among the rows.
    """
    from hdmf.common import DynamicTableRegion, VectorIndex

    column, name = table[name], f"{where}/{name}"
    if isinstance(column, DynamicTableRegion):
        values = flatten_column(read_values(column.data, name, log))
        return values, np.ones(len(values), dtype=np.int64)
    if not isinstance(column, VectorIndex) or isinstance(column.target, VectorIndex):
        raise DataError.of(
            "nwb-index-of-index", name, f"expected a list of values for each row, with one index ({name}_index)"
        )
    values = flatten_column(read_values(column.target.data, name, log))
    counts = row_lengths(flatten_column(read_values(column.data, f"{name}_index", log)), len(table), len(values), name)
    last = int(counts.sum())
    if last < len(values):
        log.notes.append(
            Finding.warning(
                "values-of-no-row",
                name,
                f"{len(values) - last} values at the end of {name} belong to no row and are not read",
            )
        )
    return values[:last], counts


def row_lengths(index: NDArray[Any], n_rows: int, n_values: int, name: str) -> NDArray[np.int64]:
    """(row,): how many values each row has. index: (row,), where in the values of the column each row ends.

    Raises DataError where the index does not divide the values among the rows, or holds where rows start.
    """
    if index.dtype.kind not in "iuf" or (index.astype(np.int64) != index).any():
        raise DataError.of(
            "nwb-index-not-whole",
            f"{name}_index",
            f"expected whole numbers, found {index.dtype}, such as {index.ravel()[:3].tolist()}",
        )
    if index.shape != (n_rows,):
        raise DataError.of("nwb-index-differs-in-rows", f"{name}_index", f"expected {n_rows} rows, found {len(index)}")
    ends = index.astype(np.int64)
    if index.dtype.kind in "iu" and np.iinfo(index.dtype).max < n_values:
        raise DataError.of(
            "nwb-index-overflows",
            "",
            f"{name}_index holds {index.dtype}, whose largest number is {np.iinfo(index.dtype).max}, but {name} holds "
            f"{n_values} values: larger numbers began again at 0. Correct the file: write the index as int64",
            subject=f"{name}_index",
        )
    counts = np.diff(ends, prepend=0)
    if (counts < 0).any():
        row = int(np.flatnonzero(counts < 0)[0])
        raise DataError.of(
            "nwb-index-falls",
            "",
            f"{name}_index must rise from row to row, it falls at row {row} to {ends[row]}: correct the file",
            subject=f"{name}_index",
        )
    last = int(ends[-1]) if len(ends) else 0
    if last > n_values:
        raise DataError.of(
            "nwb-index-beyond-values",
            "",
            f"{name}_index reaches to value {last}, but {name} holds {n_values}: is it truncated?",
            subject=f"{name}_index",
        )
    if n_rows > 1 and ends[0] == 0 and last < n_values:
        raise DataError.of(
            "nwb-index-of-starts",
            "",
            f"{name}_index begins with 0 and ends {n_values - last} values before the end of {name}: it holds where "
            "each row starts, and NWB expects where each row ends. Correct the file: leave out the first number of the "
            f"index and add {n_values} at its end",
            subject=f"{name}_index",
        )
    return counts


def plain_columns(table: Any, where: str, log: NwbLog, skip: Collection[str] = ()) -> pd.DataFrame:
    """The columns of a dynamic table that hold one number, bool or text a row, or a list of texts (joined with
    `TEXT_SEPARATOR`).

    The others are noted, unless skipped.
    """
    columns, left_out = {}, []
    for name in table.colnames:
        if name in skip:
            continue
        at = f"{where}/{name}"
        read = _joined_texts if _holds_texts(table[name]) else plain_column
        values = log.guarded(at, None, read, table[name], at, log)
        if values is None:
            left_out.append(name)
        else:
            columns[name] = values
    log.left_out(where, left_out)
    return pd.DataFrame(columns, index=range(len(table)))


def plain_column(column: Any, where: str, log: NwbLog) -> pd.Series | None:
    """One value a row: numbers and bools as they are, text as str, terms of an enumeration, names of electrode groups,
    row numbers of another table. None where a row holds several values, a time series or a pickled object."""
    from hdmf.common import VectorIndex

    data = column.data
    if isinstance(column, VectorIndex) or not is_flat(data) or _is_compound(data) or is_pickled(data):
        return None
    check_chunks(data, where)
    if _is_reference(data):
        return _object_names(list(data[:]))
    values = flatten_column(read_values(data, where, log))
    if hasattr(column, "elements"):  # hdmf's EnumData, and columns of extensions made like it
        terms = read_values(column.elements.data, f"{where}_elements", log)
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) < len(terms):
            raise DataError.of(
                "nwb-term-out-of-range",
                where,
                f"expected numbers of one of {len(terms)} terms, found {int(values.max())}",
            )
        values = terms[values.astype(np.int64)] if len(values) else values.astype(object)
    return _plain_series(values)


def _holds_texts(column: Any) -> bool:
    """Whether a column holds a list of texts in each row: labels of Spyglass, tags of an epoch."""
    from hdmf.common import DynamicTableRegion, VectorData, VectorIndex

    target = getattr(column, "target", None)
    if not isinstance(column, VectorIndex) or isinstance(target, (VectorIndex, DynamicTableRegion)):
        return False
    data = target.data if isinstance(target, VectorData) and not hasattr(target, "elements") else None
    if data is None or len(shape_of(data)) != 1 or not shape_of(data)[0] or _is_compound(data) or is_pickled(data):
        return False
    return isinstance(data[0], (str, bytes))


def _joined_texts(column: Any, where: str, log: NwbLog) -> pd.Series:
    """The texts of each row, joined by `TEXT_SEPARATOR`; missing where a row has none."""
    values = read_values(column.target.data, where, log)
    counts = row_lengths(
        flatten_column(read_values(column.data, f"{where}_index", log)), len(column.data), len(values), where
    )
    ends = np.cumsum(counts)
    rows = [[to_text(v) for v in values[end - n : end]] for n, end in zip(counts, ends, strict=True)]
    return pd.Series([TEXT_SEPARATOR.join(row) if row else None for row in rows]).astype("str")


def _is_compound(data: Any) -> bool:
    dtype = getattr(data, "dtype", None)
    return isinstance(dtype, (list, dict)) or getattr(dtype, "names", None) is not None


def _is_reference(data: Any) -> bool:
    from hdmf.container import AbstractContainer

    if getattr(getattr(data, "dtype", None), "kind", "O") != "O":
        return False
    return bool(shape_of(data)[0]) and isinstance(data[0], AbstractContainer)


def _object_names(things: list[Any]) -> pd.Series | None:
    from pynwb import TimeSeries

    if any(isinstance(thing, TimeSeries) for thing in things):
        return None
    return pd.Series([thing.name for thing in things], dtype="str")


def _plain_series(values: NDArray[Any]) -> pd.Series | None:
    """Text where there is text, else as it was. Missing text stays missing."""
    if values.dtype.kind in "biuf":
        return pd.Series(values)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace").astype(object)
    if values.dtype.names is not None or any(isinstance(v, (list, tuple, dict, np.ndarray)) for v in values):
        return None
    held = pd.Series(values, dtype=object).map(lambda v: v.decode("utf-8", "replace") if isinstance(v, bytes) else v)
    if len(held) and all(isinstance(v, (bool, int, float, np.number, np.bool_)) or v is None for v in held):
        return held.infer_objects()
    return held.map(lambda v: None if v is None or v != v else str(v)).astype("str")
