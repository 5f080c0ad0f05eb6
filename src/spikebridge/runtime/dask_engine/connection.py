"""Connections to schedulers: one that runs already, or one that is started for a stage, with its workers."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebridge.config import ClusterConfig, ComputeConfig
from spikebridge.errors import ConfigError
from spikebridge.runtime import cluster_settings
from spikebridge.runtime.parallel import n_workers

CONNECT_S = 15
CLOSE_S = 10
RUN_FOLDER = Path("runs") / "cluster"
"""In the project: a marker file of each run, and the logs of batch jobs."""
INSTALL = (
    'compute.engine: dask needs the package {missing}, which is not installed: pip install ".[dask]" in the project\'s '
    "folder, or pip install 'spikebridge[dask]'"
)


@dataclass
class Scheduler:
    """A connection to a scheduler.

    Parameters
    ----------
    client : distributed.Client
        The connection.
    address : str
        Of the scheduler.
    cluster : Any
        What starts its workers, where this process does; else None.
    find_help : callable
        Gives one line of help where a known pitfall shows, else "".
    """

    client: Any
    address: str
    cluster: Any = None
    find_help: Callable[[], str] = str


_open: dict[str, Scheduler] = {}
"""Settings -> the open connection: one start of workers serves all calls of a stage."""


def connect(compute: ComputeConfig, jobs: int) -> Scheduler:
    """The scheduler that `compute` names. A cluster gets as many workers as the jobs can use; they may come later.

    Parameters
    ----------
    compute : ComputeConfig
        With the engine dask.
    jobs : int
        Number of jobs.

    Returns
    -------
    Scheduler
        Open until this process ends.

    Raises
    ------
    ConfigError
        Where Dask is not installed, or the scheduler cannot be reached.
    """
    key = compute.model_dump_json()
    if key not in _open or _open[key].client.status != "running":
        if key in _open:
            _close(_open[key])
        try:
            _open[key] = _running(compute) if compute.cluster is None else _started(compute.cluster)
        except ImportError as error:
            raise ConfigError(INSTALL.format(missing=error.name or "dask")) from None
        atexit.register(_close, _open[key])
    if compute.cluster is not None:
        _scale(_open[key].cluster, compute.cluster, compute, jobs)
    return _open[key]


def _close(scheduler: Scheduler) -> None:
    for part in (scheduler.client, scheduler.cluster):
        with suppress(Exception):
            if part is not None:
                part.close(timeout=CLOSE_S)


def _running(compute: ComputeConfig) -> Scheduler:
    """A scheduler that runs already."""
    import distributed

    _keep_quiet()
    address = cluster_settings.scheduler_address(compute)
    security = compute.tls and distributed.Security(
        tls_ca_file=compute.tls.ca_file,
        tls_client_cert=compute.tls.cert,
        tls_client_key=compute.tls.key,
        require_encryption=address.startswith("tls://"),
    )
    try:
        client = distributed.Client(address, security=security, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise ConfigError(
            f"compute.scheduler: no scheduler answers at {address} ({str(error).partition(chr(10))[0]}): is it "
            "running, is there a route to its host, and are the certificates of compute.tls those that it knows?"
        ) from None
    return Scheduler(client, address)


def _started(cluster: ClusterConfig) -> Scheduler:
    """A scheduler of this process, without workers."""
    import dask
    import distributed

    _keep_quiet()
    with dask.config.set(cluster_settings.NO_SPILLING):  # workers take over this configuration
        made, find_help = _local() if cluster.kind == "local" else _batch(cluster)
    return Scheduler(distributed.Client(made, set_as_default=False), made.scheduler_address, made, find_help)


def _local() -> tuple[Any, Callable[[], str]]:
    from distributed import LocalCluster

    made = LocalCluster(
        n_workers=0,
        threads_per_worker=1,
        memory_limit=0,
        host="127.0.0.1",
        dashboard_address=cluster_settings.DASHBOARD,
        silence_logs=logging.CRITICAL,
    )
    return made, str


def _batch(cluster: ClusterConfig) -> tuple[Any, Callable[[], str]]:
    import dask_jobqueue

    kind = getattr(dask_jobqueue, cluster_settings.CLASSES[cluster.kind])
    command = kind.job_cls.submit_command.split()[0]
    if shutil.which(command) is None:
        raise ConfigError(
            f"compute.cluster.kind: {cluster.kind} needs the command {command}, which is not here: start the run where "
            "jobs are submitted"
        )
    folder = Path.cwd() / RUN_FOLDER / f"{cluster.kind}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.mkdir(parents=True, mode=0o700)
    heard = _Submissions()
    for name in ("distributed.deploy", "tornado.application", "asyncio", "dask_jobqueue"):
        logging.getLogger(name).addHandler(heard)
    try:
        made = kind(**cluster_settings.batch_options(cluster, folder), silence_logs=logging.CRITICAL)
    except (ValueError, OSError) as error:
        raise ConfigError(f"compute.cluster: {str(error).partition(chr(10))[0]}") from None
    return made, lambda: cluster_settings.help_from([*heard.texts, *cluster_settings.log_texts(folder)])


def _keep_quiet() -> None:
    """What goes wrong is said in one line of ours."""
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Submissions(logging.Handler):
    """Keeps what Dask logs about submitted jobs: it raises no error where the batch system refuses one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts = [*self.texts[-20:], self.format(record)]


def _scale(started: Any, cluster: ClusterConfig, compute: ComputeConfig, jobs: int) -> None:
    """Ask for as many workers as the jobs can use. Those that end are replaced."""
    if cluster.kind == "local" or cluster.n_workers is None:
        wanted = n_workers(compute, jobs) if cluster.n_workers is None else min(jobs, cluster.n_workers)
        started.scale(max(wanted, len(started.workers)))
        return
    batch_jobs = -(-min(jobs, cluster.n_workers) // cluster.cores)
    started.adapt(minimum_jobs=batch_jobs, maximum_jobs=batch_jobs, interval="5s")
