"""MATLAB files: spikes in every shape that labs keep them in, ids, columns of units. See docs/matlab.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mat_files import Cells, Structs, write_5
from matlab_sessions import OPTIONS, VERSIONS, Writer, read, session, trains, wrong


@VERSIONS
@pytest.mark.parametrize(
    ("spikes", "options", "expected"),
    [
        pytest.param({"st": Cells([[[0.5, 1.5]], [[2.0]]])}, {"spikes": "st"}, {1: [0.5, 1.5], 2: [2.0]}, id="cells"),
        pytest.param({"st": Cells([[[0.5], [1.5]], None])}, {"spikes": "st"}, {1: [0.5, 1.5], 2: []}, id="columns"),
        pytest.param({"st": Cells([[[0.5]]])}, {"spikes": "st"}, {1: [0.5]}, id="one unit, one spike"),
        pytest.param(
            {"d": Cells([{"t": [[0.5]]}, {"t": [[1.5, 2.5]]}])}, {"spikes": "d.t"}, {1: [0.5], 2: [1.5, 2.5]},
            id="cells of structs",
        ),
        pytest.param({"s": Cells([Cells([[[0.5]], [[9.0]]])])}, {"spikes": "s{1}"}, {1: [0.5], 2: [9.0]}, id="element"),
        pytest.param(
            {"s": Structs([{"t": Cells([[[0.5]]])}, {"t": Cells([[[9.0]]])}])}, {"spikes": "s(2).t"}, {1: [9.0]},
            id="struct element",
        ),
        pytest.param(
            {"t": [[3.5, 0.5, 1.5]], "u": [[7, 3, 7]]}, {"spike_times": "t", "spike_units": "u"},
            {3: [0.5], 7: [3.5, 1.5]}, id="times and units",
        ),
        pytest.param(
            {"t": [[3.5, 0.5]], "u": [[7], [3]], "id": [[9, 7, 3]]},
            {"spike_times": "t", "spike_units": "u", "unit_id": "id"}, {9: [], 7: [3.5], 3: [0.5]}, id="with ids",
        ),
        pytest.param(
            {"t": [[3.5, 0.5]], "u": Cells(["b", "a"])}, {"spike_times": "t", "spike_units": "u"},
            {0: [0.5], 1: [3.5]}, id="names of units",
        ),
        pytest.param(
            {"t": [[3.5, 0.5]], "u": [[3, 1]], "r": Cells(["HC", "HC", "PFC"])},
            {"spike_times": "t", "spike_units": "u", "region": "r"}, {1: [0.5], 2: [], 3: [3.5]}, id="row k is unit k",
        ),
        pytest.param(
            {"st": Cells([[[30, 45000]]])}, {"spikes": "st", "time_unit": "samples", "sampling_rate_hz": 30000},
            {1: [0.001, 1.5]}, id="samples",
        ),
        pytest.param({"st": Cells([[[1500.0]]])}, {"spikes": "st", "time_unit": "ms"}, {1: [1.5]}, id="ms"),
        pytest.param({"st": Cells([[[1.5e6]]])}, {"spikes": "st", "time_unit": "us"}, {1: [1.5]}, id="us"),
        pytest.param({"st": Cells([[[np.nan, -1.0, 0.5]]])}, {"spikes": "st"}, {1: [np.nan, -1, 0.5]}, id="odd ones"),
    ],
)  # fmt: skip
def test_spikes(write: Writer, spikes: dict[str, Any], options: Any, expected: Any, tmp_path: Path) -> None:
    contents = read(write(tmp_path / "a.mat", deep_arrays(spikes)), **options)
    assert contents.units["unit"].dtype == contents.spikes["unit"].dtype == np.int64
    assert list(trains(contents)) == list(expected)
    for unit, times in trains(contents).items():
        np.testing.assert_array_equal(times, expected[unit])


def deep_arrays(value: Any) -> Any:
    """Nested plain lists of numbers as arrays."""
    if isinstance(value, Cells):
        return Cells([deep_arrays(v) for v in value])
    if isinstance(value, Structs):
        return Structs([deep_arrays(v) for v in value])
    if isinstance(value, dict):
        return {n: deep_arrays(v) for n, v in value.items()}
    return np.array(value) if isinstance(value, list) else value


def test_ids_that_are_no_integers_become_names(tmp_path: Path) -> None:
    content = {"st": Cells([np.array([[0.5]]), np.array([[1.5]])]), "id": Cells(["tt1_2", "tt4_1"])}
    contents = read(write_5(tmp_path / "a.mat", content), spikes="st", unit_id="id")
    assert contents.units["unit"].tolist() == [0, 1]
    assert contents.units["name"].tolist() == ["tt1_2", "tt4_1"]


def test_further_columns_of_units(tmp_path: Path) -> None:
    path = write_5(tmp_path / "a.mat", session())
    contents = read(path, **OPTIONS | {"units": "session.units"})
    assert contents.units.columns.tolist() == ["unit", "region", "id"]
    contents = read(path, **OPTIONS | {"units": {"cluster": "session.units.id"}})
    assert contents.units["cluster"].tolist() == [11, 12, 13]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([[1, 2]], dtype="i4"), r"whole numbers \(1 to 2\): say what they count with data.options.time_unit"),
        (np.arange(40.0).reshape(1, -1), r"whole numbers \(0 to 39\)"),
        (np.ones((3, 4)), r"st\{1\}: expected a vector of numbers, found double 3x4"),
        (np.array([[1 + 2j, 3]]), r"expected real numbers, found complex"),
        ("text", r"st\{1\}: expected a vector of numbers, found text 'text'"),
    ],
)
def test_spikes_that_are_none(value: Any, text: str, tmp_path: Path) -> None:
    assert re.search(text, wrong(write_5(tmp_path / "a.mat", {"st": Cells([value])}), spikes="st"))


def test_whole_seconds_can_be_confirmed(tmp_path: Path) -> None:
    path = write_5(tmp_path / "a.mat", {"st": Cells([np.arange(40.0)])})
    assert len(read(path, spikes="st", time_unit="s").spikes) == 40


def test_a_matrix_of_spikes_is_no_cell_array(tmp_path: Path) -> None:
    text = wrong(write_5(tmp_path / "a.mat", {"st": np.ones((3, 4))}), spikes="st")
    assert "expected a cell array with one vector of spike times a unit, found double 3x4" in text


def test_single_precision_is_noted(tmp_path: Path) -> None:
    path = write_5(tmp_path / "a.mat", {"st": Cells([np.array([[0.5, 3600.25]], dtype="f4")])})
    assert any("float32 holds these times only to 0.24 ms" in n for n in map(str, read(path, spikes="st").notes))
    assert read(write_5(path, {"st": Cells([np.array([[0.5]], dtype="f4")])}), spikes="st").notes == ()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"u": np.array([[1, 2, 3]])}, "2 spike_times, but 3 spike_units"),
        (
            {"u": np.array([[1, 9]]), "id": np.array([[1, 2]])},
            "spikes of units that are not in data.options.unit_id: 9",
        ),
        ({"u": np.array([[1, 2]]), "id": np.array([[1, 2, 2]])}, "ids must be unique"),
    ],
)
def test_times_and_units_that_do_not_fit(content: dict[str, Any], text: str, tmp_path: Path) -> None:
    path = write_5(tmp_path / "a.mat", {"t": np.array([[0.5, 1.5]])} | content)
    options = {"spike_times": "t", "spike_units": "u"} | ({"unit_id": "id"} if "id" in content else {})
    assert text in wrong(path, **options)


def test_columns_of_units_must_have_their_length(tmp_path: Path) -> None:
    content = {"st": Cells([np.array([[0.5]])] * 3), "r": Cells(["HC", "PFC"])}
    text = wrong(write_5(tmp_path / "a.mat", content), spikes="st", region="r")
    assert "expected one value for each of 3 units, found region 2" in text
