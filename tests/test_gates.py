"""Which model is best, and what it must show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import fake_project
import pandas as pd
import pytest

from spikebridge import gates
from spikebridge.errors import DataError


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_project.make(tmp_path_factory.mktemp("gates") / "project", trials=4)


def rewrite_inner(project: Path, scores: dict[str, tuple[float, float]]) -> None:
    for model, (accuracy, loss) in scores.items():
        folds = [{"fold": k, "inner": {"balanced_accuracy": accuracy, "log_loss": loss}} for k in range(2)]
        (project / f"runs/tune/{model}/best.json").write_text(json.dumps({"folds": folds}))


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ({"seq2seq": (0.7, 0.5), "random_forest": (0.6, 0.1), "dnn": (0.6, 0.1)}, "seq2seq"),
        ({"seq2seq": (0.6, 0.5), "random_forest": (0.6, 0.4), "dnn": (0.6, 0.6)}, "random_forest"),
        ({"seq2seq": (0.6, 0.5), "random_forest": (0.6, 0.5), "dnn": (0.6, 0.5)}, "dnn"),
        ({"seq2seq": (0.4, 0.9), "random_forest": (0.3, 0.9), "dnn": (0.3, 0.9), "majority": (0.5, 0.1)}, "seq2seq"),
    ],
    ids=["highest", "tie by log-loss", "tie by name", "majority is no candidate"],
)
def test_best_is_chosen_by_inner_scores(project: Path, scores: dict[str, tuple[float, float]], best: str) -> None:
    rewrite_inner(project, scores)
    assert gates.best_model(fake_project.settings(), project) == best


def test_outer_scores_are_never_looked_at(tmp_path: Path) -> None:
    project = fake_project.make(tmp_path / "p", trials=4, best="dnn")
    (project / "reports/evaluation/metrics.json").unlink()
    assert gates.best_model(fake_project.settings(), project) == "dnn"


def test_majority_stands_alone_where_there_is_no_other(project: Path) -> None:
    assert gates.best_model(fake_project.settings(models={"majority": {}, "ridge": {}}), project) == "majority"


def test_a_yardstick_is_no_candidate_beside_the_mission(tmp_path: Path) -> None:
    """However well it decides: nothing was declared of it, and it may need more than source counts."""
    project = fake_project.make(tmp_path / "p", trials=4)
    for name in ("logistic", "choice_history"):
        shutil.copytree(project / "runs/train/dnn", project / "runs/train" / name)
        (project / "runs/tune" / name).mkdir()
    rewrite_inner(project, {"logistic": (0.9, 0.1), "choice_history": (1.0, 0.0)})
    everything = {name: {} for name in ("logistic", "choice_history", "random_forest", "dnn", "majority")}
    assert gates.best_model(fake_project.settings(models=everything), project) == "random_forest"
    yardsticks = {name: {} for name in ("choice_history", "logistic", "majority")}
    assert gates.best_model(fake_project.settings(models=yardsticks), project) == "logistic"
    unservable = {name: {} for name in ("choice_history", "majority")}
    assert gates.best_model(fake_project.settings(models=unservable), project) == "majority"


def test_without_scores_there_is_no_best(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected predictions of at least one model"):
        gates.best_model(fake_project.settings(), tmp_path)
    project = fake_project.make(tmp_path / "p", trials=4)
    (project / "runs/tune/dnn/best.json").write_text('{"folds": []}')
    with pytest.raises(DataError, match="expected an inner balanced_accuracy"):
        gates.best_model(fake_project.settings(), project)
    (project / "runs/tune/dnn/best.json").write_text("[]")
    with pytest.raises(DataError, match="expected a JSON object"):
        gates.best_model(fake_project.settings(), project)
    (project / "runs/tune/dnn/best.json").unlink()
    with pytest.raises(DataError, match="cannot be read as JSON"):
        gates.best_model(fake_project.settings(), project)


def test_all_gates_from_files(project: Path) -> None:
    decided = gates.check(fake_project.settings(), project, "dnn")
    assert list(decided) == ["leakage", "above_majority", "nulls"]
    assert all(g.passed for g in decided.values())


@pytest.mark.parametrize("missing", ["leakage.json", "comparisons.csv", "nulls.csv"])
def test_a_missing_file_is_no_passed_gate(tmp_path: Path, missing: str) -> None:
    project = fake_project.make(tmp_path / "p", trials=4)
    (project / "reports/evaluation" / missing).unlink()
    with pytest.raises(DataError, match=missing):
        gates.check(fake_project.settings(), project, "dnn")


def comparison(**changes: Any) -> pd.DataFrame:
    return pd.DataFrame([fake_project._comparison("above_majority", "dnn", "majority", "primary", 0.01) | changes])


@pytest.mark.parametrize(
    ("changes", "passed", "said"),
    [
        ({}, True, "Holm p = 0.01"),
        ({"p_holm": 0.05}, True, "Holm p = 0.05"),
        ({"p_holm": 0.2, "verdict": "too few recordings to decide (needs 6)"}, False, "too few recordings"),
        ({"p_holm": float("nan")}, False, "nan"),
        ({"estimate": -0.1}, False, "-0.100"),
        ({"role": "descriptive"}, False, "no primary comparison"),
        ({"family": "pairs"}, False, "no primary comparison"),
        ({"model_a": "seq2seq"}, False, "no primary comparison"),
    ],
)
def test_better_than_majority(changes: dict[str, Any], passed: bool, said: str) -> None:
    gate = gates.above_majority(comparison(**changes), "dnn", 0.05)
    assert gate.passed is passed
    assert said in gate.reason


def test_one_failed_primary_test_among_two_fails() -> None:
    both = pd.concat([comparison(), comparison(p_holm=0.4, test="cluster_bootstrap")])
    assert not gates.above_majority(both, "dnn", 0.05).passed
    assert not gates.above_majority(comparison(), "majority", 0.05).passed


@pytest.mark.parametrize("truth", [True, "True", 1])
def test_nulls(truth: Any) -> None:
    row = {"null": "shift", "model": "dnn", "role": "primary", "passed": truth}
    assert gates.nulls(pd.DataFrame([row]), "dnn").passed
    assert gates.nulls(pd.DataFrame([row, row | {"role": "descriptive", "passed": False}]), "dnn").passed
    failed = gates.nulls(pd.DataFrame([row, row | {"null": "permutation", "passed": False}]), "dnn")
    assert failed == gates.Gate(False, "not passed: permutation")
    assert gates.nulls(pd.DataFrame([row]), "seq2seq") == gates.Gate(False, "no primary null of seq2seq")


def test_leakage_must_have_been_checked() -> None:
    assert gates.leakage({"passed": True, "checks": ["a"], "trials": 3}).reason == "1 checks on 3 trials"
    assert not gates.leakage({"passed": False}).passed
    assert not gates.leakage({}).passed
