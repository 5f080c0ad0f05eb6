"""Moved and copied projects, and the record outside the store: whose files a name stands for."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import fake_project
import numpy as np
import pytest
from command_line import Run, called
from fake_project import settings

import spikebridge
from spikebridge import tracking
from spikebridge.artifacts.registration import REGISTRATION_FILE
from spikebridge.errors import RegistryError
from spikebridge.tracking import registered_models, registration_record, store, store_location

CHAMPION = "models:/spikebridge@champion"
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
"""Where MLflow's database holds absolute places."""


def client(project: Path) -> Any:
    return store.open_store(settings().tracking, project).client


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A published project that is copied for each test: publishing takes seconds."""
    folder = fake_project.make(tmp_path_factory.mktemp("places") / "project")
    (folder / "mlruns").mkdir()
    shutil.copy(template, folder / "mlruns/mlflow.db")
    (folder / "params.yaml").write_text(settings().model_dump_json(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        tracking.publish(settings(), folder)
    return folder


@pytest.fixture
def published(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a project in a folder of its own, as if it had been published there."""
    folder = tmp_path / "my 100% project"
    shutil.copytree(kept, folder)
    with sqlite3.connect(folder / "mlruns/mlflow.db") as database:
        for table, column in PLACES:
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (kept.as_uri(), folder.as_uri()))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return called(capsys)


def source(project: Path) -> Path:
    """Where the champion's files lie by the store."""
    at = client(project)
    version = at.get_model_version_by_alias("spikebridge", "champion")
    return Path(at.get_logged_model(version.source.removeprefix("models:/")).artifact_location)


@pytest.mark.parametrize("how", ["moved", pytest.param("copied", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_moved_or_copied_project_says_publish_and_that_helps(
    published: Path, how: str, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    other = published.with_name("elsewhere 2")
    if how == "moved":
        published.rename(other)
    else:
        shutil.copytree(published, other)
    monkeypatch.chdir(other)
    with pytest.raises(RegistryError) as caught:
        spikebridge.load(CHAMPION)
    message = str(caught.value)
    assert message.startswith(f"{CHAMPION}: its files lie in file://")
    assert "my%20100%25%20project" in message
    assert "the project was moved or copied. Run spikebridge publish here" in message
    code, out, err = run("results", "--all")
    assert code == 0
    assert "Load the registered model" in out
    assert err.startswith("spikebridge results: version 1 of spikebridge: its files lie in file://")
    assert err.count("\n") == 1
    code, out, err = run("publish")
    assert (code, out) == (0, f"random_forest is version 2 of spikebridge: {CHAMPION}\n")
    assert spikebridge.load(CHAMPION).predict(np.ones((2, 8, 5))).shape == (2,)
    assert str(other).replace(" ", "%20") in str(source(other))
    about = json.loads((other / "reports/registration.json").read_text())
    assert (about["version"], about["champion"], sorted(about["manifests"])) == (2, 2, ["1", "2"])
    assert run("results")[2] == ""
    if how == "copied":
        monkeypatch.chdir(published)
        assert spikebridge.load(CHAMPION).name == "random_forest", "the original goes on as before"
        assert json.loads((published / "reports/registration.json").read_text())["version"] == 1


def test_publishing_again_where_nothing_moved_changes_nothing(published: Path, run: Run) -> None:
    before = (published / "reports/registration.json").read_bytes()
    assert run("publish")[0] == 0
    assert (published / "reports/registration.json").read_bytes() == before
    assert len(client(published).search_model_versions("name = 'spikebridge'")) == 1


@pytest.mark.slow
def test_other_code_that_makes_the_same_model_makes_no_new_version(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikebridge.tracking.identity.source_hash", lambda: "other code")
    assert tracking.publish(settings(), published)["version"] == 1


@pytest.mark.slow
def test_the_champion_of_the_original_is_not_the_copys(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its gate rests on the champion's predictions: those of another folder are not read."""
    other = published.with_name("copy")
    shutil.copytree(published, other)
    monkeypatch.chdir(other)
    gate = tracking.publish(settings(seed=2), other)["gates"]["present_champion"]
    assert gate["passed"]
    assert "cannot be loaded any more" in gate["reason"] or "gone" in gate["reason"], gate["reason"]


@pytest.mark.slow
def test_changed_files_are_refused_and_publish_registers_them_again(published: Path, run: Run) -> None:
    (weights,) = (published / "mlruns").rglob("forests.safetensors")
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(bytes(raw))
    with pytest.raises(RegistryError, match=r"forests\.safetensors: its SHA-256 is not that of manifest\.json"):
        spikebridge.load(CHAMPION)
    np.save("counts.npy", np.ones((1, 8, 5), np.uint8))
    code, out, err = run("predict", CHAMPION, "counts.npy")
    assert (code, out) == (2, "")
    assert err.startswith("spikebridge predict: /") and err.count("\n") == 1
    assert run("publish")[0] == 0
    assert spikebridge.load(CHAMPION).name == "random_forest"
    assert json.loads(Path("reports/registration.json").read_text())["version"] == 2


def planted(project: Path) -> int:
    """A second version that somebody put into the store and made champion."""
    at = client(project)
    version = at.get_model_version("spikebridge", "1")
    made = at.create_model_version("spikebridge", version.source, version.run_id)
    at.set_registered_model_alias("spikebridge", "champion", made.version)
    return int(made.version)


def test_an_alias_that_was_moved_in_the_store_is_noticed(published: Path, run: Run) -> None:
    assert planted(published) == 2
    with pytest.raises(RegistryError, match=r"champion is version 2 in the store, but .*says version 1"):
        spikebridge.load(CHAMPION)
    assert spikebridge.load("models:/spikebridge/1").name == "random_forest"
    assert spikebridge.load("models:/spikebridge/2").name == "random_forest", "by its number, whoever made it"
    code, out, _ = run("promote", "--version", "2", "--by", "Ada", "--reason", "it is mine")
    assert code == 0
    assert "Version 2 of spikebridge is champion now, by Ada" in out
    about = json.loads(Path("reports/registration.json").read_text())
    assert (about["champion"], about["version"], about["uri"]) == (2, 1, "models:/spikebridge/1")
    assert spikebridge.load(CHAMPION).name == "random_forest"


def test_a_candidate_that_nobody_here_registered_is_loaded_by_number_alone(published: Path) -> None:
    at = client(published)
    version = at.get_model_version("spikebridge", "1")
    made = at.create_model_version("spikebridge", version.source, version.run_id)
    at.set_registered_model_alias("spikebridge", "candidate", made.version)
    with pytest.raises(RegistryError, match=r"candidate is version 2, which .*registration\.json does not list"):
        spikebridge.load("models:/spikebridge@candidate")
    assert spikebridge.load("models:/spikebridge/latest").name == "random_forest"


def test_the_record_is_of_one_model_in_one_store(published: Path) -> None:
    path = published / REGISTRATION_FILE
    about = json.loads(path.read_text())
    assert about["store"] == "mlruns/mlflow.db"
    assert registration_record.shown_store("https://me:secret@server:5000/x", published) == "https://server:5000/x"
    path.write_text(json.dumps(about | {"store": "https://server", "champion": 7}))
    assert spikebridge.load(CHAMPION).name == "random_forest", "a record of another store says nothing of this one"
    path.write_text("{")
    with pytest.raises(RegistryError, match=r"cannot be read as JSON.*Write it again: spikebridge publish"):
        spikebridge.load(CHAMPION)
    tracking.publish(settings(), published)
    assert spikebridge.load(CHAMPION).name == "random_forest"


def test_versions_that_the_store_lost_are_forgotten(published: Path) -> None:
    kept = registration_record.kept_manifests(
        published, store.open_store(settings().tracking, published).uri, "spikebridge", ["3"]
    )
    assert kept == {}


def test_a_model_of_a_project_before_manifests_says_what_to_do(published: Path) -> None:
    (path,) = [p for p in (published / "mlruns").rglob("manifest.json") if (p.parent / "MLmodel").is_file()]
    path.unlink()
    with pytest.raises(RegistryError, match=r"manifest\.json: expected the list .* earlier version .*make repro"):
        spikebridge.load(CHAMPION)
    assert registered_models.register(settings(), published)["version"] == 2


def test_a_model_is_loaded_from_another_folder_and_checked_there_too(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert spikebridge.load(CHAMPION, project=published).name == "random_forest"
    assert spikebridge.load(CHAMPION, project=published / "data").name == "random_forest", "a folder of the project"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RegistryError, match=r"From another folder, set MLFLOW_TRACKING_URI='?sqlite") as caught:
        spikebridge.load(CHAMPION)
    (setting,) = re.findall(r"set MLFLOW_TRACKING_URI='([^']+)'", str(caught.value))
    monkeypatch.chdir(other)
    monkeypatch.setattr(store_location, "ANNOUNCED", set())  # as in a new process
    monkeypatch.setenv("MLFLOW_TRACKING_URI", setting)
    assert spikebridge.load(CHAMPION).name == "random_forest", "what the message says to set"
    record = published / REGISTRATION_FILE
    record.write_text(json.dumps(json.loads(record.read_text()) | {"champion": 7}))
    for project in (None, published):
        with pytest.raises(RegistryError, match="the alias was moved outside this project"):
            spikebridge.load(CHAMPION, project=project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////nowhere/mlflow.db")
    with pytest.raises(RegistryError, match="the alias was moved outside this project"):
        spikebridge.load(CHAMPION, project=published)
    assert not list(other.iterdir())


def test_a_project_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="expected the folder of a project, found none at"):
        spikebridge.load(CHAMPION, project=tmp_path / "gone")
