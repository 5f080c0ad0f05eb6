"""JSON files that hold one object."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from spikebridge.errors import DataError

MAX_JSON_BYTES = 64 * 2**20
"""Largest file that `read_strict_json` reads."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    DataError
        Where the file does not hold one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def write_json(path: Path, content: Any) -> None:
    """Write JSON, indented, keys sorted.

    Parameters
    ----------
    path : Path
        The file; an earlier one is replaced.
    content : object
        Numbers, text, lists and mappings.
    """
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")


def read_strict_json(path: Path) -> dict[str, Any]:
    """Read a JSON object whose numbers are finite and whose keys are unique.

    Parameters
    ----------
    path : Path
        A file of at most MAX_JSON_BYTES.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    DataError
        With what is wrong with the file.
    """
    try:
        size = path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise DataError(f"{path}: expected at most {MAX_JSON_BYTES} bytes of JSON, got {size}")
        content = json.loads(
            path.read_text(encoding="utf-8"),
            parse_float=_finite,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    except RecursionError:
        raise DataError(f"{path}: cannot be read as JSON: it is nested too deeply") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected finite numbers, got {text[:40]}")
    return value


def _no_constant(text: str) -> float:
    raise ValueError(f"expected finite numbers, got {text}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:40]!r} is there twice")
    return content
