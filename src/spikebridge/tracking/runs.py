"""Runs, identified by fingerprint: an existing run is reused, so that logging twice changes nothing."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag, ViewType

from spikebridge.artifacts.tuning import TuningRun
from spikebridge.runtime.hashing import digest
from spikebridge.text.keys import safe_key, shortened_key
from spikebridge.tracking import store_location
from spikebridge.tracking.identity import Identity
from spikebridge.tracking.store import Store, process_tags

FINGERPRINT, KIND, CONTENT = (f"spikebridge.{n}" for n in ("fingerprint", "kind", "content"))
BATCH_METRICS, BATCH_PARAMS, BATCH_TAGS = 1000, 100, 100  # the limits of one call of MLflow
MAX_PARAM_LENGTH = 6000
TRIAL_STATUS = {
    "COMPLETE": "FINISHED",
    "PRUNED": "FINISHED",
    "RUNNING": "KILLED",
    "WAITING": "KILLED",
    "FAIL": "FAILED",
}
"""State of an Optuna trial -> status of its run."""


@dataclass(frozen=True)
class Key:
    """The identity of a run: its fingerprint, name and kind, and the id of its parent."""

    fingerprint: str
    name: str
    kind: str
    parent: str | None = None
    tags: Mapping[str, str] | None = None


def execution_key(identity: Identity) -> Key:
    """The parent run of a pipeline execution."""
    name = f"spikebridge {identity.fingerprint[:8]}"
    return Key(identity.fingerprint, name, "execution", None, identity.tags())


def child_key(identity: Identity, parent: str, name: str, kind: str, above: str | None = None) -> Key:
    """A run below the execution (`above` None) or below one of its children."""
    return Key(digest(identity.fingerprint, kind, name), name, kind, above or parent, identity.tags())


def find(store: Store, fingerprint: str) -> Run | None:
    """The run with this fingerprint that has not been deleted; None if there is none."""
    hits = store.client.search_runs(
        [store.experiment], f"tags.`{FINGERPRINT}` = '{fingerprint}'", ViewType.ACTIVE_ONLY, max_results=1
    )
    return hits[0] if hits else None


def get_or_create(store: Store, key: Key, start_ms: int | None = None) -> Run:
    """The run of this key; created if it does not exist. Safe if other processes request the same run.

    start_ms: when a new run began, in ms since 1970; None for now.
    """
    with store.locked():
        return _only(store, key.fingerprint) or create(store, key, start_ms)


def _only(store: Store, fingerprint: str) -> Run | None:
    """The run with this fingerprint; further ones are removed. Two machines may make them in one MLflow server.

    The lock of a server does not hold between machines. The run that is complete stays, else the oldest.
    """
    runs = store.client.search_runs([store.experiment], f"tags.`{FINGERPRINT}` = '{fingerprint}'")
    hits = sorted(runs, key=lambda run: (CONTENT not in run.data.tags, run.info.start_time or 0, run.info.run_id))
    for double in hits[1:]:
        delete_tree(store, double.info.run_id)
    return hits[0] if hits else None


def create(store: Store, key: Key, start_ms: int | None = None) -> Run:
    """Create a new run, even if one with this fingerprint exists."""
    tags = {
        FINGERPRINT: key.fingerprint,
        KIND: key.kind,
        "mlflow.source.name": "spikebridge",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": store_location.user(),
        **process_tags(),
        **(key.tags or {}),
    }
    if key.parent:
        tags["mlflow.parentRunId"] = key.parent
    revision = tags.get("git_revision", "none").removesuffix("-dirty")
    if revision != "none":
        tags["mlflow.source.git.commit"] = revision
    return store.client.create_run(store.experiment, start_ms, tags=tags, run_name=key.name)


def children(store: Store, parent: str) -> list[Run]:
    """Every run directly below another."""
    runs: list[Run] = []
    token = None
    while True:
        page = store.client.search_runs(
            [store.experiment], f"tags.`mlflow.parentRunId` = '{parent}'", max_results=1000, page_token=token
        )
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def delete_tree(store: Store, run_id: str) -> None:
    """Move a run and all its descendants to MLflow's trash."""
    for child in children(store, run_id):
        delete_tree(store, child.info.run_id)
    store.client.delete_run(run_id)


@contextmanager
def writing(store: Store, run_id: str) -> Iterator[None]:
    """Mark the run as running by this process; at the end as finished, failed or killed.

    Its duration stays what it was: the time of the training that logged its epochs, or none. How long this process
    writes says nothing about the model.
    """
    client = store.client
    client.update_run(run_id, "RUNNING")
    client.log_batch(run_id, tags=[RunTag(k, v) for k, v in process_tags().items()])
    status = "KILLED"
    try:
        yield
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        client.update_run(run_id, status)


def log(
    store: Store,
    run_id: str,
    metrics: Iterable[Metric] = (),
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    scores: Mapping[str, float | int | None] | None = None,
) -> None:
    """Log any number of metrics, params and tags in as few calls as MLflow allows.

    scores: metrics with one value each. Those that the run has already are left out: an interrupted call is repeated.
    """
    points = [m for m in metrics if math.isfinite(m.value)]
    if scores:
        logged = store.client.get_run(run_id).data.metrics
        points += [m for m in _single(scores) if logged.get(m.key) != m.value]
    pairs = [Param(shortened_key(k), str(v)[:MAX_PARAM_LENGTH]) for k, v in (params or {}).items()]
    labels = [RunTag(k, v) for k, v in (tags or {}).items()]
    step = min(BATCH_METRICS - BATCH_PARAMS - BATCH_TAGS, 700)
    n_calls = max(-(-len(points) // step), -(-len(pairs) // BATCH_PARAMS), -(-len(labels) // BATCH_TAGS))
    for i in range(n_calls):
        store.client.log_batch(
            run_id,
            points[i * step : (i + 1) * step],
            pairs[i * BATCH_PARAMS : (i + 1) * BATCH_PARAMS],
            labels[i * BATCH_TAGS : (i + 1) * BATCH_TAGS],
        )


def settings(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings as parameters, {"split": {"by": "block"}} -> {"split.by"}; names are converted to keys."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= settings(value, f"{above}{safe_key(str(name))}.")
        else:
            flat[above + safe_key(str(name))] = value
    return flat


def metrics(values: Mapping[str, float | int | None], step: int = 0) -> list[Metric]:
    """Metric entities of a mapping; None and NaN are left out."""
    now = int(time.time() * 1000)
    return [
        Metric(shortened_key(k), float(v), now, step) for k, v in values.items() if v is not None and math.isfinite(v)
    ]


_single = metrics


def log_trials(store: Store, identity: Identity, model_run: str, model: str, tuned: TuningRun) -> int:
    """Log one run per row of trials.csv (fold, number, state, value, params_*). Returns the number of new runs."""
    if not tuned.trials.is_file():
        return 0
    table = tuned.read_trials()
    present = {run.data.tags.get(FINGERPRINT): run for run in children(store, model_run)}
    execution = find(store, execution_key(identity).fingerprint)
    first = execution.info.start_time if execution else int(time.time() * 1000)
    new = 0
    for row in table.to_dict("records"):
        fold = row["fold"] if row["fold"] == "full" else f"fold {row['fold']}"
        name = f"{fold}, trial {int(row['number'])}"
        fingerprint = digest(identity.fingerprint, "trial", model, name)
        logged = present.get(fingerprint)
        if logged is not None and CONTENT in logged.data.tags:
            continue
        new += 1
        # MLflow lists the newest runs first and loads a hundred at once. Trials must not fill this page, so they get
        # earlier start times. One millisecond less for each keeps the order of the table.
        key = Key(fingerprint, name, "trial", model_run, {"state": str(row["state"])})
        run = logged or create(store, key, first - new)
        _trial(store, run.info.run_id, {str(k): v for k, v in row.items()})
    return new


def _trial(store: Store, run_id: str, row: dict[str, Any]) -> None:
    params = {k.removeprefix("params_"): v for k, v in row.items() if k.startswith("params_") and not _missing(v)}
    value = None if _missing(row["value"]) else float(row["value"])
    log(store, run_id, params={"fold": row["fold"], **params}, scores={"value": value})
    # Optuna's time was not kept
    store.client.update_run(run_id, TRIAL_STATUS.get(str(row["state"]), "FAILED"))
    log(store, run_id, tags={CONTENT: digest(json.dumps(row, default=str))})  # an interrupted one is completed


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
