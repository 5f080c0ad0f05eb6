"""Messages for pydantic's errors about a section of params.yaml, with "did you mean"."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError


def describe_errors(error: ValidationError, section: type[BaseModel]) -> str:
    """One message for all of pydantic's errors about a section. The errors of "a number or auto" are merged."""
    by_key: dict[str, list[str]] = {}
    for item in error.errors():
        words = describe_error(item, section)
        key, _, rest = words.partition(": expected ")
        by_key.setdefault(key if rest else words, []).append(rest)
    return "; ".join(f"{key}: expected {_either(rests)}" if rests[0] else key for key, rests in by_key.items())


def _either(rests: list[str]) -> str:
    """["at least 1, got 0", "auto, got 0"] -> "at least 1 or auto, got 0"."""
    wanted, _, got = rests[-1].rpartition(", got ")
    return " or ".join([*(r.rpartition(", got ")[0] for r in rests[:-1]), wanted]) + f", got {got}"


EXPECTED = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "at least {min_length} in the list",
    "list_type": "a list in square brackets",
    "tuple_type": "a list in square brackets",
    "literal_error": "{expected}",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "keys with values",
    "model_type": "keys with values",
}
"""Type of pydantic's error -> expected value, for the message."""


def describe_error(error: Any, section: type[BaseModel]) -> str:
    """The message for one of pydantic's errors about a section: the key, the expected value and the given value."""
    location = [part for part in error["loc"] if not _is_branch(part)]
    where = ".".join(map(str, location))
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1], section)
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        return f"unknown key {where}" + (
            f", did you mean {near[0]}?" if near else f"; known: {', '.join(known) or 'none'}"
        )
    if error["type"] == "missing":
        if isinstance(location[-1], int):
            return f"{'.'.join(map(str, location[:-1]))}: number {location[-1] + 1} of the list is missing"
        return f"{where} is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in EXPECTED:
        message = "expected " + EXPECTED[error["type"]].format(**error.get("ctx", {}))
    if isinstance(error.get("input"), dict):
        return f"{where}: {message}" if where else message
    hint = ""
    value = error.get("input")
    if (
        isinstance(value, str)
        and "e" in value.lower()
        and error["type"] in {"float_parsing", "int_parsing", "float_type"}
    ):
        hint = " (write numbers with a point, 1.0e-3, so that every YAML reader takes them for numbers)"
    return f"{where}: {message}, got {value!r}{hint}"


def _is_branch(part: Any) -> bool:
    """Whether a part of pydantic's location is not a key but one of several types that a value may have."""
    several = ("constrained-", "literal[", "list[", "dict[")
    return isinstance(part, str) and (part.startswith(several) or part in {"int", "float"})


def _known_keys(location: tuple[Any, ...], section: Any) -> list[str]:
    for part in location:
        info = section.model_fields.get(str(part))
        if info is None or not isinstance(info.annotation, type) or not issubclass(info.annotation, BaseModel):
            return []
        section = info.annotation
    return list(section.model_fields)
