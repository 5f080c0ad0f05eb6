"""The whole of evaluate: what it repeats byte for byte, and studies that lack something."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from fake_runs import Plan, Study, make_study
from sklearn import metrics as oracle

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table

Run = Callable[..., Path]


@pytest.mark.slow
def test_twice_the_same_and_other_seeds_other_draws(study: Study, out: Path, run: Run) -> None:
    again = run(study, "out_again")
    for path in (p for p in out.rglob("*") if p.is_file()):
        assert path.read_bytes() == (again / path.relative_to(out)).read_bytes(), path.name
    other = replace(study, config=study.config.model_copy(update={"seed": 2}))
    assert EvaluationRun(run(other, "out_seed")).read_metrics() != EvaluationRun(out).read_metrics()


def test_models_left_out_and_three_classes(tmp_path: Path, run: Run) -> None:
    plan = Plan(
        recordings=2, trials=30, folds=3, classes=("left", "none", "right"), decode={"random_forest": 2.0, "mine": 0.0},
        translate={}, truth=False,
    )  # fmt: skip
    few = make_study(tmp_path, plan)
    folder = run(few)
    content = EvaluationRun(folder).read_metrics()
    table = pd.read_parquet(few.run("random_forest").predictions)
    p = table[["p_left", "p_none", "p_right"]].to_numpy()
    scored = content["models"]["random_forest"]
    assert scored["auc"]["value"] == pytest.approx(oracle.roc_auc_score(table["label"], p, multi_class="ovr"))
    assert scored["brier"]["value"] == pytest.approx(oracle.brier_score_loss(table["label"], p))
    rows = EvaluationRun(folder).read_comparisons()
    assert set(rows["family"]) == {"pairs"}
    assert content["translation"] == {}
    assert not EvaluationRun(folder).recovery.exists()


def test_a_study_of_translators_only(tmp_path: Path, run: Run) -> None:
    only = make_study(tmp_path, Plan(recordings=2, trials=20, folds=2, decode={}, translate={"ridge": 0.8}))
    content = EvaluationRun(run(only)).read_metrics()
    assert content["models"] == {}
    assert content["translation"]["ridge"]["bits_per_spike"]["value"] > 0.1


def test_no_truth_no_recovery_but_the_same_scores(copy: Study, out: Path, run: Run) -> None:
    shutil.rmtree(copy.root / "data")
    folder = run(copy)
    assert not EvaluationRun(folder).recovery.exists()
    assert EvaluationRun(folder).metrics.read_bytes() == EvaluationRun(out).metrics.read_bytes()
    assert read_table(EvaluationRun(folder).tables, "lag")["true_s"].isna().all()
