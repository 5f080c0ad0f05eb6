"""Tuning trials as runs nested below their model's run: hundreds of them, so as few calls as possible."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.runtime.hashing import digest
from spikebridge.tracking import runs
from spikebridge.tracking.identity import Identity
from spikebridge.tracking.store import Store

STATUS = {"COMPLETE": "FINISHED", "PRUNED": "FINISHED", "RUNNING": "KILLED", "WAITING": "KILLED", "FAIL": "FAILED"}


def log(store: Store, identity: Identity, model_run: str, model: str, trials: Path) -> int:
    """One run a row of trials.csv (fold, number, state, value, params_*); how many were new."""
    if not trials.is_file():
        return 0
    table = pd.read_csv(trials)
    there = {run.data.tags.get(runs.FINGERPRINT) for run in runs.children(store, model_run)}
    execution = runs.find(store, runs.execution_key(identity).fingerprint)
    first = execution.info.start_time if execution else int(time.time() * 1000)
    new = 0
    for row in table.to_dict("records"):
        fold = row["fold"] if row["fold"] == "full" else f"fold {row['fold']}"
        name = f"{fold}, trial {int(row['number'])}"
        fingerprint = digest(identity.fingerprint, "trial", model, name)
        if fingerprint in there:
            continue
        new += 1
        # MLflow lists the newest first and loads a hundred at once: trials, which came before, must not fill that page.
        # A millisecond less each keeps the order of the table.
        _trial(store, runs.Key(fingerprint, name, "trial", model_run), {str(k): v for k, v in row.items()}, first - new)
    return new


def _trial(store: Store, key: runs.Key, row: dict[str, Any], start_ms: int) -> None:
    params = {k.removeprefix("params_"): v for k, v in row.items() if k.startswith("params_") and not _missing(v)}
    state = str(row["state"])
    run = runs.create(store, runs.Key(key.fingerprint, key.name, key.kind, key.parent, {"state": state}), start_ms)
    value = None if _missing(row["value"]) else float(row["value"])
    runs.log(store, run.info.run_id, runs.metrics({"value": value}), {"fold": row["fold"], **params})
    store.client.set_terminated(run.info.run_id, STATUS.get(state, "FAILED"), end_time=start_ms)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
