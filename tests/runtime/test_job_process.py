"""The process in which a worker runs its jobs, without Dask: results, reports, refusals and ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask_jobs
import pytest
from dask_processes import CODE, ends, wait_until

from spikebridge.errors import DataError
from spikebridge.runtime import job_process
from spikebridge.runtime.job_process import ERROR, REFUSED, RESULT, EndedError, JobProcess, NotWantedError
from spikebridge.runtime.same_software import software


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("PYTHONPATH", CODE)
    (tmp_path / "marker").touch()
    return {
        "folder": str(tmp_path),
        "marker": "marker",
        "software": software(),
        "environment": {"SPIKEBRIDGE_NEW": "1", "OMP_NUM_THREADS": "1"},
        "modules": ["numpy", "no_such_module"],
    }


@pytest.fixture
def process(setup: dict[str, Any]) -> Iterator[JobProcess]:
    made = JobProcess(setup)
    yield made
    if made.alive:
        made.end()


def run(process: JobProcess, work: Any, job: Any, wanted: Any = lambda: True) -> tuple[str, Any, list[Any]]:
    heard: list[Any] = []
    kind, content = process.run(
        job_process.packed((work, job)), lambda item: heard.append(job_process.unpacked(item)), wanted
    )
    return kind, content.decode() if kind == REFUSED else job_process.unpacked(content), heard


def test_jobs_run_one_after_the_other_in_one_process(process: JobProcess, tmp_path: Path) -> None:
    assert run(process, dask_jobs.square, 3) == (RESULT, 9, [("begun", 3)])
    kind, error, heard = run(process, dask_jobs.square, 13)
    assert (kind, heard) == (ERROR, [("begun", 13)])
    assert isinstance(error, DataError)
    assert "in square" in error.__notes__[0]
    seen = [run(process, dask_jobs.surroundings, "SPIKEBRIDGE_NEW")[1] for _ in range(2)]
    assert seen[0] == seen[1]
    assert (seen[0]["folder"], seen[0]["variable"]) == (str(tmp_path), "1")
    assert seen[0]["process"] != os.getpid()


def test_an_exception_that_cannot_be_sent_comes_as_text(process: JobProcess) -> None:
    kind, error, _ = run(process, dask_jobs.unpicklable, 1)
    assert kind == ERROR
    assert "LocalError: of a function" in str(error)


def test_a_killed_process_says_how_it_ended(process: JobProcess, tmp_path: Path) -> None:
    (tmp_path / "deaths").write_text("1")
    with pytest.raises(EndedError, match=r"was killed: .* out of memory"):
        run(process, dask_jobs.die, tmp_path / "deaths")
    assert not process.alive
    with pytest.raises(EndedError):
        run(process, dask_jobs.square, 3)


def test_a_job_that_nobody_wants_ends(process: JobProcess, tmp_path: Path) -> None:
    job = tmp_path / "job"
    begun = job.with_suffix(".begun")
    with pytest.raises(NotWantedError):
        run(process, dask_jobs.wait_for_a_file, job, lambda: not begun.exists())
    pid = int(begun.read_text().split()[0])
    wait_until(lambda: ends(pid))


def test_a_folder_that_is_not_seen_is_refused(setup: dict[str, Any], tmp_path: Path) -> None:
    """Not even where there is a folder of that name: the marker is missing in it."""
    for changes in ({"folder": str(tmp_path / "elsewhere")}, {"marker": "elsewhere/marker"}):
        process = JobProcess(setup | changes)
        kind, text, _ = run(process, dask_jobs.square, 3)
        process.end()
        assert kind == REFUSED
        assert "does not see the project's folder" in text
        assert "\n" not in text


def test_other_software_is_refused(setup: dict[str, Any]) -> None:
    process = JobProcess(setup | {"software": software() | {"numpy": "1.0", "scipy": "1.0"}})
    kind, text, _ = run(process, dask_jobs.square, 3)
    process.end()
    assert kind == REFUSED
    assert "its software differs, and results must not be mixed: numpy 1.0 here, " in text


def test_it_ends_when_its_worker_does(setup: dict[str, Any], tmp_path: Path) -> None:
    """In the middle of a job, however the worker ended."""
    job = tmp_path / "job"
    worker = os.fork()
    if worker == 0:
        try:
            run(JobProcess(setup), dask_jobs.wait_for_a_file, job)
        finally:
            os._exit(1)
    wait_until(job.with_suffix(".begun").exists)
    pid = int(job.with_suffix(".begun").read_text().split()[0])
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    wait_until(lambda: ends(pid))
