"""The evidence stored with each version: tables, gates, and its out-of-fold predictions of every trial.

A later version on the same split is compared with the champion trial by trial. The champion's predictions must
therefore be the ones on which its gates were decided: a tag contains their hash. They are read as parquet; no code in
them is executed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from spikebridge.artifacts.served_models import CARD, read_card, write_card, write_gates
from spikebridge.artifacts.training import PREDICTIONS
from spikebridge.errors import DataError, RegistryError
from spikebridge.errors.messages import listed
from spikebridge.gates import Champion, Gate, GateOutcome
from spikebridge.runtime.hashing import file_digest
from spikebridge.tracking import load, runs
from spikebridge.tracking.artifact_store import file_errors
from spikebridge.tracking.interruptions import is_interruption, patiently
from spikebridge.tracking.model_card import CHAMPION, Card
from spikebridge.tracking.results import Results
from spikebridge.tracking.store import Store, quiet_mlflow

EVIDENCE, HASH = "evidence", "predictions_hash"
GATE, GATE_REASON = "gate_", "gate_reason_"
"""Tags: gate_<name> is the outcome (a value of gates.GateOutcome), gate_reason_<name> its reason."""
ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


def attach(
    store: Store, version: ModelVersion, results: Results, model: str, decided: Mapping[str, Gate], card: Card
) -> dict[str, str]:
    """Write the evidence and the parts of the card to evidence/ in the folder of the model's files. Returns its tags.

    It is written at every registration, because the evaluation of the same model may have changed.
    """
    predictions = results.trained(model).predictions
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in sorted(results.evaluation.folder.iterdir()):
            if path.suffix in {".json", ".csv"}:
                shutil.copy(path, folder / path.name)
        shutil.copy(predictions, folder / predictions.name)
        write_gates({k: asdict(gate) for k, gate in decided.items()}, folder)
        write_card(asdict(card), folder)
        store.client.log_model_artifacts(str(version.source).removeprefix("models:/"), str(folder), EVIDENCE)
    return {HASH: file_digest(predictions)}


def present_champion(store: Store, name: str) -> Champion | None:
    """The version with the alias champion, with its predictions if they are available; None if there is no champion.

    Raises RegistryError if a tag of the version holds no outcome of a gate.
    """
    try:
        version = store.client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise
    tags, (folder, problem) = version.tags, _predictions(store, version)
    return Champion(
        version=int(version.version),
        model=tags.get("model", "unknown"),
        fingerprint=tags.get(runs.FINGERPRINT, ""),
        split_hash=tags.get("split_hash", ""),
        data_hash=tags.get("data_hash", ""),
        evidence=folder,
        problem=problem,
        gone=not there(store, version),
        promoted_by=tags.get("promoted_by", ""),
        recorded=_recorded(tags, "present_champion"),
    )


def there(store: Store, version: ModelVersion) -> bool:
    """Whether the files of a version are where they were registered. After moving or copying a project they are not."""
    if load.elsewhere(store.client, version):
        return False
    uri = f"models:/{version.name}/{version.version}"
    try:
        return bool(patiently(lambda: quiet_mlflow().artifacts.list_artifacts(uri)))
    except file_errors() as error:
        if is_interruption(error):  # whether they are there is not known
            raise
        return False


def _predictions(store: Store, version: ModelVersion) -> tuple[Path | None, str]:
    """The folder with the predictions, or the reason why there is none. Without evidence, they may be in the run."""
    wanted = version.tags.get(HASH)
    if where := load.elsewhere(store.client, version):
        return None, f"its files lie in another folder, {where}"
    path = downloaded(f"models:/{version.name}/{version.version}/{EVIDENCE}/{PREDICTIONS}")
    if path is None and wanted is None and version.run_id:
        path = downloaded(f"runs:/{version.run_id}/{PREDICTIONS}")
    if path is None or not path.is_file():
        return None, "it carries no predictions"
    if wanted is not None and file_digest(path) != wanted:
        return None, "its predictions are not those that it was registered with"
    return path.parent, ""


def stored_card(version: ModelVersion) -> Card | None:
    """The parts of the card of a version; None where they are missing or cannot be read."""
    path = downloaded(f"models:/{version.name}/{version.version}/{EVIDENCE}/{CARD}")
    try:
        return Card(**read_card(path)) if path else None
    except (DataError, TypeError):
        return None


def downloaded(uri: str) -> Path | None:
    """The local copy of a file or folder of the opened store; None if it does not exist."""
    try:
        return Path(patiently(lambda: quiet_mlflow().artifacts.download_artifacts(artifact_uri=uri)))
    except file_errors() as error:
        if is_interruption(error):
            raise
        return None


def gate_tags(decided: Mapping[str, Gate]) -> dict[str, str]:
    """The tags of a version for the results of its gates."""
    outcomes = {f"{GATE}{name}": str(gate.outcome) for name, gate in decided.items()}
    return outcomes | {f"{GATE_REASON}{name}": gate.reason for name, gate in decided.items()}


def _recorded(tags: Mapping[str, str], name: str) -> Gate | None:
    """The result of a gate in the tags; None if the tags have none."""
    word = tags.get(f"{GATE}{name}")
    if not word:
        return None
    if word not in [*GateOutcome]:
        raise RegistryError(f"tag {GATE}{name} of the champion: expected one of {listed(GateOutcome)}, got {word!r}")
    return Gate.of(GateOutcome(word), tags.get(f"{GATE_REASON}{name}", ""))
