"""What the stage train writes for one model, runs/train/<model>, and a nested model for each of its steps.

predictions.parquet       models that decide: decisions out of fold, one row a trial; see artifacts.trial_tables
translation.parquet       models that translate: bits about the target out of fold, one row a trial; see there
rates/<recording>.npz     models that translate: trial (trial,), int64, rising; rates (trial, bin, unit), spikes per bin
held_out_rates/           models that translate; see spikebridge.artifacts.held_out_rates
latents.parquet           models with latents; see spikebridge.artifacts.latents
baselines.csv             models that translate: terms of the baseline, a row a fold and recording, columns BASELINES
few_labels.parquet        models that adapt; see spikebridge.artifacts.few_labels
training_intervals.json   the time that each fold's fit, and its tuning, learned from: split_hash; folds and tuning:
                          outer fold -> recording -> [start_s, stop_s], seconds
history.csv               training curves, one row an epoch: fold, epoch, and what the model measures
fit.json                  settings of every fit: model, params (fold -> settings), threads, device, split_hash
model/                    the fit on everything
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.json_files import read_json, write_json
from spikebridge.artifacts.out_of_fold import Decisions, Rates, Translation, read_decisions
from spikebridge.artifacts.trial_tables import KEYS, read_parquet, read_trials, write_trials
from spikebridge.errors import DataError
from spikebridge.types.intervals import merge_intervals

TRAINING_FOLDER = Path("runs") / "train"
"""Has one folder for each model, in the folder of a project."""
PREDICTIONS = "predictions.parquet"
TRANSLATION = ["nats", "spikes", "nats_without_source"]
BASELINES = ["fold", "recording", "psth", "smoothing_bins", "shrinkage", "drift", "kernel_s", "prior", "scale"]
"""Columns of baselines.csv: whether the terms are there, how they were fitted (see spikebridge.baseline.Baseline), and
the factor on log(rate / baseline); 1: nothing was shrunk, or the model shrinks by itself."""
IntervalLists = Mapping[str, Sequence[Sequence[float]]]
"""Recording -> [start_s, stop_s] of the time that a fit learned from."""


@dataclass(frozen=True)
class TrainingIntervals:
    """The time that fits learned from.

    Parameters
    ----------
    split_hash : str
        Of the split manifest that the folds are those of.
    folds, tuning : mapping
        Outer fold -> recording -> [start_s, stop_s], seconds, of the time that the fit, and the tuner, learned from.
    """

    split_hash: str
    folds: Mapping[int, IntervalLists]
    tuning: Mapping[int, IntervalLists] = field(default_factory=dict)

    @staticmethod
    def parse(content: Mapping[str, Any]) -> TrainingIntervals:
        """From what JSON holds.

        Parameters
        ----------
        content : mapping
            Keys split_hash, folds and tuning; what is missing is empty.

        Returns
        -------
        TrainingIntervals
            With numbers of folds as integers.
        """
        parts = [{int(k): v for k, v in content.get(key, {}).items()} for key in ("folds", "tuning")]
        return TrainingIntervals(str(content.get("split_hash")), *parts)


@dataclass(frozen=True)
class TrainingRun:
    """The folder of one model: where its files are, and how they are written and read.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @property
    def predictions(self) -> Path:
        return self.folder / PREDICTIONS

    @property
    def translation(self) -> Path:
        return self.folder / "translation.parquet"

    @property
    def rates(self) -> Path:
        return self.folder / "rates"

    @property
    def latents(self) -> Path:
        return self.folder / "latents.parquet"

    @property
    def baselines(self) -> Path:
        return self.folder / "baselines.csv"

    @property
    def training_intervals(self) -> Path:
        return self.folder / "training_intervals.json"

    @property
    def history(self) -> Path:
        return self.folder / "history.csv"

    @property
    def fit(self) -> Path:
        return self.folder / "fit.json"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def write_predictions(self, tables: Sequence[pd.DataFrame], split_hash: str) -> None:
        """Write predictions.parquet; nothing where there are no rows.

        Parameters
        ----------
        tables : sequence of DataFrame
            From `prediction_rows`, of all folds.
        split_hash : str
            Of the split manifest.
        """
        write_trials(self.predictions, tables, split_hash)

    def write_translation(self, tables: Sequence[pd.DataFrame], split_hash: str) -> None:
        """Write translation.parquet; nothing where there are no rows.

        Parameters
        ----------
        tables : sequence of DataFrame
            From `translation_rows`, of all folds.
        split_hash : str
            Of the split manifest.
        """
        write_trials(self.translation, tables, split_hash)

    def write_rates(self, parts: Sequence[Rates]) -> None:
        """Write one file a recording, the trials of all folds in the order of their number.

        Parameters
        ----------
        parts : sequence of Rates
            Of every fold and recording.
        """
        if parts:
            self.rates.mkdir()
        for recording in dict.fromkeys(part.recording for part in parts):
            of_recording = [part for part in parts if part.recording == recording]
            trial, rates = (np.concatenate([getattr(part, key) for part in of_recording]) for key in ("trial", "rates"))
            order = np.argsort(trial)
            with open(self.rates / f"{recording}.npz", "wb") as handle:
                np.savez_compressed(handle, trial=trial[order], rates=rates[order])

    def write_baselines(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write baselines.csv; nothing where there are no rows.

        Parameters
        ----------
        rows : sequence of mapping
            One for each fold and recording, with the columns of BASELINES.
        """
        if rows:
            pd.DataFrame(list(rows))[BASELINES].to_csv(self.baselines, index=False)

    def write_training_intervals(self, intervals: TrainingIntervals) -> None:
        """Write training_intervals.json.

        Parameters
        ----------
        intervals : TrainingIntervals
            Of every fold.
        """
        write_json(self.training_intervals, asdict(intervals))

    def write_history(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write history.csv.

        Parameters
        ----------
        rows : iterable of mapping
            One for each epoch: fold, epoch, and whatever the model measures.
        """
        table = pd.DataFrame(list(rows))
        first = ["fold", "epoch"]
        table.reindex(columns=first + [c for c in table.columns if c not in first]).to_csv(self.history, index=False)

    def write_fit(self, content: Mapping[str, Any]) -> None:
        """Write fit.json.

        Parameters
        ----------
        content : mapping
            model, params (fold -> settings), threads, device and split_hash.
        """
        write_json(self.fit, content)

    def read_decisions(self, model: str, classes: tuple[str, ...]) -> Decisions:
        """Read predictions.parquet as a record.

        Parameters
        ----------
        model : str
            Name of the model.
        classes : tuple of str
            Names of the classes.

        Returns
        -------
        Decisions
            By recording and time.

        Raises
        ------
        DataError
            With the file and what it lacks.
        """
        return read_decisions(self.predictions, model, classes)

    def read_predictions(self) -> pd.DataFrame:
        """Read predictions.parquet as it was written.

        Returns
        -------
        DataFrame
            The rows of `prediction_rows`.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
        return read_parquet(self.predictions)

    def read_classes(self) -> tuple[str, ...]:
        """Names of the decisions, from the columns p_<class>.

        Returns
        -------
        tuple of str
            In the order of the columns.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
        columns = map(str, read_trials(self.predictions, []).columns)
        return tuple(c.removeprefix("p_") for c in columns if c.startswith("p_"))

    def read_translation(self, model: str) -> Translation:
        """Read translation.parquet.

        Parameters
        ----------
        model : str
            Name of the model.

        Returns
        -------
        Translation
            By recording and time.

        Raises
        ------
        DataError
            With the file and what it lacks.
        """
        return Translation(model, read_trials(self.translation, [*KEYS, *TRANSLATION]), self.rates)

    def read_baselines(self) -> pd.DataFrame | None:
        """Read baselines.csv.

        Returns
        -------
        DataFrame or None
            Columns BASELINES; None where there is no file.

        Raises
        ------
        DataError
            Where it lacks a column.
        """
        if not self.baselines.is_file():
            return None
        table = pd.read_csv(self.baselines, dtype={"recording": str, "fold": str})
        if missing := [c for c in BASELINES if c not in table.columns]:
            raise DataError(f"{self.baselines}: expected columns {BASELINES}, missing {missing}")
        return table[BASELINES]

    def read_training_intervals(self) -> TrainingIntervals:
        """Read training_intervals.json.

        Returns
        -------
        TrainingIntervals
            Of every fold.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
        try:
            return TrainingIntervals.parse(read_json(self.training_intervals))
        except DataError as error:
            raise DataError(f"{error}; run the stage train@{self.folder.name} again") from None

    def read_fold_intervals(self, fold: int) -> IntervalLists:
        """The time that the fit of one fold learned from.

        Parameters
        ----------
        fold : int
            The outer fold.

        Returns
        -------
        mapping of str to sequence
            Recording -> [start_s, stop_s], seconds.

        Raises
        ------
        DataError
            Where it is not known.
        """
        folds = self.read_training_intervals().folds
        if fold not in folds:
            raise DataError(
                f"{self.training_intervals}: expected the time that fold {fold} learned from; run the stage "
                f"train@{self.folder.name} again"
            )
        return folds[fold]

    def read_history(self) -> pd.DataFrame | None:
        """Read history.csv.

        Returns
        -------
        DataFrame or None
            One row an epoch; None where there is no file.
        """
        return pd.read_csv(self.history) if self.history.is_file() else None

    def read_fit(self) -> dict[str, Any]:
        """Read fit.json.

        Returns
        -------
        dict
            See `write_fit`.

        Raises
        ------
        DataError
            Where there is none.
        """
        return read_json(self.fit)


def joined_intervals(first: IntervalLists, second: IntervalLists) -> dict[str, list[list[float]]]:
    """The time that lies in either.

    Parameters
    ----------
    first, second : mapping of str to sequence
        Recording -> [start_s, stop_s], seconds.

    Returns
    -------
    dict of str to list
        Recording -> [start_s, stop_s], seconds, sorted and apart.
    """
    names = {**first, **second}
    return {n: merge_intervals(np.array([*first.get(n, ()), *second.get(n, ())])).tolist() for n in names}
