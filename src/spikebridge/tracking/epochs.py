"""Learning curves while training. A store that cannot be reached costs one warning, never the training."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spikebridge import models
from spikebridge.config import Config
from spikebridge.tracking.store import first_line, open_store, terminable

INTERVAL_S = 0.5
UNREACHABLE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


class LiveRun:
    """Called with one dict an epoch: fold, epoch, and any of train_loss, valid_loss, ...

    The run is looked up at the first epoch, so a model without epochs costs nothing.
    """

    def __init__(self, config: Config, model: str, project: Path) -> None:
        self.config, self.model, self.project = config, model, project
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
        except Exception as error:  # whatever the store does, training goes on; the mirror logs the rest later
            self._give_up(error)

    def close(self, status: str) -> None:
        """Write what waits and end the run and its parent."""
        if self._writer is None or self._broken:
            return
        try:
            self._writer.flush()
            store, run_id = self._writer.store, self._writer.run_id
            store.client.set_terminated(run_id, status)
            store.client.set_terminated(self._parent, status)
        except Exception as error:
            self._give_up(error)

    def _open(self) -> Any:
        from spikebridge.tracking import runs
        from spikebridge.tracking.history import HistoryWriter
        from spikebridge.tracking.identity import identify

        for key, value in UNREACHABLE.items():
            os.environ.setdefault(key, value)
        store = open_store(self.config.tracking, self.project)
        identity = identify(self.config, self.project)
        parent = runs.get_or_create(store, runs.execution_key(identity)).info.run_id
        above = parent
        if not models.get_class(self.model).decides:  # a translation-only baseline stands below the comparison
            above = runs.get_or_create(store, runs.child_key(identity, parent, "comparison", "comparison")).info.run_id
        child = runs.get_or_create(store, runs.child_key(identity, parent, self.model, "model", above)).info.run_id
        for run_id in (parent, child):
            store.client.update_run(run_id, "RUNNING")
            runs.log(store, run_id, tags=runs.process_tags())
        self._parent = parent
        return HistoryWriter(store, child)

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        warnings.warn(f"no live metrics of {self.model} in MLflow: {first_line(error)}", stacklevel=3)


@contextmanager
def live(config: Config, model: str, project: Path | str = ".") -> Iterator[LiveRun]:
    """`with live(config, "seq2seq") as on_epoch: ...` logs epochs into the model's run, at most two writes a second.

    The run ends FINISHED, FAILED after an exception, KILLED after SIGTERM or Ctrl-C. Its fingerprint is the mirror's,
    which adds the rest later.
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
