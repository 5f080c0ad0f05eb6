"""A sweep in MLflow: one run with tables, figure and a metric a pair; the same results are logged once."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pandas as pd
import pytest

from spikebridge import config, tracking
from spikebridge.artifacts.sweep import SweepResults
from spikebridge.errors import DataError
from spikebridge.sweep.collect import RECORDING_COLUMNS, REGION_COLUMNS
from spikebridge.sweep.scores import COLUMNS
from spikebridge.tracking.store import open_store
from spikebridge.types.verdicts import Verdict

SETTINGS = config.parse(
    {"data": {"path": "d", "source": ["A"], "target": ["B"]}, "models": {}, "sweep": {"regions": ["A", "P/2", "C"]}}
)


def results(folder: Path, value: float) -> Path:
    rows = []
    for source, target in permutations(["A", "P/2", "C"], 2):
        verdict = Verdict.SOURCE_PREDICTS_TARGET if source == "A" else Verdict.NOT_SIGNIFICANT
        row = {"source": source, "target": target, "source_bits_per_spike": value, "q": 0.02, "dimension": 1.0}
        row |= dict(verdict.columns(source=source, target=target))
        if "C" in (source, target):
            row = {"source": source, "target": target, "left_out_code": "not_together"}
        rows.append(row)
    written = SweepResults(folder / "results")
    others = pd.DataFrame(columns=RECORDING_COLUMNS), pd.DataFrame(columns=REGION_COLUMNS)
    written.write(pd.DataFrame(rows, columns=COLUMNS), *others)
    written.figure.write_bytes(b"png")
    (folder / "params.yaml").write_text("seed: 1\n", encoding="utf-8")
    return folder


def test_results_are_logged_once(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(empty)
    folder = results(empty / "sweep", 0.25)
    name = tracking.log_sweep(SETTINGS, folder)
    assert tracking.log_sweep(SETTINGS, folder) == name
    store = open_store(SETTINGS.tracking, empty)
    (run,) = store.client.search_runs([store.experiment])
    assert (run.info.run_name, run.info.status) == (name, "FINISHED")
    assert name.startswith("sweep sweep ")
    metrics = run.data.metrics
    assert metrics["source_bits_per_spike/A/P.x2f.2"] == 0.25
    assert (metrics["pairs"], metrics["claims"]) == (2, 1)
    assert not [key for key in metrics if key.endswith("/C")]
    assert run.data.params["model"] == "poisson_glm"
    assert "A predicts P/2: 0.2500 bits/spike" in run.data.tags["mlflow.note.content"]
    logged = {entry.path for entry in store.client.list_artifacts(run.info.run_id)}
    assert {"sweep.csv", "recordings.csv", "regions.csv", "sweep.png", "params.yaml", "sweep.json"} <= logged


def test_other_results_are_another_run(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(empty)
    names = {tracking.log_sweep(SETTINGS, results(empty / "sweep", value)) for value in (0.25, 0.5)}
    store = open_store(SETTINGS.tracking, empty)
    assert {run.info.run_name for run in store.client.search_runs([store.experiment])} == names
    with pytest.raises(DataError, match=r"sweep\.csv: cannot be read"):
        tracking.log_sweep(SETTINGS, empty / "nothing")
