"""Jobs over processes: order, reports, errors, and no orphans."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from threadpoolctl import threadpool_info

from spikebridge.config import ComputeConfig
from spikebridge.errors import DataError
from spikebridge.runtime import parallel
from spikebridge.runtime.stage import THREADS

CODE = """
import sys, time
from pathlib import Path
from spikebridge.runtime import parallel

def work(job, report):
    Path(sys.argv[1], f"{job}").touch()
    for _ in range(1200):
        time.sleep(0.05)
        Path(sys.argv[1], f"{job}.alive").write_text(str(time.time()))

if __name__ == "__main__":
    parallel.run_jobs(work, [1, 2], 2, print)
"""


def square(job: int, report: parallel.Report) -> int:
    import torch

    report(("threads", torch.get_num_threads()))
    if job == 13:
        raise DataError("thirteen")
    return job**2


def run(jobs: list[int], workers: int) -> tuple[list[int], list[Any]]:
    heard: list[Any] = []
    return parallel.run_jobs(square, jobs, workers, heard.append, ("torch",)), heard


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.quick_cases(1)
def test_results_in_order_and_every_report_heard(workers: int) -> None:
    assert run([3, 1, 2], workers) == ([9, 1, 4], [("threads", 1)] * 3)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_users_mistake_comes_through(workers: int) -> None:
    with pytest.raises(DataError, match="thirteen"):
        run([1, 13], workers)


def test_number_of_workers() -> None:
    assert parallel.n_workers(ComputeConfig(workers=8), 3) == 3
    assert parallel.n_workers(ComputeConfig(workers=1), 3) == 1
    assert 1 <= parallel.n_workers(ComputeConfig(), 100) <= (os.cpu_count() or 1)
    assert parallel.device(ComputeConfig(device="cpu")) == "cpu"
    assert parallel.device(ComputeConfig()) in ("cpu", "cuda")


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_stage(tmp_path: Path) -> None:
    script = tmp_path / "stage.py"
    script.write_text(CODE)
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)])
    deadline = time.monotonic() + 60
    while not all((tmp_path / f"{job}.alive").exists() for job in (1, 2)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) >= 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    time.sleep(1.0)
    last = [(tmp_path / f"{job}.alive").read_text() for job in (1, 2)]
    time.sleep(0.5)
    assert [(tmp_path / f"{job}.alive").read_text() for job in (1, 2)] == last
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive  # nor does a server from which workers are forked


def loaded(job: str, report: parallel.Report) -> bool:
    return job in sys.modules


def test_workers_have_the_modules_that_their_jobs_name() -> None:
    assert parallel.run_jobs(loaded, ["colorsys", "chunk"], 2, print, ("colorsys", "no_such_module")) == [True, False]


def environment(job: int, report: parallel.Report) -> tuple[str | None, str | None, int]:
    import numpy  # noqa: F401

    threads = max(pool["num_threads"] for pool in threadpool_info())
    return os.environ.get("SPIKEBRIDGE_NEW"), os.environ.get("SPIKEBRIDGE_OLD"), threads


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
@pytest.mark.quick_cases(1)
def test_workers_see_the_environment_of_the_call_on_one_thread(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they are made, and however long ago the server began that they are forked from."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    monkeypatch.setattr(parallel, "worker_context", lambda: multiprocessing.get_context(method))
    monkeypatch.setenv("SPIKEBRIDGE_OLD", "1")
    for name in THREADS:
        monkeypatch.setenv(name, "1")
    assert parallel.run_jobs(environment, [1, 2], 2, print) == [(None, "1", 1)] * 2
    monkeypatch.delenv("SPIKEBRIDGE_OLD")
    monkeypatch.setenv("SPIKEBRIDGE_NEW", "2")
    assert parallel.run_jobs(environment, [1, 2], 2, print) == [("2", None, 1)] * 2


def test_a_long_path_to_temporary_files_is_no_place_for_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 80)
    assert parallel.worker_context().get_start_method() == "spawn"
