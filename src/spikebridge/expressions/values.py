"""Values of an expression: one a row, and where they are not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import ConfigError

Bools = NDArray[np.bool_]


class ExpressionError(ConfigError):
    """An expression that cannot be computed. The text says why; the caller adds the name of the setting."""


@dataclass(frozen=True)
class Value:
    """The value of an expression.

    Parameters
    ----------
    data : Series or scalar
        One value a row, or one value for all rows. Where an operand is missing, it holds what pandas computes there (a
        comparison is false, != is true).
    missing : NDArray, shape (row,)
        Where an operand is missing, so that the value is not known.
    """

    data: Any
    missing: Bools


def kind_of(data: Any) -> str:
    """flag, number or text; empty, where no value is known; else other: dates, and several kinds in one column."""
    if not isinstance(data, pd.Series):
        return "flag" if isinstance(data, bool) else "text" if isinstance(data, str) else "number"
    if not data.notna().any():
        return "empty"
    if pd.api.types.is_bool_dtype(data):
        return "flag"
    if pd.api.types.is_numeric_dtype(data):
        return "number"
    return {"string": "text", "boolean": "flag", "integer": "number", "floating": "number"}.get(
        pd.api.types.infer_dtype(data, skipna=True), "other"
    )


def truth(value: Value) -> Value | None:
    """A value as true or false.

    Parameters
    ----------
    value : Value
        0 and 1 count as false and true.

    Returns
    -------
    Value or None
        None where the value is neither; a scalar stays a scalar.
    """
    data, kind = value.data, kind_of(value.data)
    if kind == "number" and zero_or_one(data):
        ones = data == 1
        return Value(
            ones.astype("boolean").mask(value.missing) if isinstance(ones, pd.Series) else bool(ones), value.missing
        )
    if kind == "empty":
        return Value(pd.Series(pd.NA, index=data.index, dtype="boolean"), value.missing)
    return value if kind == "flag" else None


def zero_or_one(data: Any) -> bool:
    return bool(data.dropna().isin([0, 1]).all()) if isinstance(data, pd.Series) else data in (0, 1)


def equals(value: Value, which: bool) -> Bools:
    """Where a value is known and equals true or false.

    Parameters
    ----------
    value : Value
        True or false for each row.
    which : bool
        What it is compared with.

    Returns
    -------
    NDArray, shape (row,)
        False where the value is not known.
    """
    data, n = value.data, len(value.missing)
    flags = data.fillna(not which).to_numpy(dtype=bool) if isinstance(data, pd.Series) else np.full(n, bool(data))
    return (flags == which) & ~value.missing
