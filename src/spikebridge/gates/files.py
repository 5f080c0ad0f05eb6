"""Files of tune and evaluate, read or refused by name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikebridge.errors import DataError
from spikebridge.text.plain_text import read_csv


def read_table(path: Path) -> pd.DataFrame:
    """A CSV table. Raises DataError naming the file."""
    try:
        return read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from None
