"""The jobs of a stage as a list: a function, what it is called with, and a name for each job.

A stage lists its jobs, and runs those whose result `spikebridge fan-out` has not stored. The store is loaded by its
name in a text, and only where there is a folder of stored results: no result depends on its code, and without that
folder a stage does nothing more than run its jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from spikebridge.runtime import parallel

JOBS_FOLDER = Path("runs") / "jobs"
"""In a project: what `spikebridge fan-out` keeps."""
RESULTS = JOBS_FOLDER / "results"
"""Stored results of jobs."""
WRITTEN: Mapping[str, bool] = {"written": True}
"""Metadata of a field of a job: the path of a file or folder that the job writes. Any other path is read, and its
content counts."""


@dataclass(frozen=True)
class JobList:
    """The jobs of a stage that do not depend on each other.

    Parameters
    ----------
    stage : str
        Name of the stage in dvc.yaml ("tune@dnn").
    work : callable
        A module-level function of a job and of a function that it reports to. A job runs on one thread.
    jobs : sequence
        Dataclasses. Their content, with that of the files that their paths lead to, decides the result.
    names : sequence of str
        Of each job, for people; no two are equal.
    modules : sequence of str
        Libraries and modules that the jobs use.
    models : sequence of str
        The models whose code the jobs run; none: all.
    """

    stage: str
    work: Callable[[Any, parallel.Report], Any]
    jobs: Sequence[Any]
    names: Sequence[str]
    modules: Sequence[str] = ()
    models: Sequence[str] = ()


def results(
    listed: JobList,
    workers: parallel.Workers,
    report: parallel.Report,
    on_stored: Callable[[int], Any] = lambda number: None,
) -> list[Any]:
    """What the work returns for each job: as stored by `spikebridge fan-out`, or run now.

    Parameters
    ----------
    listed : JobList
        The jobs.
    workers : int or ComputeConfig
        Of `parallel.run_jobs`.
    report : callable
        Called with what jobs report that run now.
    on_stored : callable
        Called with the number of stored results, before any job runs.

    Returns
    -------
    list
        In the order of the jobs. The files that a job writes are where they belong.
    """
    if not RESULTS.is_dir():
        return parallel.run_jobs(listed.work, listed.jobs, workers, report, listed.modules)
    store: Any = import_module("spikebridge.runtime.job_store")
    known = store.collect(listed)
    on_stored(len(known))
    missing = [number for number in range(len(listed.jobs)) if number not in known]
    if missing:
        jobs = [listed.jobs[number] for number in missing]
        known |= dict(zip(missing, parallel.run_jobs(listed.work, jobs, workers, report, listed.modules), strict=True))
    return [known[number] for number in range(len(listed.jobs))]
