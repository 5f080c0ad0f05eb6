"""Tables with one row a trial, out of fold: their keys, the rows of predictions and translations, reader and writer.

recording, block, split_hash       text; block: the test block of a recording and fold
trial, fold                        int64; row of the trial table, and outer fold
time_s                             float64, seconds, time of the decision on the recording's clock

predictions.parquet has besides:
label, predicted                   text, names of classes
p_<class>, share_<class>           float64; probability of the class, and its share of the labels of the fit

translation.parquet has besides:
nats, nats_without_source          float64, natural units, log likelihood over that of the training mean rates
spikes                             float64, spikes of the target in the window
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.types import Windows

KEYS = ["recording", "trial", "fold", "block", "time_s", "split_hash"]


def trial_keys(test: Windows, fold: int) -> pd.DataFrame:
    """The columns that say which trial a row is of.

    Parameters
    ----------
    test : Windows
        The windows that were predicted, of one recording.
    fold : int
        The outer fold that tests them.

    Returns
    -------
    DataFrame
        One row a window: recording, trial, fold, block, time_s (seconds, of its decision).
    """
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


def write_trials(path: Path, tables: Sequence[pd.DataFrame], split_hash: str) -> None:
    """Write tables of trials as one file, sorted, with the hash of the manifest; nothing where there are none.

    Parameters
    ----------
    path : Path
        A parquet file.
    tables : sequence of DataFrame
        With the columns of `trial_keys`.
    split_hash : str
        Of the split manifest; becomes a column.
    """
    if tables:
        table = pd.concat(tables).sort_values(["recording", "time_s"], ignore_index=True)
        table.assign(split_hash=split_hash).to_parquet(path, index=False)


def read_trials(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read a table of trials.

    Parameters
    ----------
    path : Path
        A parquet file.
    columns : list of str
        Columns that it must have.

    Returns
    -------
    DataFrame
        By recording and time.

    Raises
    ------
    DataError
        With the file, where it cannot be read, and the columns that it lacks.
    """
    table = read_parquet(path)
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise DataError(f"{path}: expected columns {columns}, missing {missing}")
    return table.sort_values(["recording", "time_s", "trial"], kind="stable").reset_index(drop=True)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a table as it was written.

    Parameters
    ----------
    path : Path
        A parquet file.

    Returns
    -------
    DataFrame
        All of its columns.

    Raises
    ------
    DataError
        With the file, where it cannot be read.
    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as parquet: {error}") from None
