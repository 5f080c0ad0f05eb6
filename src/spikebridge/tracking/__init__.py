"""MLflow: runs, live metrics, the registry. No other package imports mlflow, and this one imports it only when used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikebridge.config import Config
from spikebridge.errors import RegistryError
from spikebridge.tracking.learning_curves import LiveRun, live
from spikebridge.tracking.store_location import home, tracking_uri

if TYPE_CHECKING:
    from spikebridge.tracking.promotion import Promotion, Version

__all__ = [
    "LiveRun",
    "home",
    "live",
    "log_sweep",
    "misplaced",
    "promote",
    "publish",
    "serve_ui",
    "tracking_uri",
    "versions",
]


def publish(config: Config, project: Path | str = ".", logged: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Log the results under runs/ and reports/, register the best model behind the gates, write registration.json.

    Only one process at a time can do this.

    Parameters
    ----------
    config : Config
        The parameters of the project.
    project : Path or str
        The folder with data/, runs/ and reports/.
    logged : callable
        Called between logging and registering. If it raises an exception, the model is not registered.

    Returns
    -------
    dict
        The content of reports/registration.json.

    Raises
    ------
    RegistryError
        If the store cannot be reached, or the connection to it was lost again and again.
    """
    from spikebridge.tracking import registration_record
    from spikebridge.tracking.identity import identify
    from spikebridge.tracking.interruptions import finished
    from spikebridge.tracking.log_results import mirror
    from spikebridge.tracking.registered_models import register
    from spikebridge.tracking.registration_record import exclusive

    project = Path(project)
    identity = identify(config, project)  # computed once: editing the code while this runs would change it
    uri = tracking_uri(config.tracking.uri, project)

    def once() -> dict[str, Any]:
        with exclusive(uri, project):
            mirror(config, project, identity)
            logged()
            about = register(config, project, identity)
            registration_record.write(project, about)
        return about

    return finished(once, uri)


def log_sweep(config: Config, folder: Path) -> str:
    """Log the tables and the figure of a sweep over pairs of regions in the store of the project; equal results once.

    Parameters
    ----------
    config : Config
        The parameters of the sweep.
    folder : Path
        Its folder.

    Returns
    -------
    str
        The name of the run.

    Raises
    ------
    RegistryError
        If the store cannot be reached.
    """
    from spikebridge.tracking import sweep_run

    return sweep_run.log_sweep(config.tracking, config.sweep, folder, home())


def versions(name: str | None = None) -> tuple[str, list[Version]]:
    """The versions of a registered model.

    Parameters
    ----------
    name : str, optional
        The registered model; None for that of the project.

    Returns
    -------
    tuple of str and list of Version
        The name of the model, and its versions, oldest first.

    Raises
    ------
    RegistryError
        If there is no store or no such model.
    """
    from spikebridge.tracking import load, promotion

    store = load.existing_store()
    name = name or load.settings().registered_model
    return name, promotion.versions(store, name)


def promote(version: int, by: str, reason: str, name: str | None = None) -> tuple[str, Promotion]:
    """Make a version champion on a person's decision.

    Parameters
    ----------
    version : int
        The version.
    by : str
        The person who decides.
    reason : str
        Why.
    name : str, optional
        The registered model; None for that of the project.

    Returns
    -------
    tuple of str and Promotion
        The name of the model, and what was recorded.
    """
    from spikebridge.models.parts.saved_files import MANIFEST_FILE
    from spikebridge.runtime.hashing import file_digest
    from spikebridge.tracking import evidence, load, promotion, registration_record
    from spikebridge.tracking.registration_record import exclusive

    store, project = load.existing_store(), home()
    name = name or load.settings().registered_model
    with exclusive(store.uri, project):
        champion = registration_record.recorded_champion(project, store.uri, name)
        promotion_record = promotion.promote(store, name, version, by, reason, champion)
        path = evidence.downloaded(f"models:/{name}/{version}/{MANIFEST_FILE}")
        registration_record.note_champion(project, store.uri, name, version, file_digest(path) if path else None)
    return name, promotion_record


def misplaced(project: Path) -> str:
    """What to do if a project was moved or copied and its registered version has its files elsewhere.

    If the store does not answer, there is no message here; loading the model gives one.

    Parameters
    ----------
    project : Path
        The folder of the project.

    Returns
    -------
    str
        One sentence; "" if all is well.
    """
    from mlflow.exceptions import MlflowException

    from spikebridge.tracking import load, registration_record

    about = registration_record.read(project)
    if not about or load.missing_database(load.default_uri()):
        return ""
    try:
        client = load.existing_store().client
        version = client.get_model_version(str(about.get("name")), str(about.get("version")))
    except (RegistryError, MlflowException):
        return ""
    where = load.elsewhere(client, version)
    return f"version {about['version']} of {about['name']}: {load.moved(where)}" if where else ""


def serve_ui(port: int, say: Callable[[str], None], auth: bool = False) -> int:
    """Serve MLflow's UI of this project on 127.0.0.1 until it is stopped.

    Parameters
    ----------
    port : int
        The port on this machine.
    say : callable
        Gets lines to show.
    auth : bool
        Whether to ask for a password; see `ui.accounts`.

    Returns
    -------
    int
        The exit code of the server.
    """
    from spikebridge.tracking.ui import serve

    return serve(port, say, auth)
