"""What stands in the way of a shared store: one line that names it, and no password in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import called
from fake_project import settings

from lab_servers import S3, Postgres, free_port
from spikebridge import config
from spikebridge.config import TrackingConfig
from spikebridge.errors import ConfigError, RegistryError
from spikebridge.tracking import database_store, interruptions, store, store_location

SECRET = "s3cr/t:@?x"


def message(uri: str, project: Path, monkeypatch: pytest.MonkeyPatch, place: str | None = None) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(interruptions, "PAUSES_S", (0.01,))
    with pytest.raises(RegistryError) as caught:
        store.open_store(TrackingConfig(artifact_location=place), project)
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    return text


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://me:s3cr/t:@?x@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql+psycopg://me:a%20b@host/db?sslmode=require", "postgresql+psycopg://me@host/db?sslmode=require"),
        ("postgresql:///db?user=me&password=geheim&host=h", "postgresql:///db?user=me&host=h"),
        ("https://me:geheim@server/mlflow", "https://me@server/mlflow"),
        ("http://server:5000", "http://server:5000"),
        ("sqlite:////my 100% folder/mlflow.db", "sqlite:////my 100% folder/mlflow.db"),
    ],
)
def test_an_address_is_shown_without_its_password(uri: str, shown: str) -> None:
    assert store_location.masked(uri) == shown
    text = store_location.without_password(f"cannot reach {uri}", uri)
    assert all(password not in text for password in store_location.passwords(uri))


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:geheim@host/db",
        "https://me:ge/heim@host",
        "postgresql:///db?password=geheim",
        "http://:geheim@h",
    ],
)
@pytest.mark.parametrize("key", ["uri", "artifact_location"])
def test_a_password_has_no_place_in_params(uri: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f"tracking.{key}: .*without a password.* MLFLOW_TRACKING_URI") as caught:
        config.parse({"data": {"source": ["HC"], "target": ["PFC"]}, "tracking": {key: uri}})
    assert "heim" not in str(caught.value)


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    port = free_port()
    text = message(f"postgresql://me:geheim@127.0.0.1:{port}/db", tmp_path, monkeypatch)
    assert text.startswith(f"MLflow store postgresql://me@127.0.0.1:{port}/db: ")
    assert text.endswith(": no PostgreSQL server answers there")
    assert "geheim" not in text
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    monkeypatch.setattr("spikebridge.tracking.server_store.PAUSES_S", ())
    text = message(f"http://me:geheim@127.0.0.1:{port}", tmp_path, monkeypatch)
    assert text.startswith(f"MLflow store http://me@127.0.0.1:{port}: no server answers there (")
    assert "geheim" not in text


def test_the_driver_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    text = message("postgresql://me@127.0.0.1/db", tmp_path, monkeypatch)
    assert "the driver of PostgreSQL is not installed" in text
    assert text.endswith('pip install ".[server]" in the project\'s folder')


@pytest.mark.parametrize("uri", ["postgres://me:geheim@127.0.0.1/db", "postgresql://me:geheim@127.0.0.1:port/db"])
def test_a_mistake_in_the_address(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = message(uri, tmp_path, monkeypatch)
    assert text.endswith(": expected an address such as postgresql://user@host:5432/database")
    assert "geheim" not in text


@pytest.mark.slow
def test_what_the_server_refuses(
    tmp_path: Path, postgres: Postgres, schema: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc.yaml").touch()
    text = message(postgres.uri(SECRET), tmp_path, monkeypatch)
    assert 'password authentication failed for user "lab": the user or the password is wrong; it belongs into' in text
    whole = f"postgresql://lab:a secret@127.0.0.1:{postgres.port}"
    assert 'database "nowhere" does not exist: make the database' in message(f"{whole}/nowhere", tmp_path, monkeypatch)
    assert "expected a place for artifacts that other machines reach, got none: set tracking.artifact_location" in (
        message(f"{whole}/{schema}", tmp_path, monkeypatch)
    )

    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres.uri(SECRET))
    monkeypatch.chdir(tmp_path)
    code, out, err = called(capsys)("predict", "models:/spikebridge@champion", "counts.npy")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert SECRET not in err


@pytest.mark.slow
def test_a_schema_of_another_mlflow_is_left_alone(
    tmp_path: Path, migrated: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = next(r for r in database_store.known_revisions() if r != database_store.latest_revision())
    for revision, remedy in (
        (older, "older .*mlflow db upgrade"),
        ("ffffffffffff", "newer .*install the version of MLflow"),
    ):
        migrated.sql(migrated.database, f"UPDATE alembic_version SET version_num = '{revision}'")
        text = message(migrated.uri(), tmp_path, monkeypatch, "s3://lab/x")
        assert f"found the {remedy.split()[0]} {revision}" in text
        assert migrated.sql(migrated.database, "SELECT version_num FROM alembic_version") == revision


@pytest.mark.slow
def test_the_bucket_and_its_keys(
    tmp_path: Path, migrated: Postgres, s3_keys: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert message(migrated.uri(), tmp_path, monkeypatch, "s3://nothing/x") == (
        f"artifacts in s3://nothing at {s3_keys.endpoint}: there is no such bucket: make it first"
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert "S3 refuses these keys: check AWS_ACCESS_KEY_ID" in message(
        migrated.uri(), tmp_path, monkeypatch, "s3://lab/x"
    )


@pytest.mark.slow
def test_an_experiment_keeps_its_location(
    tmp_path: Path, migrated: Postgres, s3_keys: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", migrated.uri())
    store.open_store(settings(tracking={"artifact_location": "s3://lab/first"}).tracking, tmp_path)
    text = message(migrated.uri(), tmp_path, monkeypatch, "s3://lab/second")
    assert text.startswith("tracking.artifact_location: expected s3://lab/first, where the experiment 'spikebridge'")
