"""Log the scores of a saved model on new recordings: one run for each, so that drift can be seen."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from spikebridge.artifacts.prediction_files import write_table
from spikebridge.runtime.hashing import digest
from spikebridge.text.keys import safe_path
from spikebridge.tracking import load, runs
from spikebridge.tracking.log_results import NOTE, log_table
from spikebridge.tracking.store import terminable

KIND = "score"
TEXT_COLUMNS = ("recording", "windows")


def log_scores(table: pd.DataFrame, about: Mapping[str, str]) -> str:
    """Log the table and its numbers as metrics <score>/<recording>/<windows>; returns the name of the run.

    Equal scores of the same model are logged once. table: columns recording, windows and numbers. about: params of the
    run, with `model`. Raises RegistryError if there is no store here, or if it cannot be reached.
    """
    store = load.existing_store()
    content = digest(KIND, *(f"{key}={value}" for key, value in sorted(about.items())), table.to_csv(index=False))
    name = f"score {about['model']} {content[:8]}"
    with terminable(), store.locked():
        run = runs.find(store, content) or runs.create(store, runs.Key(content, name, KIND))
    if run.data.tags.get(runs.CONTENT) == content and run.info.status == "FINISHED":
        return name
    run_id = run.info.run_id
    with terminable(), runs.writing(store, run_id), tempfile.TemporaryDirectory() as folder:
        write_table(table, Path(folder) / "scores.csv")
        store.client.log_artifacts(run_id, folder)
        log_table(store, run_id, table, "scores")
        note = "Scores of a saved model on new recordings, beside those at its registration: scores.csv."
        runs.log(store, run_id, params=dict(about), tags={NOTE: note}, scores=_metrics(table))
        runs.log(store, run_id, tags={runs.CONTENT: content})
    return name


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    numbers = [column for column in table.columns if column not in TEXT_COLUMNS]
    return {
        f"{column}/{safe_path(row['recording'], row['windows'])}": float(row[column])
        for row in table.to_dict("records")
        for column in numbers
    }
