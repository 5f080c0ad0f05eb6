"""recovery.json: what the simulation put in is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table


def test_recovery(out: Path) -> None:
    recovery = EvaluationRun(out).read_recovery()
    model = recovery["models"]["seq2seq"]
    assert model["mean_r2"] > 0.8
    assert set(model["r2"]) == {"position", "deliberation", "arousal"}
    assert len(model["recordings"]) == 6
    assert abs(recovery["counts"]["lag_error_s"]) < 0.05
    assert len(recovery["counts"]["recordings"]) == 6
    assert recovery["counts"]["dimension"] in (2, 3, 4)
    assert recovery["counts"]["pooled_dimension"] in (2, 3, 4)
    for each in (recovery["counts"], *recovery["counts"]["recordings"].values()):
        assert each["lag_ci_low"] <= each["lag_s"] <= each["lag_ci_high"]


def test_pooled_tables_hold_what_recovery_says(out: Path) -> None:
    of_counts = EvaluationRun(out).read_recovery()["counts"]
    lag = read_table(EvaluationRun(out).tables, "lag_pooled")
    assert lag["estimate_s"].unique() == pytest.approx([of_counts["lag_s"]])
    assert abs(lag["lag_s"][lag["score"].idxmax()] - of_counts["lag_s"]) <= 0.05
    dimension = read_table(EvaluationRun(out).tables, "dimension_pooled")
    best = dimension.loc[dimension["score"].idxmax()]
    near = dimension[dimension["score"] >= best["score"] - best["sem"]]
    assert near["rank"].min() == of_counts["pooled_dimension"] == dimension["estimate"].iloc[0]
