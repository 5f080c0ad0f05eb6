"""The store: where it is, made once by whoever comes first, and swept of dead runs."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_project import settings

from spikebridge.config import TrackingConfig
from spikebridge.errors import RegistryError
from spikebridge.tracking import runs, store, store_location


def test_uri_in_order_params_environment_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc.yaml").touch()
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert store_location.tracking_uri(None, inside) == f"sqlite:///{tmp_path.as_posix()}/mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert store_location.tracking_uri(None, inside) == "http://server:5000"
    assert (
        store_location.tracking_uri("sqlite:///else/here.db", inside) == f"sqlite:///{tmp_path.as_posix()}/else/here.db"
    )
    assert store_location.tracking_uri("sqlite:////else/here.db", inside) == "sqlite:////else/here.db"


def test_what_mlflow_wrote_into_the_environment_is_no_wish(tmp_path: Path) -> None:
    store_location.announce("sqlite:////first/mlflow.db")
    assert store_location.tracking_uri(None, tmp_path) == f"sqlite:///{tmp_path.as_posix()}/mlruns/mlflow.db"
    store_location.announce("sqlite:////second/mlflow.db")
    assert os.environ["MLFLOW_REGISTRY_URI"] == "sqlite:////second/mlflow.db"


def test_a_registry_of_the_users_own_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://registry")
    store_location.announce("sqlite:////first/mlflow.db")
    assert os.environ["MLFLOW_REGISTRY_URI"] == "http://registry"


def test_home_climbs_out_of_temporary_experiments(tmp_path: Path) -> None:
    copy = tmp_path / "project" / ".dvc" / "tmp" / "exps" / "abc"
    copy.mkdir(parents=True)
    (copy / "dvc.yaml").touch()
    assert store_location.home(copy) == tmp_path / "project"
    assert store_location.home(tmp_path) == tmp_path


def test_a_server_decides_about_artifacts(tmp_path: Path) -> None:
    assert store_location.artifact_root("http://server") is None
    assert store_location.artifact_root("postgresql://server/db", tmp_path) == (tmp_path / "mlruns/artifacts").as_uri()


def test_artifacts_lie_beside_the_database(empty: Path) -> None:
    opened = store.open_store(settings().tracking, empty)
    experiment = opened.client.get_experiment(opened.experiment)
    assert experiment.artifact_location == (empty / "mlruns" / "artifacts").as_uri()
    run = runs.create(opened, runs.Key("f", "name", "test"))
    opened.client.log_text(run.info.run_id, "hello", "note.txt")
    (written,) = (empty / "mlruns" / "artifacts").rglob("note.txt")
    assert written.read_text() == "hello"
    assert not list((empty / "mlruns").glob("[0-9]*")), "would flip MLflow's default back to its file store"
    assert store.open_store(settings().tracking, empty).experiment == opened.experiment


def test_a_moved_project_gets_a_fresh_experiment_and_finds_the_old_one_when_it_returns(empty: Path) -> None:
    first = store.open_store(settings().tracking, empty).experiment
    moved = empty.rename(empty.with_name("moved"))
    second = store.open_store(settings().tracking, moved)
    assert second.experiment != first
    assert second.client.get_experiment(second.experiment).artifact_location.startswith(moved.as_uri())
    assert store.open_store(settings().tracking, moved.rename(empty)).experiment == first


def test_a_deleted_experiment_is_restored(empty: Path) -> None:
    opened = store.open_store(settings().tracking, empty)
    opened.client.delete_experiment(opened.experiment)
    assert store.open_store(settings().tracking, empty).experiment == opened.experiment


OPEN = """
import sys
from pathlib import Path
from spikebridge.config import TrackingConfig
from spikebridge.tracking import store, runs
opened = store.open_store(TrackingConfig(), Path(sys.argv[1]))
runs.get_or_create(opened, runs.Key("same", "same", "test"))
"""


@pytest.mark.slow
def test_several_processes_may_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", OPEN, str(tmp_path)]
    started = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate(timeout=120)[1] for process in started]
    assert [p.returncode for p in started] == [0] * 3, errors
    assert not any(errors), "opening a store says nothing"
    opened = store.open_store(TrackingConfig(), tmp_path)
    assert len(opened.client.search_runs([opened.experiment])) == 1


def test_a_killed_migration_leaves_nothing_half_made(tmp_path: Path, template: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / ".mlflow.db.fresh").write_bytes(template.read_bytes()[:5000])
    (tmp_path / "mlruns" / "mlflow.db").touch()
    store.open_store(TrackingConfig(), tmp_path)
    assert [p.name for p in (tmp_path / "mlruns").glob("*.db*")] == ["mlflow.db"]


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_text("not a database" * 100)
    with pytest.raises(RegistryError, match=r"mlflow\.db.*not a database"):
        store.open_store(TrackingConfig(), tmp_path)


def test_dead_runs_are_swept_and_living_ones_left(empty: Path) -> None:
    opened = store.open_store(settings().tracking, empty)
    own_run = runs.create(opened, runs.Key("mine", "mine", "test")).info.run_id
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = runs.create(opened, runs.Key("dead", "dead", "test", tags={store.PID_TAG: str(ended.pid)})).info.run_id
    reused = runs.create(opened, runs.Key("reused", "reused", "test", tags={store.BORN_TAG: "1.0"})).info.run_id
    other = runs.create(opened, runs.Key("other", "other", "test", tags={store.HOST_TAG: "another"})).info.run_id
    assert store.sweep(opened) == 2
    status = {r: opened.client.get_run(r).info.status for r in (own_run, dead, reused, other)}
    assert status == {own_run: "RUNNING", dead: "KILLED", reused: "KILLED", other: "RUNNING"}


WRITE = """
import sys, time
from pathlib import Path
from spikebridge.config import TrackingConfig
from spikebridge.tracking import store, runs
opened = store.open_store(TrackingConfig(), Path(sys.argv[1]))
run = runs.create(opened, runs.Key("f", "f", "test")).info.run_id
with store.terminable(), runs.writing(opened, run):
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_sigterm_ends_the_run(empty: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITE, str(empty)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "writing"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    opened = store.open_store(settings().tracking, empty)
    assert [r.info.status for r in opened.client.search_runs([opened.experiment])] == ["KILLED"]


def test_an_older_schema_is_migrated(empty: Path) -> None:
    database = empty / "mlruns" / "mlflow.db"
    head = store.latest_revision()
    with sqlite3.connect(database) as connection:
        assert store.database_revision(database) == head
        connection.execute("DELETE FROM alembic_version")
    called = []
    with pytest.MonkeyPatch.context() as patch:
        import mlflow.db

        patch.setattr(mlflow.db.upgrade, "callback", lambda uri: called.append(uri))
        store.migrate_database(database)
    assert called == [f"sqlite:///{database.as_posix()}"]


def test_a_run_costs_little(empty: Path) -> None:
    opened = store.open_store(settings().tracking, empty)
    start = time.process_time()  # other processes of the machine do not count
    for i in range(10):
        run = runs.create(opened, runs.Key(str(i), "trial", "trial", "parent")).info.run_id
        runs.log(opened, run, runs.metrics({"value": 0.5}), {"a": 1, "b": 2})
        opened.client.set_terminated(run)
    assert (time.process_time() - start) / 10 < 0.2, "a tuning trial is budgeted at 0.05 s; slow machines get slack"
