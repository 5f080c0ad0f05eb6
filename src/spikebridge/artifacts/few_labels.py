"""Decisions in held-out recordings with none, some and all of their labels: runs/train/<model>/few_labels.parquet.

One row a test trial, fit and number of labels: the columns of predictions.parquet (spikebridge.artifacts.trial_tables),
and fit (text), labels (text), n_labels (int64), distance_s (float64, seconds); see `FewLabels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.trial_tables import KEYS, prediction_rows, read_trials, write_trials
from spikebridge.types import Windows

FILE = "few_labels.parquet"
COLUMNS = ["fit", "labels", "n_labels", "distance_s"]


@dataclass(frozen=True)
class FewLabels:
    """What a decision in a held-out recording owes to labels of that recording.

    Parameters
    ----------
    fit : str
        "adapted" or "from scratch".
    labels : str
        How many labels were asked for, as text, or "all".
    n_labels : int
        How many they were.
    distance_s : float
        Seconds from the predicted block to the nearest window whose label was used, or that was learned from; infinite
        for none.
    """

    fit: str
    labels: str
    n_labels: int
    distance_s: float


def few_label_rows(
    test: Windows, fold: int, probabilities: NDArray[np.float64], predicted: NDArray[np.int64], used: FewLabels
) -> pd.DataFrame:
    """Rows of one recording and fold: those of `prediction_rows`, and what the decisions owe to labels.

    Parameters
    ----------
    test : Windows
        The labelled windows that were predicted.
    fold : int
        The outer fold that tests them.
    probabilities : NDArray, shape (trial, class)
        Of each class.
    predicted : NDArray, shape (trial,)
        Index of the class that the model decided for.
    used : FewLabels
        The same for all rows.

    Returns
    -------
    DataFrame
        One row a trial; split_hash is added on writing.
    """
    return prediction_rows(test, fold, probabilities, predicted).assign(**vars(used))


def write_few_labels(folder: Path, tables: Sequence[pd.DataFrame], split_hash: str) -> None:
    """Write the rows of all folds into the folder of a model; nothing where there are none.

    Parameters
    ----------
    folder : Path
        Of the model.
    tables : sequence of DataFrame
        From `few_label_rows`.
    split_hash : str
        Of the split manifest.
    """
    write_trials(folder / FILE, tables, split_hash)


def read_few_labels(folder: Path) -> pd.DataFrame | None:
    """Read the rows of a model's folder.

    Parameters
    ----------
    folder : Path
        Of the model.

    Returns
    -------
    DataFrame or None
        By recording and time; None where there are none.

    Raises
    ------
    DataError
        Where the file cannot be read or lacks a column.
    """
    path = folder / FILE
    return read_trials(path, [*KEYS, "label", "predicted", *COLUMNS]) if path.is_file() else None
