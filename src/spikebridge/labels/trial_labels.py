"""The trials of a table: which of them are asked for, and the class of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.messages import counted, listed
from spikebridge.expressions import QUOTED, ExpressionError, Value, equals, parse, truth

MAX_CLASSES = 20
"""A label with more values is a quantity, not a decision."""
MAX_DIGITS, MAX_DIGITS_SINGLE = 12, 6
"""Of a number that is a label, in double and in single precision; further ones may be rounding."""


def label_names(values: pd.Series) -> NDArray[np.str_]:
    """The text of each label; numbers that agree to `MAX_DIGITS` digits are one label (0.1 + 0.2 is 0.3).

    Parameters
    ----------
    values : Series
        A column of labels.

    Returns
    -------
    NDArray of str, shape (row,)
        "" where the label is missing; whole numbers without a decimal point (1.0 -> 1).
    """
    digits = MAX_DIGITS_SINGLE if str(values.dtype).lower() == "float32" else MAX_DIGITS
    return np.array([_name(v, digits) for v in values], dtype=np.str_)


def _name(value: Any, digits: int) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return f"{value:.{digits}g}" if isinstance(value, (float, np.floating)) else str(value)


def normalized_label(name: str) -> str:
    """What two spellings of one label have in common: neither case, blanks, nor the way to write a number."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    try:
        number = float(plain)
        return repr(number) if number.is_integer() else f"{number:.{MAX_DIGITS}g}"
    except ValueError:
        return plain


def spelling_variants(names: set[str]) -> list[list[str]]:
    """Groups of names that are spellings of one label, sorted."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(normalized_label(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def included_trials(table: pd.DataFrame, include: str | None, name: str) -> NDArray[np.bool_]:
    """The trials for which an expression is true.

    Parameters
    ----------
    table : DataFrame
        The trial table.
    include : str or None
        `trials.include`; None includes all trials.
    name : str
        Name of the recording, for messages.

    Returns
    -------
    NDArray of bool, shape (trial,)
        False where the expression has no value.

    Raises
    ------
    ConfigError
        Where the expression cannot be computed, or is not true or false for each trial.
    """
    if include is None:
        return np.ones(len(table), dtype=bool)
    where = f"trials.include = {include!r}"
    try:
        answer = parse(include).over(table).data
    except ExpressionError as error:
        if has_single_equals_sign(include):
            raise _no_question(where, table, include) from error
        raise ConfigError(_cannot(where, name, error, table)) from error
    if not isinstance(answer, pd.Series) or not pd.api.types.is_bool_dtype(answer):
        raise _no_question(where, table, include)
    return answer.fillna(False).to_numpy(dtype=bool)


def has_single_equals_sign(text: str) -> bool:
    """Whether an expression holds = where == is meant."""
    return bool(re.search(r"(?<![=!<>:])=(?!=)", QUOTED.sub("", text)))


def _no_question(where: str, table: pd.DataFrame, include: str) -> ConfigError:
    hint = "; write == to compare" if has_single_equals_sign(include) else ""
    return ConfigError(f'{where}: expected true or false for each trial, such as "{table.columns[0]} > 0"{hint}')


def _cannot(where: str, name: str, error: Exception, table: pd.DataFrame) -> str:
    return (
        f"{where}: cannot be evaluated over the trials of {name} ({error}); columns: {listed(map(str, table.columns))}"
    )


# --- labels: a column, an expression, or an expression for each class -------------------------------------------------

Label = str | Mapping[str, str]


def label_text(label: Label) -> str:
    """What messages and reports call a label: the column, the expression, or the classes ("left or right")."""
    return label if isinstance(label, str) else " or ".join(label)


def describe_label(label: Label, table: pd.DataFrame) -> str:
    """Where a label comes from: "column 'choice'", or the expression."""
    if isinstance(label, str):
        return f"column {label!r}" if label in table else f"the expression {label!r}"
    return "the classes " + ", ".join(f"{name}: {text}" for name, text in label.items())


def is_missing_column(label: Label, table: pd.DataFrame) -> bool:
    """Whether a label is the name of a column that the table lacks, rather than an expression."""
    return is_column_name(label) and label not in table


def is_column_name(label: Label) -> bool:
    """Whether a label reads like the name of a column rather than like an expression. A column's name may look like one
    ("a-b", "hit or miss"): where the table has a column of that name, it is meant."""
    if not isinstance(label, str):
        return False
    try:
        return parse(label).columns == (label.strip(" `"),)
    except ExpressionError:
        return not re.search(r"[()\[\]=<>'\"&|~]|\b(and|or|not|in)\b", label)


def columns_of_label(label: Label, table: pd.DataFrame) -> tuple[str, ...]:
    """The columns that a label is made of. Raises ConfigError for an expression that is not allowed."""
    if isinstance(label, str) and (label in table or is_missing_column(label, table)):
        return (label,)
    columns: dict[str, None] = {}
    for key, text in _expressions(label):
        try:
            columns |= dict.fromkeys(parse(text).columns)
        except ExpressionError as error:
            hint = "; write == to compare" if has_single_equals_sign(text) else ""
            raise ConfigError(f"{key} = {text!r}: cannot be evaluated ({error}){hint}") from error
    return tuple(columns)


def _expressions(label: Label) -> Iterator[tuple[str, str]]:
    """The setting of each expression of a label, and the expression."""
    if isinstance(label, str):
        yield "trials.label", label
    else:
        yield from ((f"trials.label.{name}", text) for name, text in label.items())


def trial_labels(
    table: pd.DataFrame, label: Label, name: str, asked: NDArray[np.bool_] | None = None
) -> NDArray[np.str_]:
    """The class of each trial.

    A column gives its values (see `label_names`), and so does an expression, where its columns have values. With an
    expression for each class a trial has the class whose expression is true.

    Parameters
    ----------
    table : DataFrame
        The trial table.
    label : str or mapping of str to str
        `trials.label`: a column, an expression, or an expression for each class.
    name : str
        Name of the recording, for messages.
    asked : NDArray of bool, shape (trial,), optional
        Trials that are used; only these must not have two classes.

    Returns
    -------
    NDArray of str, shape (trial,)
        "" where a trial has no class.

    Raises
    ------
    ConfigError
        For an expression that cannot be computed.
    DataError
        Names the trials that have two classes.
    """
    if isinstance(label, str) and label in table:
        return label_names(table[label])
    values = {key: _over(table, key, text, name) for key, text in _expressions(label)}
    if isinstance(label, str):
        (value,) = values.values()
        if not isinstance(value.data, pd.Series):
            raise ConfigError(f"trials.label = {label!r}: expected a value for each trial, got {value.data!r} for all")
        return np.where(value.missing, "", label_names(value.data))
    member = np.column_stack([_members(*pair) for pair in zip(values.items(), label.values(), strict=True)])
    doubled = member.sum(axis=1) > 1
    wrong = np.flatnonzero(doubled if asked is None else doubled & asked)
    names = np.array(list(label), dtype=np.str_)
    if len(wrong):
        both = " and ".join(names[member[wrong[0]]])
        raise DataError.of(
            "trial-in-several-classes",
            "trials.label",
            f"{counted(len(wrong), 'trial')} of {name} in more than one class (counted from 0: "
            f"{listed(map(str, wrong.tolist()), 10)}; trial {wrong[0]} is {both}): each trial must have one class at "
            "most; change the expressions, or leave these trials out by trials.include",
        )
    return np.where(member.any(axis=1) & ~doubled, names[member.argmax(axis=1)], "")


def _over(table: pd.DataFrame, key: str, text: str, name: str) -> Value:
    try:
        return parse(text).over(table)
    except ExpressionError as error:
        hint = "; write == to compare" if has_single_equals_sign(text) else ""
        raise ConfigError(_cannot(f"{key} = {text!r}", name, error, table) + hint) from error


def _members(value: tuple[str, Value], text: str) -> NDArray[np.bool_]:
    """(trial,): where an expression is true. A column of 0 and 1 is one of false and true."""
    key, answer = value
    is_true = truth(answer)
    if is_true is None:
        raise ConfigError(f"{key} = {text!r}: expected true or false for each trial, or 0 and 1")
    return equals(is_true, True)
