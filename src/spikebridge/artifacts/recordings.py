"""Ingested recordings on disk: <folder>/<recording>/{spikes,units,trials,behavior}.parquet and recording.json.

spikes.parquet      unit (int64), time_s (float64, seconds), sorted by time within each unit
units.parquet       one row a unit: unit (int64), region (text), and the other columns of the file
trials.parquet      one row a trial, in the order and with the columns of the file
behavior.parquet    series (text), time_s (float64, seconds), value (float64, in the unit of the series)
recording.json      name, animal, observed ([start_s, stop_s], seconds), bin_width_s, source_file, warnings, digests

The other interval tables of the file (ripples, epochs) are kept as <name>.parquet, or intervals_<number>.parquet where
the name cannot be that of a file; recording.json says which. Only `analysis.states` reads them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.duplicates import spike_sketch
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.runtime.hashing import file_digest
from spikebridge.runtime.stage_inputs import is_unfinished
from spikebridge.types import Recording
from spikebridge.types.intervals import as_intervals

ABOUT = "recording.json"
INGESTED_FOLDER = Path("data") / "ingested"
"""Of all recordings, in the folder of a project."""
RECORDINGS_FOLDER = Path("data") / "recordings"
"""Of recordings that are no files yet, in the folder of a project; ingest reads it as any folder."""
TABLES = ("spikes", "units", "trials", "behavior")
NOT_STORABLE = (ValueError, TypeError, OverflowError)
"""What pyarrow raises for a column that parquet cannot hold."""


@dataclass(frozen=True)
class IntervalTables:
    """The interval tables of one recording.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Name -> rows with start_time and stop_time, seconds, and the other columns of the file.
    not_kept : mapping of str to str
        Name of a table that could not be stored -> why.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    not_kept: Mapping[str, str] = field(default_factory=dict)


def save_ingested(
    recording: Recording, folder: Path, made_from: str = "", intervals: Mapping[str, pd.DataFrame] | None = None
) -> None:
    """Write the tables of one recording into a folder.

    In recording.json, `bin_width_s` is the width of the bins of a file that holds counts, and null where it holds spike
    times, however coarse: inspect and preprocess measure from the spikes how exactly these are known.

    Parameters
    ----------
    recording : Recording
        The recording.
    folder : Path
        The folder; made where it is missing.
    made_from : str
        Digest of what the recording was read from; see spikebridge.io.ingest.
    intervals : mapping of str to DataFrame, optional
        Every interval table of the file by name, that of the trials included.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        getattr(recording, name).to_parquet(folder / f"{name}.parquet", index=False)
    kept, not_kept = _save_intervals(intervals or {}, recording.trials, folder)
    files = [f"{name}.parquet" for name in TABLES]
    files += [file for file in kept.values() if file not in files]
    about = {
        "name": recording.name,
        "animal": recording.animal,
        "observed": recording.observed.tolist(),
        "bin_width_s": recording.resolution_s or None,
        "source_file": recording.source_file,
        "warnings": [w.as_dict() for w in recording.warnings],
        "files": {name: file_digest(folder / name) for name in files},
        "intervals": kept,
        "intervals_not_kept": not_kept,
        "spike_times": _times_digest(recording),
        "sketch": _sketch(recording),
        "made_from": made_from,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _save_intervals(
    intervals: Mapping[str, pd.DataFrame], trials: pd.DataFrame, folder: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Name -> file, and name -> why a table was not kept. The table of the trials is stored already."""
    kept, not_kept = {}, {}
    taken = set(TABLES)
    for number, (name, table) in enumerate(intervals.items()):
        if table is trials:
            kept[name] = "trials.parquet"
            continue
        plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}", name) and name.lower() not in taken
        stem = name if plain else f"intervals_{number}"
        taken.add(stem.lower())
        path = folder / f"{stem}.parquet"
        try:
            table.to_parquet(path, index=False)
            kept[name] = path.name
        except NOT_STORABLE as error:
            path.unlink(missing_ok=True)
            not_kept[name] = " ".join(str(error).split())
    return kept, not_kept


def load_intervals(folder: Path) -> IntervalTables:
    """Read the interval tables of an ingested recording.

    Parameters
    ----------
    folder : Path
        The folder of the recording.

    Returns
    -------
    IntervalTables
        What the file held.

    Raises
    ------
    DataError
        If the folder does not hold an ingested recording, or one of an earlier version.
    """
    folder = Path(folder)
    about = load_about(folder)
    try:
        tables = {name: pd.read_parquet(folder / file) for name, file in about["intervals"].items()}
        return IntervalTables(tables, dict(about["intervals_not_kept"]))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{folder}: expected its interval tables; run the stage ingest again ({error!r})") from error


def digested_tables(about: Mapping[str, Any]) -> dict[str, Any]:
    """The part of recording.json that says what windows are made of: all but the other interval tables.

    Parameters
    ----------
    about : mapping
        What `load_about` returns.

    Returns
    -------
    dict
        Without `made_from`, and of the files those of TABLES alone.
    """
    left_out = {"made_from", "intervals", "intervals_not_kept"}
    of_tables = {f"{name}.parquet" for name in TABLES}
    files = {name: value for name, value in about.get("files", {}).items() if name in of_tables}
    return {name: value for name, value in about.items() if name not in left_out} | {"files": files}


def _times_digest(recording: Recording) -> str:
    """The same for the same trains, however units are numbered or ordered. A copy of all spikes is never made."""
    units, times = recording.spikes["unit"].to_numpy(), recording.spikes["time_s"].to_numpy(dtype=np.float64)
    edges = np.flatnonzero(units[1:] != units[:-1]) + 1
    trains = [times[a:b] for a, b in zip([0, *edges], [*edges, len(times)], strict=True)]
    each = sorted(hashlib.sha256(np.ascontiguousarray(train).data).digest() for train in trains)
    return hashlib.sha256(b"".join(each)).hexdigest()


def _sketch(recording: Recording) -> list[int]:
    """Empty for counts in bins, in which trains of different units may well be the same."""
    spikes = recording.spikes
    times = spikes["time_s"].to_numpy(dtype=np.float64)
    return spike_sketch(spikes["unit"].to_numpy(), times) if recording.resolution_s == 0 else []


def load_about(folder: Path) -> dict[str, Any]:
    """Read recording.json of an ingested recording.

    Parameters
    ----------
    folder : Path
        The folder of the recording.

    Returns
    -------
    dict
        What the file holds.

    Raises
    ------
    DataError
        If there is none.
    """
    try:
        about: dict[str, Any] = json.loads((Path(folder) / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: expected an ingested recording; run the stage ingest again ({error})") from error
    return about


def load_ingested(folder: Path, only: Collection[str] = TABLES) -> Recording:
    """Read what `save_ingested` wrote.

    Parameters
    ----------
    folder : Path
        The folder of the recording.
    only : collection of str
        The tables to read; the others stay empty.

    Returns
    -------
    Recording
        The recording.

    Raises
    ------
    DataError
        If the folder does not hold an ingested recording.
    """
    folder = Path(folder)
    about = load_about(folder)
    try:
        tables = {n: pd.read_parquet(folder / f"{n}.parquet") if n in only else pd.DataFrame() for n in TABLES}
        width = float(about["bin_width_s"] or 0.0)
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are ValueErrors
        raise DataError(f"{folder}: expected an ingested recording; run the stage ingest again ({error})") from error
    return Recording(
        name=about["name"],
        animal=about["animal"],
        observed=as_intervals(about["observed"]),
        source_file=about["source_file"],
        warnings=tuple(map(Finding.from_dict, about["warnings"])),
        resolution_s=width,
        **tables,
    )


@dataclass(frozen=True)
class IngestedRecordings:
    """The ingested recordings of a folder, sorted by name, each read when its turn comes: many need not fit memory.

    Parameters
    ----------
    folder : Path
        The folder that holds one folder a recording.
    """

    folder: Path

    @property
    def names(self) -> list[str]:
        return sorted(n for p in Path(self.folder).glob(f"*/{ABOUT}") if not is_unfinished(n := p.parent.name))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Recording]:
        return (load_ingested(Path(self.folder) / name) for name in self.names)

    def trials(self) -> Iterator[Recording]:
        """The recordings with their trial table and observed time alone.

        Returns
        -------
        iterator of Recording
            Without spikes, units and behaviour.
        """
        return (load_ingested(Path(self.folder) / name, only=("trials",)) for name in self.names)
