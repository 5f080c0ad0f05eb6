"""Jobs that tests list, store and fan out; other processes find them by the name of this module."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikebridge.errors import DataError
from spikebridge.fan_out.one_job import Entry, entries
from spikebridge.runtime.job_lists import WRITTEN, JobList
from spikebridge.runtime.parallel import Report


@dataclass(frozen=True)
class Task:
    """Read a file, and do what its text says. out: written; runs: of all jobs, a line each time one runs."""

    number: int
    data: Path
    runs: str
    out: Path = field(metadata=WRITTEN)


def work(job: Task, report: Report) -> dict[str, Any]:
    """Note that it runs, write a file and return the text of its data; or die, fail or wait."""
    with Path(job.runs).open("a") as file:
        file.write(f"{job.number} {os.getpid()}\n")
    report(job.number)
    text = job.data.read_text()
    print(f"the data of {job.number} say: {text}")
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "fail":
        raise DataError(f"job {job.number} fails")
    if text == "break":
        raise ZeroDivisionError("a defect")
    while text == "wait" and not Path(f"{job.runs}.go").exists():
        time.sleep(0.05)
    if text == "change":
        job.data.write_text("changed")
    job.out.write_text(f"written by {job.number}")
    return {"text": text, "number": job.number}


def tasks(folder: Path, *texts: str) -> JobList:
    """A job for each text, which is in the file that it reads."""
    for number, text in enumerate(texts):
        (folder / f"data{number}").write_text(text)
    jobs = [
        Task(k, folder / f"data{k}", str(folder / "runs.txt"), folder / "out" / f"{k}.txt") for k in range(len(texts))
    ]
    return JobList("tasks", work, jobs, [f"task {job.number}" for job in jobs], models=["majority"])


def listed(folder: Path, *texts: str) -> list[Entry]:
    """The same as entries of a fan-out."""
    return entries([tasks(folder, *texts)])


def ran(folder: Path) -> list[int]:
    """The numbers of the jobs that ran, in their order; one that ran twice stands twice."""
    path = folder / "runs.txt"
    return [int(line.split()[0]) for line in path.read_text().splitlines()] if path.exists() else []
