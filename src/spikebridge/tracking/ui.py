"""MLflow's own server, pointed at this project's store."""

from __future__ import annotations

import os
import subprocess
import sys

from spikebridge.errors import RegistryError
from spikebridge.tracking import place
from spikebridge.tracking.load import default_uri
from spikebridge.tracking.store import connect

HOST = "127.0.0.1"


def command(uri: str, port: int) -> list[str]:
    """`mlflow ui` for a store; artifacts are read from where the runs say."""
    root = place.artifact_root(uri)
    where = ["--backend-store-uri", uri, *(["--default-artifact-root", root] if root else [])]
    return [sys.executable, "-m", "mlflow", "ui", *where, "--host", HOST, "--port", str(port)]


def serve(port: int) -> int:
    """Run the UI until Ctrl-C. Raises RegistryError when the store is a server, which has a UI of its own."""
    uri = default_uri()
    if uri.startswith(("http://", "https://")):
        raise RegistryError(f"the store is a server: open {uri} in a browser")
    connect(uri)  # migrates a fresh database before the server's own processes race to do so
    # The job runner serves nothing here and takes some 240 MB
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    try:
        return subprocess.run(command(uri, port), env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 0
