"""Files of evaluate, figures and registration: what is written is read again, and what is broken is named."""

from __future__ import annotations

from pathlib import Path

import fake_project
import numpy as np
import pandas as pd
import pytest

from spikebridge.artifacts.evaluation import NULLS, EvaluationRun
from spikebridge.artifacts.evaluation_tables import TABLES, table_path
from spikebridge.artifacts.figures import FigureRun
from spikebridge.artifacts.registration import read_registration, write_registration
from spikebridge.errors import DataError
from spikebridge.figures.draw import modules


def test_numbers_that_are_none_are_null_and_keys_are_sorted(tmp_path: Path) -> None:
    run = EvaluationRun(tmp_path)
    run.write_metrics({"b": np.float32(0.5), "a": {1: float("nan")}, "c": (np.int64(2), None)})
    assert run.metrics.read_text() == '{\n "a": {\n  "1": null\n },\n "b": 0.5,\n "c": [\n  2,\n  null\n ]\n}\n'
    assert run.read_metrics() == {"a": {"1": None}, "b": 0.5, "c": [2, None]}


def test_names_stay_text_whatever_they_hold(tmp_path: Path) -> None:
    run = EvaluationRun(tmp_path)
    run.write_comparisons([fake_project.comparison("NA", "007", "null")])
    (row,) = run.read_comparisons().to_dict("records")
    assert (row["family"], row["model_a"], row["model_b"]) == ("NA", "007", "null")


@pytest.mark.parametrize("name", ["comparisons", "nulls"])
def test_a_lacking_column_is_named(tmp_path: Path, name: str) -> None:
    run = EvaluationRun(tmp_path)
    run.write_comparisons([fake_project.comparison("pairs", "dnn", "majority")])
    run.write_nulls(pd.DataFrame(columns=list(NULLS)))
    path = getattr(run, name)
    pd.read_csv(path).drop(columns="role").to_csv(path, index=False)
    with pytest.raises(DataError, match=rf"{name}\.csv: expected the columns .*, missing \['role'\]; run the stage"):
        getattr(run, f"read_{name}")()


def test_what_was_not_written_is_none_or_empty(tmp_path: Path) -> None:
    run = EvaluationRun(tmp_path)
    assert run.read_nested_models() is None
    assert run.read_table("scores") is None
    assert run.read_recovery() == {}
    assert read_registration(tmp_path) == {}


def test_nested_models_are_a_result_and_a_table_for_figures(tmp_path: Path) -> None:
    run = EvaluationRun(tmp_path)
    run.write_tables({"ladder": pd.DataFrame({"step": ["psth"]})})
    assert run.nested_models.read_bytes() == table_path(run.tables, "ladder").read_bytes()


def test_a_table_of_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected tables among \[.*\], got \['scroes'\]"):
        EvaluationRun(tmp_path).write_tables({"scroes": pd.DataFrame()})


def test_figures_need_tables_that_evaluate_writes() -> None:
    assert {table for module in modules().values() for table in module.needs} <= TABLES


def test_images_have_the_names_of_figure_and_page(tmp_path: Path) -> None:
    run = FigureRun(tmp_path)
    assert run.image("scores").name == "scores.png"
    page = run.image("quality", "rat 1/day:2")
    assert page.parent == tmp_path
    assert page.name.startswith("quality_rat")
    for figure in ("confusion_dnn", "scores"):
        run.image(figure).write_bytes(b"")
    assert run.of_model("dnn") == [run.image("confusion_dnn")]


def test_a_registration_is_read_again(tmp_path: Path) -> None:
    write_registration(tmp_path, {"version": 2, "alias": "champion"})
    write_registration(tmp_path, {"version": 3, "alias": None})
    assert read_registration(tmp_path) == {"version": 3, "alias": None}
