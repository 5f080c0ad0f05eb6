"""The folder of a sweep over pairs of regions. Its own dvc.yaml runs there, so it needs no other folder but the data.

params.yaml, dvc.yaml, code/        what the stages run with; code/ holds the digest of the code of each stage
ingested/                           recordings as tables, and regions.json
prepared/                           plan.json, splits.json, windows/<region>/<recording>/, quality/<recording>/
pairs/<source>_<target>/            trials.parquet and pair.json
results/                            sweep.csv, recordings.csv, regions.csv, sweep.png
work/                               of a pair that is not finished
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.artifacts.json_files import read_json, write_json
from spikebridge.artifacts.trial_tables import read_trials
from spikebridge.errors import DataError
from spikebridge.text.plain_text import read_csv, write_csv

INGESTED, PREPARED, PAIRS, RESULTS, WORK, CODE = map(Path, ("ingested", "prepared", "pairs", "results", "work", "code"))
REGIONS_FILE, PLAN_FILE, SPLITS, WINDOWS, QUALITY = "regions.json", "plan.json", "splits.json", "windows", "quality"
TRIALS, ABOUT = "trials.parquet", "pair.json"
TABLE, RECORDINGS_TABLE, REGIONS_TABLE, FIGURE = "sweep.csv", "recordings.csv", "regions.csv", "sweep.png"
TRIAL_COLUMNS = [
    "recording", "trial", "fold", "block", "time_s", "spikes", "nats", "nats_without_source", "trial_shift_nats",
    "nats_of_history", "nats_with_source_and_history",
]  # fmt: skip
NAMES = ("source", "target", "recording", "recordings", "region", "names", "reason")
"""Columns of text in the tables: a region may be called NA."""


@dataclass(frozen=True)
class RecordingRegions:
    """The regions of a recording. column: their place, a value of `data.region_from`. units: region -> units."""

    column: str
    units: Mapping[str, int]


@dataclass(frozen=True)
class FoundRegions:
    """regions.json. groups: region of the sweep -> its names in the recordings."""

    recordings: Mapping[str, RecordingRegions]
    groups: Mapping[str, Sequence[str]]

    def write(self, folder: Path) -> None:
        """Write the file into a folder that is there."""
        _write_ordered(folder / REGIONS_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> FoundRegions:
        """Raises DataError where the file is missing or does not hold regions."""
        content = read_json(folder / REGIONS_FILE)
        try:
            recordings = {name: RecordingRegions(**of) for name, of in content["recordings"].items()}
            return cls(recordings, content["groups"])
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{folder / REGIONS_FILE}: expected regions; run the stage ingest ({error})") from None


@dataclass(frozen=True)
class Pair:
    """An ordered pair of regions. key: its folder and its stage. recordings: those that have enough units of both."""

    key: str
    source: str
    target: str
    recordings: Sequence[str]


@dataclass(frozen=True)
class LeftOutPair:
    """A pair that is not run. code: `too_few_units` or `not_together`; reason: for people."""

    source: str
    target: str
    code: str
    reason: str


@dataclass(frozen=True)
class SweepPlan:
    """plan.json: what is run, and what is not, and why.

    Parameters
    ----------
    folders : mapping
        Region, in the order of the matrix -> its folder of windows, which is also its part of the keys of pairs.
    units : mapping
        Recording -> region -> units that the filters keep.
    animals : mapping
        Recording -> animal.
    pairs, left_out : sequence
        The ordered pairs of these regions.
    unused_regions, unused_recordings : mapping
        Name -> reason why it is in no pair.
    """

    folders: Mapping[str, str]
    units: Mapping[str, Mapping[str, int]]
    animals: Mapping[str, str]
    pairs: Sequence[Pair]
    left_out: Sequence[LeftOutPair]
    unused_regions: Mapping[str, str] = field(default_factory=dict)
    unused_recordings: Mapping[str, str] = field(default_factory=dict)

    def pair(self, key: str) -> Pair:
        """The pair of a stage. Raises DataError where the plan has no such pair."""
        for pair in self.pairs:
            if pair.key == key:
                return pair
        raise DataError(f"{key}: no pair of the plan has this key; run spikebridge sweep again")

    def write(self, folder: Path) -> None:
        """Write the file into a folder that is there."""
        _write_ordered(folder / PLAN_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> SweepPlan:
        """Raises DataError where the file is missing or holds no plan."""
        content = read_json(folder / PLAN_FILE)
        try:
            pairs = tuple(Pair(**entry) for entry in content.pop("pairs"))
            left_out = tuple(LeftOutPair(**entry) for entry in content.pop("left_out"))
            return cls(pairs=pairs, left_out=left_out, **content)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{folder / PLAN_FILE}: expected a plan; run the stage prepare ({error})") from None


def windows_of(prepared: Path, folder: str) -> Path:
    """The windows of one region, an ordinary folder of windows: the source is the region, the target is empty."""
    return prepared / WINDOWS / folder


@dataclass(frozen=True)
class LagAndDimension:
    """Lag (s, with 95 % interval) and dimension, from the counts alone; None and 0 where no link is found."""

    lag_s: float | None
    lag_low_s: float | None
    lag_high_s: float | None
    dimension: int


@dataclass(frozen=True)
class PairEstimates:
    """pair.json: what is known of a pair besides its trials.

    Parameters
    ----------
    source, target, model : str
        The regions, and the translator.
    units : mapping
        Recording -> number of units of the source and of the target.
    coupling : LagAndDimension
        Of all recordings together.
    couplings : mapping
        Recording -> its own.
    shuffle_p, shuffle_smallest_p : float
        Of the trial shuffle within these recordings (`spikebridge.statistics.nulls.trial_shuffle`), and the smallest
        that it can give.
    steps : sequence of str
        The nested models of the communication gain, in order.
    split_hash : str
        Of the folds of this pair.
    """

    source: str
    target: str
    model: str
    units: Mapping[str, Sequence[int]]
    coupling: LagAndDimension
    couplings: Mapping[str, LagAndDimension]
    shuffle_p: float | None
    shuffle_smallest_p: float
    steps: Sequence[str]
    split_hash: str


@dataclass(frozen=True)
class PairRun:
    """The folder of one pair: where its files are, and how they are written and read."""

    folder: Path

    def write(self, trials: pd.DataFrame, estimates: PairEstimates) -> None:
        """Write both files into the folder, made where it is missing. trials: one row a trial, TRIAL_COLUMNS."""
        self.folder.mkdir(parents=True, exist_ok=True)
        trials[TRIAL_COLUMNS].to_parquet(self.folder / TRIALS, index=False)
        write_json(self.folder / ABOUT, asdict(estimates))

    def read_trials(self) -> pd.DataFrame:
        """By recording and time. Raises DataError naming the file and what it lacks."""
        return read_trials(self.folder / TRIALS, TRIAL_COLUMNS)

    def read_estimates(self) -> PairEstimates:
        """Raises DataError naming the file where it does not hold the estimates of a pair."""
        content = read_json(self.folder / ABOUT)
        try:
            coupling = LagAndDimension(**content.pop("coupling"))
            couplings = {name: LagAndDimension(**of) for name, of in content.pop("couplings").items()}
            return PairEstimates(coupling=coupling, couplings=couplings, **content)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{self.folder / ABOUT}: expected the estimates of a pair ({error})") from None


@dataclass(frozen=True)
class SweepResults:
    """The folder of the tables and the figure."""

    folder: Path

    @property
    def figure(self) -> Path:
        return self.folder / FIGURE

    def write(self, pairs: pd.DataFrame, recordings: pd.DataFrame, regions: pd.DataFrame) -> None:
        """Write the three tables into the folder, made where it is missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, table in ((TABLE, pairs), (RECORDINGS_TABLE, recordings), (REGIONS_TABLE, regions)):
            write_csv(table, self.folder / name, lineterminator="\n")

    def read_pairs(self) -> pd.DataFrame:
        """sweep.csv. Raises DataError where it cannot be read."""
        return self._read(TABLE)

    def read_recordings(self) -> pd.DataFrame:
        """recordings.csv. Raises DataError where it cannot be read."""
        return self._read(RECORDINGS_TABLE)

    def read_regions(self) -> pd.DataFrame:
        """regions.csv. Raises DataError where it cannot be read."""
        return self._read(REGIONS_TABLE)

    def _read(self, name: str) -> pd.DataFrame:
        path = self.folder / name
        try:
            return read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=[""])
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read as a table of a sweep: {error}") from None


def finite(value: float) -> float | None:
    """A number for JSON: None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def _write_ordered(path: Path, content: Mapping[str, Any]) -> None:
    """JSON with its keys in their order: that of regions is the order of the matrix."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
