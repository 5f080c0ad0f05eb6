"""The best model becomes a version of the registered model; the gates say under which alias."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray

from spikebridge import gates
from spikebridge.config import Config
from spikebridge.digest import digest, files_digest
from spikebridge.errors import RegistryError
from spikebridge.tracking import mirror, runs
from spikebridge.tracking.card import CANDIDATE, CHAMPION, model_card
from spikebridge.tracking.identity import Identity, identify, window_files
from spikebridge.tracking.results import Results, read_json
from spikebridge.tracking.served import ABOUT, ServedModel
from spikebridge.tracking.store import Store, open_store, quiet_mlflow, terminable
from spikebridge.types import Windows

EXAMPLE_TRIALS = 3
SCRIPT = Path(__file__).with_name("served_script.py")
PACKAGES = ("mlflow", "numpy", "pandas", "pydantic", "torch", "scikit-learn", "safetensors", "skops")


def register(config: Config, project: Path | str = ".", identity: Identity | None = None) -> dict[str, Any]:
    """Register the model that the inner scores chose; returns what registration.json says.

    A version with the same fingerprint (identity of the execution and bytes of the model) is used again. The alias
    champion moves to it when every gate passes; else the version gets candidate, and a tag names the gates that failed.
    """
    project = Path(project).resolve()
    results = Results(config, project)
    model = gates.best_model(config, project)
    decided = gates.check(config, project, model)
    identity = identity or identify(config, project)
    store = open_store(config.tracking, project)
    saved = results.trained(model) / "model"
    fingerprint = digest(identity.fingerprint, model, files_digest([p for p in saved.rglob("*") if p.is_file()], saved))
    name = config.tracking.registered_model
    about = _about(results, identity, model)
    with terminable(), store.locked():
        version = _existing(store, name, fingerprint) or _new(store, results, identity, model, about)
        passed = all(g.passed for g in decided.values())
        alias = CHAMPION if passed else CANDIDATE
        tags = {**_tags(about, decided), runs.FINGERPRINT: fingerprint, "model": model, **identity.tags()}
        for key, value in tags.items():
            store.client.set_model_version_tag(name, version.version, key, value)
        card = model_card(results, identity, model, decided, about)
        store.client.update_model_version(name, version.version, card)
        _point(store, name, version.version, alias)
    return {
        "name": name,
        "version": int(version.version),
        "alias": alias,
        "uri": f"models:/{name}@{alias}",
        "model": model,
        "gates": {k: {"passed": g.passed, "reason": g.reason} for k, g in decided.items()},
        "fingerprint": fingerprint,
        "outer": about["outer"],
    }


def _about(results: Results, identity: Identity, model: str) -> dict[str, Any]:
    """What travels with the model as served.json."""
    c, saved = results.config, read_json(results.trained(model) / "model" / "model.json")
    scores = results.scores(model)
    return {
        "model": model,
        "classes": saved["classes"],
        "bin_s": saved["bin_s"],
        "n_bins": saved["n_bins"],
        "window_s": list(c.trials.window_s),
        "align": c.trials.align,
        "label": c.trials.label,
        "source": c.data.source,
        "target": c.data.target,
        "recordings": saved["recordings"],
        "outer": {k: v for k, v in scores.items() if not k.startswith("inner_")},
        "inner": {k: v for k, v in scores.items() if k.startswith("inner_")},
        **identity.tags(),
    }


def _tags(about: Mapping[str, Any], decided: Mapping[str, gates.Gate]) -> dict[str, str]:
    failed = [name for name, gate in decided.items() if not gate.passed]
    scores = {k: v for k, v in about["outer"].items() if k.startswith(("balanced_accuracy", "bits_per_spike"))}
    text = {key: json.dumps(about[key]) for key in ("classes", "window_s", "bin_s", "n_bins", "source", "target")}
    units = {name: len(r["source_units"]) for name, r in about["recordings"].items()}
    estimate = {f"outer_{k}": f"{v:.4f}" for k, v in scores.items()}
    each = {f"gate_{name}": f"{'passed' if g.passed else 'failed'}: {g.reason}" for name, g in decided.items()}
    return {**text, "source_units": json.dumps(units), **estimate, **each, "gates_failed": ", ".join(failed) or "none"}


def _existing(store: Store, name: str, fingerprint: str) -> ModelVersion | None:
    """The version made of the same things, if its files are still there."""
    mlflow = quiet_mlflow()
    for version in store.client.search_model_versions(f"name = '{name}'"):
        if version.tags.get(runs.FINGERPRINT) == fingerprint:
            try:
                if mlflow.artifacts.list_artifacts(f"models:/{name}/{version.version}"):
                    return version
            except (MlflowException, OSError):
                continue  # the store was moved; its old versions point to where it was
    return None


def _new(store: Store, results: Results, identity: Identity, model: str, about: dict[str, Any]) -> ModelVersion:
    mlflow = quiet_mlflow()
    os.environ.setdefault("MLFLOW_DEFAULT_PREDICTION_DEVICE", "cpu")
    run = mirror.model_run(store, identity, model)
    if run is None:
        raise RegistryError(f"{model}: expected its run in the MLflow store, found none: mirror the results first")
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / "model"
        shutil.copytree(results.trained(model) / "model", staged)
        (staged / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
        served = ServedModel(staged)
        recording, counts = example(served, results.project)
        served.predict(counts, recording=recording)  # what cannot be read or fed is not registered
        with mlflow.start_run(run_id=run.info.run_id):
            logged = mlflow.pyfunc.log_model(
                name=model,
                python_model=str(SCRIPT),
                artifacts={"model": str(staged)},
                signature=signature(),
                input_example=(counts.astype(np.float32), {"output": "label", "recording": recording}),
                pip_requirements=_requirements(),
                model_type=model,
                metadata={k: about[k] for k in ("classes", "bin_s", "n_bins", "data_hash", "split_hash")},
            )
            mlflow.log_metrics(about["outer"], model_id=logged.model_id)
    _registered_model(store, results)
    return store.client.create_model_version(
        results.config.tracking.registered_model, logged.model_uri, run.info.run_id, model_id=logged.model_id
    )


def signature() -> Any:
    """counts float32 (trial, bin, unit), with output and recording as parameters.

    MLflow's own check dumps the whole array into its message. A signature that counts as coming from type hints leaves
    the check of the data to the model, which says in one line what is wrong and takes any number type.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    made = ModelSignature(
        Schema([TensorSpec(np.dtype("float32"), (-1, -1, -1))]),
        Schema([TensorSpec(np.dtype("str"), (-1,))]),
        ParamSchema([ParamSpec("output", DataType.string, "label"), ParamSpec("recording", DataType.string, "")]),
    )
    made._is_signature_from_type_hint = True
    return made


def example(served: ServedModel, project: Path) -> tuple[str, NDArray[np.unsignedinteger]]:
    """A recording and counts (trial, bin, unit) of its first trials; the one with the fewest units, to stay small."""
    sizes = {name: len(r["source_units"]) for name, r in served.recordings.items()}
    for path in sorted(window_files(project), key=lambda p: (sizes.get(p.stem, np.inf), p.stem)):
        windows = Windows.load(path)
        if windows.recording in served.recordings and windows.labelled.any():
            return windows.recording, windows.source[windows.labelled][:EXAMPLE_TRIALS]
    raise RegistryError(f"{project / 'data' / 'windows'}: no labelled window of {', '.join(sizes)}")


def _requirements() -> list[str]:
    """Installed versions of what a served model needs; spikebridge itself is installed from its repository."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name}=={version(name).split('+')[0]}")
        except PackageNotFoundError:
            continue
    return found


def _registered_model(store: Store, results: Results) -> None:
    c = results.config
    text = (
        f"Predicts `{c.trials.label}` from {'+'.join(c.data.source)} spikes.\n\n"
        f"- `{CHAMPION}`: the newest version that passed every gate (leakage, better than majority, nulls)\n"
        f"- `{CANDIDATE}`: the newest version that did not; its tag `gates_failed` says which\n\n"
        f'`spikebridge.load("models:/{c.tracking.registered_model}@{CHAMPION}")`'
    )
    try:
        store.client.create_registered_model(c.tracking.registered_model, description=text)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        store.client.update_registered_model(c.tracking.registered_model, text)


def _point(store: Store, name: str, version: str, alias: str) -> None:
    """Give the alias to this version; a version is not champion and candidate at once."""
    aliases = store.client.get_registered_model(name).aliases
    if alias == CHAMPION and str(aliases.get(CANDIDATE)) == str(version):
        store.client.delete_registered_model_alias(name, CANDIDATE)
    store.client.set_registered_model_alias(name, alias, version)
