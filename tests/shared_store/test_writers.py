"""Several writers, a server that starts again, and connections that are cut: nothing is lost, nothing is twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import store_writer
from cut_connections import Proxy
from project import ROOT

from lab_servers import S3, Postgres

pytestmark = pytest.mark.slow

WRITER = ROOT / "tests" / "support" / "store_writer.py"


def start(folder: Path, names: list[str], runs: int, uri: str, place: str) -> subprocess.Popen[str]:
    """Writers at once, each a process with its own project folder, as on another machine."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "dvc.yaml").touch()
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(folder), str(runs), place, *names],
        env=os.environ | {"MLFLOW_TRACKING_URI": uri},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(writers: subprocess.Popen[str]) -> str:
    """What the writers print; every one of them must succeed."""
    output = writers.communicate(timeout=300)[0]
    assert writers.returncode == 0, output[-4000:]
    return output


def check(server: Postgres, names: list[str], runs: int) -> None:
    """Every run, point, parameter and tag is in the database exactly once."""
    n = len(names) * runs

    def count(query: str) -> int:
        return int(server.sql(server.database, query))

    def runs_of(kind: str) -> int:
        return count(
            "SELECT count(*) FROM runs JOIN tags USING (run_uuid) WHERE lifecycle_stage = 'active' "
            f"AND tags.key = 'spikebridge.kind' AND tags.value = '{kind}'"
        )

    assert (runs_of("execution"), runs_of("model")) == (1, n)
    fingerprints = "SELECT count(DISTINCT value) FROM tags WHERE key = 'spikebridge.fingerprint'"
    assert count(fingerprints) == n + 1
    alive = "run_uuid IN (SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active')"
    assert count(f"SELECT count(*) FROM metrics WHERE key = 'train_loss' AND {alive}") == n * store_writer.POINTS
    distinct = f"SELECT count(DISTINCT (run_uuid, step)) FROM metrics WHERE key = 'train_loss' AND {alive}"
    assert count(distinct) == n * store_writer.POINTS
    assert count(f"SELECT count(*) FROM metrics WHERE key = 'value' AND {alive}") == n
    assert count(f"SELECT count(*) FROM params WHERE {alive}") == 2 * n
    assert count("SELECT count(*) FROM runs WHERE lifecycle_stage = 'active' AND status = 'FINISHED'") == n
    assert count("SELECT count(*) FROM experiments WHERE name = 'spikebridge'") == 1


def files(s3: S3, prefix: str) -> list[str]:
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket="lab", Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def test_eight_writers_at_once_from_fresh(tmp_path: Path, database: Postgres, s3_keys: S3) -> None:
    place, names = "s3://lab/eight", [f"writer{k}" for k in range(8)]
    ended(start(tmp_path, names, 2, database.uri(), place))
    check(database, names, 2)
    written = files(s3_keys, "eight/")
    assert sorted(name.rpartition("/")[2] for name in written) == sorted(f"{n}.{k}.txt" for n in names for k in (0, 1))
    bodies = {s3_keys.client().get_object(Bucket="lab", Key=key)["Body"].read().decode() for key in written}
    assert bodies == {f"{n} {k}" for n in names for k in (0, 1)}


def test_a_server_that_is_restarted_and_crashes_under_load(tmp_path: Path, migrated: Postgres, s3_keys: S3) -> None:
    names = ["one", "two"]
    writers = start(tmp_path, names, 8, migrated.uri(), "s3://lab/restarted")
    for runs, how in ((2, signal.SIGINT), (9, signal.SIGQUIT)):
        wait_for_runs(migrated, runs, writers)
        migrated.stop(how)
        migrated.start()
    ended(writers)
    check(migrated, names, 8)
    assert len(files(s3_keys, "restarted/")) == 16


def wait_for_runs(server: Postgres, number: int, writers: subprocess.Popen[str]) -> None:
    """Wait until the writers have made so many runs: then they are at work."""
    while int(server.sql(server.database, "SELECT count(*) FROM runs")) < number:
        assert writers.poll() is None, ended(writers)


def test_connections_that_are_cut_in_the_middle(tmp_path: Path, migrated: Postgres, s3_keys: S3) -> None:
    """The cuts fall after requests that the server carries out: their answers are lost."""
    names = ["one", "two"]
    with Proxy(migrated.port, cut_after=900, grows_by=1.2, cuts=16) as proxy:
        uri = migrated.uri(port=proxy.port)
        ended(start(tmp_path, names, 4, uri, "s3://lab/cut"))
        assert proxy.cuts == 16
    check(migrated, names, 4)
    assert len(files(s3_keys, "cut/")) == 8
