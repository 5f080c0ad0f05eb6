"""MLflow's own server, pointed at this project's store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from spikebridge.errors import RegistryError
from spikebridge.tracking import place
from spikebridge.tracking.load import default_uri, settings
from spikebridge.tracking.store import open_store, terminable

HOST = "127.0.0.1"


def command(uri: str, port: int) -> list[str]:
    """`mlflow ui` for a store; artifacts are read from where the runs say."""
    root = place.artifact_root(uri)
    where = ["--backend-store-uri", uri, *(["--default-artifact-root", root] if root else [])]
    return [sys.executable, "-m", "mlflow", "ui", *where, "--host", HOST, "--port", str(port)]


def links(experiment: str, port: int) -> list[str]:
    """Where to look: MLflow opens on its page for language models, these open on the runs."""
    runs = f"http://{HOST}:{port}/#/experiments/{experiment}/runs?workflowType=machine_learning"
    return [
        f"Runs, nested:              {runs}",
        f"Models with their scores:  {runs}&viewStateShareKey=models",
        f"Registered models:         http://{HOST}:{port}/#/models?workflowType=machine_learning",
        "Stop with Ctrl-C.",
    ]


def serve(port: int, say: Callable[[str], None]) -> int:
    """Run the UI until Ctrl-C. Raises RegistryError when the store is a server, which has a UI of its own."""
    uri = default_uri()
    if uri.startswith(("http://", "https://")):
        raise RegistryError(f"the store is a server: open {uri} in a browser")
    # Migrates a fresh database before the server's own processes race to do so
    store = open_store(settings(), place.home())
    # The job runner serves nothing here and takes some 240 MB
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    for line in links(store.experiment, port):
        say(line)
    return _run(command(uri, port), environment)


def _run(arguments: list[str], environment: dict[str, str]) -> int:
    """Run until it ends or is stopped, and leave no server behind: SIGTERM stops it and the processes it started."""
    # A group of its own, so that one signal reaches the server's own children too; Ctrl-C arrives here and is passed on
    server = subprocess.Popen(arguments, env=environment, start_new_session=os.name == "posix")
    try:
        with terminable():
            return server.wait()
    except (KeyboardInterrupt, SystemExit):
        if os.name == "posix":
            os.killpg(server.pid, signal.SIGTERM)
        else:
            server.terminate()
        server.wait()
        return 0
