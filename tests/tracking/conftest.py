"""One migrated database a session, copied for each test: migrations are what costs time in MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import fake_project
import pytest

from spikebridge.artifacts.report import REPORT_FOLDER, ReportRun
from spikebridge.tracking import store_location

VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test announces to MLflow ends with the test."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(store_location, "ANNOUNCED", set())
    yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from spikebridge.tracking import store

    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    store.quiet_mlflow()
    store.migrate_database(path)
    return path


def with_database(project: Path, template: Path) -> Path:
    (project / "mlruns").mkdir(parents=True, exist_ok=True)
    shutil.copy(template, project / "mlruns" / "mlflow.db")
    (project / "params.yaml").write_text("{}", encoding="utf-8")
    return project


@pytest.fixture
def empty(tmp_path: Path, template: Path) -> Path:
    """A project without results, with a migrated store. Its path has a space and a percent sign."""
    return with_database(tmp_path / "my 100% project", template)


@pytest.fixture
def project(empty: Path) -> Path:
    """A finished project, nothing of it logged."""
    return fake_project.make(empty)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A finished project, logged and registered once; tests only read it."""
    from spikebridge import tracking

    folder = with_database(tmp_path_factory.mktemp("finished") / "my project", template)
    fake_project.make(folder)
    page = ReportRun(folder / REPORT_FOLDER).index
    page.parent.mkdir(parents=True)
    page.write_text("<!DOCTYPE html><title>Report</title><h1>The report of the study</h1>", encoding="utf-8")
    tracking.publish(fake_project.settings(), folder)
    return folder
