"""Load a registered model by name. Its files are first checked against their manifest and the project's record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from spikebridge.config import TrackingConfig
from spikebridge.errors import RegistryError
from spikebridge.models.parts.saved_files import MANIFEST_FILE
from spikebridge.runtime.hashing import file_digest
from spikebridge.tracking import registration_record, store_location
from spikebridge.tracking.served_model import ServedModel, find_folder

if TYPE_CHECKING:
    from spikebridge.tracking.store import Store

SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/", "file:")
REGISTERED = re.compile(r"models:/(?P<name>[^/]+?)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+|latest))")


def load(uri: str | Path) -> ServedModel:
    """Load a model from "models:/<name>@champion", "models:/<name>/<version>", another artifact URI, or a local folder.

    Its files are downloaded and read with the installed code; nothing in them is executed or unpickled.
    Raises RegistryError if there is no such model, or if it is not a model of spikebridge.
    """
    return ServedModel(folder_of(uri))


def folder_of(uri: str | Path) -> Path:
    """The local folder with the files of such a model. Raises RegistryError if there is none."""
    text = str(uri)
    if match := REGISTERED.fullmatch(text):
        return _registered(text, match["name"], match["alias"], match["version"])
    if text.startswith(SCHEMES):
        return find_folder(download(text))
    if not Path(text).is_dir():
        raise RegistryError(f"{text}: expected models:/<name>@<alias> or a folder, found neither")
    return find_folder(Path(text))


def _registered(uri: str, name: str, alias: str | None, number: str | None) -> Path:
    """The folder of a version, after a check against the record of the current project."""
    from spikebridge.tracking.store import quiet_mlflow

    client, mlflow = _client(uri), quiet_mlflow()
    try:
        if alias is None and number == "latest":
            number = max((v.version for v in client.search_model_versions(f"name = '{name}'")), key=int, default="0")
        version = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
    except mlflow.MlflowException as error:
        raise _not_found(uri, client, error) from None
    if where := elsewhere(client, version):
        raise RegistryError(f"{uri}: {moved(where)}")
    root = download(f"models:/{name}/{version.version}")
    folder = find_folder(root)
    manifest = root / MANIFEST_FILE
    sha256 = file_digest(manifest) if manifest.is_file() else "none"
    registration_record.check(store_location.home(), default_uri(), name, str(version.version), alias, sha256)
    return folder


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


def download(uri: str) -> Path:
    """Local folder with the artifacts of a model. Raises RegistryError, which lists the registered models."""
    from spikebridge.tracking.store import quiet_mlflow

    client, mlflow = _client(uri), quiet_mlflow()
    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    except (mlflow.MlflowException, OSError) as error:
        raise _not_found(uri, client, error) from None


def _client(uri: str) -> Any:
    from spikebridge.tracking.store import connect

    store = default_uri()
    if missing := missing_database(store):
        raise RegistryError(
            f"{uri}: no MLflow store is here, expected {missing}. Load from inside the project, name a store in "
            "MLFLOW_TRACKING_URI, or load a folder. Where the project has results (runs/, reports/), spikebridge "
            "publish makes the store"
        )
    return connect(store)


def _not_found(uri: str, client: Any, error: Exception) -> RegistryError:
    from spikebridge.tracking.store import first_line

    known = known_models(client)
    return RegistryError(f"{uri}: {first_line(error)} (registered in {default_uri()}: {known or 'nothing yet'})")


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    return MlflowException


def existing_store() -> Store:
    """Open the store of the current project. Raises RegistryError if there is none; it is never created here."""
    from spikebridge.tracking.store import open_store

    if missing := missing_database(default_uri()):
        raise RegistryError(
            f"no MLflow store is here, expected {missing}. Call from inside the project, after make repro, or name a "
            "store in MLFLOW_TRACKING_URI"
        )
    return open_store(settings(), store_location.home())


def missing_database(uri: str) -> Path | None:
    """The sqlite file of a store if it is missing; else None."""
    database = store_location.sqlite_file(uri)
    return database if database is not None and not database.exists() else None


def default_uri() -> str:
    """The store of the current project: from its params.yaml, else from the environment, else mlruns/."""
    return store_location.tracking_uri(settings().uri)


def settings() -> TrackingConfig:
    """The section tracking of the project's params.yaml.

    Other sections are not read, so that an error in them does not prevent loading a model.
    """
    params = store_location.home() / "params.yaml"
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
