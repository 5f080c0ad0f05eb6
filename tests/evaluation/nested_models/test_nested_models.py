"""ladder.csv: values and gains against scikit-learn and brute force, families of their own, leaks refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_ladder import REFERENCE, make_ladder, nested_run
from fake_runs import Plan, Study, make_study
from sklearn import metrics as oracle

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.artifacts.json_files import write_json
from spikebridge.artifacts.nested_models import NestedModelRun
from spikebridge.errors import DataError, LeakageError
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.statistics import sign_flip
from spikebridge.tracking.result_lines import nested_model_lines

WITHIN = "balanced_accuracy_within_blocks"


@pytest.fixture(scope="module")
def table(evaluated: Path) -> pd.DataFrame:
    return read_table(EvaluationRun(evaluated).tables, "ladder")


def of(table: pd.DataFrame, step: str, metric: str = WITHIN) -> dict[str, Any]:
    return dict(table[(table["step"] == step) & (table["metric"] == metric)].iloc[0])


def predictions(study: Study, step: str) -> pd.DataFrame:
    return pd.read_parquet(nested_run(study).decoding(step).predictions)


@pytest.mark.parametrize("step", ["choice_history", "latents_and_task", "latents_beyond_confounds"])
def test_scores_are_those_of_scikit_learn(climbed: Study, table: pd.DataFrame, step: str) -> None:
    rows = predictions(climbed, step)
    weight = rows["weight"] if "weight" in rows else np.ones(len(rows))
    auc = oracle.roc_auc_score(rows["label"] == "stay", rows["p_stay"], sample_weight=weight)
    assert of(table, step, "auc")["value"] == pytest.approx(auc)
    loss = oracle.log_loss(rows["label"], rows[["p_skip", "p_stay"]], sample_weight=weight)
    assert of(table, step, "log_loss")["value"] == pytest.approx(loss)
    rows = rows.assign(weight=weight)
    blocks = rows.groupby(["recording", "block"])[["label", "predicted", "weight"]].apply(
        lambda b: oracle.balanced_accuracy_score(b["label"], b["predicted"], sample_weight=b["weight"])
    )
    mean = blocks.groupby("recording").mean()
    assert of(table, step)["value"] == pytest.approx(mean.mean())
    assert of(table, step)["n_effective"] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def test_a_gain_is_the_difference_tested_over_recordings(climbed: Study, table: pd.DataFrame) -> None:
    by_recording = []
    for step in ("translated_latents", "source_region"):
        rows = predictions(climbed, step)
        block = pd.factorize(rows["block"])[0]
        label, predicted = ((rows[c] == "stay").to_numpy(np.int64) for c in ("label", "predicted"))
        scores = balanced_accuracy_within_blocks(label, predicted, block, 2)
        home = rows.groupby("block", sort=False)["recording"].first()
        by_recording.append(pd.Series(scores).groupby(home.to_numpy()).mean())
    difference = (by_recording[0] - by_recording[1]).to_numpy()
    row = of(table, "translated_latents")
    assert row["gain"] == pytest.approx(difference.mean())
    assert row["p"] == sign_flip(difference, np.random.default_rng(0)).p
    assert row["gain_low"] < row["gain"] < row["gain_high"]
    worse = of(table, "translated_latents", "log_loss")  # less is better, and a gain is for the better
    expected = of(table, "source_region", "log_loss")["value"] - worse["value"]
    assert worse["gain"] == pytest.approx(expected)
    assert np.isnan(worse["p"])


def test_only_declared_gains_are_in_a_family(table: pd.DataFrame) -> None:
    tested = table[table["p_holm"].notna()].set_index("step")
    assert tested["family"].to_dict() == {
        "translated_latents": "ladder",
        "latents_and_task": "ladder",
        "latents_beyond_confounds": "ladder_beyond_confounds",
    }
    assert set(tested["metric"]) == {WITHIN}
    assert tested.loc["latents_and_task", "p_holm"] == 2 / 64
    assert tested.loc["latents_and_task", "verdict"] == "latents_and_task better"
    assert tested.loc["translated_latents", "verdict"] == "no difference shown"
    assert tested.loc["latents_beyond_confounds", "p_holm"] == 1 / 64
    assert set(table.loc[table["p_holm"].isna() & table["value"].notna(), "verdict"]) == {"descriptive"}
    assert of(table, "task_variables")["p"] == 1 / 64


def test_steps_stand_in_order_and_what_is_left_out_says_why(table: pd.DataFrame) -> None:
    assert list(dict.fromkeys(table["step"])) == list(REFERENCE)
    row = of(table, "behavior")
    assert np.isnan(row["value"])
    assert row["verdict"] == "left out: no behaviour was recorded in rat1_day1"
    assert of(table, "majority")["value"] == 0.5


def test_the_primary_families_do_not_notice(climbed: Study, evaluated: Path) -> None:
    evaluate(EvaluationSections.of(climbed.config), *climbed.places, climbed.root / "alone")
    whole, alone = EvaluationRun(evaluated), EvaluationRun(climbed.root / "alone")
    assert alone.comparisons.read_bytes() == whole.comparisons.read_bytes()
    assert alone.nulls.read_bytes() == whole.nulls.read_bytes()
    with_ladder, without = whole.read_metrics(), alone.read_metrics()
    decision = with_ladder.pop("ladder")["decision"]
    assert set(with_ladder.pop("decision_course")) == {"source_region", "translated_latents"}
    assert with_ladder == without
    assert decision["latents_and_task"][WITHIN]["gain"]["value"] > 0.05
    assert decision["latents_and_task"][WITHIN]["verdict"] == "latents_and_task better"
    assert "gain" not in decision["majority"][WITHIN]
    assert "behavior" not in decision
    leakage = EvaluationRun(evaluated).read_leakage()
    assert leakage["passed"] and leakage["ladder"]["passed"]
    assert "ladder/translated_latents" in leakage["ladder"]["models"]


def test_the_lines_of_results(evaluated: Path, table: pd.DataFrame, tmp_path: Path) -> None:
    results: Any = SimpleNamespace(evaluation=EvaluationRun(evaluated))
    first, *tested = nested_model_lines(results)
    shown = [s.replace("_", " ") for s in REFERENCE if s != "behavior"]
    assert first.startswith(f"Nested models, decision (balanced accuracy within blocks): {shown[0]} 0.500, {shown[1]} ")
    assert [part.rsplit(" ", 1)[0] for part in first.split(": ")[1].split(", ")] == shown
    assert len(tested) == 3
    assert tested[1].startswith(
        f"  latents and task over task variables: {of(table, 'latents_and_task')['gain']:.3f} ["
    )
    assert tested[1].endswith("Holm p = 0.031, latents and task better")
    assert not [*nested_model_lines(SimpleNamespace(evaluation=EvaluationRun(tmp_path)))]  # type: ignore[arg-type]


@pytest.mark.slow
def test_too_few_recordings_are_said(tmp_path: Path) -> None:
    study = make_study(tmp_path, Plan(recordings=4, trials=40, cluster="recording"))
    folder = make_ladder(study)
    evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", None, folder)
    table = read_table(EvaluationRun(tmp_path / "out").tables, "ladder")
    verdicts = table.dropna(subset=["p_holm"]).set_index("step")["verdict"]
    assert verdicts["latents_and_task"] == "too few recordings to decide (needs 6)"
    assert verdicts["latents_beyond_confounds"] == "too few recordings to decide (needs 5)"


def spoil_intervals(study: Study, step: str) -> None:
    path = nested_run(study).decoding(step).training_intervals
    content = json.loads(path.read_text())
    stop = study.splits.folds[2].test_intervals["rat1_day1"][0, 1]
    content["folds"]["2"]["rat1_day1"].append([stop + 0.2, stop + 0.5])
    write_json(path, content)


def test_leaks_in_a_step_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    study = make_study(tmp_path, Plan(recordings=2, trials=30))
    folder = make_ladder(study)
    spoil_intervals(study, "latents_and_task")
    with pytest.raises(
        LeakageError, match=r"ladder/latents_and_task: fold 2: rat1_day1: learned from .* nearer than the gap"
    ):
        evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", None, folder)
    rows = predictions(study, "source_region")
    rows.iloc[1:].to_parquet(nested_run(study).decoding("source_region").predictions)
    with pytest.raises(LeakageError, match=r"ladder/source_region predictions: .*expected a prediction, got none"):
        evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", None, folder)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_named(climbed: Study, tmp_path: Path) -> None:
    write_json(NestedModelRun(tmp_path).about_decoding, {"steps": []})
    with pytest.raises(DataError, match="expected nested models of a decision"):
        evaluate(EvaluationSections.of(climbed.config), *climbed.places, tmp_path / "out", None, tmp_path)


@pytest.mark.slow
def test_a_ladder_without_deciding_models(climbed: Study, tmp_path: Path) -> None:
    config = climbed.config.model_copy(update={"models": {"ridge": {}}})
    study = replace(climbed, config=config)
    evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", None, climbed.root / "ladder")
    assert of(read_table(EvaluationRun(tmp_path / "out").tables, "ladder"), "latents_and_task")["p"] == 1 / 64
