"""The files of a registered model: safetensors and JSON in MLflow's folder, with signature, example and manifest."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.entities import Metric
from numpy.typing import NDArray

from spikebridge.artifacts.served_models import write_served
from spikebridge.artifacts.windows import WINDOWS_FOLDER, load_windows
from spikebridge.errors import RegistryError
from spikebridge.models.parts.saved_files import write_manifest
from spikebridge.runtime.hashing import file_digest
from spikebridge.tracking import log_results
from spikebridge.tracking.identity import Identity
from spikebridge.tracking.results import FIRST_LEVEL, Results
from spikebridge.tracking.runs import FINGERPRINT
from spikebridge.tracking.served_model import AROUND, ServedModel
from spikebridge.tracking.store import Store, quiet_mlflow

EXAMPLE_TRIALS = 3
SCRIPT = Path(__file__).with_name("served_script.py")
PACKAGES = ("mlflow", "numpy", "pandas", "pydantic", "torch", "scikit-learn", "safetensors")


@dataclass(frozen=True)
class Logged:
    """The location of a model in MLflow, from which a version is created."""

    uri: str
    run_id: str
    model_id: str
    manifest_sha256: str


def log_model(
    store: Store, results: Results, identity: Identity, model: str, about: dict[str, Any], fingerprint: str
) -> Logged:
    """Log the model's files under its run. Raises RegistryError if it cannot be served or has no run.

    fingerprint: of the version that will be made of it. What an interrupted call left behind under it is removed.
    """
    mlflow = quiet_mlflow()
    os.environ.setdefault("MLFLOW_DEFAULT_PREDICTION_DEVICE", "cpu")
    run = log_results.model_run(store, identity, model)
    if run is None:
        raise RegistryError(f"{model}: expected its run in the MLflow store, found none: mirror the results first")
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / "model"
        shutil.copytree(results.trained(model).model, staged)
        write_served(about, staged)
        write_manifest(staged)
        served = ServedModel(staged)
        recording, counts = example(served, results.project)
        served.predict(counts, recording=recording)  # a model that cannot predict is not registered
        # Not within mlflow.start_run: it would end the run again, with a duration from training to registering
        run_id = run.info.run_id
        _remove_unfinished(store, results.config.tracking.registered_model, fingerprint)
        tags = {FINGERPRINT: fingerprint}
        made = store.client.create_logged_model(
            store.experiment, model, tags=tags, source_run_id=run_id, params=run.data.params, model_type=model
        )
        logged = mlflow.models.Model.log(
            None,  # the former name of the model's folder
            mlflow.pyfunc,
            run_id=run_id,
            model_id=made.model_id,
            python_model=str(SCRIPT),
            artifacts={"model": str(staged)},
            signature=signature(),
            input_example=(counts.astype(np.float32), {"output": "label", "recording": recording}),
            pip_requirements=_requirements(),
            metadata={k: about[k] for k in ("classes", "bin_s", "n_bins", "data_hash", "split_hash")},
        )
        shown = {key: value for key, value in about["outer"].items() if key in FIRST_LEVEL}
        logged_at = run.info.start_time  # the same if the call is repeated: then each value is there once
        store.client.log_batch(
            run_id, [Metric(k, float(v), logged_at, 0, model_id=logged.model_id) for k, v in shown.items()]
        )
        sha256 = _seal(store, logged, Path(folder) / "seal")
    return Logged(logged.model_uri, run.info.run_id, logged.model_id, sha256)


def _remove_unfinished(store: Store, name: str, fingerprint: str) -> None:
    """Delete models that were logged for this version by a call that was interrupted before it made the version."""
    versions = store.client.search_model_versions(f"name = '{name}'", max_results=1000)
    used = {str(version.source).removeprefix("models:/") for version in versions}
    for left in store.client.search_logged_models([store.experiment], f"tags.`{FINGERPRINT}` = '{fingerprint}'"):
        if left.model_id not in used:
            store.client.delete_logged_model(left.model_id)


def _seal(store: Store, logged: Any, folder: Path) -> str:
    """Write manifest.json of all files that MLflow wrote, including the script that it runs. Returns its SHA-256."""
    mlflow = quiet_mlflow()
    folder.mkdir()
    written = Path(mlflow.artifacts.download_artifacts(artifact_uri=logged.model_uri, dst_path=str(folder)))
    path = write_manifest(written, AROUND)
    store.client.log_model_artifact(logged.model_id, str(path))
    return file_digest(path)


def signature() -> Any:
    """counts float32 (trial, bin, unit), with output and recording as parameters.

    MLflow's own check prints the whole array in its message. If a signature is marked as coming from type hints, MLflow
    leaves the check of the data to the model, which reports errors in one line and accepts any number type.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    model_signature = ModelSignature(
        Schema([TensorSpec(np.dtype("float32"), (-1, -1, -1))]),
        Schema([TensorSpec(np.dtype("str"), (-1,))]),
        ParamSchema([ParamSpec("output", DataType.string, "label"), ParamSpec("recording", DataType.string, "")]),
    )
    model_signature._is_signature_from_type_hint = True
    return model_signature


def example(served: ServedModel, project: Path) -> tuple[str, NDArray[np.unsignedinteger]]:
    """The recording with the fewest units, and counts (trial, bin, unit) of its first trials: a small example."""
    sizes = {name: len(r["source_units"]) for name, r in served.recordings.items()}
    recordings = load_windows(project / WINDOWS_FOLDER)
    for windows in sorted(recordings, key=lambda w: (sizes.get(w.recording, np.inf), w.recording)):
        if windows.recording in served.recordings and windows.labelled.any():
            return windows.recording, windows.source[windows.labelled][:EXAMPLE_TRIALS]
    raise RegistryError(f"{project / WINDOWS_FOLDER}: no labelled window of {', '.join(sizes)}")


def _requirements() -> list[str]:
    """Installed versions of the packages of a served model. spikebridge itself is installed from its repository."""
    from importlib.metadata import PackageNotFoundError, version

    requirements = []
    for name in PACKAGES:
        try:
            requirements.append(f"{name}=={version(name).split('+')[0]}")
        except PackageNotFoundError:
            continue
    return requirements
