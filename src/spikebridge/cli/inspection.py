"""What a folder of recordings holds, before anything is configured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.io import find_recordings, reader_of
from spikebridge.types import Recording

FEW = 6
"""A column with at most this many values may be a label; its values are shown."""


@dataclass(frozen=True)
class Look:
    """One recording, or why it cannot be read."""

    path: Path
    recording: Recording | None
    error: str = ""

    def row(self) -> list[str]:
        r = self.recording
        if r is None:
            return [self.path.stem, "–", "–", "–", self.error]
        counts = r.units["region"].value_counts()
        duration = sum(stop - start for start, stop in r.observed)
        regions = ", ".join(f"{name or '(none)'} {n}" for name, n in counts.items())
        return [r.name, r.animal, f"{duration:.0f} s", str(len(r.trials)), regions]


def look(path: Path, table: str = "trials", region_from: str = "auto") -> list[Look]:
    """Read every recording of a folder (or one file) as it is, without asking for any region.

    Raises DataError when there is no recording.
    """
    paths = find_recordings(path) if path.is_dir() else [path]
    # No region is asked for: these names are no region's, so that the reader reports every one there is
    data = DataConfig(path=str(path), source=["\0source"], target=["\0target"], region_from=region_from)
    return [_look(p, data, TrialsConfig(table=table)) for p in paths]


def _look(path: Path, data: DataConfig, trials: TrialsConfig) -> Look:
    reader = reader_of(path)
    if reader is None:
        raise DataError(f"{path}: expected a folder of recordings or a file that a reader takes, found neither")
    try:
        return Look(path, reader.read(path, data, trials))
    except DataError as error:
        return Look(path, None, str(error))


def trial_columns(looks: list[Look]) -> list[str]:
    """One line a column of the trial tables: name, type, and its values where they are few."""
    tables = [one.recording.trials for one in looks if one.recording is not None]
    if not tables:
        return []
    joined = pd.concat(tables, ignore_index=True)
    lines = ["trial columns:"]
    for name in joined.columns:
        column = joined[name].dropna()
        values = sorted(column.astype(str).unique())
        if len(values) <= FEW:
            said = ", ".join(values)
        elif pd.api.types.is_numeric_dtype(column):
            said = f"{column.min():g} to {column.max():g}"
        else:
            said = f"{len(values)} values"
        gaps = f", {int(joined[name].isna().sum())} missing" if joined[name].isna().any() else ""
        lines.append(f"  {name}: {said}{gaps}")
    return lines
