"""The diagram of stages: who reads from whom, in which row, with which time."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from import_graph import ROOT

from spikebridge.artifacts.report import ReportRun
from spikebridge.errors import DataError
from spikebridge.report.flow import direct, duration, flow_drawing, layers, stage_nodes, write_flow
from spikebridge.report.roc import DrawnCurve, roc_drawing
from spikebridge.report.wording import interval, number, p_cell, p_value

STAGES = """
stages:
  first: {cmd: a, outs: [data/raw]}
  second: {cmd: b, deps: ["${data.path}", code.py], outs: [data/made: {persist: true}]}
  each:
    foreach: ${models}
    do: {cmd: c, desc: a <model>, deps: [data/made/part, "runs/code/${key}.json"], outs: ["runs/each/${key}"]}
  last: {cmd: d, deps: [data/made, runs/each], outs: [out]}
  alone: {cmd: e, deps: [code.py], outs: [elsewhere]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    return tmp_path


def test_stages_read_from_those_that_write_what_they_need(project: Path) -> None:
    nodes = stage_nodes(project, ["m", "n"], "data/raw", {"each@m": 2.0, "each@n": 3.0, "last": 1.0})
    assert {node.name: set(node.reads) for node in nodes} == {
        "first": set(), "second": {"first"}, "each": {"second"}, "last": {"second", "each"},
    }  # fmt: skip
    assert {node.name: (node.runs, node.seconds) for node in nodes}["each"] == (2, 5.0)
    assert {node.name: node.seconds for node in nodes}["first"] is None
    assert [[node.name for node in row] for row in layers(nodes)] == [["first"], ["second"], ["each"], ["last"]]
    assert direct(nodes) == [("first", "second"), ("second", "each"), ("each", "last")]


def test_with_other_data_no_recordings_are_simulated(project: Path) -> None:
    assert [node.name for node in stage_nodes(project, ["m"], "my/data", {})] == ["second", "each", "last"]


def test_recordings_may_lie_in_the_folder_of_results(project: Path) -> None:
    assert [node.name for node in stage_nodes(project, ["m"], "data", {})] == ["second", "each", "last"]


def test_a_time_of_some_models_is_no_time_of_all(project: Path) -> None:
    nodes = stage_nodes(project, ["m", "n"], "data/raw", {"each@m": 2.0})
    assert {node.name: node.seconds for node in nodes}["each"] is None


def test_the_drawing_has_every_stage_once_and_escapes_its_purpose(project: Path) -> None:
    text = flow_drawing(stage_nodes(project, ["m", "n"], "data/raw", {"last": 1.0}))
    assert text.count("<rect ") == 4
    assert text.count('class="arrow"') == 3
    assert "a &lt;model&gt;" in text
    assert text.count("not recorded") == 3
    assert ">each (2 models)<" in text


def test_the_stages_of_this_project_end_with_pages_and_registry() -> None:
    nodes = stage_nodes(ROOT, ["a", "b"], "data/simulated", {})
    rows = [[node.name for node in row] for row in layers(nodes)]
    assert rows[0] == ["simulate"]
    assert rows[-2:] == [["report"], ["register"]]
    assert max(map(len, rows)) == 2, "three boxes in a row are too small on a phone"


def test_without_a_pipeline_file_there_are_no_stages(tmp_path: Path) -> None:
    assert stage_nodes(tmp_path, [], "data", {}) == []


def test_a_broken_pipeline_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: 3", encoding="utf-8")
    with pytest.raises(DataError, match=r"dvc\.yaml: expected the stages"):
        stage_nodes(tmp_path, [], "data", {})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "not recorded"), (0.04, "0.0 s"), (59.94, "59.9 s"), (125, "2 min 05 s"), (3780, "1 h 03 min")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_roc_drawing_escapes_names() -> None:
    curve = DrawnCurve("<m>", "<yes>", [(0, 0), (0, 1), (1, 1)], 1.0, 2)
    text = roc_drawing([curve], "<no>")
    assert "<m>" not in text and "&lt;m&gt; 1.00" in text
    assert "<no>" not in text and "<yes>" not in text


def test_the_stages_are_files_too(project: Path) -> None:
    run = ReportRun(project)
    write_flow(stage_nodes(project, ["m", "n"], "data/raw", {"last": 1.5}), run)
    drawing = ElementTree.fromstring(run.stages_drawing.read_text(encoding="utf-8"))
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    table = pd.read_csv(run.stages_table)
    assert table["stage"].tolist() == ["first", "second", "each (2 models)", "last"]
    assert table["seconds"].dropna().tolist() == [1.5]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (float("nan"), "–"), (float("inf"), "–"), (0.0, "0"), (3, "3"), (0.40747, "0.407"),
        (-0.25, "−0.250"), (0.00023, "0.0002"), (1e-17, "0"), (7e-5, "0.0001"), (-3e-9, "0"),
        (12.345, "12.3"), (319.3, "319"), (True, "–"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_intervals_and_p_values() -> None:
    assert interval({"value": 0.5, "ci_low": 0.25, "ci_high": 0.75}) == "0.500 [0.250, 0.750]"
    assert interval({"value": 0.5, "ci_low": None, "ci_high": None}) == "0.500"
    assert interval({}) == "–"
    assert [p_value(p) for p in (0.0004, 0.0625, None)] == ["p < 0.001", "p = 0.062", "no test"]
    assert [p_cell(p) for p in (0.0004, 0.0625, None)] == ["< 0.001", "0.062", "–"]
