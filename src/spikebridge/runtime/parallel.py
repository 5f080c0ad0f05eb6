"""Run independent jobs in single-threaded worker processes, which report progress.

The processes are on this machine, or, with `compute.engine: dask`, where a scheduler has its workers. Results do not
depend on it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing.context import BaseContext
from multiprocessing.queues import Queue
from typing import TYPE_CHECKING, Any, Union

from spikebridge.errors import SpikebridgeError

if TYPE_CHECKING:  # a stage that only uses `run_jobs` does not depend on the configuration
    from spikebridge.config import ComputeConfig

Report = Callable[[Any], None]
Workers = Union[int, "ComputeConfig"]
"""Number of processes on this machine, or the settings of an engine that has its workers elsewhere."""
_channel: Queue[Any] | None = None
LIBRARIES = ("numpy", "pandas", "pydantic", "yaml")
"""Libraries that workers load. The caller of `run_jobs` names the other modules that its jobs use."""
TORCH = "torch"
LONGEST_TMP = 60
"""Longest path (characters) of the folder for temporary files: the path of a socket in it is limited to 108."""


class JobDiedError(SpikebridgeError):
    """The worker of a job died again and again.

    Parameters
    ----------
    message : str
        What is printed.
    number : int
        Place of the job in the list of jobs.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message, number)
        self.message, self.number = message, number

    def __str__(self) -> str:
        return self.message


def n_cores() -> int:
    """Number of cores that this process may use.

    Returns
    -------
    int
        At least 1.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def n_workers(compute: ComputeConfig, jobs: int) -> int:
    """Number of processes to use.

    Parameters
    ----------
    compute : ComputeConfig
        Its `workers` is a number, or "auto" for the number of cores.
    jobs : int
        Number of jobs.

    Returns
    -------
    int
        From 1 to the number of jobs.
    """
    wanted = n_cores() if compute.workers == "auto" else compute.workers
    return max(1, min(wanted, jobs))


def workers_for(compute: ComputeConfig, jobs: int) -> Workers:
    """The workers for so many jobs.

    Parameters
    ----------
    compute : ComputeConfig
        Its `engine` says where they are.
    jobs : int
        Number of jobs.

    Returns
    -------
    int or ComputeConfig
        The number of processes (`n_workers`) where the engine is local; else the settings themselves.
    """
    return n_workers(compute, jobs) if compute.engine == "local" else compute


def device(compute: ComputeConfig, modules: Sequence[str] = (TORCH,)) -> str:
    """The torch device for fitting.

    Parameters
    ----------
    compute : ComputeConfig
        Its `device` is the name of a device, or "auto" for a GPU where there is one.
    modules : sequence of str
        The modules that the jobs use.

    Returns
    -------
    str
        "cpu" where torch is not among the modules.
    """
    if TORCH not in modules:
        return "cpu"
    if compute.device != "auto":
        return compute.device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def prepare(workers: Workers, modules: Sequence[str] = ()) -> None:
    """Start to load the modules of the workers of `run_jobs` in a server process, and return immediately.

    The server loads each module once, and every worker is a copy of the server. Call it before this process loads its
    own libraries and data, so that both happen at the same time. It does nothing for a single worker, for workers
    elsewhere, if the server runs already, or if processes are not forked from a server (see `worker_context`).

    Parameters
    ----------
    workers : int or ComputeConfig
        Number of processes, or where they are.
    modules : sequence of str
        Modules beside LIBRARIES. One that does not exist is left out.
    """
    context = worker_context()
    if isinstance(workers, int) and workers > 1 and context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload(list(dict.fromkeys([*LIBRARIES, *modules])))
        forkserver.ensure_running()


def run_jobs(
    work: Callable[[Any, Report], Any],
    jobs: Sequence[Any],
    workers: Workers,
    report: Report,
    modules: Sequence[str] = (),
) -> list[Any]:
    """[work(job, report) for job in jobs], in the order of the jobs.

    Results do not depend on `workers`, because every job runs on one thread.

    Parameters
    ----------
    work : callable
        A module-level function of a job and of `report`.
    jobs : sequence
        Objects that can be pickled.
    workers : int or ComputeConfig
        Number of processes; with one, the jobs run in this process. Or where they are (`workers_for`).
    report : callable
        Called in this process with each object that a job reports.
    modules : sequence of str
        Libraries and modules that the jobs use. They are loaded once, before the workers begin. Name "torch" if the
        jobs use it: torch then runs on one thread.

    Returns
    -------
    list
        What `work` returned for each job.

    Raises
    ------
    Exception
        The first error of a job; jobs that have not begun are then left out.
    """
    if not isinstance(workers, int):
        # by name, so that no stage and no fingerprint depends on the code of an engine: results do not
        engine: Any = import_module("spikebridge.runtime.dask_engine")
        return list(engine.run_jobs(work, jobs, workers, report, modules))
    if workers == 1:
        if TORCH in modules:
            _single_thread()
        return [work(job, report) for job in jobs]
    if work.__module__ != "__main__":
        modules = (*modules, work.__module__)
    prepare(workers, modules)
    context = worker_context()
    channel: Queue[Any] = context.Queue()
    listener = threading.Thread(target=_listen, args=(channel, report), daemon=True)
    listener.start()
    try:
        with ProcessPoolExecutor(
            workers, context, initializer=_begin, initargs=(channel, modules, dict(os.environ))
        ) as pool:
            futures = [pool.submit(_call, work, job) for job in jobs]
            try:
                return [f.result() for f in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        channel.put(_END)
        listener.join(timeout=10)


_END = "end of reports"


def _listen(channel: Queue[Any], report: Report) -> None:
    while (item := channel.get()) != _END:
        report(item)


def worker_context() -> BaseContext:
    """How workers start. On Linux: forked from a server, a fresh process without threads, with libraries loaded.

    This is the default of Python on Linux from 3.14. On other systems libraries do not work after a fork, so every
    worker loads its own.

    Returns
    -------
    multiprocessing.context.BaseContext
        Of the method "forkserver" or "spawn".
    """
    forked = sys.platform == "linux" and len(tempfile.gettempdir()) <= LONGEST_TMP
    return multiprocessing.get_context("forkserver" if forked else "spawn")


def _begin(channel: Queue[Any], modules: Sequence[str], environment: Mapping[str, str]) -> None:
    global _channel
    _channel = channel
    for name in os.environ.keys() - environment.keys():  # the server may have the environment of an earlier call
        del os.environ[name]
    os.environ.update(environment)
    load_on_one_thread(modules)
    # If a stage is killed, its workers must not continue to write.
    threading.Thread(target=_follow_parent, daemon=True).start()


def load_on_one_thread(modules: Sequence[str]) -> None:
    """Load the modules of jobs in a worker process, and limit linear algebra and torch to one thread.

    Parameters
    ----------
    modules : sequence of str
        As of `run_jobs`. One that does not exist is left out.
    """
    for name in modules:  # nothing to do for those that are loaded
        with suppress(ImportError):
            __import__(name)
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1)
    if TORCH in modules:
        _single_thread()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(work: Callable[[Any, Report], Any], job: Any) -> Any:
    assert _channel is not None
    return work(job, _channel.put)


def _single_thread() -> None:
    import torch

    torch.set_num_threads(1)
