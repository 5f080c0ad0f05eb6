"""What `compute` asks of Dask: addresses that are safe to use, options of batch jobs, and help where no worker comes.

This module imports nothing of Dask; `dask_engine` does.
"""

from __future__ import annotations

import ipaddress
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spikebridge.config import ClusterConfig, ComputeConfig
from spikebridge.errors import ConfigError

NO_SPILLING = {
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}
"""Workers hold packed results alone, for the moment until they are fetched; nothing is written to their disks."""
DASHBOARD = "127.0.0.1:0"
"""Address of a scheduler's pages, which are not encrypted: they are for this machine alone."""
DEATH_TIMEOUT_S = 60
"""A worker that has lost its scheduler for so long ends, so that a killed run leaves no batch job behind."""
LONGEST_MARGIN_S = 300
CLASSES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
ACCOUNTS = {"slurm": "account", "pbs": "account", "lsf": "project", "sge": "project"}
READ_BYTES = 20_000


def scheduler_address(compute: ComputeConfig) -> str:
    """The address of the running scheduler that `compute.scheduler` names, by itself or as a scheduler file.

    Parameters
    ----------
    compute : ComputeConfig
        With a scheduler.

    Returns
    -------
    str
        Such as tls://node1:8786.

    Raises
    ------
    ConfigError
        Where the file cannot be read, or where the connection would not be encrypted beyond this machine.
    """
    address = str(compute.scheduler)
    if "://" not in address:
        try:
            address = str(json.loads(Path(address).read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigError(
                f"compute.scheduler: expected an address, or a file that `dask scheduler --scheduler-file` writes; "
                f"{address} is no such file"
            ) from None
    if address.startswith("tls://") and compute.tls is None:
        raise ConfigError(f"compute.tls: the scheduler at {address} needs tls: {{ca_file, cert, key}}")
    if not address.startswith("tls://") and not _is_loopback(address) and not compute.plain_tcp:
        raise ConfigError(
            f"compute.scheduler: {address} is beyond this machine and not encrypted, and whoever reaches a "
            "scheduler can run programs as you: use tls:// with compute.tls: {ca_file, cert, key}, or, on a "
            "network of your own, compute.plain_tcp: true"
        )
    return address


def _is_loopback(address: str) -> bool:
    host = address.partition("://")[2].rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def batch_options(cluster: ClusterConfig, folder: Path) -> dict[str, Any]:
    """Options of the class of dask-jobqueue for a batch system.

    Every worker has one thread. It ends some minutes before the walltime of its job, not all at the same time, and
    another job replaces it. Scheduler and workers talk over TLS with a certificate made for this run.

    Parameters
    ----------
    cluster : ClusterConfig
        Of a batch system.
    folder : Path
        For logs of the jobs and for the certificate, which only the user can read; below the working folder, on a path
        that nodes share.

    Returns
    -------
    dict
        Keyword arguments.
    """
    lifetime, stagger = lifetimes(cluster.walltime)
    settings = [
        f"export DASK_{key.replace('.', '__').upper()}={str(value).lower()}" for key, value in NO_SPILLING.items()
    ]
    path = os.environ.get("PYTHONPATH")
    walltime = cluster.walltime
    directives, prologue = list(cluster.directives), list(cluster.prologue)
    if shlex.quote(str(folder)) != str(folder):  # dask-jobqueue writes paths without quotes
        prologue.append(f"cd {shlex.quote(str(Path.cwd()))}")
        folder = folder.relative_to(Path.cwd())
        if cluster.kind == "sge":
            directives.append("-cwd")
    return {
        "cores": cluster.cores,
        "processes": cluster.cores,
        "memory": cluster.memory,
        "walltime": walltime.rpartition(":")[0] if cluster.kind == "lsf" else walltime,
        "queue": cluster.queue,
        ACCOUNTS[cluster.kind]: cluster.account,
        "interface": cluster.interface,
        "python": shlex.quote(cluster.python or sys.executable),
        "job_extra_directives": directives,
        "job_script_prologue": [
            *settings,
            *([f"export PYTHONPATH={shlex.quote(path)}"] if path else []),
            *prologue,
        ],
        "worker_extra_args": ["--lifetime", f"{lifetime}s", "--lifetime-stagger", f"{stagger}s"],
        "death_timeout": DEATH_TIMEOUT_S,
        "log_directory": str(folder),
        "shared_temp_directory": str(folder),
        "security": True,
        "protocol": "tls://",
        "scheduler_options": {"dashboard_address": DASHBOARD},
    }


def lifetimes(walltime: str) -> tuple[int, int]:
    """When a worker ends by itself, and by how much that differs between workers.

    Parameters
    ----------
    walltime : str
        Of its batch job, hours:minutes:seconds.

    Returns
    -------
    lifetime, stagger : int
        Seconds; the latest worker ends one stagger before the walltime.
    """
    hours, minutes, seconds = map(int, walltime.split(":"))
    total = 3600 * hours + 60 * minutes + seconds
    margin = min(LONGEST_MARGIN_S, math.ceil(0.1 * total))
    return total - 2 * margin, margin


PITFALLS = (
    (
        r"Command exited with non-zero exit code",
        "the batch system refused the job: look at queue, account, memory, walltime and directives of compute.cluster",
    ),
    (
        r"python[\w.]*['\"]?: (No such file or directory|command not found|not found)",
        "the nodes do not have the Python of the workers: set compute.cluster.python to one on a path that they share",
    ),
    (
        r"No module named ['\"]?(distributed|spikebridge)",
        "the Python of the workers lacks spikebridge[dask]: set compute.cluster.python to the environment of this run",
    ),
    (
        r"No route to host|Timed out (trying to connect|connecting|during handshake)|Connection refused|Waiting to "
        r"connect",
        "the nodes do not reach the scheduler: set compute.cluster.interface to a network that they share (ib0, eth0; "
        "`ip addr` lists them), or start the run inside a job of the batch system",
    ),
)
"""Text in the log of a batch job, or in what its submission printed -> what helps."""


def help_from(texts: Iterable[str]) -> str:
    """One line of help where a known pitfall shows.

    Parameters
    ----------
    texts : iterable of str
        What batch jobs and submissions have written.

    Returns
    -------
    str
        Empty where none shows.
    """
    whole = "\n".join(texts)
    for pattern, text in PITFALLS:
        if match := re.search(pattern, whole):
            start = whole.rfind("\n", 0, match.start()) + 1
            return f"{text} ({whole[start:].partition(chr(10))[0].strip()[:200]})"
    return ""


def log_texts(folder: Path) -> Iterator[str]:
    """The ends of the logs of batch jobs.

    Parameters
    ----------
    folder : Path
        Where they are written.

    Yields
    ------
    str
        At most some thousand characters of each.
    """
    for path in sorted(folder.glob("*")):
        if path.suffix in {".out", ".err"} or re.search(r"\.[oe]\d+", path.name):
            try:
                yield path.read_text(encoding="utf-8", errors="replace")[-READ_BYTES:]
            except OSError:
                continue
