"""What the stage train writes for one model, runs/train/<model>, and a nested model for each of its steps.

predictions.parquet       decisions out of fold, one row a trial          (models that decide)
translation.parquet       bits about the target out of fold, one row a trial  (models that translate)
rates/<recording>.npz     rates out of fold: trial, rates (trial, bin, unit)  (models that translate)
held_out_rates/           see spikebridge.artifacts.held_out_rates        (models that translate)
latents.parquet           see spikebridge.artifacts.latents               (models with latents)
baselines.csv             terms of the baseline, one row a fold and recording  (models that translate)
few_labels.parquet        see spikebridge.artifacts.few_labels            (models that adapt)
training_intervals.json   the time that each fold's fit, and its tuning, learned from
history.csv               training curves, one row an epoch
fit.json                  settings of every fit
model/                    the fit on everything
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.json_files import read_json, write_json
from spikebridge.errors import DataError
from spikebridge.types import Windows
from spikebridge.types.intervals import merge_intervals

TRAINING_FOLDER = Path("runs") / "train"
"""Has one folder for each model, in the folder of a project."""
PREDICTIONS = "predictions.parquet"
KEYS = ["recording", "trial", "fold", "block", "time_s", "split_hash"]
TRANSLATION = ["nats", "spikes", "nats_without_source"]
BASELINES = ["fold", "recording", "psth", "smoothing_bins", "shrinkage", "drift", "kernel_s", "prior", "scale"]
"""Columns of baselines.csv: whether the terms are there, how they were fitted (see spikebridge.baseline.Baseline), and
the factor on log(rate / baseline); 1: nothing was shrunk, or the model shrinks by itself."""
IntervalLists = Mapping[str, Sequence[Sequence[float]]]
"""Recording -> [start_s, stop_s] of the time that a fit learned from."""


@dataclass(frozen=True)
class Decisions:
    """Out-of-fold predictions of one model, sorted by recording and time.

    table: predictions.parquet. label, predicted: (trial,), index into the classes. probabilities: (trial, class).
    evidence: (trial, class), the probabilities divided by the shares of the classes in training, scaled to sum to one:
    what the spikes say, apart from how frequent a decision is.
    """

    model: str
    table: pd.DataFrame
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    evidence: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.label == self.predicted)


@dataclass(frozen=True)
class Translation:
    """Out-of-fold information of one translator about the target, sorted like the decisions.

    table: translation.parquet: nats and spikes of each trial, and the nats of the model's baseline without the source.
    rates_folder: one file a recording; see `write_rates`.
    """

    model: str
    table: pd.DataFrame
    rates_folder: Path

    @property
    def nats(self) -> NDArray[np.float64]:
        return self.table["nats"].to_numpy(np.float64)

    @property
    def from_source(self) -> NDArray[np.float64]:
        """(trial,), nats beyond those of the model's baseline without the source."""
        return self.nats - self.table["nats_without_source"].to_numpy(np.float64)

    @property
    def spikes(self) -> NDArray[np.float64]:
        return self.table["spikes"].to_numpy(np.float64)

    @cached_property
    def rates(self) -> Mapping[str, tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """(trial numbers, rates (trial, bin, unit) in spikes per bin) per recording."""
        return {path.stem: _read_rates(path) for path in sorted(self.rates_folder.glob("*.npz"))}


@dataclass(frozen=True)
class Rates:
    """Out-of-fold rates of one recording in one fold. trial: (trial,). rates: (trial, bin, unit), spikes per bin."""

    recording: str
    trial: NDArray[np.int64]
    rates: NDArray[np.float32]


@dataclass(frozen=True)
class TrainingIntervals:
    """The time that fits learned from. folds, tuning: outer fold -> recording -> intervals.

    split_hash: of the split manifest that the folds are those of. tuning: what the tuner of each fold learned from.
    """

    split_hash: str
    folds: Mapping[int, IntervalLists]
    tuning: Mapping[int, IntervalLists] = field(default_factory=dict)

    @staticmethod
    def parse(content: Mapping[str, Any]) -> TrainingIntervals:
        """From what JSON holds; what is missing is empty."""
        parts = [{int(k): v for k, v in content.get(key, {}).items()} for key in ("folds", "tuning")]
        return TrainingIntervals(str(content.get("split_hash")), *parts)


@dataclass(frozen=True)
class TrainingRun:
    """The folder of one model: where its files are, and how they are written and read."""

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
        """Write the rows of all folds (see `prediction_rows`); nothing where there are none."""
        write_trials(self.predictions, tables, split_hash)

    def write_translation(self, tables: Sequence[pd.DataFrame], split_hash: str) -> None:
        """Write the rows of all folds (see `translation_rows`); nothing where there are none."""
        write_trials(self.translation, tables, split_hash)

    def write_rates(self, parts: Sequence[Rates]) -> None:
        """Write one file a recording, the trials of all folds in the order of their number."""
        if parts:
            self.rates.mkdir()
        for recording in dict.fromkeys(part.recording for part in parts):
            of_recording = [part for part in parts if part.recording == recording]
            trial, rates = (np.concatenate([getattr(part, key) for part in of_recording]) for key in ("trial", "rates"))
            order = np.argsort(trial)
            with open(self.rates / f"{recording}.npz", "wb") as handle:
                np.savez_compressed(handle, trial=trial[order], rates=rates[order])

    def write_baselines(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write one row a fold and recording, with the columns of BASELINES; nothing where there are none."""
        if rows:
            pd.DataFrame(list(rows))[BASELINES].to_csv(self.baselines, index=False)

    def write_training_intervals(self, intervals: TrainingIntervals) -> None:
        write_json(self.training_intervals, asdict(intervals))

    def write_history(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write one row an epoch: fold, epoch, and whatever the model measures."""
        table = pd.DataFrame(list(rows))
        first = ["fold", "epoch"]
        table.reindex(columns=first + [c for c in table.columns if c not in first]).to_csv(self.history, index=False)

    def write_fit(self, content: Mapping[str, Any]) -> None:
        """Write model, params (fold -> settings), threads, device and split_hash."""
        write_json(self.fit, content)

    def read_decisions(self, model: str, classes: tuple[str, ...]) -> Decisions:
        """Raises DataError naming the file and what it lacks."""
        return _read_decisions(self.predictions, model, classes)

    def read_predictions(self) -> pd.DataFrame:
        """The rows of `prediction_rows`, as they were written. Raises DataError where the file cannot be read."""
        return _read_parquet(self.predictions)

    def read_classes(self) -> tuple[str, ...]:
        """Names of the decisions, from the columns p_<class>. Raises DataError where the file cannot be read."""
        columns = map(str, read_trials(self.predictions, []).columns)
        return tuple(c.removeprefix("p_") for c in columns if c.startswith("p_"))

    def read_translation(self, model: str) -> Translation:
        """Raises DataError naming the file and what it lacks."""
        return Translation(model, read_trials(self.translation, [*KEYS, *TRANSLATION]), self.rates)

    def read_baselines(self) -> pd.DataFrame | None:
        """None where there is none. Raises DataError where it lacks a column."""
        if not self.baselines.is_file():
            return None
        table = pd.read_csv(self.baselines, dtype={"recording": str, "fold": str})
        if missing := [c for c in BASELINES if c not in table.columns]:
            raise DataError(f"{self.baselines}: expected columns {BASELINES}, missing {missing}")
        return table[BASELINES]

    def read_training_intervals(self) -> TrainingIntervals:
        """Raises DataError naming the file where it cannot be read."""
        try:
            return TrainingIntervals.parse(read_json(self.training_intervals))
        except DataError as error:
            raise DataError(f"{error}; run the stage train@{self.folder.name} again") from None

    def read_fold_intervals(self, fold: int) -> IntervalLists:
        """The time that the fit of one fold learned from. Raises DataError where it is not known."""
        folds = self.read_training_intervals().folds
        if fold not in folds:
            raise DataError(
                f"{self.training_intervals}: expected the time that fold {fold} learned from; run the stage "
                f"train@{self.folder.name} again"
            )
        return folds[fold]

    def read_history(self) -> pd.DataFrame | None:
        """None where there is none."""
        return pd.read_csv(self.history) if self.history.is_file() else None

    def read_fit(self) -> dict[str, Any]:
        """Raises DataError where there is none."""
        return read_json(self.fit)


def trial_keys(test: Windows, fold: int) -> pd.DataFrame:
    """One row a test trial: recording, trial, fold, block, time_s (of its decision)."""
    return pd.DataFrame(
        {
            "recording": test.recording,
            "trial": test.trial,
            "fold": fold,
            "block": f"{test.recording}/{fold}",
            "time_s": test.decision_s,
        }
    )


def prediction_rows(
    test: Windows,
    fold: int,
    probabilities: NDArray[np.float64],
    predicted: NDArray[np.int64],
    shares: Sequence[float] = (),
) -> pd.DataFrame:
    """Rows of predictions.parquet, all of one recording and fold.

    Parameters
    ----------
    test : Windows
        The labelled windows that were predicted.
    fold : int
        The outer fold that tests them.
    probabilities : NDArray, shape (trial, class)
        Column p_<class> of the table.
    predicted : NDArray, shape (trial,)
        Index of the class that the model decided for.
    shares : Sequence[float], shape (class,), optional
        Column share_<class>: of the labels that the fit learned from.

    Returns
    -------
    pandas.DataFrame
        One row a trial; split_hash is added on writing.
    """
    names = np.array(test.classes)
    table = trial_keys(test, fold).assign(label=names[test.label], predicted=names[predicted])
    return table.assign(
        **{f"p_{c}": probabilities[:, i] for i, c in enumerate(test.classes)},
        **({f"share_{c}": shares[i] for i, c in enumerate(test.classes)} if len(shares) else {}),
    )


def translation_rows(
    test: Windows,
    fold: int,
    nats: NDArray[np.float64],
    spikes: NDArray[np.float64],
    nats_without_source: NDArray[np.float64] | float,
) -> pd.DataFrame:
    """Rows of translation.parquet, all of one recording and fold.

    Parameters
    ----------
    test : Windows
        The windows that were translated.
    fold : int
        The outer fold that tests them.
    nats, spikes : NDArray, shape (trial,)
        Log likelihood over that of the training mean rates, and spikes of the target.
    nats_without_source : NDArray, shape (trial,), or float
        Nats of the model's baseline; NaN where the model has a part that uses no source, of unknown size.

    Returns
    -------
    pandas.DataFrame
        One row a trial; split_hash is added on writing.
    """
    return trial_keys(test, fold).assign(nats=nats, spikes=spikes, nats_without_source=nats_without_source)


def joined_intervals(first: IntervalLists, second: IntervalLists) -> dict[str, list[list[float]]]:
    """The time that lies in either."""
    names = {**first, **second}
    return {n: merge_intervals(np.array([*first.get(n, ()), *second.get(n, ())])).tolist() for n in names}


def read_trials(path: Path, columns: list[str]) -> pd.DataFrame:
    """A table of trials, by recording and time. Raises DataError naming the file and the columns that it lacks."""
    table = _read_parquet(path)
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise DataError(f"{path}: expected columns {columns}, missing {missing}")
    return table.sort_values(["recording", "time_s", "trial"], kind="stable").reset_index(drop=True)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as parquet: {error}") from None


def write_trials(path: Path, tables: Sequence[pd.DataFrame], split_hash: str) -> None:
    """Tables of trials as one file, sorted, with the hash of the manifest; nothing where there are none."""
    if tables:
        table = pd.concat(tables).sort_values(["recording", "time_s"], ignore_index=True)
        table.assign(split_hash=split_hash).to_parquet(path, index=False)


def _read_decisions(path: Path, model: str, classes: tuple[str, ...]) -> Decisions:
    probability = [f"p_{c}" for c in classes]
    table = read_trials(path, [*KEYS, "label", "predicted", *probability])
    number = {c: k for k, c in enumerate(classes)}
    for column in ("label", "predicted"):
        unknown = sorted(set(table[column].astype(str)) - set(classes))
        if unknown:
            raise DataError(f"{path}: column {column}: expected one of {list(classes)}, got {unknown}")
    p = table[probability].to_numpy(np.float64)
    wrong = ~(np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1) & (np.abs(p.sum(axis=1) - 1) < 1e-3))
    if wrong.any():
        row = table.iloc[int(np.argmax(wrong))]
        raise DataError(
            f"{path}: expected probabilities that sum to one, got {p[np.argmax(wrong)].tolist()} "
            f"at {row['recording']} trial {row['trial']}"
        )
    label = table["label"].astype(str).map(number).to_numpy(np.int64)
    predicted = table["predicted"].astype(str).map(number).to_numpy(np.int64)
    shares = [f"share_{c}" for c in classes]
    evidence = p / table[shares].to_numpy(np.float64) if set(shares) <= set(table.columns) else p
    return Decisions(model, table, label, predicted, p, evidence / evidence.sum(axis=1, keepdims=True))


def _read_rates(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    try:
        with np.load(path, allow_pickle=False) as z:
            return z["trial"], z["rates"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as rates: {error}") from None
