"""Log a sweep over pairs of regions to MLflow: one run with the tables, the figure and the value of every pair."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikebridge.artifacts.sweep import RESULTS, SweepResults
from spikebridge.config import SweepConfig, TrackingConfig
from spikebridge.runtime.hashing import digest, files_digest
from spikebridge.text.keys import safe_path
from spikebridge.tracking import runs
from spikebridge.tracking.log_results import NOTE, log_table
from spikebridge.tracking.store import open_store, terminable
from spikebridge.types.verdicts import Verdict

KIND = "sweep"
METRICS = ("source_bits_per_spike", "communication_gain", "lag_s", "dimension", "q")


def log_sweep(tracking: TrackingConfig, settings: SweepConfig, folder: Path, project: Path) -> str:
    """Log the results of a sweep; returns the name of the run. Equal results are logged once.

    folder: of the sweep. project: whose store is used. Raises DataError if there are no results, and RegistryError if
    the store cannot be reached.
    """
    results = SweepResults(folder / RESULTS)
    table = results.read_pairs()
    files = sorted(path for path in results.folder.iterdir() if path.is_file())
    content = digest(KIND, files_digest(files, results.folder))
    store = open_store(tracking, project)
    name = f"sweep {folder.resolve().name} {content[:8]}"
    with terminable(), store.locked():
        run = runs.find(store, content) or runs.create(store, runs.Key(content, name, KIND))
    if run.data.tags.get(runs.CONTENT) == content and run.info.status == "FINISHED":
        return name
    run_id = run.info.run_id
    with terminable(), runs.writing(store, run_id):
        store.client.log_artifacts(run_id, str(results.folder))
        store.client.log_artifact(run_id, str(folder / "params.yaml"))
        log_table(store, run_id, table, "sweep")
        params = runs.settings(settings.model_dump(mode="json"))
        runs.log(store, run_id, params=params, tags={NOTE: _note(table)}, scores=_metrics(table))
        runs.log(store, run_id, tags={runs.CONTENT: content})
    return name


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    claims = table["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code
    values = {"pairs": float(table["left_out_code"].isna().sum()), "claims": float(claims.sum())}
    for row in table[table["left_out_code"].isna()].to_dict("records"):
        pair = safe_path(row["source"], row["target"])
        values |= {f"{name}/{pair}": float(row[name]) for name in METRICS}
    return values


def _note(table: pd.DataFrame) -> str:
    """The claims, the largest value first, for people."""
    claims = table[table["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code]
    claims = claims.sort_values("source_bits_per_spike", ascending=False)
    lines = [f"- {row['verdict']}: {row['source_bits_per_spike']:.4f} bits/spike" for row in claims.to_dict("records")]
    ran = int(table["left_out_code"].isna().sum())
    return "\n".join([f"{len(claims)} of {ran} pairs; tables and the figure sweep.png are artifacts.", "", *lines])
