"""Dask workers as batch jobs of a real SLURM of one node. Skips where SLURM is not installed or cannot start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask_jobs
import pytest
from dask_processes import CODE, LIMIT_S, wait_until
from slurm import slurm

from spikebridge.config import ClusterConfig, ComputeConfig
from spikebridge.errors import SpikebridgeError
from spikebridge.runtime import parallel

pytest.importorskip("dask_jobqueue")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def configuration() -> Iterator[Path]:
    with slurm() as made:
        yield made


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configuration: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    monkeypatch.setenv("PYTHONPATH", CODE)


def compute(**changes: Any) -> ComputeConfig:
    cluster = ClusterConfig(kind="slurm", n_workers=2, memory="500MB", walltime="00:30:00", queue="short")
    return ComputeConfig(engine="dask", cluster=cluster.model_copy(update=changes), wait_s=LIMIT_S)


def queued() -> list[str]:
    listed = subprocess.run(["squeue", "--noheader", "--format=%i %T"], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_jobs_run_in_batch_jobs_which_end_with_the_run(tmp_path: Path) -> None:
    heard: list[Any] = []
    assert parallel.run_jobs(dask_jobs.square, [3, 1, 2], compute(), heard.append) == [9, 1, 4]
    assert sorted(heard) == [("begun", 1), ("begun", 2), ("begun", 3)]
    seen = parallel.run_jobs(dask_jobs.surroundings, ["SLURM_JOB_ID"], compute(), heard.append)[0]
    assert seen["variable"]
    assert (seen["folder"], seen["threads"]) == (str(tmp_path), {1})
    from spikebridge.runtime.dask_engine import connection

    for scheduler in connection._open.values():
        connection._close(scheduler)
    wait_until(lambda: not queued())
    assert os.environ.get("SLURM_JOB_ID") is None


def test_a_queue_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(SpikebridgeError, match="no worker has come: the batch system refused the job: look at queue"):
        parallel.run_jobs(dask_jobs.square, [1], compute(queue="nowhere"), print)
