"""Load a registered model by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from spikebridge.config import TrackingConfig
from spikebridge.errors import RegistryError
from spikebridge.tracking import place
from spikebridge.tracking.served import ServedModel, find_folder

if TYPE_CHECKING:
    from spikebridge.tracking.store import Store

SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/", "file:")


def load(uri: str | Path) -> ServedModel:
    """The model behind "models:/<name>@champion", "models:/<name>/<version>", another artifact URI, or a local folder.

    Its files are downloaded and read with the installed code; nothing in them is executed or unpickled.
    Raises RegistryError when there is no such model, or it is not one of spikebridge's.
    """
    return ServedModel(folder_of(uri))


def folder_of(uri: str | Path) -> Path:
    """The local folder with the files of such a model. Raises RegistryError where there is none."""
    text = str(uri)
    if text.startswith(SCHEMES):
        return find_folder(download(text))
    if not Path(text).is_dir():
        raise RegistryError(f"{text}: expected models:/<name>@<alias> or a folder, found neither")
    return find_folder(Path(text))


def download(uri: str) -> Path:
    """Local folder with the artifacts of a model. Raises RegistryError naming what is there instead."""
    from spikebridge.tracking.store import connect, first_line, quiet_mlflow

    store = default_uri()
    if missing := missing_database(store):
        raise RegistryError(
            f"{uri}: no MLflow store is here, expected {missing}. Load from inside the project, name a store in "
            "MLFLOW_TRACKING_URI, or load a folder"
        )
    client = connect(store)
    mlflow = quiet_mlflow()
    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    except (mlflow.MlflowException, OSError) as error:
        there = known_models(client)
        raise RegistryError(f"{uri}: {first_line(error)} (registered in {store}: {there or 'nothing yet'})") from None


def existing_store() -> Store:
    """The store of the project at hand, opened; none is made. Raises RegistryError where there is none."""
    from spikebridge.tracking.store import open_store

    if missing := missing_database(default_uri()):
        raise RegistryError(
            f"no MLflow store is here, expected {missing}. Call from inside the project, after make repro, or name a "
            "store in MLFLOW_TRACKING_URI"
        )
    return open_store(settings(), place.home())


def missing_database(uri: str) -> Path | None:
    """The sqlite file of a store that should be there and is not."""
    database = place.sqlite_file(uri)
    return database if database is not None and not database.exists() else None


def default_uri() -> str:
    """Where the project at hand tracks: its params.yaml, else the environment, else mlruns/."""
    return place.tracking_uri(settings().uri)


def settings() -> TrackingConfig:
    """The section tracking of the project's params.yaml.

    Nothing else of the file is looked at: a mistake elsewhere in it keeps nobody from loading a model.
    """
    params = place.home() / "params.yaml"
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
