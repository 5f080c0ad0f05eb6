"""Ingested recordings on disk: <folder>/<recording>/{spikes,units,trials,behavior}.parquet and recording.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.intervals import as_intervals
from spikebridge.io.choose import choose
from spikebridge.io.registry import find_recordings, read_contents
from spikebridge.io.validation import check
from spikebridge.types import Recording

TABLES = ("spikes", "units", "trials", "behavior")


def ingest(config: Config, out_folder: Path) -> list[str]:
    """Read, check and write every recording of `config.data.path`; the names of the recordings.

    Raises DataError with everything wrong in all of them; ConfigError for an unknown reader.
    """
    names, wrong = [], []
    for path in find_recordings(Path(config.data.path), config.data.reader):
        try:
            recording = read_recording(path, config)
        except DataError as error:
            wrong.append(str(error))
            continue
        save_ingested(recording, Path(out_folder) / recording.name)
        names.append(recording.name)
    if wrong:
        raise DataError("\n".join(wrong))
    return names


def read_recording(path: Path, config: Config) -> Recording:
    """Read and check one recording. Raises DataError naming the file and everything wrong in it."""
    chosen = choose(read_contents(path, config.data), config.data, config.trials)
    warnings = check(chosen.recording, config.data, config.trials, chosen.findings, chosen.missing)
    return replace(chosen.recording, warnings=warnings)


def save_ingested(recording: Recording, folder: Path) -> None:
    """Write the tables of one recording into a folder, made where missing."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        getattr(recording, name).to_parquet(folder / f"{name}.parquet", index=False)
    about = {
        "name": recording.name,
        "animal": recording.animal,
        "observed": recording.observed.tolist(),
        "resolution_s": recording.resolution_s,
        "source_file": recording.source_file,
        "warnings": list(recording.warnings),
    }
    (folder / "recording.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load_ingested(folder: Path) -> Recording:
    """Read what `save_ingested` wrote. Raises DataError where the folder does not hold it."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "recording.json").read_text(encoding="utf-8"))
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    except (OSError, ValueError) as error:  # pyarrow's and json's errors are ValueErrors
        raise DataError(f"{folder}: expected an ingested recording; run the stage ingest again ({error})") from error
    return Recording(
        name=about["name"],
        animal=about["animal"],
        observed=as_intervals(about["observed"]),
        source_file=about["source_file"],
        warnings=tuple(about["warnings"]),
        resolution_s=float(about["resolution_s"]),
        **tables,
    )


@dataclass(frozen=True)
class IngestedRecordings:
    """The ingested recordings of a folder, sorted by name, each read when its turn comes: many need not fit memory."""

    folder: Path

    @property
    def names(self) -> list[str]:
        return sorted(p.parent.name for p in Path(self.folder).glob("*/recording.json"))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Recording]:
        return (load_ingested(Path(self.folder) / name) for name in self.names)
