"""What a trial table says of its trials: which of them are asked for, and the names of their labels."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import ConfigError
from spikebridge.suggest import did_you_mean, listed

MOST_CLASSES = 20
"""A label with more values is a quantity, not a decision."""
DIGITS, SINGLE_DIGITS = 12, 6
"""Of a number that is a label, in double and in single precision; further ones may be rounding."""


def label_names(values: pd.Series) -> NDArray[np.str_]:
    """(trial,): the text of each label, "" where it is missing; whole numbers without their point (1.0 -> 1).

    Numbers that agree to `DIGITS` are one label: 0.1 + 0.2 is 0.3.
    """
    digits = SINGLE_DIGITS if str(values.dtype).lower() == "float32" else DIGITS
    return np.array([_name(v, digits) for v in values], dtype=np.str_)


def _name(value: Any, digits: int) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return f"{value:.{digits}g}" if isinstance(value, (float, np.floating)) else str(value)


def same_label(name: str) -> str:
    """What two spellings of one label have in common: neither case, blanks, nor the way to write a number."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    try:
        number = float(plain)
        return repr(number) if number.is_integer() else f"{number:.{DIGITS}g}"
    except ValueError:
        return plain


def spellings(names: set[str]) -> list[list[str]]:
    """Groups of names that are spellings of one label, sorted."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(same_label(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def included(table: pd.DataFrame, include: str | None, name: str) -> NDArray[np.bool_]:
    """(trial,): which trials the query takes; all of them where there is none.

    Raises ConfigError naming the recording where it cannot be evaluated or is no yes or no for each trial.
    """
    if include is None:
        return np.ones(len(table), dtype=bool)
    where = f"trials.include = {include!r}"
    try:
        answer = table.eval(include, local_dict={}, global_dict={})
    except Exception as error:  # pandas raises SyntaxError, NameError, TypeError, ... for a bad query
        raise ConfigError(
            f"{where}: cannot be evaluated over the trials of {name} ({_reason(error, table)}); columns: "
            f"{listed(map(str, table.columns))}"
        ) from error
    if np.shape(answer) != (len(table),) or not pd.api.types.is_bool_dtype(answer):
        hint = "; write == to compare" if re.search(r"(?<![=!<>])=(?!=)", include) else ""
        raise ConfigError(f'{where}: expected true or false for each trial, such as "{table.columns[0]} > 0"{hint}')
    return pd.Series(answer).fillna(False).to_numpy(dtype=bool)


def _reason(error: Exception, table: pd.DataFrame) -> str:
    """The error in words, with a hint where a column is misspelt or a text lacks its quotes."""
    found = re.search(r"name '(.+)' is not defined", str(error))
    if not found:
        return " ".join(str(error).split())
    name = found[1]
    texts = {str(v) for c in table if not pd.api.types.is_numeric_dtype(table[c]) for v in table[c].dropna().unique()}
    if name in texts:
        return f"{name} is no column; text goes in quotes: '{name}'"
    return f"{name} is no column" + did_you_mean(name, map(str, table.columns), "")
