"""Results of jobs as JSON with arrays beside it. Nothing is pickled, so reading a file runs no code of the file.

Every value comes back equal and of the same type: arrays with their order in memory, because sums over another order
differ in the last digits; floating point numbers with every digit. A value of another kind is refused when it is
written, so that a result is stored whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.runtime.job_lists import WRITTEN

PLAIN = (type(None), bool, int, float, str)
PACKAGE = "spikebridge."
STRINGS = "str"
"""The dtype of pandas for text."""
Arrays = list[NDArray[Any]]


def encode(value: Any, arrays: Arrays, of_path: Callable[[Path], str] | None = None) -> Any:
    """What JSON can hold of a value; its arrays are added to a list.

    Parameters
    ----------
    value : Any
        Of builtin types, arrays and scalars of NumPy, tables of pandas, and records (dataclasses) of these.
    arrays : list of NDArray
        Grows by the arrays of the value.
    of_path : callable, optional
        Gives what stands for a path, for the fingerprint of a job; sections of the configuration are taken then too,
        and fields that the job writes are left out. Such a value cannot be decoded.

    Returns
    -------
    Any
        For `decode`.

    Raises
    ------
    TypeError
        For any other value.
    """

    def within(part: Any) -> Any:
        return encode(part, arrays, of_path)

    if type(value) in PLAIN:
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _encoded_array(value, arrays, within)
    if isinstance(value, pd.DataFrame):
        return {"table": [_index(value.columns, within), _index(value.index, within),
                          [_column(value.iloc[:, k], within) for k in range(value.shape[1])]]}  # fmt: skip
    if type(value) in (list, tuple):
        return {type(value).__name__: [within(part) for part in value]}
    if isinstance(value, Mapping):
        return {"dict": [[within(key), within(part)] for key, part in value.items()]}
    if is_dataclass(value) and (of_path is not None or type(value).__module__.startswith(PACKAGE)):
        kept = [f.name for f in fields(value) if of_path is None or f.metadata != WRITTEN]
        return {"record": _name(value), "fields": {name: within(getattr(value, name)) for name in kept}}
    if of_path is not None and isinstance(value, Path):
        return {"path": of_path(value)}
    if of_path is not None and hasattr(value, "model_dump"):
        return {"section": _name(value), "values": within(value.model_dump())}
    raise TypeError(f"a result or job holds {_name(value)}, which cannot be stored")


def decode(tree: Any, arrays: Mapping[int, NDArray[Any]]) -> Any:
    """The value that was encoded.

    Parameters
    ----------
    tree : Any
        Of `encode`.
    arrays : mapping of int to NDArray
        Its arrays.

    Returns
    -------
    Any
        An equal value.

    Raises
    ------
    ValueError
        Where `encode` cannot have made this.
    """
    if not isinstance(tree, dict):
        return tree

    def within(part: Any) -> Any:
        return decode(part, arrays)

    match tree:
        case {"list": parts}:
            return [within(part) for part in parts]
        case {"tuple": parts}:
            return tuple(within(part) for part in parts)
        case {"dict": pairs}:
            return {within(key): within(part) for key, part in pairs}
        case {"array": number}:
            return arrays[number]
        case {"scalar": number}:
            return arrays[number][()]
        case {"objects": parts}:
            made = np.empty(len(parts), object)
            made[:] = [within(part) for part in parts]
            return made
        case {"table": [names, rows, columns]}:
            content = {k: _decoded_column(column, within) for k, column in enumerate(columns)}
            index = _decoded_index(rows, within)
            table = pd.DataFrame(content, index=index, copy=False)
            table.columns = _decoded_index(names, within)
            return table
        case {"record": name, "fields": content}:
            return _class(name)(**{key: within(part) for key, part in content.items()})
    raise ValueError(f"expected a stored value, got {str(tree)[:80]}")


def _encoded_array(value: Any, arrays: Arrays, within: Callable[[Any], Any]) -> dict[str, Any]:
    if value.dtype.kind == "O":
        if value.ndim != 1:
            raise TypeError("a result holds an array of objects with several dimensions, which cannot be stored")
        return {"objects": [within(part) for part in value]}
    if value.dtype.kind not in "biufcUS":
        raise TypeError(f"a result holds an array of {value.dtype}, which cannot be stored")
    arrays.append(np.asarray(value))
    return {"scalar" if isinstance(value, np.generic) else "array": len(arrays) - 1}


def _column(column: pd.Series, within: Callable[[Any], Any]) -> dict[str, Any]:
    if isinstance(column.dtype, np.dtype):
        return {"values": within(column.to_numpy())}
    if str(column.dtype) == STRINGS:
        return {STRINGS: [None if missing else str(text) for text, missing in zip(column, column.isna(), strict=True)]}
    raise TypeError(f"a table has a column of {column.dtype}, which cannot be stored")


def _decoded_column(content: Mapping[str, Any], within: Callable[[Any], Any]) -> Any:
    return pd.array(content[STRINGS], dtype=STRINGS) if STRINGS in content else within(content["values"])


def _index(index: pd.Index[Any], within: Callable[[Any], Any]) -> dict[str, Any]:
    if isinstance(index, pd.MultiIndex):
        raise TypeError("a table has an index of several levels, which cannot be stored")
    if isinstance(index, pd.RangeIndex):
        return {"name": index.name, "range": [index.start, index.stop, index.step]}
    return {"name": index.name, "labels": _column(index.to_series(), within)}


def _decoded_index(content: Mapping[str, Any], within: Callable[[Any], Any]) -> pd.Index[Any]:
    if "range" in content:
        return pd.RangeIndex(*content["range"], name=content["name"])
    return pd.Index(_decoded_column(content["labels"], within), name=content["name"])


def _name(value: Any) -> str:
    return f"{type(value).__module__}:{type(value).__qualname__}"


def _class(name: str) -> Any:
    module, _, kind = name.partition(":")
    if not module.startswith(PACKAGE):
        raise ValueError(f"expected a record of spikebridge, got {name}")
    made = getattr(import_module(module), kind, None)
    if not is_dataclass(made):
        raise ValueError(f"expected a record of spikebridge, got {name}")
    return made
