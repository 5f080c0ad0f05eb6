"""Decisions in held-out recordings with none, some and all of their labels: runs/train/<model>/few_labels.parquet.

One row a test trial, fit and number of labels: the columns of predictions.parquet, and those of COLUMNS.
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

    fit: "adapted" or "from scratch". labels: how many, as text, or "all". n_labels: how many they were. distance_s:
    from the predicted block to the nearest window whose label was used, or that was learned from; infinite for none.
    """

    fit: str
    labels: str
    n_labels: int
    distance_s: float


def few_label_rows(
    test: Windows, fold: int, probabilities: NDArray[np.float64], predicted: NDArray[np.int64], used: FewLabels
) -> pd.DataFrame:
    """Rows of one recording and fold: those of `prediction_rows`, and what the decisions owe to labels."""
    return prediction_rows(test, fold, probabilities, predicted).assign(**vars(used))


def write_few_labels(folder: Path, tables: Sequence[pd.DataFrame], split_hash: str) -> None:
    """Write the rows of all folds into the folder of a model; nothing where there are none."""
    write_trials(folder / FILE, tables, split_hash)


def read_few_labels(folder: Path) -> pd.DataFrame | None:
    """The rows of a model's folder; None where there are none. Raises DataError where a column is missing."""
    path = folder / FILE
    return read_trials(path, [*KEYS, "label", "predicted", *COLUMNS]) if path.is_file() else None
