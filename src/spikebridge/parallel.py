"""Independent jobs over single-threaded worker processes, with a channel for what they report while running."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.queues import Queue
from typing import Any

from spikebridge.config import ComputeConfig

Report = Callable[[Any], None]
_channel: Queue[Any] | None = None


def n_workers(compute: ComputeConfig, jobs: int) -> int:
    """How many processes to use: never more than jobs, or than cores where compute.workers is auto."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = cores if compute.workers == "auto" else compute.workers
    return max(1, min(wanted, jobs))


def device(compute: ComputeConfig) -> str:
    """The torch device to fit on."""
    import torch

    if compute.device != "auto":
        return compute.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def run_jobs(
    work: Callable[[Any, Report], Any], jobs: Sequence[Any], workers: int, report: Report, torch: bool = True
) -> list[Any]:
    """[work(job, report) for job in jobs], in the order of the jobs.

    `report` is called in this process with whatever the jobs report. Results do not depend on `workers`: every job runs
    on one thread. `work` must be a module-level function. torch: whether the jobs use it; loading it takes seconds.
    """
    if workers == 1:
        if torch:
            _single_thread()
        return [work(job, report) for job in jobs]
    context = multiprocessing.get_context("spawn")
    channel: Queue[Any] = context.Queue()
    listener = threading.Thread(target=_listen, args=(channel, report), daemon=True)
    listener.start()
    try:
        with ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(channel, torch)) as pool:
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


def _begin(channel: Queue[Any], torch: bool) -> None:
    global _channel
    _channel = channel
    if torch:
        _single_thread()
    # A stage that is killed must not leave workers behind that write on.
    threading.Thread(target=_follow_parent, daemon=True).start()


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
