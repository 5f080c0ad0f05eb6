"""The folder of a sweep over pairs of regions. Its own dvc.yaml runs there, so it needs no other folder but the data.

params.yaml, dvc.yaml, code/        what the stages run with; code/ holds the digest of the code of each stage
ingested/                           recordings as tables, and regions.json
prepared/                           plan.json, splits.json, windows/<region>/<recording>/, quality/<recording>/
pairs/<source>_<target>/            pair.json (`PairEstimates`) and trials.parquet, one row a trial: recording, block
                                    (text), trial, fold (int64), time_s (seconds), spikes, nats of the scores (float64)
results/                            sweep.csv, recordings.csv, regions.csv, sweep.png
work/                               of a pair that is not finished
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from spikebridge.artifacts.json_files import read_json, write_json
from spikebridge.artifacts.trial_tables import read_trials
from spikebridge.errors import DataError
from spikebridge.text.plain_text import read_csv, write_csv

INGESTED, PREPARED, PAIRS, RESULTS, WORK, CODE = map(Path, ("ingested", "prepared", "pairs", "results", "work", "code"))
SPLITS, WINDOWS, QUALITY = "splits.json", "windows", "quality"
TRIALS, ABOUT = "trials.parquet", "pair.json"
TABLE, RECORDINGS_TABLE, REGIONS_TABLE, FIGURE = "sweep.csv", "recordings.csv", "regions.csv", "sweep.png"
TRIAL_COLUMNS = [
    "recording", "trial", "fold", "block", "time_s", "spikes", "nats", "nats_without_source", "trial_shift_nats",
    "nats_of_history", "nats_with_source_and_history",
]  # fmt: skip
NAMES = ("source", "target", "recording", "recordings", "region", "names", "reason")
"""Columns of text in the tables: a region may be called NA."""


def windows_of(prepared: Path, folder: str) -> Path:
    """The windows of one region, an ordinary folder of windows: the source is the region, the target is empty.

    Parameters
    ----------
    prepared : Path
        What the stage prepare wrote.
    folder : str
        Of the region, from `SweepPlan.folders`.

    Returns
    -------
    Path
        Where the windows are, or would be.
    """
    return prepared / WINDOWS / folder


@dataclass(frozen=True)
class LagAndDimension:
    """Lag and dimension of a pair, from the counts alone.

    Parameters
    ----------
    lag_s, lag_low_s, lag_high_s : float or None
        Time by which the target follows the source, with its 95 % interval, seconds; None where no link is found.
    dimension : int
        0 where no link is found.
    """

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
    """The folder of one pair: where its files are, and how they are written and read.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def write(self, trials: pd.DataFrame, estimates: PairEstimates) -> None:
        """Write trials.parquet and pair.json into the folder, made where it is missing.

        Parameters
        ----------
        trials : DataFrame
            One row a trial, TRIAL_COLUMNS.
        estimates : PairEstimates
            What is known of the pair besides.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        trials[TRIAL_COLUMNS].to_parquet(self.folder / TRIALS, index=False)
        write_json(self.folder / ABOUT, asdict(estimates))

    def read_trials(self) -> pd.DataFrame:
        """Read trials.parquet.

        Returns
        -------
        DataFrame
            By recording and time.

        Raises
        ------
        DataError
            With the file and what it lacks.
        """
        return read_trials(self.folder / TRIALS, TRIAL_COLUMNS)

    def read_estimates(self) -> PairEstimates:
        """Read pair.json.

        Returns
        -------
        PairEstimates
            Its content.

        Raises
        ------
        DataError
            Where the file does not hold the estimates of a pair.
        """
        content = read_json(self.folder / ABOUT)
        try:
            coupling = LagAndDimension(**content.pop("coupling"))
            couplings = {name: LagAndDimension(**of) for name, of in content.pop("couplings").items()}
            return PairEstimates(coupling=coupling, couplings=couplings, **content)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{self.folder / ABOUT}: expected the estimates of a pair ({error})") from None


@dataclass(frozen=True)
class SweepResults:
    """The folder of the tables and the figure.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @property
    def figure(self) -> Path:
        return self.folder / FIGURE

    def write(self, pairs: pd.DataFrame, recordings: pd.DataFrame, regions: pd.DataFrame) -> None:
        """Write the three tables into the folder, made where it is missing.

        Parameters
        ----------
        pairs, recordings, regions : DataFrame
            One row a pair, a pair and recording, and a region and recording.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, table in ((TABLE, pairs), (RECORDINGS_TABLE, recordings), (REGIONS_TABLE, regions)):
            write_csv(table, self.folder / name, lineterminator="\n")

    def read_pairs(self) -> pd.DataFrame:
        """Read sweep.csv.

        Returns
        -------
        DataFrame
            One row a pair.

        Raises
        ------
        DataError
            Where it cannot be read.
        """
        return self._read(TABLE)

    def read_recordings(self) -> pd.DataFrame:
        """Read recordings.csv.

        Returns
        -------
        DataFrame
            One row a pair and recording.

        Raises
        ------
        DataError
            Where it cannot be read.
        """
        return self._read(RECORDINGS_TABLE)

    def read_regions(self) -> pd.DataFrame:
        """Read regions.csv.

        Returns
        -------
        DataFrame
            One row a region and recording.

        Raises
        ------
        DataError
            Where it cannot be read.
        """
        return self._read(REGIONS_TABLE)

    def _read(self, name: str) -> pd.DataFrame:
        path = self.folder / name
        try:
            return read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=[""])
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read as a table of a sweep: {error}") from None


def finite(value: float) -> float | None:
    """A number for JSON.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    float or None
        None for NaN and infinity.
    """
    return float(value) if math.isfinite(value) else None
