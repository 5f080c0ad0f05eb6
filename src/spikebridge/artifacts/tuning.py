"""What the stage tune writes for one model, runs/tune/<model>: best.json, trials.csv and the Optuna studies.

best.json     model (text), tunable (bool), split_hash (text), and the chosen settings of every outer fold (folds) and
              of the fit on everything (full), each with the fields of `TunedFold`
trials.csv    one row per fold and trial: fold (text), number (int), state (COMPLETE or PRUNED), value (float,
              bits/spike or minus nats; empty for a pruned trial), params_<name>
studies/      one SQLite file a fold
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.artifacts.json_files import read_json, write_json
from spikebridge.artifacts.training import IntervalLists
from spikebridge.errors import DataError

TUNING_FOLDER = Path("runs") / "tune"
"""Has one folder for each model, in the folder of a project."""
UNFINISHED_STUDIES_FOLDER = Path("runs") / "work" / "tune"
"""Has one folder for each model, with the studies of a stage that has not finished, in the folder of a project."""


@dataclass(frozen=True)
class TunedFold:
    """The settings that the tuner chose in one outer fold, or for everything.

    Parameters
    ----------
    fold : int or str
        Number of the outer fold, or "full".
    params : mapping
        The settings.
    inner : mapping of str to float or None
        Score -> mean over the inner validation windows; None where the model has no such score.
    n_trials, n_pruned : int
        Finished trials, and those of them that were ended early.
    training_intervals : mapping of str to sequence, optional
        Recording -> [start_s, stop_s], seconds, of the time that the tuner of this fold learned from and validated on;
        None: unknown.
    """

    fold: int | str
    params: Mapping[str, Any]
    inner: Mapping[str, float | None] = field(default_factory=dict)
    n_trials: int = 1
    n_pruned: int = 0
    training_intervals: IntervalLists | None = None

    @staticmethod
    def parse(content: Mapping[str, Any]) -> TunedFold:
        """From an entry of best.json.

        Parameters
        ----------
        content : mapping
            Other keys than the fields are left out.

        Returns
        -------
        TunedFold
            With defaults for what is missing.
        """
        known = {key: content[key] for key in TunedFold.__dataclass_fields__ if key in content}
        return TunedFold(**known)

    def content(self) -> dict[str, Any]:
        """An entry of best.json.

        Returns
        -------
        dict
            The fields that are not None.
        """
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class TunedSettings:
    """The content of best.json.

    Parameters
    ----------
    model : str
        Name of the model.
    folds : sequence of TunedFold
        One for each outer fold.
    full : TunedFold, optional
        For the fit on everything; None where there is to be none.
    tunable : bool
        Whether the model has settings to tune.
    split_hash : str
        Of the split manifest; "" where it is not known.
    """

    model: str
    folds: Sequence[TunedFold]
    full: TunedFold | None = None
    tunable: bool = True
    split_hash: str = ""

    @property
    def params(self) -> dict[str, dict[str, Any]]:
        """Fold as text ("0", "1", ..., "full") -> settings."""
        return {str(part.fold): dict(part.params) for part in (*self.folds, self.full) if part}


@dataclass(frozen=True)
class TuningRun:
    """The folder of one model: where its files are, and how they are written and read.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @property
    def best(self) -> Path:
        return self.folder / "best.json"

    @property
    def trials(self) -> Path:
        return self.folder / "trials.csv"

    @property
    def studies(self) -> Path:
        return self.folder / "studies"

    def write_settings(self, settings: TunedSettings) -> None:
        """Write best.json into the folder, made where missing.

        Parameters
        ----------
        settings : TunedSettings
            The content.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"model": settings.model, "tunable": settings.tunable, "split_hash": settings.split_hash}
        parts = {
            "folds": [part.content() for part in settings.folds],
            "full": settings.full and settings.full.content(),
        }
        write_json(self.best, about | parts)

    def write_trials(self, rows: Iterable[Mapping[str, Any]], studies: Iterable[Path] = ()) -> None:
        """Write trials.csv, and copy the files of the studies.

        Parameters
        ----------
        rows : iterable of mapping
            One for each fold and trial.
        studies : iterable of Path
            SQLite files.
        """
        pd.DataFrame(list(rows)).to_csv(self.trials, index=False)
        self.studies.mkdir()
        for path in studies:
            shutil.copy(path, self.studies / path.name)

    def read_settings(self) -> TunedSettings:
        """Read best.json.

        Returns
        -------
        TunedSettings
            The content.

        Raises
        ------
        DataError
            With the file and what it lacks.
        """
        return read_tuned_settings(self.best)

    def read_trials(self) -> pd.DataFrame:
        """Read trials.csv.

        Returns
        -------
        DataFrame
            One row a fold and trial.

        Raises
        ------
        DataError
            Where there are none.
        """
        try:
            return pd.read_csv(self.trials)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.trials}: cannot be read as a table of trials: {error}") from None


def read_tuned_settings(path: Path) -> TunedSettings:
    """Read a best.json.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    TunedSettings
        The content.

    Raises
    ------
    DataError
        With the file and what it lacks.
    """
    content = read_json(path)
    try:
        return TunedSettings(
            model=str(content.get("model", "")),
            folds=[TunedFold.parse(entry) for entry in content["folds"]],
            full=TunedFold.parse(content["full"]) if content.get("full") else None,
            tunable=bool(content.get("tunable", True)),
            split_hash=content.get("split_hash", ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: expected tuned settings of every fold; run the stage tune ({error})") from None
