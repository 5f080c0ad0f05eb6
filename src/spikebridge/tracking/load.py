"""Load a registered model by name: its files are checked against their manifest and the project's record first."""

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
    """The model behind "models:/<name>@champion", "models:/<name>/<version>", another artifact URI, or a local folder.

    Its files are downloaded and read with the installed code; nothing in them is executed or unpickled.
    Raises RegistryError when there is no such model, or it is not one of spikebridge's.
    """
    return ServedModel(folder_of(uri))


def folder_of(uri: str | Path) -> Path:
    """The local folder with the files of such a model. Raises RegistryError where there is none."""
    text = str(uri)
    if found := REGISTERED.fullmatch(text):
        return _registered(text, found["name"], found["alias"], found["version"])
    if text.startswith(SCHEMES):
        return find_folder(download(text))
    if not Path(text).is_dir():
        raise RegistryError(f"{text}: expected models:/<name>@<alias> or a folder, found neither")
    return find_folder(Path(text))


def _registered(uri: str, name: str, alias: str | None, number: str | None) -> Path:
    """The folder of a version, held against the record of the project at hand."""
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
    """Where the files of a version lie, if that is the folder of another project; "" where they are this one's.

    MLflow writes down absolute places: in a copied project they are the original's, in a moved one nobody's.
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
    """What to do about files that lie in another folder."""
    return (
        f"its files lie in {location}, not in this project: the project was moved or copied. Run spikebridge publish "
        "here: it registers the model again from the files under runs/"
    )


def _location(client: Any, version: Any) -> str:
    """The artifact location of a version; "" where it is not known."""
    source = str(version.source)
    if not source.startswith("models:/"):
        return source
    try:
        return str(client.get_logged_model(source.removeprefix("models:/")).artifact_location)
    except _mlflow_error():
        return ""


def download(uri: str) -> Path:
    """Local folder with the artifacts of a model. Raises RegistryError naming what is there instead."""
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

    there = known_models(client)
    return RegistryError(f"{uri}: {first_line(error)} (registered in {default_uri()}: {there or 'nothing yet'})")


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    return MlflowException


def existing_store() -> Store:
    """The store of the project at hand, opened; none is made. Raises RegistryError where there is none."""
    from spikebridge.tracking.store import open_store

    if missing := missing_database(default_uri()):
        raise RegistryError(
            f"no MLflow store is here, expected {missing}. Call from inside the project, after make repro, or name a "
            "store in MLFLOW_TRACKING_URI"
        )
    return open_store(settings(), store_location.home())


def missing_database(uri: str) -> Path | None:
    """The sqlite file of a store that should be there and is not."""
    database = store_location.sqlite_file(uri)
    return database if database is not None and not database.exists() else None


def default_uri() -> str:
    """Where the project at hand tracks: its params.yaml, else the environment, else mlruns/."""
    return store_location.tracking_uri(settings().uri)


def settings() -> TrackingConfig:
    """The section tracking of the project's params.yaml.

    Nothing else of the file is looked at: a mistake elsewhere in it keeps nobody from loading a model.
    """
    params = store_location.home() / "params.yaml"
    try:
        return TrackingConfig.model_validate(yaml.safe_load(params.read_text(encoding="utf-8"))["tracking"])
    except (OSError, yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return TrackingConfig()


def known_models(client: object) -> str:
    """What can be loaded: names with their aliases."""
    found = []
    for model in client.search_registered_models():  # type: ignore[attr-defined]
        found += [f"models:/{model.name}@{alias}" for alias in model.aliases] or [f"models:/{model.name}"]
    return ", ".join(found)
