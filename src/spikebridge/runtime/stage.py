"""Helpers of every pipeline stage: a lock, a check that the inputs did not change, complete outputs, one-line errors.

DVC kills a stage but not its child processes, and removes outputs before a rerun. A stage therefore takes a lock,
writes to a temporary path in the same folder and renames it at the end.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from spikebridge.errors import SpikebridgeError, StorageError
from spikebridge.errors.system_errors import explain, size_of
from spikebridge.runtime.memory import collect_rarely
from spikebridge.runtime.stage_inputs import UNFINISHED, InputsChangedError, StageInputs, stage_inputs
from spikebridge.runtime.stage_times import record_seconds

LOCKS = Path("runs") / "locks"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_read = StageInputs()
"""The inputs of the running stage; empty outside of a stage."""


def stage_main(run: Callable[[list[str]], None], name: str = "") -> None:
    """Hold the lock of a stage and call the function of its script with the arguments of the command line.

    Parameters
    ----------
    run : callable
        The function of the script: it takes the arguments.
    name : str
        Of the stage in dvc.yaml ("tune@dnn"), where it is not that of the script with its arguments.

    Raises
    ------
    SystemExit
        With code 2, after one line on stderr, for a mistake of the user, a full disk or a missing permission. Any other
        exception is a defect and keeps its traceback.

    Notes
    -----
    The time of a stage that ends well is kept (`stage_times`).
    """
    name = name or "@".join([Path(sys.argv[0]).stem, *sys.argv[1:]])
    collect_rarely()
    try:
        with lock(LOCKS / f"{name}.lock"), one_thread(), reading(stage_inputs(name)):
            begun = time.monotonic()
            run(sys.argv[1:])
            record_seconds(name, time.monotonic() - begun)
    except Exception as error:
        message = str(error) if isinstance(error, SpikebridgeError) else explain(error)
        if message is None:
            raise
        print(f"{name}: {message}", file=sys.stderr)
        raise SystemExit(SpikebridgeError.exit_code) from None


@contextmanager
def reading(inputs: StageInputs) -> Iterator[None]:
    """Within the block, every `output` checks that these inputs are unchanged before it stores anything.

    Parameters
    ----------
    inputs : StageInputs
        Their state before the stage reads them.

    Yields
    ------
    None
        Nothing; the earlier inputs count again after the block.
    """
    global _read
    before, _read = _read, inputs
    try:
        yield
    finally:
        _read = before


def check_inputs() -> None:
    """Check that no input changed after the stage began.

    Raises
    ------
    InputsChangedError
        If one did.
    """
    _read.check()


def say(line: str) -> None:
    """Print one line of progress to stderr. Results go to files.

    Parameters
    ----------
    line : str
        The line, without its end.
    """
    print(line, file=sys.stderr, flush=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run linear algebra on one thread: in this process, in libraries loaded later, and in worker processes.

    Several threads add the terms of a sum in another order. Results would then differ in the last digits between
    machines and between settings of OMP_NUM_THREADS. Expensive work runs in several processes instead.

    Yields
    ------
    None
        Nothing; libraries that are loaded already have their threads back after the block.
    """
    os.environ.update(dict.fromkeys(THREADS, "1"))
    with threadpool_limits(limits=1):
        yield


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a file lock. If another process holds it, print a line and wait until that process releases it.

    Parameters
    ----------
    path : Path
        The file of the lock; its folder is made where it is missing.

    Yields
    ------
    None
        Nothing; the lock is released after the block.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = FileLock(str(path))
    try:
        handle.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process that holds {path}", file=sys.stderr)
        handle.acquire()
    try:
        yield
    finally:
        handle.release()


@contextmanager
def output(target: Path) -> Iterator[Path]:
    """Give a path that does not exist yet, for a file or folder, and rename it to `target` if the block succeeds.

    Parameters
    ----------
    target : Path
        The result; an earlier one is replaced.

    Yields
    ------
    Path
        Where the block writes, in the folder of the target, which is made where it is missing.

    Raises
    ------
    InputsChangedError
        If an input changed while the stage ran.
    StorageError
        For an error of the system.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}{UNFINISHED}")
    remove(temporary)
    try:
        yield temporary
        check_inputs()
    except BaseException as error:
        written = size_of(temporary)
        with suppress(OSError):
            remove(temporary)
        if isinstance(error, Exception) and not isinstance(error, InputsChangedError):
            check_inputs()  # the cause of the error may be a file that was half replaced
            if message := explain(error, target, written):
                raise StorageError(message) from error
        raise
    if target.is_dir():  # os.replace cannot put a folder over one that holds files
        remove(target)
    os.replace(temporary, target)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it exists.

    Parameters
    ----------
    path : Path
        A link is deleted itself, not what it leads to.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
