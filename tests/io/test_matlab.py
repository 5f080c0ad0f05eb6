"""MATLAB files with any content: both versions alike, what options name, and errors in words. See docs/matlab.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from mat_files import Cells, Structs, add_object_5, add_object_73, write_5, write_73
from numpy.typing import NDArray

from spikebridge import io, preprocess
from spikebridge.config import DataConfig, TrialsConfig, parse
from spikebridge.errors import ConfigError, DataError
from spikebridge.io.contents import Contents
from spikebridge.io.formats.mat.load import Cell, Opaque, Struct, load, version_of
from spikebridge.io.readers import matlab
from spikebridge.types import Recording

Writer = Callable[[Path, dict[str, Any]], Path]
VERSIONS = pytest.mark.parametrize("write", [write_5, write_73], ids=["v5", "v7.3"])


def session() -> dict[str, Any]:
    """A session as labs have it: a struct array of units, a struct of trial vectors, tracking on a clock of its own."""
    start = 5.0 + 10 * np.arange(6)
    return {
        "session": {
            "subject": "rat7",
            "units": Structs(
                [
                    {"spike_times": np.array([[0.5, 1.25, 40.1]]), "region": "CA1", "id": np.array([[11.0]])},
                    {"spike_times": np.zeros((0, 0)), "region": "PFC", "id": np.array([[12.0]])},
                    {"spike_times": np.array([[2.5], [30.75]]), "region": "PFC", "id": np.array([[13.0]])},
                ]
            ),
            "trials": {
                "tStart": start.reshape(-1, 1),
                "tEnd": start.reshape(1, -1) + 2,
                "choice": Cells(["L", "R", "", "L", "R", "L"]),
                "rewarded": np.array([[True, False, True, True, False, True]]),
            },
            "tracking": {"t": np.arange(8.0).reshape(-1, 1), "xy": np.arange(16.0).reshape(8, 2)},
        }
    }


OPTIONS: dict[str, Any] = {
    "spikes": "session.units.spike_times",
    "unit_id": "session.units.id",
    "region": "session.units.region",
    "trials": {
        "start_time": "session.trials.tStart",
        "stop_time": "session.trials.tEnd",
        "choice": "session.trials.choice",
        "rewarded": "session.trials.rewarded",
    },
    "behavior": {"xy": {"time": "session.tracking.t", "value": "session.tracking.xy"}},
    "animal": "session.subject",
}


def read(path: Path, **options: Any) -> Contents:
    return matlab.read(path, matlab.Options.model_validate(options))


def wrong(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    return str(caught.value)


def trains(contents: Contents) -> dict[int, list[float]]:
    return {
        int(u): contents.spikes.loc[contents.spikes["unit"] == u, "time_s"].tolist() for u in contents.units["unit"]
    }


@VERSIONS
def test_a_session_by_field_names(write: Writer, tmp_path: Path) -> None:
    found = read(write(tmp_path / "day1.mat", session()), **OPTIONS)
    assert (found.name, found.animal, found.source_file, found.notes) == ("day1", "rat7", "day1.mat", ())
    assert trains(found) == {11: [0.5, 1.25, 40.1], 12: [], 13: [2.5, 30.75]}
    assert found.units["region"].tolist() == ["CA1", "PFC", "PFC"]
    trials = found.tables["trials"]
    assert trials["choice"].tolist() == ["L", "R", "", "L", "R", "L"]
    assert trials["rewarded"].dtype == bool
    np.testing.assert_array_equal(trials["stop_time"] - trials["start_time"], 2.0)
    assert found.behavior["series"].unique().tolist() == ["xy_1", "xy_2"]
    assert found.behavior["value"].tolist() == [*np.arange(0.0, 16, 2), *np.arange(1.0, 16, 2)]
    assert found.observed is None


def test_both_versions_give_the_same(tmp_path: Path) -> None:
    odd = session() | {
        "nested": Cells([None, Cells([Cells([np.ones((2, 3))])]), Cells([]), "", "ü", np.zeros((1, 0)), {"a": None}]),
        "empty": {"cell": Cells([]), "text": "", "none": np.zeros((3, 0))},
        "kinds": {k: np.array([[1, 0]], dtype=k) for k in ("int8", "uint16", "int64", "float32", "bool")},
        "one": Structs([{"a": np.array([[1.0]])}]),
        "turned": np.arange(24.0).reshape(2, 3, 4),
        "twice": {"z": np.array([[1 + 2j, 3]]), "in": Cells([np.array([[1j]]), np.array([[True]])])},
    }
    first = load(write_5(tmp_path / "a.mat", odd))
    second = load(write_73(tmp_path / "b.mat", odd))
    assert sorted(first) == sorted(second)
    for name in odd:
        assert_same(first[name], second[name], name)
    assert_same(load(tmp_path / "b.mat", ["nested"])["nested"], first["nested"], "one variable alone")


def assert_same(a: Any, b: Any, where: str) -> None:
    assert type(a) is type(b), where
    if isinstance(a, (Cell, Struct)):
        assert (a.shape, len(a.items)) == (b.shape, len(b.items)), where
        for k, (x, y) in enumerate(zip(a.items, b.items, strict=True)):
            if isinstance(a, Cell):
                assert_same(x, y, f"{where}{{{k + 1}}}")
            else:
                assert list(x) == list(y), where
                for name in x:
                    assert_same(x[name], y[name], f"{where}.{name}")
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        np.testing.assert_array_equal(a, b, err_msg=where)
    else:
        assert a == b, where


def matlab_made(name: str) -> Path:
    """A file that MATLAB itself wrote, from scipy's own tests."""
    data = pytest.importorskip("scipy.io.matlab.tests", reason="scipy came without its tests")
    path = Path(data.__file__).parent / "data" / name
    if not path.is_file():
        pytest.skip("scipy came without its test files")
    return path


def test_files_that_matlab_wrote() -> None:
    nested = load(matlab_made("testcellnest_7.4_GLNX86.mat"))["testcellnest"]
    inner = nested.items[1]
    assert (nested.shape, inner.shape, inner.items[2].shape) == ((1, 2), (1, 3), (1, 2))
    empty = load(matlab_made("testemptycell_7.1_GLNX86.mat"))["testemptycell"]
    assert [i.size for i in empty.items] == [1, 1, 0, 0, 1]
    assert load(matlab_made("testscalarcell_7.4_GLNX86.mat"))["testscalarcell"].shape == (1, 1)
    array = load(matlab_made("teststructarr_7.4_GLNX86.mat"))["teststructarr"]
    assert (array.shape, array.fields) == ((1, 2), ("one", "two"))
    assert load(matlab_made("testbool_8_WIN64.mat"))["testbools"].dtype == bool
    assert load(matlab_made("teststringarray_7.4_GLNX86.mat"))["teststringarray"].items == ("one", "two", "three")
    assert load(matlab_made("testcomplex_7.4_GLNX86.mat"))["testcomplex"].dtype.kind == "c"
    assert load(matlab_made("testfunc_7.4_GLNX86.mat"))["testfunc"] == Opaque("function_handle")
    assert load(matlab_made("testobject_7.4_GLNX86.mat"))["testobject"] == Opaque("inline")
    assert load(matlab_made("testsparse_7.4_GLNX86.mat"))["testsparse"] == Opaque("sparse")
    assert load(matlab_made("test3dmatrix_7.4_GLNX86.mat"))["test3dmatrix"].shape == (2, 3, 4)
    assert load(matlab_made("testmatrix_6.1_SOL2.mat"))["testmatrix"].dtype == np.float64  # big-endian


def test_a_73_file_that_matlab_wrote() -> None:
    path = matlab_made("testhdf5_7.4_GLNX86.mat")
    assert version_of(path) == "7.3"
    wave = load(path)["testdouble"]
    assert wave.shape == (1, 9)
    np.testing.assert_allclose(wave[0], np.arange(9) * np.pi / 4)


def test_version_4_is_refused_in_words() -> None:
    path = matlab_made("testdouble_4.2c_SOL2.mat")
    assert matlab.can_read(path)
    assert "version 4" in wrong(path)
    assert "save(file, '-v7')" in wrong(path)


@pytest.mark.parametrize("name", ["corrupted_zlib_data.mat", "malformed1.mat", "bad_miuint32.mat"])
def test_damaged_files_are_refused_in_words(name: str) -> None:
    assert "cannot be read as a MATLAB file" in wrong(matlab_made(name), spikes="a")


# ---------------------------------------------------------------------------------------------------------- spikes


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
    found = read(write(tmp_path / "a.mat", deep_arrays(spikes)), **options)
    assert found.units["unit"].dtype == found.spikes["unit"].dtype == np.int64
    assert list(trains(found)) == list(expected)
    for unit, times in trains(found).items():
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
    found = read(write_5(tmp_path / "a.mat", content), spikes="st", unit_id="id")
    assert found.units["unit"].tolist() == [0, 1]
    assert found.units["name"].tolist() == ["tt1_2", "tt4_1"]


def test_further_columns_of_units(tmp_path: Path) -> None:
    path = write_5(tmp_path / "a.mat", session())
    found = read(path, **OPTIONS | {"units": "session.units"})
    assert found.units.columns.tolist() == ["unit", "region", "id"]
    found = read(path, **OPTIONS | {"units": {"cluster": "session.units.id"}})
    assert found.units["cluster"].tolist() == [11, 12, 13]


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
    assert any("float32 holds these times only to 0.24 ms" in n for n in read(path, spikes="st").notes)
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


# -------------------------------------------------------------------------------------------------- trials and others


@VERSIONS
def test_trials_of_a_struct_array(write: Writer, tmp_path: Path) -> None:
    rows = [
        {"start_time": np.array([[k * 1e3]]), "stop_time": np.array([[k * 1e3 + 500]]), "choice": "LR"[k], "rt": rt}
        for k, rt in enumerate([np.array([[0.3]]), np.zeros((0, 0))])
    ]
    content = {"st": Cells([np.array([[15.0]])]), "tr": Structs(rows), "code": np.array([[4.0]])}
    found = read(write(tmp_path / "a.mat", content), spikes="st", trials="tr", trial_time_unit="ms", region="code")
    trials = found.tables["trials"]
    assert trials["stop_time"].tolist() == [0.5, 1.5]
    assert trials["choice"].tolist() == ["L", "R"]
    np.testing.assert_array_equal(trials["rt"], [0.3, np.nan])  # no name ends in _time: not scaled
    assert found.units["region"].tolist() == [4]
    assert found.spikes["time_s"].tolist() == [15.0]


@VERSIONS
def test_a_struct_of_vectors_leaves_out_what_is_no_column(write: Writer, tmp_path: Path) -> None:
    two = np.array([[1.0], [2.0]])
    table = {
        "start_time": two,
        "stop_time": two + 1,
        "lick": Cells([np.ones((1, 5)), None]),
        "version": "v2",
        "cue_at": two,
    }
    content = {"st": Cells([np.array([[0.5]])]), "tr": table, "ripples": {"start_time": two, "stop_time": two}}
    options = {"spikes": "st", "time_unit": "ms", "trials": "tr", "tables": {"ripples": "ripples"}}
    found = read(write(tmp_path / "a.mat", content), **options, time_columns=["cue_at"])
    assert found.tables["trials"].columns.tolist() == ["start_time", "stop_time", "cue_at"]
    assert found.tables["trials"]["cue_at"].tolist() == [0.001, 0.002]
    assert len(found.tables["ripples"]) == 2
    assert found.notes == ("tr: fields without one value for each of 2 rows are left out: lick, version",)


def test_char_matrix_of_labels(tmp_path: Path) -> None:
    from scipy.io import savemat

    path = tmp_path / "a.mat"
    st = np.empty((1, 1), dtype=object)
    st[0, 0] = np.array([[0.5]])
    table = {"start_time": [1.0, 2.0], "stop_time": [2.0, 3.0], "choice": np.array(["stay", "go  "])}
    savemat(path, {"st": st, "tr": table})
    assert read(path, spikes="st", trials="tr").tables["trials"]["choice"].tolist() == ["stay", "go"]


@VERSIONS
def test_behavior_and_observed_time(write: Writer, tmp_path: Path) -> None:
    t = np.array([[10.0, 20.0]])
    content = {
        "st": Cells([np.array([[0.5]])]),
        "b": {"x": {"time": t, "value": t}, "lick": {"time": t[:, :1], "value": np.array([[True]])}},
        "obs": np.array([[0.0, 10.0], [20.0, 30.0]]),
        "word": "text",
    }
    path = write(tmp_path / "a.mat", content)
    found = read(path, spikes="st", behavior="b", behavior_time_unit="ms", observed="obs")
    assert found.behavior["time_s"].tolist() == [0.01, 0.02, 0.01]
    assert found.behavior["value"].tolist() == [10.0, 20.0, 1.0]
    np.testing.assert_array_equal(found.observed, [[0, 10], [20, 30]])
    assert "expected rows of start and stop" in wrong(path, spikes="st", observed="b")
    text = {"x": {"time": "b.x.time", "value": "word"}}
    assert "behavior.x.value: expected a vector of numbers, found text" in wrong(path, spikes="st", behavior=text)
    series = {"x": {"time": "b.x.time", "value": "b.lick.value"}}
    assert "data.options.behavior.x: 2 times, but 1 values" in wrong(path, spikes="st", behavior=series)
    assert "expected a struct of series" in wrong(path, spikes="st", behavior="b.x")


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = write_5(tmp_path / "a.mat", session())
    asked = {
        "spikes": "session.unit.spike_times",
        "region": "sesion.units.region",
        "trials": {"start_time": "session.trials.tStart", "choice": "session.tracking.t"},
        "animal": "rat7",
        "observed": "session{3}",
    }
    text = wrong(path, **asked)
    assert text.startswith(f"{path}:\n  - ")
    for part in (
        "data.options.spikes: 'session.unit.spike_times': session has no field 'unit', did you mean "
        "session.units.spike_times?",
        "data.options.region: 'sesion.units.region': the file has no variable 'sesion', did you mean "
        "session.units.region?",
        "data.options.trials: columns differ in length: start_time 6, choice 8",
        "data.options.animal: 'rat7': the file has no variable 'rat7'",
        "data.options.observed: 'session{3}': session has no element 3, but 1",
        "The file holds:\n  session: struct\n",
        "  session.units.spike_times: cell 1x3 of [], double vector",
    ):
        assert part in text, text
    assert "expected columns start_time and stop_time, found start_time, choice" in wrong(
        path, **OPTIONS | {"trials": {"start_time": "session.trials.tStart", "choice": "session.trials.choice"}}
    )
    assert "start_time: expected times, found text" in wrong(
        path, **OPTIONS | {"trials": {"start_time": "session.trials.choice", "stop_time": "session.trials.tEnd"}}
    )
    assert "expected a text, found double 6x1" in wrong(path, **OPTIONS | {"animal": "session.trials.tStart"})
    assert "is no path" in wrong(path, **OPTIONS | {"animal": "session..subject"})


@pytest.mark.parametrize(
    ("kind", "how"),
    [("string", "cellstr(x)"), ("table", "table2struct(x, 'ToScalar', true)"), ("datetime", "seconds(x - x0)")],
)
@pytest.mark.parametrize("version", ["5", "7.3"])
def test_objects_say_how_to_export_them(kind: str, how: str, version: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    content = {"st": Cells([np.array([[0.5]])])}
    write, add = (write_5, add_object_5) if version == "5" else (write_73, add_object_73)
    write(path, content)
    add(path, "labels", kind)
    add(path, "other", "table")
    assert (load(path)["labels"], load(path)["other"]) == (Opaque(kind), Opaque("table"))
    for text in (
        wrong(path, spikes="st", region="labels"),
        wrong(path, spikes="labels.x"),
        wrong(path, spikes="labels"),
    ):
        assert f"labels is of MATLAB's class {kind}, which MATLAB alone can read; in MATLAB, save it as {how}" in text
    assert read(path, spikes="st").units["unit"].tolist() == [1]
    assert f"labels: {kind} (MATLAB alone can read it)" in wrong(path)


# ------------------------------------------------------------------------------------------------- without options


def proposed(text: str) -> dict[str, Any]:
    """The options of the block in an error."""
    block = yaml.safe_load(text.partition("names and sizes:\n")[2].partition("\nThe file holds")[0])["data"]
    assert block["reader"] == "matlab"
    options: dict[str, Any] = block["options"]
    return options


@VERSIONS
def test_the_proposed_options_run(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path / "day1.mat", session())
    text = wrong(path)
    assert "data.options must name where the spikes lie" in text
    found = read(path, **proposed(text))
    expected = read(path, **OPTIONS)
    assert trains(found) == trains(expected)
    pd.testing.assert_frame_equal(found.units, expected.units)
    pd.testing.assert_frame_equal(found.tables["trials"], expected.tables["trials"])
    assert found.animal == "rat7"


def test_flat_spikes_are_proposed(tmp_path: Path) -> None:
    flat = {"spike_times": np.array([[0.5, 1.5]]), "spike_clusters": np.array([[1, 2]]), "other": np.ones((2, 2))}
    text = wrong(write_5(tmp_path / "a.mat", flat))
    assert "spike_times: spike_times\n    spike_units: spike_clusters" in text


def test_nothing_to_propose(tmp_path: Path) -> None:
    text = wrong(write_5(tmp_path / "a.mat", {"x": np.ones((2, 2))}))
    assert "names and sizes" not in text
    assert "counts in bins are read from .npz or HDF5: docs/binned.md" in text
    assert "The file holds:\n  x: double 2x2" in text


def test_long_contents_are_cut(tmp_path: Path) -> None:
    text = wrong(write_5(tmp_path / "a.mat", {f"v{k}": np.ones((2, 2)) for k in range(100)}))
    assert "... and 20 more" in text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"spike_times": "a"}, "spike_times and spike_units need each other"),
        ({"spikes": "a", "spike_times": "a", "spike_units": "b"}, "got both"),
        ({"spikes": "a", "time_unit": "samples"}, "sampling_rate_hz need each other"),
        ({"spikes": "a", "trials": 3}, "trials: must be the path of a struct, or {name: path, ...}, got 3"),
        ({"spikes": "a", "behavior": {"x": "a.b"}}, "behavior: must be the path of a struct, or {name: {time: path"),
        ({"spike": "a"}, "unknown key spike, did you mean spikes?"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], text: str) -> None:
    data = DataConfig(path="", source=["HC"], target=["PFC"], options=options)
    with pytest.raises(ConfigError) as caught:
        io.registry.options_of(io.get_reader("matlab"), data)
    assert text in str(caught.value)


# -------------------------------------------------------------------------------------- files, sidecars, round trip


def test_what_it_takes(tmp_path: Path) -> None:
    own = write_5(tmp_path / "day1.mat", session())
    assert matlab.can_read(own)
    assert matlab.can_read(write_73(tmp_path / "day2.MAT", session()))
    (tmp_path / "text.mat").write_text("MATLAB 5.0 MAT-file, but no more")
    (tmp_path / "other.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"no HDF5")
    for name in ("text.mat", "other.mat", "not there.mat"):
        assert not matlab.can_read(tmp_path / name)
    with pytest.raises(DataError, match="found no MATLAB header"):
        load(tmp_path / "text.mat")


def test_files_of_cell_explorer_are_not_its_own(tmp_path: Path) -> None:
    names = ["a.b.spikes.cellinfo.mat", "a.b.session.mat", "a.b.cell_metrics.cellinfo.mat"]
    for name in names:
        write_5(tmp_path / name, {"spikes": {"times": Cells([])}})
    write_5(tmp_path / "c.session.mat", session())
    assert [matlab.can_read(tmp_path / n) for n in names] == [False] * 3
    assert [matlab.takes(tmp_path / n) for n in names] == [True] * 3
    assert matlab.can_read(tmp_path / "c.session.mat")


def test_tables_beside(recording: Recording, tmp_path: Path) -> None:
    path = matlab.write(recording, tmp_path)
    (tmp_path / "small.trials.csv").write_text("start_time,stop_time,choice\n1,2,stay\n")
    (tmp_path / "small.units.csv").write_text("unit,region\n0,DG\n1,PFC\n")
    (tmp_path / "small.behavior.csv").write_text("time_s,speed\n0.5,1.5\n")
    (tmp_path / "small.recording.json").write_text('{"animal": "rat9", "observed": [[0, 9]]}')
    found = read(path)
    assert found.units["region"].tolist() == ["DG", "PFC"]
    assert (len(found.tables["trials"]), found.animal) == (1, "rat9")
    assert found.behavior["series"].tolist() == ["speed"]
    np.testing.assert_array_equal(found.observed, [[0.0, 9.0]])
    assert sum("the table beside it is taken" in n for n in found.notes) == 2
    assert len(io.registry.files_of(path, io.get_reader("matlab"))) == 5


def test_what_it_writes_is_read_by_scipy_alone(recording: Recording, tmp_path: Path) -> None:
    from scipy.io import loadmat

    raw = loadmat(matlab.write(recording, tmp_path), simplify_cells=True)
    assert [np.atleast_1d(s).tolist() for s in raw["spikes"]] == [[0.5, 9.0], [1.5, 7.5]]
    assert raw["trials"]["choice"].tolist() == ["stay", "skip", "stay"]
    assert raw["animal"] == "rat"


def test_round_trip_of_odd_columns(recording: Recording, tmp_path: Path) -> None:
    trials = recording.trials.assign(
        hit=[True, False, True], n=[1, 2, 3], rt=[0.25, np.nan, 1.0], note=["", "ü", None], maybe=[True, None, False]
    )
    odd = replace(recording, trials=trials, behavior=recording.behavior.iloc[:0])
    found = io.choose(
        read(matlab.write(odd, tmp_path)), DataConfig(path="", source=["HC"], target=["PFC"]), TrialsConfig()
    )
    back = found.recording.trials
    assert back["hit"].dtype == bool
    assert back["n"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(back["rt"], [0.25, np.nan, 1.0])
    assert back["note"].tolist() == ["", "ü", ""]
    assert back["maybe"].tolist() == ["True", "", "False"]
    assert not len(found.recording.behavior)


# -------------------------------------------------------------------------------------------------- docs/matlab.md

PAGE = (Path(__file__).parents[2] / "docs" / "matlab.md").read_text(encoding="utf-8")


def blocks_of_the_page() -> list[dict[str, Any]]:
    blocks = [yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    return [b for b in blocks if b["data"]["reader"] == "matlab"]


def numbers_of_the_page(name: str) -> NDArray[np.float64]:
    """A vector in the page's MATLAB code: [1 2] is a row, [1; 2] a column."""
    found = re.search(rf"{re.escape(name)} = (?:uint64\()?\[(.*?)\]", PAGE)
    assert found is not None, name
    rows = [[float(v) for v in row.split()] for row in found[1].split(";")]
    return np.array(rows)


def files_of_the_page() -> dict[str, dict[str, Any]]:
    """What the page's MATLAB code saves."""
    at = [numbers_of_the_page(f"session.units({k}).spike_times") for k in (1, 2, 3)]
    units = [{"spike_times": t, "region": r} for t, r in zip(at, ("CA1", "PFC", "PFC"), strict=True)]
    first: dict[str, Any] = {n: numbers_of_the_page(f"session.trials.{n}") for n in ("start", "stop", "decision")}
    first["side"] = Cells(["left", "right", "left"])
    tracking = {"t": np.arange(751).reshape(1, -1) * 0.04, "xy": np.random.default_rng(1).random((751, 2))}
    rows = [{"start_time": s, "stop_time": s + 4, "choice": c} for s, c in ((2.0, "left"), (12.0, "right"))]
    session = {
        "subject": "rat7",
        "recorded": numbers_of_the_page("session.recorded"),
        "units": Structs(units),
        "trials": first,
        "tracking": tracking,
    }
    return {
        "rat7_day1": {"session": session},
        "rat8_day1": {
            "spikes": {
                "samples": numbers_of_the_page("spikes.samples").astype("u8"),
                "cluster": numbers_of_the_page("spikes.cluster"),
            },
            "clusters": {"id": np.array([[4.0, 7]]), "area": Cells(["CA1", "PFC"]), "label": Cells(["good", "good"])},
            "trials": Structs([{n: v if isinstance(v, str) else np.array(v) for n, v in r.items()} for r in rows]),
        },
    }


@VERSIONS
@pytest.mark.parametrize("block", blocks_of_the_page(), ids=lambda b: Path(b["data"]["path"]).stem)
def test_the_blocks_of_the_page_run(write: Writer, block: dict[str, Any], tmp_path: Path) -> None:
    """Through ingest and preprocess, with the window and the bins that stand there."""
    name = Path(block["data"]["path"]).stem
    path = write(tmp_path / f"{name}.mat", files_of_the_page()[name])
    settings = parse({**block, "data": block["data"] | {"path": str(path)}, "models": {}})
    assert io.ingest(settings, tmp_path / "ingested") == [name]
    ingested = io.IngestedRecordings(tmp_path / "ingested")
    found = next(iter(ingested))
    assert found.units["region"].unique().tolist() == ["CA1", "PFC"]
    assert found.trials["choice"].tolist()[:2] == ["left", "right"]
    assert found.trials["stop_time"].tolist()[:2] == [6.0, 16.0]
    expected = {
        "rat7_day1": [0.113, 4.48, 14.206, 25.1, 3.9, 9.2, 15.8, 24.6],
        "rat8_day1": [0.113, 5.8, 6.7, 15.9, 0.3, 5.9, 15.6, 17.0],
    }
    np.testing.assert_allclose(found.spikes["time_s"], expected[name])
    report = preprocess.write_windows(ingested, settings, tmp_path / "windows")
    assert report["classes"] == ["left", "right"]
    assert report["recordings"][name]["trials"]["kept"] == len(found.trials)
    windows = preprocess.load_windows(tmp_path / "windows")[0]
    assert (windows.n_bins, block["bins"]) == ({"rat7_day1": 20, "rat8_day1": 10}[name], {"width_s": 0.1})
    spikes = {"rat7_day1": (3, 2), "rat8_day1": (2, 2)}[name]
    assert (windows.source[windows.labelled].sum(), windows.target[windows.labelled].sum()) == spikes


def test_a_proposal_keeps_what_was_said(tmp_path: Path) -> None:
    files = files_of_the_page()
    text = wrong(write_5(tmp_path / "a.mat", files["rat7_day1"]), observed="session.recorded", time_unit="s")
    options = proposed(text)
    assert (options["observed"], options["time_unit"]) == ("session.recorded", "s")
    assert options["behavior"] == {"xy": {"time": "session.tracking.t", "value": "session.tracking.xy"}}
    assert len(read(tmp_path / "a.mat", **options).behavior) == 2 * 751
    said = {"time_unit": "samples", "trial_time_unit": "s", "sampling_rate_hz": 30000.0}
    text = wrong(write_5(tmp_path / "b.mat", files["rat8_day1"]), units={"quality": "clusters.label"}, **said)
    options = proposed(text)
    assert options.items() >= {**said, "units": {"quality": "clusters.label"}}.items()
    block = next(b for b in blocks_of_the_page() if "rat8" in b["data"]["path"])
    assert {**options, "trials": "trials"} == block["data"]["options"]


def test_the_page_names_every_option() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(matlab.Options.model_fields) <= named
