"""The Frank/Jadhav-lab layout: days, epochs, tetrodes and cells as nested cell arrays. See docs/matlab.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frank_days import (
    DATA,
    EPOCHS,
    POS_FIELDS,
    SPIKES,
    VERSIONS,
    Writer,
    day,
    nested,
    positions,
    read,
    trains,
    unit,
    wrong,
)
from mat_files import Cells, Structs, write_5, write_73

from spikebridge import io
from spikebridge.config import TrialsConfig
from spikebridge.io.readers import frank


@VERSIONS
def test_units_of_a_day(write: Writer, tmp_path: Path) -> None:
    contents = read(day(tmp_path, write))
    assert (contents.name, contents.animal, contents.source_file) == ("bon03", "bon", "bonspikes03.mat")
    assert contents.units["unit"].tolist() == [2001, 5002, 14003]
    assert contents.units["name"].tolist() == ["t02c01", "t05c02", "t14c03"]
    assert contents.units[["tetrode", "cell"]].to_numpy().tolist() == [[2, 1], [5, 2], [14, 3]]
    assert contents.units["region"].tolist() == ["CA1", "CA1", "PFC"]
    assert contents.units["tag"].tolist() == ["accepted", "accepted", "mua"]
    assert contents.units["depth"].tolist() == [88.0] * 3
    assert "meanrate" not in contents.units
    assert any("differ between epochs are left out: csi" in n for n in map(str, contents.notes))
    assert trains(contents) == {
        "t02c01": [1500.0],
        "t05c02": [10.0, 450.5, 880.0, 1000.25, 1990.0, 2100.5, 2990.0],
        "t14c03": [2222.0],
    }


@VERSIONS
def test_an_epoch_without_the_unit_is_missing_and_one_without_spikes_is_silence(write: Writer, tmp_path: Path) -> None:
    contents = read(day(tmp_path, write))
    assert contents.observed is None
    assert contents.observed_of_unit is not None
    assert [o.tolist() for o in contents.observed_of_unit] == [
        [[1000.0, 2000.0]],
        [[0.0, 900.0], [1000.0, 2000.0], [2100.0, 3000.0]],
        [[1000.0, 2000.0], [2100.0, 3000.0]],
    ]
    assert any(n.startswith("2 of 3 units were not recorded in every epoch") for n in map(str, contents.notes))
    chosen = io.choose(contents, DATA, TrialsConfig()).recording
    assert chosen.observed.tolist() == [[1000.0, 2000.0]]
    everywhere = {k: v for k, v in SPIKES.items() if k[2] == 5}
    whole = read(day(tmp_path, write, spikes=everywhere))
    assert whole.observed is not None
    assert whole.observed.tolist() == [list(e) for e in EPOCHS.values()]


@VERSIONS
def test_epochs_positions_and_trials(write: Writer, tmp_path: Path) -> None:
    contents = read(day(tmp_path, write))
    epochs = contents.tables["epochs"]
    assert epochs["epoch"].tolist() == [1, 2, 3]
    assert epochs[["start_time", "stop_time"]].to_numpy().tolist() == [list(e) for e in EPOCHS.values()]
    assert epochs["type"].tolist() == ["sleep", "run", "sleep"]
    assert epochs["environment"].tolist() == ["", "wtr1", "postsleep"]
    np.testing.assert_array_equal(epochs["exposure"], [np.nan, 4, np.nan])
    assert contents.behavior["series"].unique().tolist() == POS_FIELDS.split()[1:]
    x = contents.behavior[contents.behavior["series"] == "x"]
    expected = np.concatenate([positions(e)["data"] for e in EPOCHS])
    np.testing.assert_array_equal(x[["time_s", "value"]].to_numpy(), expected[:, :2])
    trials = contents.tables["trials"]
    assert trials.columns.tolist() == [
        "epoch", "start_time", "stop_time", "trajbound", "rewarded", "wellstend_1", "wellstend_2",
    ]  # fmt: skip
    assert trials["start_time"].tolist() == [1010.0, 1050.0, 1100.0]
    assert trials["stop_time"].tolist() == [1030.0, 1070.0, 1120.0]
    assert trials["wellstend_2"].tolist() == [1.0, 2.0, 3.0]


def test_both_versions_give_the_same(tmp_path: Path) -> None:
    (tmp_path / "five").mkdir()
    (tmp_path / "seven").mkdir()
    more = {"linpos": {(3, 2): linpos()}, "DIO": {(3, 2, 24): pulses()}, "tetinfo": {(3, 2, 1): {"area": "CA1"}}}
    a, b = (read(day(tmp_path / f, w, **more)) for f, w in (("five", write_5), ("seven", write_73)))
    for table in ("spikes", "units", "behavior"):
        pd.testing.assert_frame_equal(getattr(a, table), getattr(b, table))
    assert a.tables.keys() == b.tables.keys() == {"epochs", "trials", "dio"}
    for name in a.tables:
        pd.testing.assert_frame_equal(a.tables[name], b.tables[name])
    assert (a.notes, a.animal, a.name) == (b.notes, b.animal, b.name)


def linpos() -> dict[str, Any]:
    time = np.arange(1001.0, 1999.0)
    state = {"time": time.reshape(-1, 1), "lindist": time.reshape(-1, 1) / 10, "wellExitEnter": np.ones((len(time), 2))}
    return {"statematrix": state, "trajwells": np.array([[1.0, 2.0]])}


def pulses() -> dict[str, Any]:
    return {"pulsetimes": np.array([[1.1e7, 1.1001e7], [1.2e7, 1.2001e7]]), "pulselength": np.array([[1.0]])}


def test_other_files_beside(tmp_path: Path) -> None:
    path = day(
        tmp_path,
        linpos={(3, 2): linpos()},
        DIO={(3, 2, 24): pulses(), (3, 2, 7): {"times": np.array([[1500.0, 1501.5]]), "values": np.array([[1, 0]])}},
        sleep={(3, 1): {"starttime": np.array([[100.0], [300.0]]), "endtime": np.array([[200.0], [400.0]])}},
    )
    contents = read(path)
    assert contents.tables["dio"].to_numpy().tolist() == [[2, 1100.0, 1100.1, 24], [2, 1200.0, 1200.1, 24]]
    assert contents.tables["sleep"].to_numpy().tolist() == [[1, 100.0, 200.0], [1, 300.0, 400.0]]
    behavior = contents.behavior.set_index("series")
    assert behavior.loc["dio_7", "value"].tolist() == [1.0, 0.0]
    assert behavior.loc["linpos_lindist", "value"].iloc[:2].tolist() == [100.1, 100.2]
    assert "linpos_wellExitEnter" not in behavior.index


def test_trials_by_named_columns(tmp_path: Path) -> None:
    bounds = {"data": np.array([[1010.0, 1020.0, 1.0], [1030.0, 1045.0, 0.0]]), "fields": "start end left/right(1/0)"}
    path = day(tmp_path, trajinfo=None, runTrialBounds={(3, 2): bounds})
    trials = read(path).tables["trials"]
    assert trials.columns.tolist() == ["epoch", "start_time", "stop_time", "left/right"]
    assert trials["stop_time"].tolist() == [1020.0, 1045.0]
    both = read(day(tmp_path, runTrialBounds={(3, 2): bounds}))
    assert {"epochs", "trials", "runtrialbounds"} == set(both.tables)


def test_without_anything_beside(tmp_path: Path) -> None:
    path = day(tmp_path, cellinfo=None, pos=None, task=None, trajinfo=None)
    contents = read(path)
    assert any("not beside it: boncellinfo.mat, bonpos03.mat, bontask03.mat" in n for n in map(str, contents.notes))
    assert "region" not in contents.units
    assert contents.tables.keys() == {"epochs"}
    assert contents.tables["epochs"].columns.tolist() == ["epoch", "start_time", "stop_time"]
    findings = " ".join(str(f) for f in io.choose(contents, DATA, TrialsConfig()).findings)
    assert "trials.table = 'trials' is no interval table" in findings
    assert "Tables: epochs" in findings
    assert "no region of a unit found" in findings


def test_tables_beside(tmp_path: Path) -> None:
    path = day(tmp_path)
    (tmp_path / "bonspikes03.trials.csv").write_text("start_time,stop_time,choice\n1010,1030,left\n")
    (tmp_path / "bonspikes03.units.csv").write_text("unit,quality\nt05c02,0.5\n".replace("t05c02", "5002"))
    (tmp_path / "bonspikes03.behavior.csv").write_text("time_s,x,lick\n1010.5,1,2\n")
    (tmp_path / "bonspikes03.recording.json").write_text('{"animal": "Bond", "observed": [[1000, 1900]]}')
    contents = read(path)
    assert contents.tables["trials"]["choice"].tolist() == ["left"]
    assert len(contents.tables["trajinfo"]) == 3
    assert contents.units["quality"].tolist()[1] == 0.5
    assert contents.behavior.loc[contents.behavior["series"] == "x", "value"].tolist() == [1.0]
    assert any("series x are taken from the table" in n for n in map(str, contents.notes))
    assert contents.animal == "Bond"
    np.testing.assert_array_equal(contents.observed, [[1000.0, 1900.0]])


@VERSIONS
@pytest.mark.parametrize(
    ("data", "fields", "expected"),
    [
        pytest.param([[1100.0], [1900.0]], "time", [1100.0, 1900.0], id="column"),
        pytest.param([[1100.0, 1500.0, 1900.0]], "time", [1100.0, 1500.0, 1900.0], id="row vector"),
        pytest.param([[1100.0, 1500.0, 1900.0]], "", [1100.0, 1500.0, 1900.0], id="row vector without fields"),
        pytest.param([[1100.0, 7.0, 8.0]], "time x y", [1100.0], id="one spike with its columns"),
        pytest.param([[7.0, 1100.0], [8.0, 1900.0]], "x time", [1100.0, 1900.0], id="time in the second column"),
        pytest.param([[1100.0, 7.0], [1900.0, 8.0]], "", [1100.0, 1900.0], id="columns without fields"),
        pytest.param([[1900.0], [np.nan], [1100.0]], "time", [1900.0, np.nan, 1100.0], id="as they are"),
        pytest.param(np.zeros((0, 0)), "time", [], id="0x0"),
        pytest.param(np.zeros((0, 7)), "time", [], id="0x7"),
        pytest.param([[np.nan]], "time", [], id="NaN alone"),
    ],
)
def test_shapes_of_data(write: Writer, data: Any, fields: str, expected: list[float], tmp_path: Path) -> None:
    other = unit(2, [1000.5, 1999.0], fields="time")
    cells = {
        (3, 2, 1, 1): unit(2, [], fields=fields, data=np.array(data)),
        (3, 2, 2, 1): other | {"data": np.c_[1000.5, 1999.0].T},
    }
    contents = read(day(tmp_path, write, spikes=cells, cellinfo=None, trajinfo=None))
    np.testing.assert_array_equal(trains(contents)["t01c01"], expected)
    assert any("one NaN, taken as no spikes: spikes{3}{2}{1}{1}" in n for n in map(str, contents.notes)) == (
        np.size(data) == 1
    )
    assert contents.observed_of_unit is not None
    assert contents.observed_of_unit[0].tolist() == [[1000.0, 2000.0]]


@VERSIONS
def test_one_spike_without_fields_has_the_width_of_the_others(write: Writer, tmp_path: Path) -> None:
    cells = {(3, 2, 1, 1): unit(2, [1500.0], fields=""), (3, 2, 1, 2): unit(2, [1100.0, 1900.0], fields="")}
    contents = read(day(tmp_path, write, spikes=cells, cellinfo=None))
    assert trains(contents) == {"t01c01": [1500.0], "t01c02": [1100.0, 1900.0]}


@VERSIONS
def test_a_day_of_one_epoch_one_tetrode_and_one_cell(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path / "Xspikes01.mat", {"spikes": nested({(1, 1, 1, 1): unit(1, [5.0, 890.0])})})
    contents = read(path)
    assert (contents.name, contents.animal) == ("X01", "X")
    assert trains(contents) == {"t01c01": [5.0, 890.0]}


@VERSIONS
def test_a_variable_may_carry_the_animal(write: Writer, tmp_path: Path) -> None:
    cells = nested({(1, 1, 1, 1): unit(1, [5.0, 890.0])})
    path = write(tmp_path / "bonspikes01.mat", {"bonspikes": cells})
    assert frank.can_read(path)
    assert len(read(path).spikes) == 2


def test_many_cells_on_a_tetrode(tmp_path: Path) -> None:
    cells = {(3, 2, 1, 1200): unit(2, [1100.0, 1900.0]), (3, 2, 2, 1): unit(2, [1500.0])}
    contents = read(day(tmp_path, spikes=cells, cellinfo=None))
    assert contents.units["unit"].tolist() == [11200, 20001]


@pytest.mark.parametrize(
    ("spikes", "text"),
    [
        ({(5, 1, 1, 1): unit(1, [1.0])}, "expected day 3, as the file is called, but spikes{3} is empty; days with"),
        ({(3, 1): unit(1, [1.0])}, "spikes{3}{1}: expected a cell array, found struct"),
        ({(3, 1, 1, 1): np.ones((2, 2))}, "spikes{3}{1}{1}{1}: expected a struct, found double 2x2"),
        ({(3, 1, 1, 1): {"fields": "time"}}, "{1}{1}{1}.data: expected a matrix with one row a spike, found no"),
        ({(3, 1, 1, 1): {"data": "abc"}}, "found text 'abc'"),
        ({(3, 1, 1): Cells([])}, "expected units in spikes{3}, found none in any epoch"),
    ],
)  # fmt: skip
def test_cells_that_are_none(spikes: Any, text: str, tmp_path: Path) -> None:
    assert text in wrong(day(tmp_path, spikes=spikes))


def test_a_file_beside_of_another_day_is_noted(tmp_path: Path) -> None:
    contents = read(day(tmp_path, task={(2, 1): {"type": "run"}}))
    assert "bontask03.mat is not used: task{3} is empty; days with content: 2" in map(str, contents.notes)
    assert "type" not in contents.tables["epochs"]


def test_a_broken_file_beside_is_an_error(tmp_path: Path) -> None:
    path = day(tmp_path, task=Structs([{"a": "b"}]))
    assert "bontask03.mat: expected task to be a cell array of days, found struct" in wrong(path)
    (tmp_path / "bontask03.mat").write_text("no MATLAB")
    assert "bontask03.mat: expected a MATLAB file" in wrong(path)
