"""What was known of a trial before its decision, besides spikes and behaviour: earlier labels, columns of its table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import TrialsConfig
from spikebridge.errors import DataError
from spikebridge.labels.trial_labels import MAX_CLASSES, included_trials, label_names, trial_labels
from spikebridge.preprocess.trials import TrialSelection
from spikebridge.types import Recording
from spikebridge.types.covariates import N_BACK, column_covariate, label_back, trial_back

Array = NDArray[np.float64]


def trial_covariates(
    recording: Recording, trials: TrialsConfig, chosen: TrialSelection, classes: tuple[str, ...]
) -> tuple[Array, tuple[str, ...]]:
    """(trial, covariate) of the chosen trials, and the covariates' names.

    label k back: index of the class of the k-th labelled trial before, -1 where there is none. A trial comes before
        when its decision does; whether it is itself used does not matter, for the animal remembers it all the same.
    trial k back: the row of that trial in the table where it is one of the chosen, else -1. A fit must leave out trials
        whose history it may not know: see models.choice_history.
    column <name>: a numeric column of `trials.covariates`, NaN where missing.
    column <name> = <value>: 1 or 0 for each value of one that holds words; NaN where missing.

    Raises DataError for words of more than `MAX_CLASSES` kinds.
    """
    label, trial = _before(recording, trials, chosen, classes)
    columns: dict[str, NDArray[Any]] = {label_back(k + 1): label[:, k] for k in range(N_BACK)}
    columns |= {trial_back(k + 1): trial[:, k] for k in range(N_BACK)}
    for name in trials.covariates:
        columns |= _column(recording.name, name, recording.trials[name], chosen.trial)
    return np.column_stack(list(columns.values())).astype(np.float64), tuple(columns)


def _before(
    recording: Recording, trials: TrialsConfig, chosen: TrialSelection, classes: tuple[str, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(trial, back): class and row of the labelled trials before each chosen one, the nearest first."""
    index, table = {name: i for i, name in enumerate(classes)}, recording.trials
    decision = table[trials.decision or trials.align].to_numpy(dtype=np.float64)
    names = trial_labels(table, trials.label, recording.name, included_trials(table, trials.include, recording.name))
    label = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    known = np.flatnonzero((label >= 0) & np.isfinite(decision))
    known = known[np.argsort(decision[known], kind="stable")]
    n_before = np.searchsorted(decision[known], chosen.decision_s, side="left")  # strictly before
    at = n_before[:, None] - 1 - np.arange(N_BACK)
    row = np.where(at >= 0, np.append(known, -1)[np.maximum(at, -1)], -1)
    return np.where(row >= 0, label[row], -1), np.where(np.isin(row, chosen.trial), row, -1)


def _column(recording: str, name: str, values: pd.Series, rows: NDArray[np.int64]) -> dict[str, Array]:
    if pd.api.types.is_numeric_dtype(values):
        return {column_covariate(name): values.to_numpy(dtype=np.float64, na_value=np.nan)[rows]}
    words = label_names(values)[rows]
    kinds = sorted(set(words.tolist()) - {""})
    if len(kinds) > MAX_CLASSES:
        raise DataError.of(
            "covariate-of-many-values",
            recording,
            f"trials.covariates: expected numbers or at most {MAX_CLASSES} different words in column "
            f"{name!r}, got {len(kinds)}",
        )
    missing = words == ""
    return {column_covariate(name, k): np.where(missing, np.nan, (words == k).astype(np.float64)) for k in kinds}
