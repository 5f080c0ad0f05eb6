"""Start MLflow's own server with the store of this project."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from spikebridge.errors import RegistryError
from spikebridge.tracking import store_location
from spikebridge.tracking.load import default_uri, settings
from spikebridge.tracking.store import open_store, terminable

HOST = "127.0.0.1"
ADMIN = "admin"
PASSWORD, SECRET = "MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"
MIN_PASSWORD = 12
"""Minimum length of a password in MLflow."""


def command(uri: str, port: int, auth: bool = False) -> list[str]:
    """`mlflow ui` for a store; artifacts are read from the places in the runs. auth: whether to ask for a password."""
    root = store_location.artifact_root(uri)
    # The address of a database may hold a password, and everybody here sees a command: a variable passes it on
    database = [] if store_location.is_database(uri) else ["--backend-store-uri", uri]
    where = [*database, *(["--default-artifact-root", root] if root else [])]
    app = ["--app-name", "basic-auth"] if auth else []
    return [sys.executable, "-m", "mlflow", "ui", *where, "--host", HOST, "--port", str(port), *app]


def accounts(folder: Path) -> dict[str, str]:
    """Environment of a server that asks for a password; names and hashed passwords are kept in `folder`.

    The first start makes the user admin, with the password in MLFLOW_AUTH_ADMIN_PASSWORD.
    Raises RegistryError if a package or this password is missing.
    """
    if importlib.util.find_spec("flask_wtf") is None:
        raise RegistryError(
            '--auth needs the package flask-wtf, which is not installed: pip install ".[auth]" in the project\'s folder'
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    users, settings_file = folder / "users.db", folder / "basic_auth.ini"
    if not users.exists() and len(os.environ.get(PASSWORD, "")) < MIN_PASSWORD:
        raise RegistryError(
            f"--auth: expected a password of at least {MIN_PASSWORD} characters for the user {ADMIN} in {PASSWORD}, "
            "for the first start"
        )
    database = (store_location.SQLITE + users.resolve().as_posix()).replace(
        "%", "%%"
    )  # % is a special character of the file format
    lines = ["[mlflow]", "default_permission = READ", f"database_uri = {database}", f"admin_username = {ADMIN}"]
    lines.append("authorization_function = mlflow.server.auth:authenticate_request_basic_auth")
    settings_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings_file.resolve()),
        SECRET: os.environ.get(SECRET) or secrets.token_hex(),
    }


def links(experiment: str, port: int) -> list[str]:
    """Addresses to print: MLflow opens its page for language models; these addresses open the runs."""
    runs = f"http://{HOST}:{port}/#/experiments/{experiment}/runs?workflowType=machine_learning"
    return [
        f"Models with their scores:  {runs}&viewStateShareKey=models",
        f"The same as charts:        {runs}&viewStateShareKey=models&compareRunsMode=CHART",
        f"Runs, nested:              {runs}",
        f"Registered models:         http://{HOST}:{port}/#/models?workflowType=machine_learning",
        "Stop with Ctrl-C.",
    ]


def serve(port: int, say: Callable[[str], None], auth: bool = False) -> int:
    """Run the UI until Ctrl-C. auth: it asks for a password; see `accounts`.

    Raises RegistryError if the store is a server, which has its own UI.
    """
    uri = default_uri()
    if uri.startswith(("http://", "https://")):
        raise RegistryError(f"the store is a server: open {store_location.masked(uri)} in a browser")
    # Migrate a new database first; otherwise several processes of the server would do so at the same time
    store = open_store(settings(), store_location.home())
    # The job runner is not needed here and takes about 240 MB
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_BACKEND_STORE_URI": uri}
    if auth:
        environment |= accounts(store_location.home() / "mlruns" / "auth")
        say(f"Log in as {ADMIN}. Everybody else needs an account, and may only look by default.")
    for line in links(store.experiment, port):
        say(line)
    return _run(command(uri, port, auth), environment)


def _run(arguments: list[str], environment: dict[str, str]) -> int:
    """Run the server until it ends or is stopped. SIGTERM also stops the processes that the server started."""
    # A separate process group: one signal reaches the server and its children. Ctrl-C arrives here and is passed on
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
