"""Jobs that run together, on this machine or on Dask workers."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any

from spikebridge.config import ComputeConfig
from spikebridge.errors import SpikebridgeError
from spikebridge.fan_out.one_job import FAILED, Entry, Event, record_failure, remove_left_behind, run_and_store
from spikebridge.fan_out.progress import JobsProgress
from spikebridge.runtime import parallel
from spikebridge.runtime.parallel import JobDiedError
from spikebridge.runtime.stage import one_thread

GRACE_S = 3.0
KILLED = "its process was killed: was the machine out of memory?"


def run_together(jobs: Sequence[Entry], compute: ComputeConfig, progress: JobsProgress) -> None:
    """Run jobs where `compute.engine` says. A job that fails, or kills its process, does not stop the others.

    Parameters
    ----------
    jobs : sequence of Entry
        The jobs.
    compute : ComputeConfig
        The machine.
    progress : JobsProgress
        Hears their events.
    """
    workers = parallel.workers_for(compute, len(jobs))
    modules = tuple(dict.fromkeys(module for job in jobs for module in job.listed.modules))
    try:
        with one_thread(), ending_children(isinstance(workers, int)), progress.shown():
            _run(jobs, workers, modules, progress)
    finally:
        remove_left_behind()


def _run(jobs: Sequence[Entry], workers: parallel.Workers, modules: Sequence[str], progress: JobsProgress) -> None:
    waiting, suspects = list(jobs), list[Entry]()
    while waiting or suspects:
        alone = not waiting
        batch = [suspects.pop()] if alone else waiting
        try:
            # a suspect runs in a process of a pool, so that its death is not that of this process
            parallel.run_jobs(run_and_store, batch, 2 if alone else workers, progress.hear, modules)
            waiting = []
        except BrokenProcessPool:  # one of the jobs that ran has killed its process; nobody knows which
            running = progress.running()
            progress.begun.clear()
            if alone:
                _died(batch[0], progress)
            elif running:
                suspects += running
            else:
                raise
            waiting = [job for job in progress.left() if job not in suspects]
        except JobDiedError as error:
            progress.begun.clear()
            _died(batch[error.number], progress, str(error))
            waiting = progress.left()


def _died(job: Entry, progress: JobsProgress, how: str = KILLED) -> None:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("a", encoding="utf-8") as log:
        record_failure(job, SpikebridgeError(how), log)
    progress.hear(Event(job.fingerprint.key, FAILED))


@contextmanager
def ending_children(of_this_machine: bool) -> Iterator[None]:
    """End the processes of jobs at once at Ctrl-C, where they are children of this process, and at SIGTERM.

    Parameters
    ----------
    of_this_machine : bool
        Otherwise the engine ends its jobs itself.

    Yields
    ------
    None
        Nothing.
    """
    import psutil

    def end(number: int, frame: Any) -> None:
        children = psutil.Process().children(recursive=True) if of_this_machine else []
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=GRACE_S)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
