"""What loading a saved model that somebody tampered with comes to, each in a process that may die or hang."""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tampered_contents import Case, Make

from spikebridge import models
from spikebridge.runtime.threads import single_thread

MARKER = "SPIKEBRIDGE_TAMPERING_MARKER"
"""Environment variable with the path of a file that planted code would make."""
SECONDS, GIBIBYTES = 50, 8


@dataclass(frozen=True)
class Outcome:
    """What loading came to. kind: refused (one clear error), loaded, traceback, crash, or hang; said: its words."""

    name: str
    kind: str
    message: str


def outcomes(folder: Path, work: Path, cases: list[Case], load: Callable[[Path], Any] | None = None) -> list[Outcome]:
    """Each case on a copy of the folder below `work`, loaded in a process that may die or hang.

    load: what is done with the copy; default: spikebridge.load, and a prediction of each recording.
    """
    load = load or load_and_predict
    load(folder)  # imports in this process what each child would import by itself
    with single_thread():  # the other threads of OpenMP do not exist in a forked process, which would wait for them
        return [outcome(name, folder, work / f"case{i}", make, load) for i, (name, make) in enumerate(cases)]


def outcome(name: str, folder: Path, copy: Path, make: Make, load: Callable[[Path], Any]) -> Outcome:
    """Copy, change, load; the copy is removed afterwards."""
    marker = copy.with_name(copy.name + ".marker")
    shutil.copytree(folder, copy)
    make(copy)
    try:
        kind, message = in_child(lambda: load(copy), {MARKER: str(marker)})
        if marker.exists():
            kind, message = "executed", message
        return Outcome(name, kind, message)
    finally:
        for path in copy.parent.glob(f"{copy.name}*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def load_and_predict(folder: Path) -> str:
    """What the model says of one spike in each bin, for every recording; an AssertionError where that is no number."""
    import spikebridge

    return used(spikebridge.load(folder))


def used(model: Any) -> str:
    """What a loaded model is, after a prediction of each recording that must be a finite number."""
    decides = models.get_class(model.name).decides
    for name, units in model.recordings.items():
        counts = np.ones((2, model.n_bins, len(units["source_units"])))
        values = model.predict(counts, "probabilities" if decides else "target_rates", name)
        assert np.isfinite(values).all() and (not decides or np.allclose(values.sum(axis=1), 1.0)), f"{name}: {values}"
    return repr(model)


def in_child(work: Callable[[], Any], variables: dict[str, str]) -> tuple[str, str]:
    """(kind, what was said) of work done in a forked process with limits on time and memory."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.close(read)
        os.environ.update(variables)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (GIBIBYTES * 2**30, GIBIBYTES * 2**30))
        os.write(write, json.dumps(_attempt(work))[:60_000].encode())
        os._exit(0)
    os.close(write)
    try:
        return _result(child, read)
    finally:
        os.close(read)


def _attempt(work: Callable[[], Any]) -> tuple[str, str]:
    from spikebridge.errors import SpikebridgeError

    try:
        return "loaded", str(work())
    except SpikebridgeError as error:
        return "refused", str(error)
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {error}"[:500]


def _result(child: int, read: int) -> tuple[str, str]:
    raw, end = b"", time.monotonic() + SECONDS
    while time.monotonic() < end:
        if select.select([read], [], [], 0.5)[0]:
            piece = os.read(read, 65536)
            if not piece:
                break
            raw += piece
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "hang", f"{SECONDS} s"
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) or not raw:
        return "crash", f"status {status}"
    kind, message = json.loads(raw)
    return kind, message
