"""Log learning curves as stepped metrics, each point once, during training or from history.csv.

If the store cannot be reached, there is one warning, and training continues."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spikebridge import models
from spikebridge.config import Config
from spikebridge.tracking.interruptions import first_line
from spikebridge.tracking.store import Store, open_store, terminable
from spikebridge.tracking.store_location import tracking_uri, without_password

INTERVAL_S = 0.5
UNREACHABLE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


def points(row: Mapping[str, Any]) -> list[tuple[str, int, float]]:
    """(key, step, value) of one row of history.

    The final fit on all data has plain keys (`valid_loss`), so that models share a chart. The fits of outer folds are
    grouped as `fold_0/valid_loss`.
    """
    fold = str(row.get("fold", "full"))
    prefix = "" if fold in {"full", ""} else f"fold_{_whole(fold)}/"
    step = int(float(row["epoch"]))
    named = [(f"{prefix}{k}", step, v) for k, v in row.items() if k not in {"fold", "epoch"} and v is not None]
    return [(k, step, float(v)) for k, step, v in named if isinstance(v, (int, float)) and math.isfinite(v)]


def _whole(fold: str) -> str:
    try:
        return str(int(float(fold)))  # a column with 0, 1 and "full" is read as text, one with missing values as 0.0
    except ValueError:
        return fold


class HistoryWriter:
    """Collects points of one run and writes those that the store does not have yet."""

    def __init__(self, store: Store, run_id: str, fresh: bool = False) -> None:
        self.store, self.run_id, self.fresh = store, run_id, fresh
        self._seen: dict[str, set[int]] = {}
        self._waiting: list[Any] = []
        self._now = int(time.time() * 1000)

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep the points of one row that the store does not have yet."""
        from mlflow.entities import Metric

        for key, step, value in points(row):
            seen = self._steps(key)
            if step not in seen:
                seen.add(step)
                self._now = max(self._now + 1, int(time.time() * 1000))
                self._waiting.append(Metric(key, value, self._now, step))

    def flush(self) -> None:
        """Write the collected points."""
        from spikebridge.tracking import runs

        waiting, self._waiting = self._waiting, []
        runs.log(self.store, self.run_id, waiting)

    def _steps(self, key: str) -> set[int]:
        if key not in self._seen:
            logged = [] if self.fresh else self.store.client.get_metric_history(self.run_id, key)
            self._seen[key] = {m.step for m in logged}
        return self._seen[key]


class LiveRun:
    """Logs learning curves during training: called with one dict per epoch (fold, epoch, and any of train_loss, ...).

    The run is looked up at the first epoch, so a model without epochs takes no time.

    Parameters
    ----------
    config : Config
        The parameters of the project.
    model : str
        The name of the model.
    project : Path
        The folder of the project.
    """

    def __init__(self, config: Config, model: str, project: Path) -> None:
        self.config, self.model, self.project = config, model, project
        self._began_ms = int(time.time() * 1000)
        self._writer: Any = None
        self._broken = False
        self._next = 0.0

    def __call__(self, row: Mapping[str, Any]) -> None:
        if self._broken:
            return
        try:
            if self._writer is None:
                self._writer = self._open()
            self._writer.add(row)
            if time.monotonic() >= self._next:
                self._writer.flush()
                self._next = time.monotonic() + INTERVAL_S
        except (
            Exception
        ) as error:  # training continues after any error of the store; the stage register logs the rest later
            self._give_up(error)

    def close(self, status: str) -> None:
        """Write the collected points and end the run and its parent.

        Parameters
        ----------
        status : str
            FINISHED, FAILED or KILLED.
        """
        if self._writer is None or self._broken:
            return
        try:
            self._writer.flush()
            store, run_id = self._writer.store, self._writer.run_id
            store.client.set_terminated(run_id, status)
            store.client.update_run(self._parent, status)  # it spans several stages, and has no duration
        except Exception as error:
            self._give_up(error)

    def _open(self) -> Any:
        from spikebridge.tracking import runs
        from spikebridge.tracking.identity import identify

        for key, value in UNREACHABLE.items():
            os.environ.setdefault(key, value)
        store = open_store(self.config.tracking, self.project)
        identity = identify(self.config, self.project)
        parent = runs.get_or_create(store, runs.execution_key(identity)).info.run_id
        above = parent
        if not models.get_class(
            self.model
        ).decides:  # the run of a translation-only baseline is a child of the comparison
            above = runs.get_or_create(store, runs.child_key(identity, parent, "comparison", "comparison")).info.run_id
        own_key = runs.child_key(identity, parent, self.model, "model", above)
        child = runs.get_or_create(store, own_key, self._began_ms).info.run_id  # its duration is that of the training
        for run_id in (parent, child):
            store.client.update_run(run_id, "RUNNING")
            runs.log(store, run_id, tags=runs.process_tags())
        self._parent = parent
        return HistoryWriter(store, child)

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        uri = tracking_uri(self.config.tracking.uri, self.project)
        text = without_password(first_line(error), uri)
        warnings.warn(f"no live metrics of {self.model} in MLflow: {text}", stacklevel=3)


@contextmanager
def live(config: Config, model: str, project: Path | str = ".") -> Iterator[LiveRun]:
    """`with live(config, "seq2seq") as on_epoch: ...` logs epochs into the model's run, at most two writes per second.

    The run ends FINISHED, FAILED after an exception, KILLED after SIGTERM or Ctrl-C. It has the fingerprint of the run
    to which `log_results` adds the rest later.

    Parameters
    ----------
    config : Config
        The parameters of the project.
    model : str
        The name of the model.
    project : Path or str
        The folder of the project.

    Yields
    ------
    LiveRun
        To be called with one row per epoch.
    """
    run = LiveRun(config, model, Path(project).resolve())
    status = "KILLED"
    with terminable():
        try:
            yield run
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            run.close(status)
