"""Optuna studies on disk, one SQLite file each. A damaged file is moved away, so that tuning can continue."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from spikebridge.artifacts.training import IntervalLists
from spikebridge.artifacts.tuning import TunedFold
from spikebridge.config import TuneConfig
from spikebridge.errors.system_errors import explain

MODULES = ("optuna", "alembic.command", "sqlalchemy.orm")
"""Modules that the first study of a process loads, most of them when it opens its file."""
Result = tuple[TunedFold, list[dict[str, Any]]]
"""The chosen settings of one fold, and one row per trial for trials.csv."""
MAX_WARM_UP = 4
JOURNAL = "-journal"
"""Suffix of SQLite's file for an unfinished change, in the folder of its database."""


@contextmanager
def opened(path: Path, name: str, settings: TuneConfig, aside: Path) -> Iterator[Any]:
    """Open the study of a file, which is created if it does not exist.

    A trial that was running when its process was killed counts as failed.

    Parameters
    ----------
    path : Path
        An SQLite file.
    name : str
        Of the study.
    settings : TuneConfig
        Number of trials and epochs; the pruner (median rule) follows from them.
    aside : Path
        Folder to which a damaged file is moved; the study then begins again.

    Yields
    ------
    optuna.study.Study
        Maximises its value.
    """
    from tqdm import tqdm

    try:
        _check_file(path)
        storage, study = _study(path, name, settings)
    except Exception as error:
        if not path.is_file() or explain(error, path) is not None:  # a full disk is not damage to the file
            raise
        moved = _set_aside(path, aside)
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        tqdm.write(f"{path} is damaged ({why}): moved to {moved}; this study begins again", file=sys.stderr)
        storage, study = _study(path, name, settings)
    try:
        yield study
    finally:
        storage.engine.dispose()


def finished(study: Any) -> list[Any]:
    """The finished trials: complete or pruned.

    Parameters
    ----------
    study : optuna.study.Study
        The study.

    Returns
    -------
    list of optuna.trial.FrozenTrial
        In the order of their number.
    """
    from optuna.trial import TrialState

    return [t for t in study.get_trials(deepcopy=False) if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def summary(study: Any, fold: int | str, learned: IntervalLists) -> Result:
    """The settings of the best trial, and one row per trial.

    Parameters
    ----------
    study : optuna.study.Study
        With at least one complete trial.
    fold : int or str
        Of the study.
    learned : mapping of str to sequence
        Its training intervals.

    Returns
    -------
    best : TunedFold
        The settings and their scores.
    rows : list of dict
        Of trials.csv.
    """
    from optuna.trial import TrialState

    done = finished(study)
    scores = dict(study.best_trial.user_attrs)
    rows = [
        {
            "fold": str(fold),
            "number": i,
            "state": t.state.name,
            "value": t.value if t.state == TrialState.COMPLETE else None,
        }
        | {f"params_{k}": v for k, v in t.params.items()}
        for i, t in enumerate(done)
    ]
    best = TunedFold(
        fold=fold,
        params=scores.pop("params"),
        inner=scores,
        n_trials=len(done),
        n_pruned=sum(t.state == TrialState.PRUNED for t in done),
        training_intervals=learned,
    )
    return best, rows


def _study(path: Path, name: str, settings: TuneConfig) -> tuple[Any, Any]:
    """The storage and its study. Raises ValueError, or an error of Optuna, if the study is incomplete or unreadable."""
    import optuna

    storage = optuna.storages.RDBStorage(f"sqlite:///{path}", {"creator": partial(_connect, path)})
    try:
        pruner = optuna.pruners.MedianPruner(settings.n_startup_trials, warm_up_epochs(settings.max_epochs))
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
        )
        _fail_unfinished(study)
        for trial in finished(study):
            if trial.state.name == "COMPLETE" and (trial.value is None or "params" not in trial.user_attrs):
                raise ValueError(f"trial {trial.number} is complete without its value and settings")
    except Exception:
        storage.engine.dispose()
        raise
    return storage, study


def warm_up_epochs(max_epochs: int | None) -> int:
    """Give the epochs before the pruner may end a fit.

    Parameters
    ----------
    max_epochs : int or None
        Of a fit while tuning.

    Returns
    -------
    int
        Half of them, at most MAX_WARM_UP.
    """
    return MAX_WARM_UP if max_epochs is None else min(MAX_WARM_UP, max_epochs // 2)


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that does not wait for the disk after each change, of which a trial makes many.

    A killed process loses nothing by that. A machine that loses power may leave a damaged file, which `opened` moves
    away.
    """
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def _fail_unfinished(study: Any) -> None:
    """Mark trials as failed whose process was killed; they would stay in the state RUNNING otherwise."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _check_file(path: Path) -> None:
    """Raise sqlite3.DatabaseError if the file is not a complete database. An empty file is valid."""
    if not path.is_file() or not path.stat().st_size:
        return
    with closing(sqlite3.connect(path)) as connection:
        (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if result != "ok":
        raise sqlite3.DatabaseError(result)


def _set_aside(path: Path, aside: Path) -> Path:
    """Move the file and its journal to an unused name in a folder. Returns the new path."""
    aside.mkdir(parents=True, exist_ok=True)
    numbers = ("", *(f".{k}" for k in range(1, 10_000)))
    target = next(t for k in numbers if not (t := aside / f"{path.name}{k}").exists())
    path.replace(target)
    journal = path.with_name(path.name + JOURNAL)
    if journal.exists():
        journal.replace(target.with_name(target.name + JOURNAL))
    return target
