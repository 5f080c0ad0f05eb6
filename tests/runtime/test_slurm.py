"""Dask workers as batch jobs of a real SLURM of one node. Skips where SLURM is not installed or cannot start."""

from __future__ import annotations

import json
import subprocess
import sys
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


CLIENT = """
import json, sys
import dask_jobs
from spikebridge.config import ComputeConfig
from spikebridge.runtime import parallel

if __name__ == "__main__":
    compute, heard = ComputeConfig.model_validate_json(sys.argv[1]), []
    squares = parallel.run_jobs(dask_jobs.square, [3, 1, 2], compute, heard.append)
    seen = parallel.run_jobs(dask_jobs.surroundings, ["SLURM_JOB_ID"], compute, heard.append)[0]
    print(json.dumps([squares, sorted(heard), seen["variable"], seen["folder"]]))
"""


def test_jobs_run_in_batch_jobs_which_end_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    command = [sys.executable, "client.py", compute().model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    squares, heard, batch_job, folder = json.loads(done.stdout)
    assert squares == [9, 1, 4]
    assert heard == [["begun", 1], ["begun", 2], ["begun", 3]]
    assert batch_job.isdigit()
    assert folder == str(tmp_path)
    wait_until(lambda: not queued())


def test_a_queue_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(SpikebridgeError, match="no worker has come: the batch system refused the job: look at queue"):
        parallel.run_jobs(dask_jobs.square, [1], compute(queue="nowhere"), print)
