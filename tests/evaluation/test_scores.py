"""metrics.json: right numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_runs import Study
from sklearn import metrics as oracle

DECIDERS = ["seq2seq", "random_forest", "dnn", "majority"]


@pytest.mark.parametrize("model", DECIDERS)
def test_scores_are_scikit_learns_on_the_predictions(study: Study, scores: dict[str, Any], model: str) -> None:
    table = pd.read_parquet(study.run(model).predictions)
    p = table[["p_skip", "p_stay"]].to_numpy()
    score = scores["models"][model]
    expected = {
        "accuracy": oracle.accuracy_score(table["label"], table["predicted"]),
        "balanced_accuracy": oracle.balanced_accuracy_score(table["label"], table["predicted"]),
        "log_loss": oracle.log_loss(table["label"], p),
        "brier": oracle.brier_score_loss(table["label"], p[:, 1], pos_label="stay"),
        "auc": oracle.roc_auc_score(table["label"] == "stay", p[:, 1]),
    }
    for metric, value in expected.items():
        assert score[metric]["value"] == pytest.approx(value, rel=1e-9), metric
        assert score[metric]["ci_low"] <= value <= score[metric]["ci_high"]
    assert score["n_trials"] == len(table)


def test_bits_per_spike_is_the_ratio_of_sums(study: Study, scores: dict[str, Any]) -> None:
    table = pd.read_parquet(study.run("seq2seq").translation)
    score = scores["translation"]["seq2seq"]
    expected = table["nats"].sum() / (table["spikes"].sum() * np.log(2))
    assert score["bits_per_spike"]["value"] == pytest.approx(expected)
    assert set(score["per_recording"]) == {w.recording for w in study.windows}
    recording_rows = table[table["recording"] == "rat1_day1"]
    assert score["per_recording"]["rat1_day1"]["value"] == pytest.approx(
        recording_rows["nats"].sum() / (recording_rows["spikes"].sum() * np.log(2))
    )


def test_the_rest_of_metrics(scores: dict[str, Any]) -> None:
    assert scores["n_recordings"] == scores["n_clusters"] == 6
    assert scores["cluster"] == "recording"
    assert 0.5 <= scores["no_information_rate"]["value"] < 0.7
