"""The server of warm processes: it loads libraries once, and each stage is a copy of it. See `warm_processes`.

    python warm_server.py SOCKET MODULE ...

It is run as a file and imports nothing of spikebridge, so that every stage reads the code as it is when it begins. It
loads one module after the other while no stage is asked for, and ends when its standard input ends.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

LENGTH = struct.Struct("!I")
"""Of the text of a request, sent with the descriptors of stdin, stdout and stderr."""
MAX_REQUEST = 2**24


@dataclass(frozen=True)
class Request:
    """What a stage is asked to run.

    Parameters
    ----------
    arguments : list of str
        The script and its arguments.
    folder : str
        Where it runs.
    environment : dict
        Name of a variable -> value.
    streams : list of int
        Descriptors of stdin, stdout and stderr.
    """

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    streams: list[int]


def serve(address: str, modules: list[str]) -> Request | None:
    """Fork for each request until the standard input ends.

    Parameters
    ----------
    address : str
        Path of the socket.
    modules : list of str
        Loaded one after the other while nothing is asked for.

    Returns
    -------
    Request or None
        None in the server; in the copy that becomes a stage, what it is to run.
    """
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    clients: dict[socket.socket, int] = {}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        parent = [sys.stdin.fileno()]
        while parent or clients:
            waiting: list[Any] = [*([listener] if parent else []), *parent, wake, *clients]
            ready = select.select(waiting, [], [], 0 if modules else None)[0]
            if not ready and modules:
                _load(modules.pop(0))
            for end in ready:
                if end is listener:
                    client = listener.accept()[0]
                    request = _received(client)
                    if request is None:
                        client.close()
                        continue
                    if (pid := os.fork()) == 0:
                        for own in (client, *clients):
                            own.close()
                        for number in (wake, woken):
                            os.close(number)
                        return request
                    clients[client] = pid
                    for number in request.streams:
                        os.close(number)
                elif end in parent:
                    parent.clear()
                elif end == wake:
                    with suppress(BlockingIOError):
                        os.read(wake, 4096)
                    _answer_ended(clients)
                elif end in clients:  # only its end can come: DVC has ended the command of the stage
                    os.kill(clients[end], signal.SIGINT)
                    end.close()
                    del clients[end]
    return None


def _load(module: str) -> None:
    gc.disable()  # what a library makes while it is loaded stays; looking through it took a fourth of that time
    with suppress(Exception):  # the stage that needs it reports what is wrong
        __import__(module)
    gc.freeze()
    gc.enable()


def _received(client: socket.socket) -> Request | None:
    """None where the client ended before it had sent everything."""
    with suppress(OSError, ValueError):
        head, streams, _, _ = socket.recv_fds(client, LENGTH.size, 3)
        if len(head) == LENGTH.size and len(streams) == 3 and (n := LENGTH.unpack(head)[0]) <= MAX_REQUEST:
            with client.makefile("rb") as stream:
                content = json.loads(stream.read(n))
            return Request(content["arguments"], content["folder"], content["environment"], streams)
        for number in streams:
            os.close(number)
    return None


def _answer_ended(clients: dict[socket.socket, int]) -> None:
    """Send the exit codes of stages that have ended to their clients."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        for client in [c for c, of_client in clients.items() if of_client == pid]:
            with suppress(OSError):
                client.sendall(str(code if code >= 0 else 128 - code).encode())
            client.close()
            del clients[client]


def become(request: Request, bytecode: str) -> NoReturn:
    """Turn this process into one that was started as `python script arguments`, and run the script.

    Parameters
    ----------
    request : Request
        What to run.
    bytecode : str
        A folder of the run for compiled modules, used where Python is not to write them beside the modules.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by jobs in the background of a shell
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    if sys.dont_write_bytecode:  # Python would compile the modules of spikebridge again in each stage and each worker
        sys.pycache_prefix, sys.dont_write_bytecode = bytecode, False
    serve_workers()
    sys.argv[:] = request.arguments
    if not sys.flags.safe_path:
        sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
    code = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    # As at the end of Python, but without taking the loaded libraries apart
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve_workers() -> None:
    """Make a copy of this process the server from which multiprocessing forks workers, in place of a new one.

    From Python 3.14 on the server needs a key, and multiprocessing starts its own.
    """
    if sys.version_info >= (3, 14):
        return
    from multiprocessing import forkserver
    from multiprocessing.connection import arbitrary_address  # type: ignore[attr-defined]

    own: Any = forkserver._forkserver
    with socket.socket(socket.AF_UNIX) as listener:
        address = arbitrary_address("AF_UNIX")
        listener.bind(address)
        listener.listen()
        alive, held = os.pipe()  # the server ends when no process holds the other end
        if (pid := os.fork()) == 0:
            try:
                os.close(held)
                forkserver.main(listener.detach(), alive, [])
            finally:
                os._exit(0)
    os.close(alive)
    own._forkserver_address, own._forkserver_alive_fd, own._forkserver_pid = address, held, pid


def main() -> None:
    """Serve, or be a stage."""
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of this file
    try:
        request = serve(sys.argv[1], sys.argv[2:])
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)
    if request is None:
        os._exit(0)
    become(request, str(Path(sys.argv[1]).parent / "bytecode"))


if __name__ == "__main__":
    main()
