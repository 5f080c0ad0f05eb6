"""`spikebridge score`: the same scores as scikit-learn's, in-sample ones apart, logged once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Run, called
from new_recordings import OUTER, Study
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from spikebridge import tracking
from spikebridge.metrics.decision import CLIP
from spikebridge.prediction.score import COLUMNS
from spikebridge.tracking import store, store_location
from spikebridge.tracking.store import open_store


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(store_location, "ANNOUNCED", set())
    return called(capsys)


@pytest.mark.slow
def test_scores_by_recording_beside_those_at_registration(study: Study, run: Run) -> None:
    (Path("mlruns")).mkdir()
    store.migrate_database(Path("mlruns/mlflow.db"))
    Path("params.yaml").write_text("{}", encoding="utf-8")
    given = ["--model", str(study.root / "model"), "--data", str(study.root / "data")]
    code, out, err = run("score", *given, "--out", "scores.csv")
    assert code == 0, err
    table = pd.read_csv("scores.csv")
    assert list(table) == list(COLUMNS)
    assert table["recording"].tolist() == ["day0", "day1", "all", "day0", "day1", "all", "at registration"]
    assert table["windows"].tolist() == ["new"] * 3 + ["in-sample"] * 3 + ["held out"]
    assert run("predict", *given, "--out", "trials.csv")[0] == 0
    trials = pd.read_csv("trials.csv")
    for row in table.iloc[[0, 1, 3, 4]].to_dict("records"):
        kind = "no" if row["windows"] == "new" else "yes"
        part = trials[(trials["recording"] == row["recording"]) & (trials["fitted_on"] == kind)]
        assert row["n_trials"] == len(part)
        assert row["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(part["label"], part["decision"]))
        assert row["auc"] == pytest.approx(roc_auc_score(part["label"] == "stay", part["p_stay"]))
        true = np.where(part["label"] == "stay", part["p_stay"], part["p_skip"])
        assert row["log_loss"] == pytest.approx(-np.log(np.clip(true, CLIP, 1 - CLIP)).mean())
        assert row["balanced_accuracy_low"] <= row["balanced_accuracy"] <= row["balanced_accuracy_high"]
    assert table.iloc[-1]["auc"] == OUTER["auc"]
    assert "at registration  held out   80      0.700 [0.600, 0.800]" in out
    assert "In-sample: the model was fitted on" in out
    logged = open_store(tracking.load.settings(), Path.cwd())
    (entry,) = logged.client.search_runs([logged.experiment])
    assert f"Logged in MLflow as: {entry.info.run_name}" in out
    assert entry.data.metrics["auc/at registration/held out"] == OUTER["auc"]
    assert entry.data.params["data"] == str(study.root / "data")
    assert {f.path for f in logged.client.list_artifacts(entry.info.run_id)} >= {"scores.csv", "scores.json"}
    run("score", *given)
    assert len(logged.client.search_runs([logged.experiment])) == 1, "equal scores are logged once"


def test_without_a_store_the_scores_are_printed(study: Study, run: Run) -> None:
    given = ["--model", str(study.root / "model"), "--data", str(study.root / "data" / "day1")]
    code, out, err = run("score", *given)
    assert code == 0
    assert out.startswith("recording")
    assert "spikebridge score: not logged: no MLflow store is here" in err
    assert not Path("mlruns").exists()


def test_a_translator_has_no_decision_to_score(study: Study, run: Run) -> None:
    code, out, err = run("score", "--model", str(study.root / "ridge"), "--data", str(study.root / "data" / "day0"))
    assert (code, out) == (2, "")
    assert "spikebridge score: ridge only translates: it makes no decision that can be scored" in err
