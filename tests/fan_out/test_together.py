"""Jobs side by side: one that fails or kills its process does not stop the others, and Ctrl-C leaves no process."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from dask_processes import CODE, dask_processes, ends, wait_until
from fan_out_jobs import listed, ran

from spikebridge.config import ComputeConfig
from spikebridge.fan_out.one_job import SCRATCH, Entry, failure_line
from spikebridge.fan_out.progress import JobsProgress
from spikebridge.fan_out.together import run_together
from spikebridge.runtime import job_store

pytestmark = pytest.mark.slow
TEXTS = ("a", "fail", "break", "die", "b", "c")


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(jobs: Sequence[Entry], compute: ComputeConfig) -> str:
    shown = io.StringIO()
    run_together(jobs, compute, JobsProgress(jobs, shown))
    return shown.getvalue()


def check(jobs: Sequence[Entry], lines: Sequence[str]) -> None:
    """All but the three that cannot succeed are stored; those are recorded with their logs."""
    assert [job_store.stored(job.fingerprint.key) for job in jobs] == [text in "abc" for text in TEXTS]
    failures = [failure_line(job) for job in jobs]
    assert [bool(line) for line in failures] == [text not in "abc" for text in TEXTS]
    assert re.fullmatch(r"tasks, task 1: job 1 fails \(log: runs/jobs/logs/tasks/task-1-\w{8}\.log\)", failures[1])
    assert "ZeroDivisionError: a defect" in failures[2]
    assert "Traceback" in jobs[2].log.read_text()
    assert "killed" in failures[3]
    assert "the data of 4 say: b" in jobs[4].log.read_text()
    assert re.search(r"task 0: done in [\d.]+ s; \d of 6 done, \d running, \d failed", "\n".join(lines))


def test_on_this_machine(tmp_path: Path) -> None:
    jobs = listed(tmp_path, *TEXTS)
    check(jobs, run(jobs, ComputeConfig(workers=2)).splitlines())
    assert not left_behind()


def test_on_dask_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", CODE)
    jobs = listed(tmp_path, *TEXTS)
    with dask_processes(tmp_path, 2) as made:
        check(jobs, run(jobs, made.compute).splitlines())


def test_a_failed_job_runs_again_when_it_can(tmp_path: Path) -> None:
    (job,) = listed(tmp_path, "fail")
    run([job], ComputeConfig(workers=1))
    assert json.loads(job.failure.read_text())["error"] == "job 0 fails"
    (tmp_path / "data0").write_text("a")
    (job,) = listed(tmp_path, "a")
    run([job], ComputeConfig(workers=1))
    assert job_store.stored(job.fingerprint.key)
    assert failure_line(job) == ""
    assert ran(tmp_path) == [0, 0]


def left_behind() -> list[Path]:
    import tempfile

    own = {os.getpid()}
    folders = Path(tempfile.gettempdir()).glob(f"{SCRATCH}-*")
    return [f for f in folders if not psutil.pid_exists(pid := int(f.name.split("-")[2])) or pid in own]


CLIENT = """
import sys
from pathlib import Path
from fan_out_jobs import listed
from spikebridge.config import ComputeConfig
from spikebridge.fan_out.progress import JobsProgress
from spikebridge.fan_out.together import run_together

if __name__ == "__main__":
    jobs = listed(Path.cwd(), "a", "wait", "wait")
    run_together(jobs, ComputeConfig(workers=3), JobsProgress(jobs))
"""


def heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_process_and_no_temporary_folder(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    with (tmp_path / "client.log").open("w") as log:
        client = subprocess.Popen(
            [sys.executable, "client.py"], stdout=log, stderr=log, start_new_session=True, preexec_fn=heed_ctrl_c,
            env=os.environ | {"PYTHONPATH": CODE},
        )  # fmt: skip
    wait_until(lambda: sorted(ran(tmp_path)) == [0, 1, 2] and any(Path("runs/jobs/results").glob("*")))
    processes = [client.pid, *(child.pid for child in psutil.Process(client.pid).children(recursive=True))]
    os.kill(client.pid, how)  # the client alone: the processes of jobs do not get it from a terminal
    wait_until(lambda: client.poll() is not None)
    wait_until(lambda: all(map(ends, processes)))
    assert "KeyboardInterrupt" in (tmp_path / "client.log").read_text()
    jobs = listed(tmp_path, "a", "wait", "wait")
    assert [job_store.stored(job.fingerprint.key) for job in jobs] == [True, False, False]
    Path(f"{tmp_path / 'runs.txt'}.go").touch()
    run(jobs[1:], ComputeConfig(workers=2))
    assert all(job_store.stored(job.fingerprint.key) for job in jobs)
    assert not left_behind()
