"""What the stage tune writes for one model, runs/tune/<model>: best.json, trials.csv and the Optuna studies.

best.json     the chosen settings of every outer fold and of the fit on everything, with their inner scores
trials.csv    one row per fold and trial: fold, number, state, value, params_<name>
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
    """The settings that the tuner chose in one outer fold (its number), or for everything ("full").

    inner: score -> mean over the inner validation windows; None where the model has no such score.
    training_intervals: recording -> the time that the tuner of this fold learned from and validated on; None: unknown.
    """

    fold: int | str
    params: Mapping[str, Any]
    inner: Mapping[str, float | None] = field(default_factory=dict)
    n_trials: int = 1
    n_pruned: int = 0
    training_intervals: IntervalLists | None = None

    @staticmethod
    def parse(content: Mapping[str, Any]) -> TunedFold:
        """From an entry of best.json."""
        known = {key: content[key] for key in TunedFold.__dataclass_fields__ if key in content}
        return TunedFold(**known)

    def content(self) -> dict[str, Any]:
        """An entry of best.json."""
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class TunedSettings:
    """best.json. full: for the fit on everything, None where there is to be none.

    tunable: whether the model has settings to tune. split_hash: of the split manifest; "" where it is not known.
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
    """The folder of one model: where its files are, and how they are written and read."""

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
        """Write best.json into the folder, made where missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"model": settings.model, "tunable": settings.tunable, "split_hash": settings.split_hash}
        parts = {
            "folds": [part.content() for part in settings.folds],
            "full": settings.full and settings.full.content(),
        }
        write_json(self.best, about | parts)

    def write_trials(self, rows: Iterable[Mapping[str, Any]], studies: Iterable[Path] = ()) -> None:
        """Write trials.csv, and copy the files of the studies."""
        pd.DataFrame(list(rows)).to_csv(self.trials, index=False)
        self.studies.mkdir()
        for path in studies:
            shutil.copy(path, self.studies / path.name)

    def read_settings(self) -> TunedSettings:
        """Raises DataError naming the file and what it lacks."""
        return read_tuned_settings(self.best)

    def read_trials(self) -> pd.DataFrame:
        """Raises DataError where there are none."""
        try:
            return pd.read_csv(self.trials)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.trials}: cannot be read as a table of trials: {error}") from None


def read_tuned_settings(path: Path) -> TunedSettings:
    """The settings in a best.json. Raises DataError naming the file and what it lacks."""
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
