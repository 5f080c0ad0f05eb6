"""The process in which a worker on another machine runs its jobs: a new one for every call, as on one machine.

A worker of a scheduler lives long. What it has loaded may be older than the code on the disk, its jobs run on a thread
beside others, and a job that has begun cannot be stopped. It therefore starts this process, which loads the code as it
is now, runs one job after the other on its only thread, and ends when the worker ends or when the job is no longer
wanted. They talk over a pair of sockets. This module knows nothing of Dask.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

POLL_S = 0.2
"""How often a worker looks whether a job is still wanted."""
IDLE_S = 120.0
"""After so long without a job the process ends, so that it holds no memory between two stages."""
SEEN_WITHIN_S = 20.0
"""A network file system may show a new file later on other machines."""
REFUSED, RESULT, ERROR, REPORT = "refused", "result", "error", "report"


class EndedError(Exception):
    """The process ended before its job did. The text says how."""


class NotWantedError(Exception):
    """Nobody waits for the job any more; the process is ended."""


class JobProcess:
    """The worker's side: it starts the process and hands it jobs.

    Parameters
    ----------
    setup : mapping
        `folder` (working folder), `marker` (a file in it), `software` (of `same_software`), `environment` (variables)
        and `modules` (which the jobs use). It holds builtin types alone, so that any version of the code can read it.
    """

    def __init__(self, setup: Mapping[str, Any]) -> None:
        own_end, other_end = multiprocessing.Pipe()
        self._connection = own_end
        with other_end:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "spikebridge.runtime.job_process"],
                stdin=other_end.fileno(),
                env=os.environ | setup["environment"],
                start_new_session=True,  # Ctrl-C is for the process that waits for the results
            )
        self._connection.send(dict(setup))

    @property
    def alive(self) -> bool:
        """Whether it can take a job."""
        return self._process.poll() is None

    def run(self, job: bytes, heard: Callable[[bytes], None], wanted: Callable[[], bool]) -> tuple[str, bytes]:
        """Run one job.

        Parameters
        ----------
        job : bytes
            `packed` (work, job).
        heard : callable
            Called with every report, as the process packed it.
        wanted : callable
            Asked again and again whether somebody still waits for the result.

        Returns
        -------
        kind : str
            RESULT, ERROR (of the job) or REFUSED (this process may not run the job).
        content : bytes
            The result or the exception, packed; of REFUSED a text.

        Raises
        ------
        EndedError
            If the process died.
        NotWantedError
            If nobody waits any more; the process is killed.
        """
        try:
            self._connection.send_bytes(job)
            while True:
                while not self._connection.poll(POLL_S):
                    if not wanted():
                        self.end()
                        raise NotWantedError
                kind, content = self._connection.recv()
                if kind != REPORT:
                    return kind, content
                heard(content)
        except (EOFError, OSError):
            raise EndedError(self._death()) from None

    def end(self) -> None:
        """Kill the process, if it runs."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _death(self) -> str:
        code = self._process.wait(10)
        self._connection.close()
        if code == -signal.SIGKILL:
            return "its process was killed: was the machine, or the batch job, out of memory?"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"code {code}"
        return f"its process ended with {name}"


def packed(content: Any) -> bytes:
    """Bytes of an object, for another process of the same run.

    Parameters
    ----------
    content : Any
        Anything that can be pickled.

    Returns
    -------
    bytes
        For `unpacked`.
    """
    return pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)


def unpacked(content: bytes) -> Any:
    """The object that `packed` has packed.

    Parameters
    ----------
    content : bytes
        From a process of the same run, over a connection that only its user can open.

    Returns
    -------
    Any
        An equal object.
    """
    return pickle.loads(content)  # noqa: S301 - as multiprocessing does; never of a file


def main() -> None:
    """Run the jobs that come over standard input, until the worker ends."""
    connection = Connection(os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    setup = connection.recv()
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, waiting), daemon=True).start()
    refusal = _begin(setup)
    while True:
        try:
            content = waiting.get(timeout=IDLE_S)
        except queue.Empty:
            return
        answer = (REFUSED, refusal.encode()) if refusal else _done(content, connection)
        connection.send(answer)


def _receive(connection: Connection, waiting: queue.SimpleQueue[bytes]) -> None:
    """Pass jobs on; end the process with its worker, whatever it does at that time."""
    with suppress(EOFError, OSError):
        while True:
            waiting.put(connection.recv_bytes())
    os._exit(1)


def _begin(setup: Mapping[str, Any]) -> str:
    """Go to the folder of the project and load what the jobs use. Returns why this process may not run them, or ""."""
    folder, here = Path(setup["folder"]), os.uname().nodename
    if not _is_seen(folder / setup["marker"]):
        return (
            f"worker on {here}: it does not see the project's folder {folder}: jobs read and write the files of the "
            "project, so that the folder must have the same path on all machines, in a file system that they share"
        )
    os.chdir(folder)
    from spikebridge.runtime.parallel import load_on_one_thread
    from spikebridge.runtime.same_software import code_folder, differences, software

    if wrong := differences(setup["software"], software()):
        shown = "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        return (
            f"worker on {here}: its software differs, and results must not be mixed: {shown} ({sys.executable} with "
            f"{code_folder()}); start the workers from the environment of this run"
        )
    load_on_one_thread(setup["modules"])
    return ""


def _is_seen(path: Path) -> bool:
    until = time.monotonic() + SEEN_WITHIN_S
    while not path.is_file():
        if not path.parent.is_dir() or time.monotonic() > until:
            return False
        time.sleep(0.5)
        with suppress(OSError):
            list(path.parent.iterdir())  # so that a network file system asks its server again
    return True


def _done(content: bytes, connection: Connection) -> tuple[str, bytes]:
    try:
        work, job = unpacked(content)
        result = work(job, lambda item: connection.send((REPORT, packed(item))))
        return RESULT, packed(result)
    except Exception as error:
        place = traceback.format_exc()
        error.add_note(f"on {os.uname().nodename}:\n{place}")
        try:
            return ERROR, packed(error)
        except Exception:  # an exception of a library that cannot be pickled
            return ERROR, packed(RuntimeError(place))


if __name__ == "__main__":
    main()
