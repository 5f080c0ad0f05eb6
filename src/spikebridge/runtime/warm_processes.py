"""Stages that begin with their libraries loaded: for one run of the pipeline a server loads them once.

The commands of dvc.yaml stay as they are. During the run, `python` on the path hands a script to the server, which
forks: the copy runs the script as a new process of Python would. Only libraries are loaded before, so that every stage
reads the code of spikebridge as it is when it begins. Where there is no server, Python itself runs the script.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from spikebridge.runtime.parallel import worker_context
from spikebridge.runtime.stage import THREADS

LIBRARIES = (
    "numpy", "pandas", "pydantic", "yaml", "filelock", "threadpoolctl", "tqdm", "scipy.stats", "scipy.ndimage", "torch",
    "optuna", "sqlalchemy", "sklearn.ensemble", "sklearn.linear_model", "statsmodels.api", "pyarrow.parquet",
    "matplotlib.pyplot", "matplotlib.backends.backend_agg", "jinja2", "safetensors.numpy", "mlflow",
    "mlflow.store.tracking.sqlalchemy_store", "mlflow.pyfunc",
)  # fmt: skip
"""In the order in which stages need them."""
SCRIPTS = Path(__file__).parent


@contextmanager
def warm_processes(
    project: Path, environment: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], list[subprocess.Popen[str]]]]:
    """Start the server for a run of the pipeline, and end it afterwards.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml.
    environment : mapping
        Of the run.

    Yields
    ------
    environment : dict
        With the `python` of the run first on the path.
    processes : list of Popen
        The server; none where processes are not forked from a server (see `worker_context`).
    """
    if worker_context().get_start_method() != "forkserver":
        yield dict(environment), []
        return
    with tempfile.TemporaryDirectory(prefix="spikebridge-") as folder:
        address = str(Path(folder) / "socket")
        command = [sys.executable, "-IS", str(SCRIPTS / "warm_client.py"), sys.executable, address]
        python = Path(folder) / "bin" / "python"
        python.parent.mkdir()
        python.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
        python.chmod(0o700)
        server = subprocess.Popen(
            [sys.executable, str(SCRIPTS / "warm_server.py"), address, *LIBRARIES],
            cwd=project, env={**environment, **dict.fromkeys(THREADS, "1")}, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            path = os.pathsep.join([str(python.parent), environment.get("PATH", "")])
            yield {**environment, "PATH": path}, [server]
        finally:
            server.communicate()  # its input ends, and with it the server
