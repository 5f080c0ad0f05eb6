"""Out-of-fold results of one model as records: decisions, translations and rates.

The files are those of artifacts.training; artifacts.trial_tables has the columns of the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.trial_tables import KEYS, read_trials
from spikebridge.errors import DataError


@dataclass(frozen=True)
class Decisions:
    """Out-of-fold predictions of one model, sorted by recording and time.

    Parameters
    ----------
    model : str
        Name of the model.
    table : DataFrame
        predictions.parquet.
    label, predicted : NDArray of int64, shape (trial,)
        Index into the classes.
    probabilities : NDArray, shape (trial, class)
        Of each class.
    evidence : NDArray, shape (trial, class)
        The probabilities divided by the shares of the classes in training, scaled to sum to one: what the spikes say,
        apart from how frequent a decision is.
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

    Parameters
    ----------
    model : str
        Name of the model.
    table : DataFrame
        translation.parquet: nats and spikes of each trial, and the nats of the model's baseline without the source.
    rates_folder : Path
        Has one file a recording; see `TrainingRun.write_rates`.
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
    """Out-of-fold rates of one recording in one fold.

    Parameters
    ----------
    recording : str
        Name of the recording.
    trial : NDArray of int64, shape (trial,)
        Row of the trial table.
    rates : NDArray of float32, shape (trial, bin, unit), spikes per bin
        Predicted rates of the target.
    """

    recording: str
    trial: NDArray[np.int64]
    rates: NDArray[np.float32]


def read_decisions(path: Path, model: str, classes: tuple[str, ...]) -> Decisions:
    """Read predictions.parquet.

    evidence[n, c] = (p[n, c] / share[n, c]) / sum_k (p[n, k] / share[n, k]), with the share of the class in training.

    Parameters
    ----------
    path : Path
        The file.
    model : str
        Name of the model.
    classes : tuple of str
        Names of the classes.

    Returns
    -------
    Decisions
        By recording and time. The evidence is the probabilities where the table has no shares.

    Raises
    ------
    DataError
        Where the file cannot be read or lacks a column, a class is unknown, or probabilities do not sum to one.
    """
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
