"""decision_course.csv: scores against scikit-learn, p against a brute force over all signs, leaks refused."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_ladder import COURSE, make_ladder, nested_run
from fake_runs import Plan, Study, make_study
from sklearn.metrics import balanced_accuracy_score

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.artifacts.json_files import write_json
from spikebridge.errors import DataError, LeakageError
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.tracking.result_lines import time_resolved_lines


@pytest.fixture(scope="module")
def table(evaluated: Path) -> pd.DataFrame:
    return read_table(EvaluationRun(evaluated).tables, "decision_course")


def by_recording(study: Study, name: str) -> pd.Series:
    rows = pd.read_parquet(nested_run(study).time_resolved(name).predictions)
    blocks = rows.groupby(["recording", "block"])[["label", "predicted"]].apply(
        lambda b: balanced_accuracy_score(b["label"], b["predicted"])
    )
    return blocks.groupby("recording").mean()


def test_values_are_those_of_scikit_learn(climbed: Study, table: pd.DataFrame) -> None:
    for of, rows in table.groupby("of", sort=False):
        wanted = [by_recording(climbed, f"{of}_{k}").mean() for k in range(len(COURSE[str(of)]))]
        np.testing.assert_allclose(rows["value"], wanted)
        assert (rows["ci_low"] <= rows["value"]).all() and (rows["value"] <= rows["ci_high"]).all()


def test_p_is_the_share_of_signs_whose_largest_t_is_as_large(climbed: Study, table: pd.DataFrame) -> None:
    for of, rows in table.groupby("of", sort=False):
        above = np.array([by_recording(climbed, f"{of}_{k}") for k in range(len(rows))]).T - 0.5
        signs = np.array(list(product([1, -1], repeat=len(above))))
        flipped = signs[:, :, None] * above
        t = flipped.mean(axis=1) / (flipped.std(axis=1, ddof=1) / np.sqrt(len(above)))
        wanted = [
            (t.max(axis=1) >= observed_t - 1e-9).mean() for observed_t in t[0]
        ]  # the first pattern changes no sign
        np.testing.assert_allclose(rows["p_max"], wanted)
        assert (rows["smallest_attainable_p"] == 1 / 64).all() and (rows["n_clusters"] == 6).all()


def test_only_parts_that_know_something_tell(climbed: Study, table: pd.DataFrame) -> None:
    w = climbed.windows[0]
    for of, rows in table.groupby("of", sort=False):
        knows = np.array(COURSE[str(of)]) > 0
        assert list(rows["verdict"] == "predicts the decision") == list(knows)
        start = climbed.config.trials.window_s[0] + 2 * w.bin_s * np.arange(len(rows))
        np.testing.assert_allclose(rows["start_s"], start)
        np.testing.assert_allclose(rows["time_s"], start + w.bin_s)


def test_metrics_and_the_command_line_say_when(evaluated: Path, table: pd.DataFrame) -> None:
    metrics = EvaluationRun(evaluated).read_metrics()
    course = metrics["decision_course"]["translated_latents"]
    course_rows = table[table["of"] == "translated_latents"]
    assert course["best_time_s"] == pytest.approx(course_rows["time_s"].iloc[2])
    assert course["first_time_s"] == pytest.approx(course_rows["time_s"].iloc[1])
    assert (course["parts"], course["parts_that_tell"]) == (3, 2)
    first, second = time_resolved_lines(metrics)
    assert first.startswith("Over time, source region: best ") and "1 of 3 parts" in first
    assert "2 of 3 parts of the window decode the decision" in second


@pytest.mark.slow
def test_few_recordings_cannot_decide(tmp_path: Path) -> None:
    study = make_study(tmp_path, Plan(trials=40, recordings=3))
    evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", None, make_ladder(study))
    table = read_table(EvaluationRun(tmp_path / "out").tables, "decision_course")
    assert set(table["verdict"]) == {"too few recordings to decide (needs 5)"}
    (line, _) = time_resolved_lines(EvaluationRun(tmp_path / "out").read_metrics())
    assert "too few recordings to decide (needs 5)" in line


def test_a_part_that_saw_test_time_is_refused(tmp_path: Path) -> None:
    study = make_study(tmp_path, Plan(trials=40))
    folder = make_ladder(study)
    path = nested_run(study).time_resolved("source_region_1").training_intervals
    content = json.loads(path.read_text())
    fold = study.splits.folds[0]
    name = next(iter(fold.test_intervals))
    content["folds"]["0"][name] = np.array(fold.test_intervals[name]).tolist()
    write_json(path, content)
    with pytest.raises(LeakageError, match="course/source_region_1"):
        evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", None, folder)


@pytest.mark.slow
def test_a_broken_list_of_parts_is_named(tmp_path: Path) -> None:
    study = make_study(tmp_path, Plan(trials=40))
    folder = make_ladder(study)
    path = nested_run(study).about_decoding
    write_json(path, {**json.loads(path.read_text()), "parts": [{"of": "source_region"}]})
    with pytest.raises(DataError, match=r"decoding\.json: expected nested models .*; run the stage nested_models"):
        evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", None, folder)
