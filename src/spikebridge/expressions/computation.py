"""The value of an expression over a table, node by node; and the functions that an expression may call."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.errors.messages import counted, did_you_mean
from spikebridge.expressions.grammar import ARITHMETIC, BOOLEAN, COMPARING, Parsed, shown
from spikebridge.expressions.values import ExpressionError, Value, equals, kind_of, truth

ROW = "index"
"""The number of the row, where no column is called so."""


class Computation:
    """One expression over one table."""

    def __init__(self, parsed: Parsed, table: pd.DataFrame) -> None:
        self.names, self.table = parsed.names, table
        self.known = np.zeros(len(table), dtype=bool)

    def value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Name):
            return self._column(self.names.get(node.id, node.id))
        if isinstance(node, ast.Constant):
            return Value(node.value, self.known)
        if isinstance(node, ast.BoolOp):
            return self._both(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.Compare):
            return self._compared(node)
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return FUNCTIONS[node.func.id](self, node)
        raise ExpressionError(f"{self.shown(node)}: a list may stand only after in, not in, == and !=")

    def shown(self, node: ast.AST) -> str:
        return shown(node, self.names)

    def _column(self, name: str) -> Value:
        if name not in self.table:
            if name == ROW:
                return Value(pd.Series(self.table.index, index=self.table.index), self.known)
            raise ExpressionError(self._no_column(name))
        data = self.table[name]
        if isinstance(data, pd.DataFrame):
            raise ExpressionError(f"{name} is the name of several columns")
        if isinstance(data.dtype, pd.CategoricalDtype):
            data = data.astype(data.cat.categories.dtype)
        if data.dtype == object:
            plain = {"flag": "boolean", "text": "str", "number": "float64", "empty": "float64"}.get(kind_of(data))
            data = data.astype(plain) if plain else data
        return Value(data, data.isna().to_numpy())

    def _no_column(self, name: str) -> str:
        table = self.table
        texts = {str(v) for c in table if kind_of(table[c]) == "text" for v in table[c].dropna().unique()}
        if name in texts:
            return f"{name} is no column; text goes in quotes: '{name}'"
        if name.lower() in ("true", "false"):
            return f"{name} is no column; write {name.capitalize()}"
        if name.lower() in ("nan", "null", "na"):
            return f"{name} is no column; write isnull(column) or notnull(column)"
        return f"{name} is no column" + did_you_mean(name, map(str, table.columns), "")

    def truth(self, node: ast.expr) -> Value:
        """True or false a row, as and, or, not take them: 0 and 1 count as such."""
        value = self.value(node)
        flags = truth(value)
        if flags is None:
            kind = kind_of(value.data)
            what = "numbers other than 0 and 1" if kind == "number" else "text" if kind == "text" else "other values"
            raise ExpressionError(f"{self.shown(node)}: expected true or false beside and, or, not, found {what}")
        return flags

    def _both(self, node: ast.BoolOp) -> Value:
        several = [self.truth(part) for part in node.values]  # noqa: PD011  (a node, no table)
        is_and = isinstance(node.op, ast.And)
        done = several[0]
        for other in several[1:]:
            decided = [equals(v, not is_and) for v in (done, other)]  # a false one decides `and`, a true one `or`
            missing = (done.missing | other.missing) & ~decided[0] & ~decided[1]
            done = Value(BOOLEAN[type(node.op)](done.data, other.data), missing)
        return done

    def _unary(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, (ast.Not, ast.Invert)):
            value = self.truth(node.operand)
            return Value(~value.data if isinstance(value.data, pd.Series) else not value.data, value.missing)
        value = self.number(node.operand)
        return Value(-value.data if isinstance(node.op, ast.USub) else value.data, value.missing)

    def _compared(self, node: ast.Compare) -> Value:
        """a < b < c is a < b and b < c."""
        sides = [node.left, *node.comparators]
        done: Value | None = None
        for left, op, right in zip(sides, node.ops, node.comparators, strict=False):
            comparison = self._one_comparison(left, op, right)
            if done is None:
                done = comparison
            else:
                missing = (done.missing | comparison.missing) & ~equals(done, False) & ~equals(comparison, False)
                done = Value(done.data & comparison.data, missing)
        assert done is not None
        return done

    def _one_comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        if isinstance(op, (ast.In, ast.NotIn)) or isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            return self._in(left, op, right)
        a, b = self.value(left), self.value(right)
        kinds = {kind_of(a.data), kind_of(b.data)}
        if "text" in kinds and kinds & {"number", "flag"}:
            raise ExpressionError(self._text_and_number(left, a, b))
        missing = a.missing | b.missing
        if "empty" in kinds:
            return Value(pd.Series(isinstance(op, ast.NotEq), index=self.table.index), missing)
        return Value(COMPARING[type(op)](a.data, b.data), missing)

    def _text_and_number(self, left: ast.expr, a: Value, b: Value) -> str:
        texts = "text" if kind_of(a.data) == "text" else "numbers"
        other = b.data if not isinstance(b.data, pd.Series) else "a column"
        return f"{self.shown(left)} holds {texts} and is compared with {other!r}: {_quotes(texts)}"

    def _in(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        if not isinstance(right, (ast.List, ast.Tuple, ast.Set)) or not isinstance(
            op, (ast.In, ast.NotIn, ast.Eq, ast.NotEq)
        ):
            raise ExpressionError(f"{self.shown(right)}: expected a list such as ['a', 'b'] after in")
        value = self.value(left)
        if not isinstance(value.data, pd.Series):
            raise ExpressionError(f"{self.shown(left)}: expected a column before in")
        items = [self.value(item).data for item in right.elts]
        if any(isinstance(item, pd.Series) for item in items):
            raise ExpressionError(f"{self.shown(right)}: expected numbers or texts in quotes in the list, no columns")
        kind = kind_of(value.data)
        if (
            kind in ("text", "number", "flag")
            and items
            and not any((kind_of(i) == "text") == (kind == "text") for i in items)
        ):
            texts = "text" if kind == "text" else "numbers"
            raise ExpressionError(f"{self.shown(left)} holds {texts} and is looked for in {items!r}: {_quotes(texts)}")
        inside = value.data.isin(items)
        return Value(~inside if isinstance(op, (ast.NotIn, ast.NotEq)) else inside, value.missing)

    def number(self, node: ast.expr) -> Value:
        """Numbers for arithmetic: true and false as 1 and 0, integers of few bits as int64, so that none wraps."""
        value = self.value(node)
        data, kind = value.data, kind_of(value.data)
        if kind not in ("number", "flag", "empty"):
            raise ExpressionError(f"{self.shown(node)}: expected numbers, found {kind if kind == 'text' else 'others'}")
        if not isinstance(data, pd.Series):
            return Value(int(data) if isinstance(data, bool) else data, value.missing)
        if kind == "empty" or (kind == "flag" and value.missing.any()):
            data = data.astype("float64")
        elif pd.api.types.is_integer_dtype(data) or kind == "flag":
            data = data.astype("float64" if value.missing.any() or data.dtype == np.uint64 else "int64")
        return Value(data, value.missing)

    def _arithmetic(self, node: ast.BinOp) -> Value:
        if isinstance(node.op, ast.Add):
            a, b = self.value(node.left), self.value(node.right)
            if {kind_of(a.data), kind_of(b.data)} == {"text"}:
                return Value(a.data + b.data, a.missing | b.missing)
        a, b = self.number(node.left), self.number(node.right)
        left = a.data
        if isinstance(node.op, ast.Pow):  # in floating point: 9**9**9 is infinite at once, and no integer wraps
            left = left.astype("float64") if isinstance(left, pd.Series) else np.float64(left)
        return Value(ARITHMETIC[type(node.op)](left, b.data), a.missing | b.missing)


def _quotes(what: str) -> str:
    return "put the other in quotes too" if what == "text" else "write it without quotes"


def _arguments(at: Computation, node: ast.Call, n: int, n_max: int | None = None) -> Iterator[ast.expr]:
    if not n <= len(node.args) <= (n_max or n):
        raise ExpressionError(f"{at.shown(node)}: expected {counted(n, 'argument')}, got {len(node.args)}")
    yield from node.args


def _is_missing(at: Computation, node: ast.Call, yes: bool) -> Value:
    (argument,) = _arguments(at, node, 1)
    return Value(pd.Series(at.value(argument).missing == yes, index=at.table.index), at.known)


def _absolute(at: Computation, node: ast.Call) -> Value:
    (argument,) = _arguments(at, node, 1)
    value = at.number(argument)
    return Value(abs(value.data), value.missing)


def _rounded(at: Computation, node: ast.Call) -> Value:
    argument, *digits = _arguments(at, node, 1, 2)
    value, places = at.number(argument), at.value(digits[0]).data if digits else 0
    if isinstance(places, bool) or not isinstance(places, int) or not 0 <= places <= 15:
        raise ExpressionError(f"{at.shown(node)}: expected 0 to 15 digits to round to")
    return Value(round(value.data, places), value.missing)


def _extreme(at: Computation, node: ast.Call, which: Any) -> Value:
    several = [at.number(argument) for argument in _arguments(at, node, 2, 20)]
    data, missing = several[0].data, several[0].missing
    for other in several[1:]:
        data, missing = which(data, other.data), missing | other.missing
    return Value(data, missing)


def _text(at: Computation, node: ast.expr) -> Value:
    value = at.value(node)
    if not isinstance(value.data, pd.Series) or kind_of(value.data) not in ("text", "empty"):
        raise ExpressionError(f"{at.shown(node)}: expected a column of text")
    return Value(value.data.astype("str"), value.missing)


def _changed(at: Computation, node: ast.Call, how: str) -> Value:
    (argument,) = _arguments(at, node, 1)
    value = _text(at, argument)
    return Value(getattr(value.data.str, how)(), value.missing)


def _holds(at: Computation, node: ast.Call, how: str, **options: Any) -> Value:
    argument, part = _arguments(at, node, 2)
    value, text = _text(at, argument), at.value(part).data
    if not isinstance(text, str):
        raise ExpressionError(f"{at.shown(node)}: expected a text in quotes second")
    holds = getattr(value.data.str, how)(text, **options)
    return Value(holds.fillna(False).astype(bool), value.missing)


FUNCTIONS: dict[str, Callable[[Computation, ast.Call], Value]] = {
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
