"""Parse an expression and refuse everything that is not on the list. Nothing is computed here."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spikebridge.errors.messages import listed
from spikebridge.expressions.values import ExpressionError

MAX_LENGTH, MAX_PARTS, MAX_DEPTH = 10_000, 2_000, 100
"""Characters, operations and names, and how deep they may be nested."""
FUNCTIONS = (
    *("isnull", "isna", "notnull", "notna", "abs", "round", "min", "max", "lower", "upper", "strip", "startswith"),
    *("endswith", "contains"),
)
"""Functions that an expression may call; `expressions.computation` computes them."""
ALLOWED = "columns, numbers, texts in quotes, and/or/not, comparisons, in [...], + - * / // % **, parentheses"


@dataclass(frozen=True)
class Parsed:
    """names: words that stand for names in backticks. columns: names of the columns that it uses, in order."""

    tree: ast.expr
    names: Mapping[str, str]
    columns: tuple[str, ...]


def parse(text: str) -> Parsed:
    """Check an expression. Raises ExpressionError naming what is not allowed; nothing is computed."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"expected at most {MAX_LENGTH} characters, got {len(text)}")
    plain, names = _without_backticks(text)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(error.msg) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError("nested too deeply, or no text") from None
    _check_size(tree)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    columns: dict[str, None] = {}
    for node in ast.walk(tree):
        if (wrong := _not_allowed(node, names)) and id(node) not in called:
            raise ExpressionError(wrong)
        if isinstance(node, ast.Name) and id(node) not in called:
            columns[names.get(node.id, node.id)] = None
    return Parsed(tree, names, tuple(columns))


QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`([^`]*)`|([&|\n\r#])""")


def _without_backticks(text: str) -> tuple[str, dict[str, str]]:
    """The text with a plain word for each name in backticks, and `&`, `|` as and, or; the words and their names."""
    names: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        if match[2] == "#":
            raise ExpressionError("# is not allowed: nothing after it would be read")
        if match[2]:
            return {"&": " and ", "|": " or "}.get(match[2], " ")
        if match[1] is None:
            return match[0]
        word = f"quoted_name_{len(names)}_"
        names[word] = match[1]
        return f" {word} "

    return QUOTED.sub(plain, text), names


def _check_size(tree: ast.expr) -> None:
    layer, parts, depth = [tree], 0, 0
    while layer:
        parts, depth = parts + len(layer), depth + 1
        if parts > MAX_PARTS or depth > MAX_DEPTH:
            raise ExpressionError(f"too long: expected at most {MAX_PARTS} parts, nested at most {MAX_DEPTH} deep")
        layer = [below for node in layer for below in ast.iter_child_nodes(node) if isinstance(below, ast.expr)]


BOOLEAN: dict[type[ast.AST], Callable[[Any, Any], Any]] = {ast.And: operator.and_, ast.Or: operator.or_}
COMPARING: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
NODES: tuple[Any, ...] = (
    *(ast.BoolOp, ast.UnaryOp, ast.Compare, ast.BinOp, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Call),
    *(ast.Load, ast.Not, ast.Invert, ast.USub, ast.UAdd, ast.In, ast.NotIn, *BOOLEAN, *COMPARING, *ARITHMETIC),
)
METHODS = {
    "isin": "column in [...]", "between": "low <= column <= high", "str": "contains(column, 'text')",
    "isnull": "isnull(column)", "isna": "isnull(column)", "notnull": "notnull(column)", "notna": "notnull(column)",
}  # fmt: skip
"""What pandas users write after a dot, and what to write instead."""


def _not_allowed(node: ast.AST, names: Mapping[str, str]) -> str:
    """Why a node is not allowed; empty where it is."""
    if isinstance(node, ast.Attribute):
        after = shown(node, names).split(".")[1:]
        instead = next((METHODS[word] for word in after if word in METHODS), None)
        hint = f"write {instead}" if instead else "a column whose name holds a dot goes in backticks"
        return f"{shown(node, names)}: a dot after a name is not allowed; {hint}"
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name):
            return _not_allowed(node.func, names) or f"{shown(node, names)}: this is no function"
        if node.func.id not in FUNCTIONS:
            return f"{node.func.id}() is not allowed; functions: {listed(FUNCTIONS)}"
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            return f"{shown(node, names)}: expected plain arguments"
    if isinstance(node, ast.Constant):
        if node.value is None:
            return "None is not allowed: write isnull(column) or notnull(column)"
        if not isinstance(node.value, (bool, int, float, str)):
            return f"{node.value!r} is not allowed: expected a number or a text in quotes"
    if isinstance(node, (ast.expr, ast.operator, ast.cmpop, ast.unaryop, ast.boolop)) and not isinstance(node, NODES):
        return f"{shown(node, names)} is not allowed; allowed: {ALLOWED}, and functions: {listed(FUNCTIONS)}"
    return ""


def shown(node: ast.AST, names: Mapping[str, str]) -> str:
    """A part of the expression as the user wrote it, more or less."""
    text = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
    for word, name in names.items():
        text = text.replace(word, f"`{name}`")
    return text if len(text) <= 60 else f"{text[:57]}..."
