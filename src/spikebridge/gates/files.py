"""Files of tune and evaluate, read or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.errors import DataError


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises DataError naming the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def read_table(path: Path) -> pd.DataFrame:
    """A CSV table. Raises DataError naming the file."""
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from None
