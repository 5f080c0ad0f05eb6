"""The engine dask: jobs run on the workers of a Dask scheduler. Only this folder imports distributed.

A worker starts one `JobProcess` for the jobs of a call. It runs them one after the other, as a worker process of one
machine does, so that results are the same. Jobs, reports and results travel as bytes that neither scheduler nor worker
opens. What a finished job returned is fetched at once: a worker that dies later takes nothing along.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spikebridge.config import ComputeConfig
from spikebridge.runtime.dask_engine.connection import RUN_FOLDER, connect
from spikebridge.runtime.dask_engine.run import Run
from spikebridge.runtime.dask_engine.worker import ENGINE_CODE
from spikebridge.runtime.parallel import Report
from spikebridge.runtime.same_software import software
from spikebridge.runtime.stage import THREADS

TAKEN = ("SPIKEBRIDGE_", "OPENBLAS_", "MKL_", "OMP_", "KMP_", "NUMEXPR_", "CUBLAS_", "ATEN_", "TORCH_", "PYTORCH_")
"""How the environment variables begin that a job gets from the caller; others belong to a worker's machine."""


def run_jobs(
    work: Callable[[Any, Report], Any],
    jobs: Sequence[Any],
    compute: ComputeConfig,
    report: Report,
    modules: Sequence[str] = (),
) -> list[Any]:
    """[work(job, report) for job in jobs], on the workers that `compute` names; see `parallel.run_jobs`.

    Parameters
    ----------
    work : callable
        A module-level function of a job and of `report`.
    jobs : sequence
        Objects that can be pickled. Paths in them are as seen from the working folder, which all machines share.
    compute : ComputeConfig
        With the engine dask.
    report : callable
        Called in this process, on this thread, with each object that a job reports.
    modules : sequence of str
        Libraries and modules that the jobs use.

    Returns
    -------
    list
        What `work` returned for each job.

    Raises
    ------
    ConfigError
        Where Dask is not installed, the scheduler cannot be reached, or a worker may not run the jobs.
    SpikebridgeError
        Where no worker comes, a job's workers die again and again, or the scheduler is lost.
    Exception
        The first error of a job.
    """
    if not jobs:
        return []
    if work.__module__ != "__main__":
        modules = (*modules, work.__module__)
    scheduler = connect(compute, len(jobs))
    with _marker() as marker:
        setup = {
            "engine": ENGINE_CODE,
            "folder": str(Path.cwd()),
            "marker": str(marker),
            "software": software(),
            "environment": _environment(),
            "modules": list(modules),
        }
        return Run(scheduler, setup, jobs, report, compute.wait_s).results(work)


def _environment() -> dict[str, str]:
    taken = {name: value for name, value in os.environ.items() if name.startswith(TAKEN)}
    return taken | dict.fromkeys(THREADS, "1")


@contextmanager
def _marker() -> Iterator[Path]:
    """A file by which a worker knows that it sees this very folder, relative to it."""
    RUN_FOLDER.mkdir(parents=True, exist_ok=True)
    marker = RUN_FOLDER / f"{secrets.token_hex(8)}.run"
    marker.touch()
    try:
        yield marker
    finally:
        marker.unlink(missing_ok=True)
