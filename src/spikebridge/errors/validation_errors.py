"""Messages for pydantic's errors about a section of params.yaml, with "did you mean"."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError


class SecretValueError(ValueError):
    """A check of ours refuses a value that may hold a password: the message does not show it."""


@dataclass(frozen=True)
class WrongValue:
    """One of pydantic's errors about a section.

    text: the message, without the key. expected, got: of a value that is not what the key may hold; else empty, and the
    text says all.
    """

    key: str
    text: str = ""
    expected: str = ""
    got: str = ""


def describe_errors(error: ValidationError, section: type[BaseModel]) -> str:
    """One message for all of pydantic's errors about a section. The errors of "a number or auto" are merged."""
    by_key: dict[tuple[str, str], list[WrongValue]] = {}
    for item in error.errors():
        wrong = wrong_value(item, section)
        by_key.setdefault((wrong.key, wrong.text), []).append(wrong)
    return "; ".join(_message(several) for several in by_key.values())


def _message(several: list[WrongValue]) -> str:
    """["at least 1", "auto"] -> "key: expected at least 1 or auto, got 0"."""
    wrong = several[-1]
    if wrong.text:
        return f"{wrong.key}: {wrong.text}" if wrong.key else wrong.text
    got = f", got {wrong.got}" if wrong.got else ""
    return f"{wrong.key}: expected {' or '.join(w.expected for w in several)}{got}"


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


def wrong_value(error: Any, section: type[BaseModel]) -> WrongValue:
    """The record of one of pydantic's errors about a section."""
    location = [part for part in error["loc"] if not _is_branch(part)]
    where = ".".join(map(str, location))
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1], section)
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f", did you mean {near[0]}?" if near else f"; known: {', '.join(known) or 'none'}"
        return WrongValue("", f"unknown key {where}{hint}")
    if error["type"] == "missing":
        if isinstance(location[-1], int):
            return WrongValue(".".join(map(str, location[:-1])), f"number {location[-1] + 1} of the list is missing")
        return WrongValue("", f"{where} is missing")
    value = error.get("input")
    context = error.get("ctx", {})
    expected = EXPECTED[error["type"]].format(**context) if error["type"] in EXPECTED else ""
    hidden = isinstance(value, dict) or isinstance(context.get("error"), SecretValueError)
    got = "" if hidden else f"{value!r}{_number_hint(error['type'], value)}"
    if expected:
        return WrongValue(where, "", expected, got)
    return WrongValue(where, own_message(error) + (f", got {got}" if got else ""))


def own_message(error: Any) -> str:
    """The message of one of pydantic's errors; that of a check of ours without the words that pydantic puts before."""
    return str(error["ctx"]["error"]) if error["type"] == "value_error" else str(error["msg"])


def _number_hint(kind: str, value: object) -> str:
    """What to write instead of 1e-3, which YAML 1.1 takes for text."""
    if isinstance(value, str) and "e" in value.lower() and kind in {"float_parsing", "int_parsing", "float_type"}:
        return " (write numbers with a point, 1.0e-3, so that every YAML reader takes them for numbers)"
    return ""


def _is_branch(part: Any) -> bool:
    """Whether a part of pydantic's location is not a key but one of several types that a value may have."""
    several = ("constrained-", "literal[", "list[", "dict[")
    return isinstance(part, str) and (part.startswith(several) or part in {"int", "float"})


def _known_keys(location: tuple[Any, ...], section: Any) -> list[str]:
    """The keys of the section at a location; a section in a dict lies one part further down, below its name."""
    parts = iter(location)
    for part in parts:
        info = section.model_fields.get(str(part))
        section, named = (None, False) if info is None else _section_of(info.annotation)
        if section is None or (named and next(parts, None) is None):
            return []
    return list(section.model_fields)


def _section_of(annotation: Any) -> tuple[Any, bool]:
    """The section that an annotation names, and whether it is the value of a dict; None where it names none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    inner = [arg for arg in get_args(annotation) if arg is not type(None)]
    if get_origin(annotation) is dict:
        return _section_of(inner[1])[0], True
    return _section_of(inner[0]) if len(inner) == 1 else (None, False)
