"""A Dask scheduler and its workers as processes of their own, on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from project import ROOT

from spikebridge.config import ComputeConfig

CODE = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests" / "support")])
LIMIT_S = 120.0


class DaskProcesses:
    """A scheduler that writes <folder>/scheduler.json, and workers. options: of both commands, such as for TLS."""

    def __init__(self, folder: Path, options: tuple[str, ...] = (), host: str = "127.0.0.1") -> None:
        self.folder, self.options, self.host = folder, options, host
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start_scheduler()

    @property
    def compute(self) -> ComputeConfig:
        """Settings that use it."""
        return ComputeConfig(engine="dask", scheduler=str(self.file), wait_s=LIMIT_S)

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        self.file.unlink(missing_ok=True)
        self.scheduler = self._start("scheduler", "--host", self.host, "--port", "0", "--no-dashboard")
        wait_until(self.file.is_file)
        return self.scheduler

    def start_worker(self, environment: Mapping[str, str] | None = None, threads: int = 1) -> subprocess.Popen[bytes]:
        where = ("--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder))
        self.workers.append(self._start("worker", *where, environment=environment))
        return self.workers[-1]

    def stop(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()

    def _start(
        self, kind: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(self.file)]
        log = (self.folder / f"{kind}.log").open("ab")
        with log:
            return subprocess.Popen(
                [*command, *arguments, *self.options],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": CODE} | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def dask_processes(
    folder: Path, workers: int, options: tuple[str, ...] = (), host: str = "127.0.0.1"
) -> Iterator[DaskProcesses]:
    """A scheduler with so many workers."""
    made = DaskProcesses(folder, options, host)
    try:
        for _ in range(workers):
            made.start_worker()
        yield made
    finally:
        made.stop()


def wait_until(happened: object, limit_s: float = LIMIT_S) -> None:
    """Wait until a function of no arguments gives something true."""
    assert callable(happened)
    until = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < until, f"{happened} did not happen within {limit_s:g} s"
        time.sleep(0.05)


def ends(pid: int) -> bool:
    """Whether a process is no longer there, or waits only for its parent."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
