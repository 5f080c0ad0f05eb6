"""What every pipeline stage needs: one writer, inputs that stay the same, nothing half-written, errors in one line.

DVC kills a stage without its children and removes outputs before a rerun, so a stage takes a lock, writes to a
temporary name beside the target and renames it at the end.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from spikebridge.errors import SpikebridgeError, StorageError
from spikebridge.errors.system_errors import explain, size_of
from spikebridge.runtime.stage_inputs import UNFINISHED, Inputs, InputsChangedError, stage_inputs

LOCKS = Path("runs") / "locks"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_read = Inputs()
"""What the running stage reads; nothing outside of a stage."""


def stage_main(run: Callable[[list[str]], None]) -> None:
    """Run a stage script's function with the command line's arguments, holding the lock of that stage.

    A user's mistake, a full disk or a missing permission ends in one line on stderr and exit code 2; a defect keeps its
    traceback.
    """
    name = "@".join([Path(sys.argv[0]).stem, *sys.argv[1:]])
    try:
        with lock(LOCKS / f"{name}.lock"), one_thread(), reading(stage_inputs(name)):
            run(sys.argv[1:])
    except Exception as error:
        said = str(error) if isinstance(error, SpikebridgeError) else explain(error)
        if said is None:
            raise
        print(f"{name}: {said}", file=sys.stderr)
        raise SystemExit(SpikebridgeError.exit_code) from None


@contextmanager
def reading(inputs: Inputs) -> Iterator[None]:
    """Hold these inputs to stay as they are: every `output` of the block compares them before it stores anything."""
    global _read
    before, _read = _read, inputs
    try:
        yield
    finally:
        _read = before


def check_inputs() -> None:
    """Raise InputsChangedError where what the stage reads is not what it was when the stage began."""
    _read.check()


def say(line: str) -> None:
    """Tell whoever runs the stage how it goes; results go to files."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra on one thread, here, in libraries loaded later, and in worker processes.

    Sums over several threads are added in another order: results would differ in the last digits between machines and
    between settings of OMP_NUM_THREADS. Work that is worth it runs in several processes.
    """
    os.environ.update(dict.fromkeys(THREADS, "1"))
    with threadpool_limits(limits=1):
        yield


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a file lock; say so when another process has it, then wait for that one to end."""
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
    """A temporary path (file or folder, not yet made) that becomes `target` when the block ends without error.

    Raises InputsChangedError where what the stage reads changed meanwhile, and StorageError for an error of the system.
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
            check_inputs()  # what went wrong may be a file that was half replaced
            if said := explain(error, target, written):
                raise StorageError(said) from error
        raise
    if target.is_dir():  # os.replace cannot put a folder over one that holds files
        remove(target)
    os.replace(temporary, target)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
