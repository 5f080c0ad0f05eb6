"""Tables that `spikebridge predict` and `spikebridge score` write where the user says: Parquet, CSV or NWB by name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.errors import DataError
from spikebridge.runtime.stage import output

TABLE_SUFFIXES = (".parquet", ".csv")
NWB_SUFFIX = ".nwb"
UNKNOWN_START = datetime(1970, 1, 1, tzinfo=UTC)
"""NWB wants the date of the session; the table has times on the clock of the spikes, and no date."""


def check_suffix(path: Path, flag: str, nwb: bool = False) -> None:
    """Check the name of a file before anything is computed.

    Parameters
    ----------
    path : Path
        The file to be written.
    flag : str
        The option of the command line, for the message.
    nwb : bool
        Whether an NWB file can be written.

    Raises
    ------
    DataError
        Where the name ends otherwise, or the path is a folder.
    """
    suffixes = (*TABLE_SUFFIXES, *([NWB_SUFFIX] if nwb else []))
    if path.suffix.lower() not in suffixes:
        raise DataError(
            f"{flag}: expected a name that ends in {', '.join(suffixes[:-1])} or {suffixes[-1]}, got {path}"
        )
    if path.is_dir():
        raise DataError(f"{flag}: {path} is a folder")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the complete file or none: after an error the file is as before.

    Parameters
    ----------
    table : DataFrame
        The rows.
    path : Path
        A name that ends in .parquet or .csv.
    """
    with output(path.resolve()) as temporary:
        if path.suffix.lower() == ".csv":
            table.to_csv(temporary, index=False)
        else:
            table.to_parquet(temporary, index=False)


def write_nwb_predictions(table: pd.DataFrame, starts: Sequence[float], stops: Sequence[float], path: Path) -> None:
    """Write the predictions of one recording as the trial table of an NWB file.

    Parameters
    ----------
    table : DataFrame
        Columns recording, trial, time_s, label, fitted_on, and those of the decision.
    starts, stops : sequence of float
        Seconds: the window of each trial.
    path : Path
        A name that ends in .nwb.

    Raises
    ------
    DataError
        Where the table holds several recordings: an NWB file is one session.
    """
    from pynwb import NWBHDF5IO, NWBFile

    names = table["recording"].unique().tolist()
    if len(names) != 1:
        raise DataError(f"{path}: an NWB file holds one recording, got {len(names)}; write .parquet or .csv")
    nwb = NWBFile(
        session_description="decisions that spikebridge predicts; times in seconds on the clock of the recording",
        identifier=f"spikebridge predictions of {names[0]}",
        session_start_time=UNKNOWN_START,
        session_id=str(names[0]),
    )
    rows: dict[str, Any] = {
        "trial": ("row of the trial table of the recording, from 0", table["trial"]),
        "decision_time": ("time of the decision, seconds", table["time_s"]),
    }
    for name in table.columns.drop(["recording", "trial", "time_s"]):
        text = "probability of this class" if name.startswith("p_") else TEXTS[name]
        rows[name] = (text, table[name] if name.startswith("p_") else table[name].fillna("").astype(str))
    for name, (text, _) in rows.items():
        nwb.add_trial_column(name, text)
    columns = {name: values.tolist() for name, (_, values) in rows.items()}
    for k, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        row = {name: values[k] for name, values in columns.items()}
        nwb.add_trial(start_time=float(start), stop_time=float(stop), **row)
    with output(path.resolve()) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pynwb wants .nwb at the end, which the temporary name lacks
        with NWBHDF5IO(str(temporary), "w") as io:
            io.write(nwb)


TEXTS = {
    "decision": "class that the model decides for",
    "label": "true class; empty where there is none",
    "fitted_on": "whether the model was fitted on this window: yes, no or unknown",
}
