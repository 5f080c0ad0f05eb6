"""A PostgreSQL server and an S3 server, real ones, started once a process of the tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_servers import S3, Postgres, running
from spikebridge.tracking import artifact_store, store_location

VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_DEFAULT_ARTIFACT_ROOT", "PGCONNECT_TIMEOUT")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test announces to MLflow ends with the test."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(store_location, "ANNOUNCED", set())
    artifact_store.check_bucket.cache_clear()


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that the user postgres may enter: those of pytest belong to this user alone."""
    folder = Path(tempfile.mkdtemp(prefix="spikebridge-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(open_folder: Path) -> Iterator[Postgres]:
    if reason := Postgres.missing():
        pytest.skip(reason)
    pytest.importorskip("psycopg", reason='the extra "server" is not installed')
    with running(Postgres(open_folder / "postgres", options=("-c", "fsync=off"))) as server:
        yield server


@pytest.fixture(scope="session")
def s3(open_folder: Path) -> Iterator[S3]:
    if reason := S3.missing():
        pytest.skip(reason)
    pytest.importorskip("boto3", reason='the extra "server" is not installed')
    with running(S3(open_folder / "s3")) as server:
        server.make_bucket("lab")
        yield server


@pytest.fixture
def s3_keys(s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The S3 server, its address and keys in the environment."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return s3


_numbers = iter(range(1000))


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Postgres]:
    """The PostgreSQL server with a fresh, empty database for this test."""
    name = f"fresh_{next(_numbers)}"
    postgres.sql("template1", f"CREATE DATABASE {name}")
    before, postgres.database = postgres.database, name
    yield postgres
    postgres.database = before


@pytest.fixture(scope="session")
def schema(postgres: Postgres) -> str:
    """The name of a database with MLflow's schema, to copy: to build it takes seconds."""
    from spikebridge.tracking import database_store, store

    store.quiet_mlflow()
    postgres.sql("template1", "CREATE DATABASE schema_of_mlflow")
    before, postgres.database = postgres.database, "schema_of_mlflow"
    try:
        database_store.prepare(postgres.uri())
    finally:
        postgres.database = before
    return "schema_of_mlflow"


@pytest.fixture
def migrated(postgres: Postgres, schema: str) -> Iterator[Postgres]:
    """The PostgreSQL server with a database that has the schema and no rows."""
    name = f"copy_{next(_numbers)}"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{schema}'"
    postgres.sql("template1", end, f"CREATE DATABASE {name} TEMPLATE {schema}")  # nobody may be connected to it
    before, postgres.database = postgres.database, name
    yield postgres
    postgres.database = before
