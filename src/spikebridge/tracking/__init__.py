"""The only room that imports mlflow: runs, live metrics, the registry. Importing it does not import mlflow yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikebridge.config import Config
from spikebridge.errors import RegistryError
from spikebridge.tracking.epochs import LiveRun, live
from spikebridge.tracking.place import home, tracking_uri

if TYPE_CHECKING:
    from spikebridge.tracking.promotion import Promotion, Version

__all__ = ["LiveRun", "home", "live", "misplaced", "promote", "publish", "serve_ui", "tracking_uri", "versions"]


def publish(config: Config, project: Path | str = ".", logged: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Log what lies under runs/ and reports/ and register the best model behind the gates; write registration.json.

    logged: called between the two; what it raises keeps the model out of the registry. See `mirror.mirror` and
    `registry.register`; returns what registration.json says. One process at a time does this, see
    `exclusive.exclusive`.
    """
    from spikebridge.tracking import record
    from spikebridge.tracking.exclusive import exclusive
    from spikebridge.tracking.identity import identify
    from spikebridge.tracking.mirror import mirror
    from spikebridge.tracking.registered_models import register

    project = Path(project)
    identity = identify(config, project)  # once: code that is being edited meanwhile would change it
    with exclusive(tracking_uri(config.tracking.uri, project), project):
        mirror(config, project, identity)
        logged()
        about = register(config, project, identity)
        record.write(project, about)
    return about


def versions(name: str | None = None) -> tuple[str, list[Version]]:
    """The name of a registered model (the project's where none is given), and its versions, oldest first.

    Raises RegistryError where no store or no such model is here.
    """
    from spikebridge.tracking import load, promotion

    store = load.existing_store()
    name = name or load.settings().registered_model
    return name, promotion.versions(store, name)


def promote(version: int, by: str, reason: str, name: str | None = None) -> tuple[str, Promotion]:
    """Make a version champion on a person's word; the name of the model, and what was recorded.

    See `promotion.promote`.
    """
    from spikebridge.models.parts.saved_files import MANIFEST_FILE
    from spikebridge.runtime.hashing import file_digest
    from spikebridge.tracking import evidence, load, promotion, record
    from spikebridge.tracking.exclusive import exclusive

    store, project = load.existing_store(), home()
    name = name or load.settings().registered_model
    with exclusive(store.uri, project):
        champion = record.recorded_champion(project, store.uri, name)
        said = promotion.promote(store, name, version, by, reason, champion)
        path = evidence.downloaded(f"models:/{name}/{version}/{MANIFEST_FILE}")
        record.note_champion(project, store.uri, name, version, file_digest(path) if path else None)
    return name, said


def misplaced(project: Path) -> str:
    """What to do where a moved or copied project's registered version has its files elsewhere; "" where all is well.

    A store that cannot be asked has nothing to say here: whoever loads the model is told.
    """
    from mlflow.exceptions import MlflowException

    from spikebridge.tracking import load, record

    about = record.read(project)
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
    """Serve MLflow's UI of this project on 127.0.0.1 until it is stopped; its exit code.

    say: gets lines to show. auth: ask for a password, see `ui.accounts`.
    """
    from spikebridge.tracking.ui import serve

    return serve(port, say, auth)
