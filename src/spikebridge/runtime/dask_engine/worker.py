"""What a worker does with one job: it hands it to its `JobProcess`, and passes on what that reports."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikebridge.runtime import job_process
from spikebridge.runtime.job_process import EndedError, JobProcess, NotWantedError

MOST_BEGINS = 3
"""How often a job is begun, where its process or its worker dies each time."""
ENGINE_CODE = hashlib.sha256(Path(__file__).read_bytes() + Path(job_process.__file__).read_bytes()).hexdigest()[:12]
"""Of the code that this process has loaded: a worker may have loaded it before it was changed."""
BEGIN = -1
"""Number of the report that a job makes before its first one."""
DIED, GONE = "died", "gone"
_process: tuple[Mapping[str, Any], JobProcess] | None = None
"""The process of the last call, and its setup."""


def call(setup: Mapping[str, Any], topic: str, number: int, job: bytes) -> tuple[str, int, bytes]:
    """Run one job. Arguments and results are builtin types, so that any version of the code can read them.

    Parameters
    ----------
    setup : mapping
        Of `JobProcess`, and `engine`: ENGINE_CODE of the caller.
    topic : str
        Of the events that carry reports: [number of the job, number of the report, the packed report].
    number : int
        Of the job.
    job : bytes
        Packed (work, job).

    Returns
    -------
    kind : str
        As of `JobProcess.run`; or DIED where the process died MOST_BEGINS times, or GONE where this worker ends.
    n_reports : int
        How many reports the job made.
    content : bytes
        As of `JobProcess.run`; of DIED how the process ended.
    """
    from distributed import get_worker

    worker = get_worker()
    if setup["engine"] != ENGINE_CODE:
        return _refused(f"worker {worker.address} has loaded another version of spikebridge: restart the workers")
    if worker.state.nthreads != 1:
        return _refused(f"worker {worker.address} has {worker.state.nthreads} threads: start workers with --nthreads 1")
    key, reports, how = worker.get_current_task(), 0, ""

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        executing = task is not None and task.state in ("executing", "long-running")
        return executing and worker.status.name not in ("closing", "closed", "failed")

    def heard(content: bytes) -> None:
        nonlocal reports
        worker.log_event(topic, [number, reports, content])
        reports += 1

    for _ in range(MOST_BEGINS):
        worker.log_event(topic, [number, BEGIN, b""])
        reports = 0
        try:
            kind, content = _process_of(setup).run(job, heard, wanted)
            return kind, reports, content
        except EndedError as error:
            how = str(error)
        except NotWantedError:
            return GONE, 0, b""
    return DIED, 0, how.encode()


def _refused(text: str) -> tuple[str, int, bytes]:
    return job_process.REFUSED, 0, text.encode()


def _process_of(setup: Mapping[str, Any]) -> JobProcess:
    """The process of this call; that of another call is ended first."""
    global _process
    if _process is not None and (_process[0] != setup or not _process[1].alive):
        _process[1].end()
        _process = None
    if _process is None:
        _process = (setup, JobProcess(setup))
    return _process[1]
