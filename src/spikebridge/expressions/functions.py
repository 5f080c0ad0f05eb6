"""The functions of expressions. Each takes the computation and the call, and gives a value."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import pandas as pd

from spikebridge.errors.messages import counted
from spikebridge.expressions.values import Bools, ExpressionError, Value, kind_of


class Computing(Protocol):
    """What a function asks of `expressions.computation`."""

    table: pd.DataFrame
    known: Bools

    def value(self, node: ast.expr) -> Value: ...

    def number(self, node: ast.expr) -> Value: ...

    def shown(self, node: ast.AST) -> str: ...


Function = Callable[[Computing, ast.Call], Value]


def _arguments(at: Computing, node: ast.Call, n: int, most: int | None = None) -> Iterator[ast.expr]:
    if not n <= len(node.args) <= (most or n):
        raise ExpressionError(f"{at.shown(node)}: expected {counted(n, 'argument')}, got {len(node.args)}")
    yield from node.args


def _is_missing(at: Computing, node: ast.Call, yes: bool) -> Value:
    (one,) = _arguments(at, node, 1)
    return Value(pd.Series(at.value(one).missing == yes, index=at.table.index), at.known)


def _absolute(at: Computing, node: ast.Call) -> Value:
    (one,) = _arguments(at, node, 1)
    value = at.number(one)
    return Value(abs(value.data), value.missing)


def _rounded(at: Computing, node: ast.Call) -> Value:
    one, *digits = _arguments(at, node, 1, 2)
    value, places = at.number(one), at.value(digits[0]).data if digits else 0
    if isinstance(places, bool) or not isinstance(places, int) or not 0 <= places <= 15:
        raise ExpressionError(f"{at.shown(node)}: expected 0 to 15 digits to round to")
    return Value(round(value.data, places), value.missing)


def _extreme(at: Computing, node: ast.Call, which: Any) -> Value:
    several = [at.number(one) for one in _arguments(at, node, 2, 20)]
    data, missing = several[0].data, several[0].missing
    for other in several[1:]:
        data, missing = which(data, other.data), missing | other.missing
    return Value(data, missing)


def _text(at: Computing, node: ast.expr) -> Value:
    value = at.value(node)
    if not isinstance(value.data, pd.Series) or kind_of(value.data) not in ("text", "empty"):
        raise ExpressionError(f"{at.shown(node)}: expected a column of text")
    return Value(value.data.astype("str"), value.missing)


def _changed(at: Computing, node: ast.Call, how: str) -> Value:
    (one,) = _arguments(at, node, 1)
    value = _text(at, one)
    return Value(getattr(value.data.str, how)(), value.missing)


def _holds(at: Computing, node: ast.Call, how: str, **plain: Any) -> Value:
    one, part = _arguments(at, node, 2)
    value, said = _text(at, one), at.value(part).data
    if not isinstance(said, str):
        raise ExpressionError(f"{at.shown(node)}: expected a text in quotes second")
    found = getattr(value.data.str, how)(said, **plain)
    return Value(found.fillna(False).astype(bool), value.missing)


FUNCTIONS: dict[str, Function] = {
    "isnull": lambda at, node: _is_missing(at, node, True),
    "isna": lambda at, node: _is_missing(at, node, True),
    "notnull": lambda at, node: _is_missing(at, node, False),
    "notna": lambda at, node: _is_missing(at, node, False),
    "abs": _absolute,
    "round": _rounded,
    "min": lambda at, node: _extreme(at, node, np.minimum),
    "max": lambda at, node: _extreme(at, node, np.maximum),
    "lower": lambda at, node: _changed(at, node, "lower"),
    "upper": lambda at, node: _changed(at, node, "upper"),
    "strip": lambda at, node: _changed(at, node, "strip"),
    "startswith": lambda at, node: _holds(at, node, "startswith"),
    "endswith": lambda at, node: _holds(at, node, "endswith"),
    "contains": lambda at, node: _holds(at, node, "contains", regex=False),
}
"""Functions that an expression may call: contains and the like compare with a plain text, not with a pattern."""
