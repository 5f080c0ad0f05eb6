"""MATLAB files with any content: both versions alike, what options name, and errors in words. See docs/matlab.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mat_files import Cells, Structs, add_object_5, add_object_73, write_5, write_73
from matlab_sessions import OPTIONS, VERSIONS, Writer, read, session, trains, wrong

from spikebridge.io.formats.mat import Cell, Opaque, Struct, load_mat, mat_version
from spikebridge.io.readers import matlab


@VERSIONS
def test_a_session_by_field_names(write: Writer, tmp_path: Path) -> None:
    contents = read(write(tmp_path / "day1.mat", session()), **OPTIONS)
    assert (contents.name, contents.animal, contents.source_file, contents.notes) == ("day1", "rat7", "day1.mat", ())
    assert trains(contents) == {11: [0.5, 1.25, 40.1], 12: [], 13: [2.5, 30.75]}
    assert contents.units["region"].tolist() == ["CA1", "PFC", "PFC"]
    trials = contents.tables["trials"]
    assert trials["choice"].tolist() == ["L", "R", "", "L", "R", "L"]
    assert trials["rewarded"].dtype == bool
    np.testing.assert_array_equal(trials["stop_time"] - trials["start_time"], 2.0)
    assert contents.behavior["series"].unique().tolist() == ["xy_1", "xy_2"]
    assert contents.behavior["value"].tolist() == [*np.arange(0.0, 16, 2), *np.arange(1.0, 16, 2)]
    assert contents.observed is None


def test_both_versions_give_the_same(tmp_path: Path) -> None:
    odd = session() | {
        "nested": Cells([None, Cells([Cells([np.ones((2, 3))])]), Cells([]), "", "ü", np.zeros((1, 0)), {"a": None}]),
        "empty": {"cell": Cells([]), "text": "", "none": np.zeros((3, 0))},
        "kinds": {k: np.array([[1, 0]], dtype=k) for k in ("int8", "uint16", "int64", "float32", "bool")},
        "one": Structs([{"a": np.array([[1.0]])}]),
        "turned": np.arange(24.0).reshape(2, 3, 4),
        "twice": {"z": np.array([[1 + 2j, 3]]), "in": Cells([np.array([[1j]]), np.array([[True]])])},
    }
    first = load_mat(write_5(tmp_path / "a.mat", odd))
    second = load_mat(write_73(tmp_path / "b.mat", odd))
    assert sorted(first) == sorted(second)
    for name in odd:
        assert_same(first[name], second[name], name)
    assert_same(load_mat(tmp_path / "b.mat", ["nested"])["nested"], first["nested"], "one variable alone")


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
    nested = load_mat(matlab_made("testcellnest_7.4_GLNX86.mat"))["testcellnest"]
    inner = nested.items[1]
    assert (nested.shape, inner.shape, inner.items[2].shape) == ((1, 2), (1, 3), (1, 2))
    empty = load_mat(matlab_made("testemptycell_7.1_GLNX86.mat"))["testemptycell"]
    assert [i.size for i in empty.items] == [1, 1, 0, 0, 1]
    assert load_mat(matlab_made("testscalarcell_7.4_GLNX86.mat"))["testscalarcell"].shape == (1, 1)
    array = load_mat(matlab_made("teststructarr_7.4_GLNX86.mat"))["teststructarr"]
    assert (array.shape, array.fields) == ((1, 2), ("one", "two"))
    assert load_mat(matlab_made("testbool_8_WIN64.mat"))["testbools"].dtype == bool
    assert load_mat(matlab_made("teststringarray_7.4_GLNX86.mat"))["teststringarray"].items == ("one", "two", "three")
    assert load_mat(matlab_made("testcomplex_7.4_GLNX86.mat"))["testcomplex"].dtype.kind == "c"
    assert load_mat(matlab_made("testfunc_7.4_GLNX86.mat"))["testfunc"] == Opaque("function_handle")
    assert load_mat(matlab_made("testobject_7.4_GLNX86.mat"))["testobject"] == Opaque("inline")
    assert load_mat(matlab_made("testsparse_7.4_GLNX86.mat"))["testsparse"] == Opaque("sparse")
    assert load_mat(matlab_made("test3dmatrix_7.4_GLNX86.mat"))["test3dmatrix"].shape == (2, 3, 4)
    assert load_mat(matlab_made("testmatrix_6.1_SOL2.mat"))["testmatrix"].dtype == np.float64  # big-endian


def test_a_73_file_that_matlab_wrote() -> None:
    path = matlab_made("testhdf5_7.4_GLNX86.mat")
    assert mat_version(path) == "7.3"
    wave = load_mat(path)["testdouble"]
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


@VERSIONS
def test_trials_of_a_struct_array(write: Writer, tmp_path: Path) -> None:
    rows = [
        {"start_time": np.array([[k * 1e3]]), "stop_time": np.array([[k * 1e3 + 500]]), "choice": "LR"[k], "rt": rt}
        for k, rt in enumerate([np.array([[0.3]]), np.zeros((0, 0))])
    ]
    content = {"st": Cells([np.array([[15.0]])]), "tr": Structs(rows), "code": np.array([[4.0]])}
    contents = read(write(tmp_path / "a.mat", content), spikes="st", trials="tr", trial_time_unit="ms", region="code")
    trials = contents.tables["trials"]
    assert trials["stop_time"].tolist() == [0.5, 1.5]
    assert trials["choice"].tolist() == ["L", "R"]
    np.testing.assert_array_equal(trials["rt"], [0.3, np.nan])  # no name ends in _time: not scaled
    assert contents.units["region"].tolist() == [4]
    assert contents.spikes["time_s"].tolist() == [15.0]


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
    contents = read(write(tmp_path / "a.mat", content), **options, time_columns=["cue_at"])
    assert contents.tables["trials"].columns.tolist() == ["start_time", "stop_time", "cue_at"]
    assert contents.tables["trials"]["cue_at"].tolist() == [0.001, 0.002]
    assert len(contents.tables["ripples"]) == 2
    assert tuple(map(str, contents.notes)) == (
        "tr: fields without one value for each of 2 rows are left out: lick, version",
    )


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
    contents = read(path, spikes="st", behavior="b", behavior_time_unit="ms", observed="obs")
    assert contents.behavior["time_s"].tolist() == [0.01, 0.02, 0.01]
    assert contents.behavior["value"].tolist() == [10.0, 20.0, 1.0]
    np.testing.assert_array_equal(contents.observed, [[0, 10], [20, 30]])
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
    assert (load_mat(path)["labels"], load_mat(path)["other"]) == (Opaque(kind), Opaque("table"))
    for text in (
        wrong(path, spikes="st", region="labels"),
        wrong(path, spikes="labels.x"),
        wrong(path, spikes="labels"),
    ):
        assert f"labels is of MATLAB's class {kind}, which MATLAB alone can read; in MATLAB, save it as {how}" in text
    assert read(path, spikes="st").units["unit"].tolist() == [1]
    assert f"labels: {kind} (MATLAB alone can read it)" in wrong(path)
