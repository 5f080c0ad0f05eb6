"""JSON files that hold one object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spikebridge.errors import DataError


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises DataError, which names the file, where the file does not hold one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def write_json(path: Path, content: Any) -> None:
    """Indented, keys sorted."""
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
