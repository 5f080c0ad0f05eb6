"""A finished project, published to PostgreSQL and S3, directly and through a server: as in a local store, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_project
import numpy as np
import pytest
from cut_connections import Proxy

import spikebridge
from lab_servers import S3, Postgres, free_port, wait_for_port
from spikebridge import tracking
from spikebridge.config import Config
from spikebridge.tracking import store

pytestmark = pytest.mark.slow

CHAMPION = "models:/spikebridge@champion"
SECRET = "a secret"  # of lab_servers.Postgres


def settings(place: str | None = None) -> Config:
    return fake_project.settings(tracking={"artifact_location": place} if place else {})


def content(project: Path) -> dict[str, Any]:
    """What the opened store has of a project, without ids and times."""
    opened = store.open_store(settings().tracking, project)
    runs = opened.client.search_runs([opened.experiment], max_results=1000)
    names = {run.info.run_id: run.info.run_name for run in runs}
    told = ("spikebridge.kind", "spikebridge.content", "mlflow.note.content", "data_hash", "split_hash")
    return {
        f"{names.get(run.data.tags.get('mlflow.parentRunId', ''))}: {run.info.run_name}": {
            "status": run.info.status,
            "metrics": run.data.metrics,
            "params": run.data.params,
            "tags": {key: run.data.tags.get(key) for key in told},
            "files": sorted(f.path for f in opened.client.list_artifacts(run.info.run_id)),
            "points": {
                key: sorted((m.step, m.value) for m in opened.client.get_metric_history(run.info.run_id, key))
                for key in run.data.metrics
            }
            if run.data.tags["spikebridge.kind"] != "trial"
            else {},
        }
        for run in runs
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_project.make(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture(scope="module")
def local(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of a local store: what it has, and the record of its registration."""
    project = shutil.copytree(made, tmp_path_factory.mktemp("local") / "project")
    (project / "params.yaml").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            patch.delenv(name, raising=False)
        about = tracking.publish(settings(), project)
        return content(project), about


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(made, tmp_path / "project")
    (folder / "params.yaml").write_text("{}")
    return folder


def same(about: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two registrations are equal but for the store, and for the manifest, which has the run's id in it."""
    return all(about[key] == other[key] for key in about.keys() - {"store", "manifests"})


def elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """What the champion predicts in another folder, where nothing of the project is."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    return spikebridge.load(CHAMPION).predict(np.ones((2, 8, 5)))


def test_postgresql_and_s3_hold_what_a_local_store_holds(
    project: Path,
    migrated: Postgres,
    s3_keys: S3,
    local: tuple[dict[str, Any], dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", migrated.uri())
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://lab/published")
    before = (project / "reports/evaluation/metrics.json").read_bytes()
    about = tracking.publish(settings(), project)
    assert same(about, local[1])
    first = content(project)
    assert first == local[0]
    assert same(tracking.publish(settings(), project), about), "the second call changes nothing"
    assert content(project) == first
    assert (project / "reports/evaluation/metrics.json").read_bytes() == before
    assert elsewhere(tmp_path / "another folder", monkeypatch).shape == (2,)

    written = b"".join(p.read_bytes() for p in project.rglob("*") if p.is_file())
    rows = migrated.sql(migrated.database, "SELECT value FROM tags UNION ALL SELECT value FROM params")
    out, err = capfd.readouterr()
    for text in (written.decode(errors="replace"), rows, out, err):
        assert SECRET not in text and "a%20secret" not in text
    assert about["store"] == f"postgresql://127.0.0.1:{migrated.port}/{migrated.database}"


def counted(server: Postgres) -> dict[str, int]:
    tables = {
        "versions": "model_versions",
        "models": "logged_models WHERE lifecycle_stage = 'active'",
        "runs": "runs WHERE lifecycle_stage = 'active'",
        "metrics": "metrics JOIN runs USING (run_uuid) WHERE lifecycle_stage = 'active'",
    }
    return {key: int(server.sql(server.database, f"SELECT count(*) FROM {what}")) for key, what in tables.items()}


def test_publishing_over_connections_that_are_cut(
    project: Path,
    migrated: Postgres,
    s3_keys: S3,
    local: tuple[dict[str, Any], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Proxy(migrated.port, cut_after=5_000, grows_by=1.3, cuts=12) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", migrated.uri(port=proxy.port))
        about = tracking.publish(settings("s3://lab/interrupted"), project)
        assert proxy.cuts >= 8
    assert same(about, local[1])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", migrated.uri())
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    assert content(project) == local[0]
    assert counted(migrated)["versions"] == counted(migrated)["models"] == 1


class Server:
    """An MLflow server on PostgreSQL and S3: those who use it need neither's keys."""

    def __init__(self, folder: Path, database: Postgres) -> None:
        self.folder, self.database, self.port = folder, database, free_port()

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--artifacts-destination", "s3://lab/served"]
        command += ["--allowed-hosts", "127.0.0.1:*"]
        variables = {"MLFLOW_BACKEND_STORE_URI": self.database.uri(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        log = self.folder / "server.log"
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                command, env=os.environ | variables, stdout=out, stderr=out, start_new_session=True
            )
        wait_for_port(self.port, self.process, log)

    def stop(self) -> None:
        os.killpg(self.process.pid, 15)
        self.process.wait(60)


@pytest.fixture
def server(tmp_path: Path, migrated: Postgres, s3_keys: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(tmp_path, migrated)
    made.start()
    for name in s3_keys.environment():
        monkeypatch.delenv(name)
    yield made
    made.stop()


def test_a_server_whose_answers_are_lost(
    project: Path,
    server: Server,
    local: tuple[dict[str, Any], dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FACTOR", "JITTER"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_BACKOFF_{name}", "0")  # otherwise it waits for minutes
    with Proxy(server.port, cut_after=500, grows_by=1.6, cuts=10) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{proxy.port}")
        about = tracking.publish(settings(), project)
        assert proxy.cuts == 10
        assert same(about, local[1])
        assert content(project) == local[0]
        assert counted(server.database)["models"] == 1
        active = "SELECT count(*) FROM model_versions WHERE current_stage <> 'Deleted_Internal'"
        assert server.database.sql(server.database.database, active) == "1"
        assert elsewhere(tmp_path / "another folder", monkeypatch).shape == (2,)
    assert json.loads((project / "reports/registration.json").read_text())["store"].startswith("http://127.0.0.1")
