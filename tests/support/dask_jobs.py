"""Jobs that tests give to workers of other processes, which find them by the name of this module."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from spikebridge.errors import DataError
from spikebridge.runtime.parallel import Report


def square(job: int, report: Report) -> int:
    """Report the job, and refuse 13."""
    report(("begun", job))
    if job == 13:
        raise DataError("thirteen")
    return job**2


def surroundings(name: str, report: Report) -> dict[str, Any]:
    """What a job sees: its folder, a variable, the threads of linear algebra and torch, its process."""
    import torch

    threads = {pool["num_threads"] for pool in threadpool_info()} | {torch.get_num_threads()}
    return {
        "folder": str(Path.cwd()),
        "variable": os.environ.get(name),
        "secret": os.environ.get("SOME_PASSWORD"),
        "threads": threads,
        "process": os.getpid(),
    }


def die(job: Path, report: Report) -> str:
    """Kill the own process as often as the file has lines to take away, after one report."""
    report("begun")
    left = job.read_text().splitlines()
    if left:
        job.write_text("\n".join(left[1:]))
        os.kill(os.getpid(), signal.SIGKILL)
    report("ended")
    return "done"


def wait_for_a_file(job: Path, report: Report) -> str:
    """Write the ids of this process and of its parent beside the file, and wait until the file is there."""
    with job.with_suffix(".begun").open("a") as file:
        file.write(f"{os.getpid()} {os.getppid()}\n")
    report("begun")
    while not job.exists():
        time.sleep(0.05)
    return job.name


def unpicklable(job: int, report: Report) -> int:
    """Raise an exception that cannot be sent."""

    class LocalError(Exception):
        pass

    raise LocalError("of a function")
