"""One job, wherever it runs: its log, its temporary folder, its result in the store, or the record of its failure."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from spikebridge.artifacts.json_files import read_json, write_json
from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.errors.system_errors import explain
from spikebridge.runtime import job_store
from spikebridge.runtime.job_lists import JOBS_FOLDER, JobList
from spikebridge.runtime.job_store import Fingerprint
from spikebridge.runtime.parallel import Report

LOGS, FAILURES = JOBS_FOLDER / "logs", JOBS_FOLDER / "failed"
SCRATCH = "spikebridge-job"
"""Temporary folders of jobs are named after it, their process and more."""
BEGUN, DONE, FAILED = "begun", "done", "failed"


@dataclass(frozen=True)
class Entry:
    """One job of all that are fanned out.

    Parameters
    ----------
    stage, name : str
        Of the list and of the job.
    listed : JobList
        A list of this job alone.
    fingerprint : Fingerprint
        When it was listed.
    """

    stage: str
    name: str
    listed: JobList
    fingerprint: Fingerprint

    @property
    def title(self) -> str:
        """Stage and job."""
        return f"{self.stage}, {self.name}"

    @property
    def log(self) -> Path:
        """The file of its log."""
        return LOGS / self.stage / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', self.name)}-{self.fingerprint.key[:8]}.log"

    @property
    def failure(self) -> Path:
        """The record of its failure, where it has failed."""
        return FAILURES / f"{self.fingerprint.key}.json"


@dataclass(frozen=True)
class Event:
    """What a job reports.

    Parameters
    ----------
    key : str
        Of its fingerprint.
    what : str
        BEGUN, DONE or FAILED.
    seconds : float
        That it took.
    """

    key: str
    what: str
    seconds: float = 0.0


def entries(lists: Sequence[JobList]) -> list[Entry]:
    """Every job of some lists.

    Parameters
    ----------
    lists : sequence of JobList
        The lists.

    Returns
    -------
    list of Entry
        In their order, each with its fingerprint as it is now.
    """
    return [entry(listed, number) for listed in lists for number in range(len(listed.jobs))]


def entry(listed: JobList, number: int) -> Entry:
    """One job of a list.

    Parameters
    ----------
    listed : JobList
        The list.
    number : int
        Place of the job.

    Returns
    -------
    Entry
        With its fingerprint as it is now.
    """
    name = listed.names[number]
    alone = JobList(listed.stage, listed.work, [listed.jobs[number]], [name], listed.modules, listed.models)
    return Entry(listed.stage, name, alone, job_store.fingerprint(alone, 0))


def run_and_store(job: Entry, report: Report) -> bool:
    """Run a job and store its result. An error is written to its log and recorded; it does not reach the caller.

    Parameters
    ----------
    job : Entry
        The job.
    report : callable
        Called with an `Event` when it begins and when it ends.

    Returns
    -------
    bool
        Whether its result is stored.
    """
    key, begun = job.fingerprint.key, time.monotonic()
    report(Event(key, BEGUN))
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("a", encoding="utf-8", buffering=1) as log:
        log.write(f"{_now()} {job.title}: begins on {os.uname().nodename}, process {os.getpid()}, {key}\n")
        ok = True
        try:
            with redirect_stdout(log), redirect_stderr(log):
                _run(job, _to_log(log))
        except Exception as error:
            ok = False
            record_failure(job, error, log)
        seconds = time.monotonic() - begun
        log.write(f"{_now()} {job.title}: {'result stored' if ok else 'failed'} after {seconds:.1f} s\n")
    report(Event(key, DONE if ok else FAILED, seconds))
    return ok


def _run(job: Entry, report: Report) -> None:
    job.failure.unlink(missing_ok=True)
    if job_store.stored(job.fingerprint.key):  # another process was sooner
        return
    remove_left_behind()
    with _scratch() as folder:
        (inputs,) = job.listed.jobs
        placed = job_store.placed(inputs, folder / "job")
        value = job.listed.work(placed, report)
        now = job_store.fingerprint(job.listed, 0)
        if wrong := now.differences(job.fingerprint):
            raise DataError(f"{' and '.join(wrong)} changed while the job ran: its result is not stored; run it again")
        job_store.store(job.fingerprint.key, value, job_store.written_paths(placed))


def record_failure(job: Entry, error: Exception, log: TextIO) -> None:
    """Write an error to the log of a job and beside the results.

    Parameters
    ----------
    job : Entry
        The job.
    error : Exception
        What ended it.
    log : file
        Its log.
    """
    text = str(error) if isinstance(error, SpikebridgeError) else explain(error)
    if text is None:
        log.write("".join(traceback.format_exception(error)))
        text = f"{type(error).__name__}: {error}"
    log.write(f"{text}\n")
    job.failure.parent.mkdir(parents=True, exist_ok=True)
    temporary = job.failure.with_name(f".{job.failure.name}-{os.getpid()}.partial")
    write_json(temporary, {"stage": job.stage, "job": job.name, "error": text, "log": str(job.log)})
    temporary.replace(job.failure)


def failure_line(job: Entry) -> str:
    """One line about a job that failed.

    Parameters
    ----------
    job : Entry
        The job.

    Returns
    -------
    str
        Its name, the first line of the error and its log; "" where it did not fail.
    """
    if not job.failure.exists():
        return ""
    error = str(read_json(job.failure).get("error", "")).strip().partition("\n")[0]
    return f"{job.title}: {error} (log: {job.log})"


def _to_log(log: TextIO) -> Callable[[Any], None]:
    def write(item: Any) -> None:
        log.write(f"{_now()} {item}\n")

    return write


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder on this machine (TMPDIR), removed afterwards: databases do not lie in a network file system."""
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}-{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left_behind() -> None:
    """Remove the temporary folders of jobs of this user and machine whose process was killed."""
    import psutil

    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}-*-*"):
        with suppress(ValueError, OSError):
            pid = int(folder.name.removeprefix(f"{SCRATCH}-").partition("-")[0])
            ended = not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
            if folder.stat().st_uid == os.getuid() and ended:
                shutil.rmtree(folder, ignore_errors=True)
