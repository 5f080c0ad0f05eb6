"""Open the MLflow store safely: migrate it under a lock, keep artifacts next to it, end the runs of dead processes."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from filelock import FileLock

from spikebridge.config import TrackingConfig
from spikebridge.errors import RegistryError
from spikebridge.tracking import artifact_store, database_store, server_store, store_location
from spikebridge.tracking.database_store import latest_revision
from spikebridge.tracking.interruptions import PersistentClient, first_line, patiently
from spikebridge.tracking.results import FIRST_LEVEL

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCORE_COLUMNS = [f"metrics.`{name}`" for name in FIRST_LEVEL]
"""Columns of the table of models, in the words of MLflow's UI."""
CHARTED = ("balanced_accuracy", "bits_per_spike", "auc", "log_loss")
"""Scores with a chart of bars above all other charts, where models are compared."""
CHARTS = {
    "compareRunSections": [{"uuid": "scores", "name": "Scores", "display": True, "isReordered": True}],
    "compareRunCharts": [
        {
            "uuid": name,
            "type": "BAR",
            "metricKey": name,
            "displayName": name.replace("_", " "),
            "runsCountToCompare": 10,
            "metricSectionId": "scores",
        }
        for name in CHARTED
    ],
    "isAccordionReordered": True,  # otherwise MLflow sorts the sections by their names
}
"""Charts of the shared view, in the format of the UI. MLflow adds those of the other metrics below."""
EXPERIMENT_TAGS = {
    store_location.BESIDE: "beside",
    "mlflow.experimentKind": "custom_model_development",  # otherwise the UI asks whether this is about language models
    "mlflow.note.content": "Each top run is one execution of the pipeline: a child for each model (tuning trials below "
    "it) and one, *comparison*, with tables, tests and figures. The same metric has the same name in every model.",
    # A shared view of the runs table, in the format of the UI: only the models, with their scores as columns
    "mlflow.sharedViewState.models": json.dumps(
        {
            "searchFilter": "tags.`spikebridge.kind` = 'model'",
            "orderByKey": "metrics.`balanced_accuracy`",
            "orderByAsc": False,
            "selectedColumns": SCORE_COLUMNS,
            "columnOrder": ["attributes.`Run Name`", "runDateAndNestInfo", *SCORE_COLUMNS],  # else by the alphabet
            "columnWidths": {name: 175 for name in SCORE_COLUMNS if "accuracy" in name or "ci" in name},
            **CHARTS,
        }
    ),
}
HOST_TAG, PID_TAG, BORN_TAG = "spikebridge.host", "spikebridge.pid", "spikebridge.pid_started"


@dataclass(frozen=True)
class Store:
    """An opened store: its client, its experiment, and the lock file of its writers."""

    client: MlflowClient
    experiment: str
    uri: str
    lock: Path

    def locked(self) -> AbstractContextManager[None]:
        """A lock to hold while looking up and creating, so that two processes do not create the same run or version."""
        return locked(self.uri, self.lock)


@contextmanager
def locked(uri: str, lock: Path) -> Iterator[None]:
    """Hold the lock of a store: a file, and for a PostgreSQL database a lock in it, which holds between machines."""
    with FileLock(str(lock)):
        if not store_location.is_database(uri):
            yield
            return
        with database_store.locked(uri, "tracking"):
            yield


def open_store(tracking: TrackingConfig, project: Path | None = None) -> Store:
    """Open the store and the experiment; create them on first use. End runs whose process has died.

    Raises RegistryError if the store or the bucket of its artifacts cannot be reached or read.
    """
    uri = store_location.tracking_uri(tracking.uri, project)
    client = connect(uri, project)
    lock = store_location.lock_file(uri, project)
    try:
        with locked(uri, lock):
            experiment = _experiment(client, tracking, uri, project)
            store = Store(client, str(experiment.experiment_id), uri, lock)
            sweep(store)
    except _mlflow_errors() as error:
        raise _unreachable(uri, error) from None
    artifact_store.check_artifacts(experiment.artifact_location)
    return store


def connect(uri: str, project: Path | None = None) -> MlflowClient:
    """A client of the store at `uri`, its database migrated. Raises RegistryError if it cannot be reached."""
    store_location.announce(uri)
    mlflow = quiet_mlflow()
    lock = store_location.lock_file(uri, project)
    lock.parent.mkdir(parents=True, exist_ok=True)
    database = store_location.sqlite_file(uri)
    shared = store_location.is_database(uri) or store_location.is_server(uri)
    try:
        if database is not None:
            with FileLock(str(lock)):
                migrate_database(database)
        elif store_location.is_database(uri):
            database_store.prepare(uri)
        elif store_location.is_server(uri):
            server_store.check_server(uri)
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(os.environ["MLFLOW_REGISTRY_URI"])
        client = patiently(mlflow.MlflowClient)
        return cast("MlflowClient", PersistentClient(client)) if shared else client
    except (sqlite3.Error, OSError, mlflow.MlflowException) as error:
        raise _unreachable(uri, error) from None


def _unreachable(uri: str, error: BaseException) -> RegistryError:
    text = store_location.without_password(first_line(error), uri)
    return RegistryError(f"MLflow store {store_location.masked(uri)}: {text}")


def quiet_mlflow() -> Any:
    """mlflow, imported without telemetry, migration logs or notices."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    for name in ("alembic", "mlflow.tracking", "mlflow.store", "mlflow.pyfunc"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(
        logging.CRITICAL
    )  # it also logs a traceback of the errors that it raises
    warnings.filterwarnings("ignore", message=".*type hints.*", module="mlflow.*")
    return mlflow


def migrate_database(database: Path) -> None:
    """Upgrade a sqlite database to MLflow's schema.

    A new database is built under another name and then renamed, so that no process sees an incomplete one, even after a
    kill. The caller holds the lock.
    """
    from mlflow.db import upgrade

    assert upgrade.callback is not None
    if not database.exists() or database.stat().st_size == 0:
        fresh = database.with_name(f".{database.name}.fresh")
        fresh.unlink(missing_ok=True)
        with _no_waiting_for_the_disk():
            upgrade.callback(store_location.SQLITE + fresh.resolve().as_posix())
        with open(fresh, "rb+") as file:
            os.fsync(file.fileno())
        fresh.replace(database)
    elif database_revision(database) != latest_revision():
        upgrade.callback(store_location.SQLITE + database.resolve().as_posix())


@contextmanager
def _no_waiting_for_the_disk() -> Iterator[None]:
    """SQLite does not wait for the disk after each of the many changes that build a new database.

    Only for a database that no process uses yet: it may be damaged if the machine loses power meanwhile.
    """
    from sqlalchemy import Engine, event

    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", connected)
    try:
        yield
    finally:
        event.remove(Engine, "connect", connected)


def database_revision(database: Path) -> str | None:
    connection = sqlite3.connect(database, timeout=20)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()
    return row[0] if row else None


def _experiment(client: MlflowClient, tracking: TrackingConfig, uri: str, project: Path | None) -> Any:
    """The experiment, created if it does not exist.

    Artifact locations are absolute. If the project was moved or mounted elsewhere, the old runs have lost their
    artifacts. Their experiment keeps its metrics under another name, and everything is logged again into a new
    experiment, or into the one that was created when the project was at this location before. In a store that
    machines share, an experiment keeps its location.
    """
    name, artifacts = tracking.experiment, store_location.artifact_root(uri, project, tracking.artifact_location)
    experiment = client.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    if experiment is not None and artifacts and experiment.artifact_location.rstrip("/") != artifacts:
        if tracking.artifact_location is not None:
            raise RegistryError(
                f"tracking.artifact_location: expected {experiment.artifact_location}, where the experiment {name!r} "
                f"has its artifacts, got {tracking.artifact_location}: change it, or tracking.experiment"
            )
        if _ours(experiment) and not store_location.is_database(uri):
            client.rename_experiment(experiment.experiment_id, f"{name} (at {experiment.artifact_location})")
            experiment = client.get_experiment_by_name(f"{name} (at {artifacts})")
            if experiment is not None:
                client.rename_experiment(experiment.experiment_id, name)
    if experiment is not None:
        if _ours(experiment):
            for key, value in EXPERIMENT_TAGS.items():  # an earlier version of spikebridge may have made it
                if experiment.tags.get(key) != value:
                    client.set_experiment_tag(experiment.experiment_id, key, value)
        return experiment
    if store_location.is_database(uri) and artifacts and artifacts == store_location.artifact_root("", project):
        raise RegistryError(
            f"MLflow store {store_location.masked(uri)}: expected a place for artifacts that other machines reach, got "
            "none: set tracking.artifact_location or MLFLOW_DEFAULT_ARTIFACT_ROOT, such as s3://bucket/folder"
        )
    artifact_store.check_artifacts(artifacts)
    return _new_experiment(client, name, artifacts)


def _new_experiment(client: MlflowClient, name: str, artifacts: str | None) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_experiment(client.create_experiment(name, artifact_location=artifacts, tags=EXPERIMENT_TAGS))
    except MlflowException:
        experiment = client.get_experiment_by_name(name)  # another machine, or a request whose answer was lost
        if experiment is None:
            raise
        return experiment


def _ours(experiment: Any) -> bool:
    return store_location.BESIDE in experiment.tags and experiment.artifact_location.startswith("file:")


def process_tags() -> dict[str, str]:
    """The process that writes a run: host, process id and start time, so that `sweep` can detect that it has died."""
    import psutil

    return {HOST_TAG: socket.gethostname(), PID_TAG: str(os.getpid()), BORN_TAG: str(psutil.Process().create_time())}


def sweep(store: Store) -> int:
    """End the runs that killed processes of this machine left running. Returns their number."""
    running = store.client.search_runs(
        [store.experiment], f"attributes.status = 'RUNNING' and tags.`{HOST_TAG}` = '{socket.gethostname()}'"
    )
    dead = [run for run in running if not _alive(run.data.tags)]
    for run in dead:
        store.client.set_terminated(run.info.run_id, "KILLED")
    return len(dead)


def _alive(tags: dict[str, str]) -> bool:
    import psutil

    try:
        born = psutil.Process(int(tags[PID_TAG])).create_time()
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
    except psutil.Error:
        return True
    return abs(born - float(tags.get(BORN_TAG, born))) < 2  # process ids are reused after a reboot


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM into SystemExit, so that `with` blocks end their runs. Has no effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _mlflow_errors() -> tuple[type[Exception], ...]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError
