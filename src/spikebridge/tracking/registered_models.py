"""Register the best model as a version of the registered model. The gates decide its alias."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from spikebridge import gates
from spikebridge.artifacts.fitted_on import FittedOn, FittedRecording, settings_of
from spikebridge.artifacts.json_files import read_json
from spikebridge.artifacts.recordings import INGESTED_FOLDER, load_about
from spikebridge.artifacts.served_models import FITTED_ON
from spikebridge.artifacts.windows import WINDOWS_FOLDER, load_windows
from spikebridge.config import Config, WindowSections
from spikebridge.errors import SpikebridgeError
from spikebridge.labels.trial_labels import label_text
from spikebridge.models.parts.saved_files import MANIFEST_FILE, MODEL_FILE, check_manifest
from spikebridge.runtime.hashing import digest, file_digest, files_digest
from spikebridge.text.plain_text import code_span, escape_markdown
from spikebridge.tracking import evidence, promotion, registration_record, runs
from spikebridge.tracking.identity import Identity, identify
from spikebridge.tracking.model_card import CANDIDATE, CHAMPION, model_card
from spikebridge.tracking.model_files import log_model
from spikebridge.tracking.results import Results
from spikebridge.tracking.served_model import AROUND
from spikebridge.tracking.store import Store, open_store, terminable


def register(config: Config, project: Path | str = ".", identity: Identity | None = None) -> dict[str, Any]:
    """Register the model with the best inner scores. Returns the content of registration.json.

    A version with the same fingerprint (parameters, data, split and bytes of the model) is reused. If every decisive
    gate passes, including the comparison with the present champion, the version gets the alias champion. Otherwise it
    gets the alias candidate, and a tag names the failed gates. If a person promoted the same version, it stays
    champion.
    """
    project = Path(project).resolve()
    results = Results(config, project)
    model = gates.best_model(list(config.models), project)
    identity = identity or identify(config, project)
    store = open_store(config.tracking, project)
    saved = results.trained(model).model
    content = files_digest([p for p in saved.rglob("*") if p.is_file()], saved)
    # The code is not included: if changed code gives the same model from the same data, there is no new version
    fingerprint = digest(identity.params_hash, identity.data_hash, identity.split_hash, model, content)
    name = config.tracking.registered_model
    about = _about(results, identity, model)
    with terminable(), store.locked():
        champion = evidence.present_champion(store, name)
        decided = gates.check(
            config.statistics, gates.Newcomer(model, fingerprint, identity.data_hash, project), champion
        )
        version, made = _existing(store, name, fingerprint, project), None
        if version is None:
            version, made = _new(store, results, identity, model, about, fingerprint)
        card = model_card(results, identity, model, decided, {**about, "version": version.version})
        tags = {**_tags(about, decided), **evidence.attach(store, version, results, model, decided, card)}
        tags |= {runs.FINGERPRINT: fingerprint, "model": model, **identity.tags()}
        for key, value in tags.items():
            store.client.set_model_version_tag(name, version.version, key, value)
        alias, promoted = _point(store, name, version, champion, not gates.failed(decided))
        text = card.text(promoted.line() if promoted else "")
        store.client.update_model_version(name, version.version, text)
        manifests = _manifests(store, name, version, project, made)
    return {
        "name": name,
        "version": int(version.version),
        "alias": alias,
        "uri": f"models:/{name}@{alias}",
        "model": model,
        "gates": {k: {"passed": g.passed, "outcome": str(g.outcome), "reason": g.reason} for k, g in decided.items()},
        "fingerprint": fingerprint,
        "outer": about["outer"],
        "store": registration_record.shown_store(store.uri, project),
        "champion": _champion(store, name),
        "manifests": manifests,
    }


def _manifests(store: Store, name: str, version: ModelVersion, project: Path, made: str | None) -> dict[str, str]:
    """Version -> SHA-256 of its manifest: the recorded versions, and the version created now.

    If the record is lost, the value of a reused version is computed from its files.
    """
    numbers = [v.version for v in store.client.search_model_versions(f"name = '{name}'", max_results=1000)]
    kept = registration_record.kept_manifests(project, store.uri, name, map(str, numbers))
    number = str(version.version)
    if made is None and number not in kept:
        path = evidence.downloaded(f"models:/{name}/{number}/{MANIFEST_FILE}")
        made = file_digest(path) if path is not None else None
    return kept | ({number: made} if made else {})


def _champion(store: Store, name: str) -> int | None:
    number = store.client.get_registered_model(name).aliases.get(CHAMPION)
    return None if number is None else int(number)


def _about(results: Results, identity: Identity, model: str) -> dict[str, Any]:
    """The content of served.json, which is stored with the model."""
    c, saved = results.config, read_json(results.trained(model).model / MODEL_FILE)
    scores = results.scores(model)
    return {
        "model": model,
        "classes": saved["classes"],
        "bin_s": saved["bin_s"],
        "n_bins": saved["n_bins"],
        "window_s": list(c.trials.window_s),
        "align": c.trials.align,
        "label": label_text(c.trials.label),
        "source": c.data.source,
        "target": c.data.target,
        "recordings": saved["recordings"],
        FITTED_ON: _fitted_on(results, saved["recordings"]).content(),
        "outer": {k: v for k, v in scores.items() if not k.startswith("inner_")},
        "inner": {k: v for k, v in scores.items() if k.startswith("inner_")},
        **identity.tags(),
    }


def _fitted_on(results: Results, recordings: Collection[str]) -> FittedOn:
    """The settings of the windows, and all windows of the recordings that the model knows: the last fit has no test."""
    fitted = {}
    for w in load_windows(results.project / WINDOWS_FOLDER):
        if w.recording in recordings:
            ingested = results.project / INGESTED_FOLDER / w.recording
            spikes = load_about(ingested)["spike_times"] if ingested.is_dir() else ""
            fitted[w.recording] = FittedRecording.of(w, str(spikes))
    return FittedOn(settings_of(WindowSections.of(results.config)), fitted)


def _tags(about: Mapping[str, Any], decided: Mapping[str, gates.Gate]) -> dict[str, str]:
    scores = {k: v for k, v in about["outer"].items() if k.startswith(("balanced_accuracy", "bits_per_spike"))}
    text = {key: json.dumps(about[key]) for key in ("classes", "window_s", "bin_s", "n_bins", "source", "target")}
    units = {name: len(r["source_units"]) for name, r in about["recordings"].items()}
    estimate = {f"outer_{k}": f"{v:.4f}" for k, v in scores.items()}
    failed = ", ".join(gates.failed(decided)) or promotion.NOBODY
    translation = gates.translation_status(decided["translation"])
    units_and_claim = {"source_units": json.dumps(units), "translation": str(translation), promotion.FAILED: failed}
    return {**text, **estimate, **evidence.gate_tags(decided), **units_and_claim}


def _existing(store: Store, name: str, fingerprint: str, project: Path) -> ModelVersion | None:
    """The version with the same fingerprint, if its files still exist and are unchanged; else None."""
    versions = store.client.search_model_versions(f"name = '{name}'", max_results=1000)
    recorded = registration_record.kept_manifests(project, store.uri, name, [str(v.version) for v in versions])
    for version in versions:
        same = version.tags.get(runs.FINGERPRINT) == fingerprint
        if same and evidence.there(store, version) and _intact(version, recorded.get(str(version.version))):
            return version
    return None


def _intact(version: ModelVersion, recorded: str | None) -> bool:
    """Whether the files match their manifest, and the manifest matches the recorded one, if one is recorded."""
    root = evidence.downloaded(f"models:/{version.name}/{version.version}")
    if root is None:
        return False
    try:
        check_manifest(root, AROUND)
    except SpikebridgeError:
        return False
    return recorded in {None, file_digest(root / MANIFEST_FILE)}


def _new(
    store: Store, results: Results, identity: Identity, model: str, about: dict[str, Any], fingerprint: str
) -> tuple[ModelVersion, str]:
    """A new version, and the SHA-256 of its manifest."""
    logged = log_model(store, results, identity, model, about, fingerprint)
    _describe(store, results)
    name = results.config.tracking.registered_model
    version = store.client.create_model_version(
        name, logged.uri, logged.run_id, tags={runs.FINGERPRINT: fingerprint}, model_id=logged.model_id
    )
    return version, logged.manifest_sha256


def _describe(store: Store, results: Results) -> None:
    """Create the registered model, or update its description, which explains the aliases."""
    c = results.config
    text = (
        f"Predicts {code_span(label_text(c.trials.label))} from {escape_markdown('+'.join(c.data.source))} spikes.\n\n"
        f"- `{CHAMPION}`: the newest version that passed every gate (no leak, better than majority, nulls, translation "
        "shown where it translates, not worse than the champion before it on the same split), or one that a person "
        "promoted: then its tags `promoted_by`, `promoted_reason` and `promoted_over` say so\n"
        f"- `{CANDIDATE}`: the newest version that did not pass; its tag `gates_failed` says which\n\n"
        f'`spikebridge.load("models:/{c.tracking.registered_model}@{CHAMPION}")`'
    )
    try:
        store.client.create_registered_model(c.tracking.registered_model, description=text)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        store.client.update_registered_model(c.tracking.registered_model, text)


def _point(
    store: Store, name: str, version: ModelVersion, champion: gates.Champion | None, passed: bool
) -> tuple[str, promotion.Promotion | None]:
    """Give the version one alias, champion or candidate. Returns the alias, and a person's promotion if there is one.

    If the gates of the champion fail after a new evaluation, it loses the alias, unless a person promoted it.
    """
    holds = champion is not None and str(champion.version) == str(version.version)
    promoted = promotion.Promotion.of(version.tags) if holds else None
    aliases = store.client.get_registered_model(name).aliases
    alias = CHAMPION if passed or promoted else CANDIDATE
    other = CANDIDATE if alias == CHAMPION else CHAMPION
    if str(aliases.get(other)) == str(version.version):
        store.client.delete_registered_model_alias(name, other)
    if alias == CHAMPION and not holds:
        promotion.withdraw(store, name, version)
        by = f", promoted by {champion.promoted_by}" if champion and champion.promoted_by else ""
        before = f"{champion}{by}" if champion else promotion.NOBODY
        store.client.set_model_version_tag(name, version.version, "champion_before", before)
    store.client.set_registered_model_alias(name, alias, version.version)
    return alias, promoted
