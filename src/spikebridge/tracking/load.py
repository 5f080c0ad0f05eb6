"""Load a registered model by name. Its files are first checked against their manifest and the project's record."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from spikebridge.config import TrackingConfig
from spikebridge.errors import RegistryError
from spikebridge.models.parts.saved_files import MANIFEST_FILE
from spikebridge.runtime.hashing import file_digest
from spikebridge.tracking import registration_record, store_location
from spikebridge.tracking.artifact_store import file_errors
from spikebridge.tracking.interruptions import first_line, patiently
from spikebridge.tracking.served_model import ServedModel, find_folder

if TYPE_CHECKING:
    from spikebridge.tracking.store import Store

SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/", "file:")
REGISTERED = re.compile(r"models:/(?P<name>[^/]+?)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+|latest))")


def load(uri: str | Path, project: Path | None = None) -> ServedModel:
    """Load a model from "models:/<name>@champion", "models:/<name>/<version>", another artifact URI, or a local folder.

    project: a folder of the project in whose store the name is looked up; None for the working folder. The files are
    downloaded and read with the installed code; nothing in them is executed or unpickled.
    Raises RegistryError if there is no such model, or if it is not a model of spikebridge.
    """
    return ServedModel(folder_of(uri, project))


def folder_of(uri: str | Path, project: Path | None = None) -> Path:
    """The local folder with the files of such a model. Raises RegistryError if there is none."""
    text = str(uri)
    if match := REGISTERED.fullmatch(text):
        return _registered(text, match["name"], match["alias"], match["version"], project)
    if text.startswith(SCHEMES):
        return find_folder(download(text, project))
    if not Path(text).is_dir():
        raise RegistryError(f"{text}: expected models:/<name>@<alias> or a folder, found neither")
    return find_folder(Path(text))


def _registered(uri: str, name: str, alias: str | None, number: str | None, project: Path | None) -> Path:
    """The folder of a version, after a check against the record of the project that the store lies in."""
    from spikebridge.tracking.store import quiet_mlflow

    client, mlflow = _client(uri, project), quiet_mlflow()
    try:
        if alias is None and number == "latest":
            number = max((v.version for v in client.search_model_versions(f"name = '{name}'")), key=int, default="0")
        version = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
    except mlflow.MlflowException as error:
        raise _not_found(uri, client, error, project) from None
    if where := elsewhere(client, version):
        raise RegistryError(f"{uri}: {moved(where)}")
    root = download(f"models:/{name}/{version.version}", project)
    folder = find_folder(root)
    manifest = root / MANIFEST_FILE
    sha256 = file_digest(manifest) if manifest.is_file() else "none"
    store = default_uri(project)
    registration_record.check(_project_of(store, project), store, name, str(version.version), alias, sha256)
    return folder


def _project_of(store: str, project: Path | None) -> Path:
    """The project that a store in a file lies in; of any other store the given or the current one."""
    database = store_location.sqlite_file(store)
    return store_location.home(project if database is None else database.parent)


def elsewhere(client: Any, version: Any) -> str:
    """The location of a version's files if it is in the folder of another project; "" if it is in this project.

    MLflow stores absolute paths. In a copied project they point to the original; in a moved project they do not exist.
    """
    uri = store_location.tracking_uri(str(client.tracking_uri))
    root, location = store_location.artifact_root(uri), _location(client, version)
    if store_location.sqlite_file(uri) is None or root is None or not location.startswith(("file:", "/")):
        return ""
    try:
        run = client.get_run(version.run_id) if version.run_id else None
        experiment = client.get_experiment(run.info.experiment_id) if run else None
    except _mlflow_error():
        return ""
    ours = experiment is not None and store_location.BESIDE in experiment.tags
    return "" if not ours or f"{location}/".startswith(f"{root}/") else location


def moved(location: str) -> str:
    """The message for files that are in another folder."""
    return (
        f"its files lie in {location}, not in this project: the project was moved or copied. Run spikebridge publish "
        "here: it registers the model again from the files under runs/"
    )


def _location(client: Any, version: Any) -> str:
    """The artifact location of a version; "" if it is unknown."""
    source = str(version.source)
    if not source.startswith("models:/"):
        return source
    try:
        return str(client.get_logged_model(source.removeprefix("models:/")).artifact_location)
    except _mlflow_error():
        return ""


def download(uri: str, project: Path | None = None) -> Path:
    """Local folder with the artifacts of a model. Raises RegistryError, which lists the registered models."""
    from spikebridge.tracking.store import quiet_mlflow

    client, mlflow = _client(uri, project), quiet_mlflow()
    try:
        return Path(patiently(lambda: mlflow.artifacts.download_artifacts(artifact_uri=uri)))
    except file_errors() as error:
        raise _not_found(uri, client, error, project) from None


def _client(uri: str, project: Path | None) -> Any:
    from spikebridge.tracking.store import connect

    store = default_uri(project)
    if missing := missing_database(store):
        raise RegistryError(
            f"{uri}: no MLflow store is here, expected {missing}. From another folder, set {what_to_set(project)} "
            "(in Python also spikebridge.load(..., project=FOLDER)). Where the project has results but no store, "
            "spikebridge publish makes it"
        )
    return connect(store)


def what_to_set(project: Path | None = None) -> str:
    """The variable that names a store, with the value of a project in a folder below where there is one."""
    root = store_location.home(project)
    below = [place.as_posix() for place in sorted(root.glob("*/mlruns/mlflow.db"))]
    database = below[0] if below else "/path/to/project/mlruns/mlflow.db"
    return f"MLFLOW_TRACKING_URI={shlex.quote(store_location.SQLITE + database)}"


def _not_found(uri: str, client: Any, error: Exception, project: Path | None) -> RegistryError:
    known, store = known_models(client), default_uri(project)
    text = store_location.without_password(first_line(error), store)
    return RegistryError(f"{uri}: {text} (registered in {store_location.masked(store)}: {known or 'nothing yet'})")


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    return MlflowException


def existing_store() -> Store:
    """Open the store of the current project. Raises RegistryError if there is none; it is never created here."""
    from spikebridge.tracking.store import open_store

    if missing := missing_database(default_uri()):
        raise RegistryError(
            f"no MLflow store is here, expected {missing}. Call from inside the project, after make repro, or set "
            f"{what_to_set()}"
        )
    return open_store(settings(), store_location.home())


def missing_database(uri: str) -> Path | None:
    """The sqlite file of a store if it is missing; else None."""
    database = store_location.sqlite_file(uri)
    return database if database is not None and not database.exists() else None


def default_uri(project: Path | None = None) -> str:
    """The store of a project (the current one): from its params.yaml, else from the environment, else mlruns/."""
    uri = settings(project).uri
    if uri is None and project is not None:  # who names a project does not mean the store of the environment
        return store_location.SQLITE + (store_location.home(project) / "mlruns" / "mlflow.db").as_posix()
    return store_location.tracking_uri(uri, project)


def settings(project: Path | None = None) -> TrackingConfig:
    """The section tracking of the project's params.yaml.

    Other sections are not read, so that an error in them does not prevent loading a model.
    """
    params = store_location.home(project) / "params.yaml"
    try:
        return TrackingConfig.model_validate(yaml.safe_load(params.read_text(encoding="utf-8"))["tracking"])
    except (OSError, yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return TrackingConfig()


def known_models(client: object) -> str:
    """The models that can be loaded: names with their aliases."""
    uris = []
    for model in client.search_registered_models():  # type: ignore[attr-defined]
        uris += [f"models:/{model.name}@{alias}" for alias in model.aliases] or [f"models:/{model.name}"]
    return ", ".join(uris)
