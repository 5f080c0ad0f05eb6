"""The Frank/Jadhav-lab layout: days, epochs, tetrodes and cells as nested cell arrays. See docs/matlab.md.

The files here are laid out as the labs' own processing scripts write them: times in seconds, timerange in 1/10000 s.
"""

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
from mat_files import Cells, Structs, write_5, write_73

from spikebridge import io
from spikebridge.config import DataConfig, TrialsConfig, parse
from spikebridge.errors import DataError
from spikebridge.io.contents import Contents
from spikebridge.io.readers import frank, matlab
from spikebridge.io.registry import files_of
from spikebridge.types import Recording

Writer = Callable[[Path, dict[str, Any]], Path]
VERSIONS = pytest.mark.parametrize("write", [write_5, write_73], ids=["v5", "v7.3"])
DATA = DataConfig(path="", source=["CA1"], target=["PFC"])
SPIKE_FIELDS = "time x y dir not_used amplitude(highest variance channel) posindex"
EPOCHS = {1: (0.0, 900.0), 2: (1000.0, 2000.0), 3: (2100.0, 3000.0)}
"""Sleep, run, sleep; seconds."""


def nested(values: dict[tuple[int, ...], Any]) -> Cells:
    """{(1, 2): x} -> a cell array whose first cell is a cell array whose second cell is x; cells between are empty."""
    cells = Cells([None] * max(k[0] for k in values))
    for number in {k[0] for k in values}:
        inner = {k[1:]: v for k, v in values.items() if k[0] == number}
        cells[number - 1] = inner[()] if () in inner else nested(inner)
    return cells


def unit(epoch: int, times: Any, fields: str = SPIKE_FIELDS, ticks: float = 1e4, **more: Any) -> dict[str, Any]:
    """A cell of spikes as the labs' scripts write it: seven columns, of which the first is the time."""
    times = np.asarray(times, dtype=float)
    data = np.column_stack([times, *np.tile(np.arange(6.0)[:, None], len(times))]) if len(times) else np.zeros((0, 0))
    span = np.array([EPOCHS[epoch]]) * ticks
    return {
        "data": data,
        "descript": "spike data",
        "fields": fields,
        "depth": np.array([[88.0]]),
        "timerange": span,
    } | more


def trains(found: Contents) -> dict[str, list[float]]:
    of_unit = {u: found.spikes.loc[found.spikes["unit"] == u, "time_s"].tolist() for u in found.units["unit"]}
    return {n: of_unit[u] for n, u in zip(found.units["name"], found.units["unit"], strict=True)}


SPIKES = {
    (3, 1, 5, 2): unit(1, [10.0, 450.5, 880.0]),
    (3, 2, 5, 2): unit(2, [1000.25, 1990.0]),
    (3, 2, 2, 1): unit(2, [1500.0]),
    (3, 2, 14, 3): unit(2, []),
    (3, 3, 5, 2): unit(3, [2100.5, 2990.0]),
    (3, 3, 14, 3): unit(3, [2222.0]),
}
CELLINFO = {
    (3, e, t, c): {"area": area, "tag": tag, "meanrate": np.array([[float(e)]]), "csi": np.array([[e / 10]])}
    for (_, e, t, c) in SPIKES
    for area, tag in [("PFC", "mua") if t == 14 else ("CA1", "accepted")]
}
POS_FIELDS = "time x y dir vel x-sm y-sm dir-sm vel-sm"


def positions(epoch: int) -> dict[str, Any]:
    time = np.arange(EPOCHS[epoch][0] + 1, EPOCHS[epoch][1] - 1, 1 / 30)
    data = np.column_stack([time, *(np.sin(time) + k for k in range(8))])
    return {"arg": Cells([]), "descript": Cells(["position data"]), "fields": POS_FIELDS, "data": data}


def trajinfo() -> dict[str, Any]:
    start = np.array([1010.0, 1050.0, 1100.0])
    return {
        "trajbound": np.array([[0.0], [1.0], [0.0]]),
        "rewarded": np.array([[1.0], [1.0], [0.0]]),
        "trajtime": np.column_stack([start, start + 20]),
        "wellstend": np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 3.0]]),
        "descript": "trajbound: 1=inbound, 0=outbound",
    }


def day(folder: Path, write: Writer = write_5, **changes: Any) -> Path:
    """bon, day 3, with everything beside it; changes: kind -> content, None leaves the file out."""
    content: dict[str, Any] = {
        "cellinfo": CELLINFO,
        "pos": {(3, e): positions(e) for e in EPOCHS},
        "task": {
            (3, 1): {"type": "sleep"},
            (3, 2): {"type": "run", "environment": "wtr1", "exposure": np.array([[4.0]]), "linearcoord": Cells([])},
            (3, 3): {"type": "sleep", "environment": "postsleep"},
        },
        "trajinfo": {(3, 2): trajinfo()},
        "spikes": SPIKES,
    } | changes
    for kind, values in content.items():
        number = "" if kind in ("cellinfo", "tetinfo") else "03"
        path = folder / f"bon{kind}{number}.mat"
        path.unlink(missing_ok=True)
        if values is not None:
            write(path, {kind: nested(values) if isinstance(values, dict) else values})
    return folder / "bonspikes03.mat"


def read(path: Path, **options: Any) -> Contents:
    return frank.read(path, frank.Options.model_validate(options))


def wrong(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    return str(caught.value)


# -------------------------------------------------------------------------------------------------------- one whole day


@VERSIONS
def test_units_of_a_day(write: Writer, tmp_path: Path) -> None:
    found = read(day(tmp_path, write))
    assert (found.name, found.animal, found.source_file) == ("bon03", "bon", "bonspikes03.mat")
    assert found.units["unit"].tolist() == [2001, 5002, 14003]
    assert found.units["name"].tolist() == ["t02c01", "t05c02", "t14c03"]
    assert found.units[["tetrode", "cell"]].to_numpy().tolist() == [[2, 1], [5, 2], [14, 3]]
    assert found.units["region"].tolist() == ["CA1", "CA1", "PFC"]
    assert found.units["tag"].tolist() == ["accepted", "accepted", "mua"]
    assert found.units["depth"].tolist() == [88.0] * 3
    assert "meanrate" not in found.units
    assert any("differ between epochs are left out: csi" in n for n in found.notes)
    assert trains(found) == {
        "t02c01": [1500.0],
        "t05c02": [10.0, 450.5, 880.0, 1000.25, 1990.0, 2100.5, 2990.0],
        "t14c03": [2222.0],
    }


@VERSIONS
def test_an_epoch_without_the_unit_is_missing_and_one_without_spikes_is_silence(write: Writer, tmp_path: Path) -> None:
    found = read(day(tmp_path, write))
    assert found.observed is None
    assert found.observed_of_unit is not None
    assert [o.tolist() for o in found.observed_of_unit] == [
        [[1000.0, 2000.0]],
        [[0.0, 900.0], [1000.0, 2000.0], [2100.0, 3000.0]],
        [[1000.0, 2000.0], [2100.0, 3000.0]],
    ]
    assert any(n.startswith("2 of 3 units were not recorded in every epoch") for n in found.notes)
    chosen = io.choose(found, DATA, TrialsConfig()).recording
    assert chosen.observed.tolist() == [[1000.0, 2000.0]]
    everywhere = {k: v for k, v in SPIKES.items() if k[2] == 5}
    whole = read(day(tmp_path, write, spikes=everywhere))
    assert whole.observed is not None
    assert whole.observed.tolist() == [list(e) for e in EPOCHS.values()]


@VERSIONS
def test_epochs_positions_and_trials(write: Writer, tmp_path: Path) -> None:
    found = read(day(tmp_path, write))
    epochs = found.tables["epochs"]
    assert epochs["epoch"].tolist() == [1, 2, 3]
    assert epochs[["start_time", "stop_time"]].to_numpy().tolist() == [list(e) for e in EPOCHS.values()]
    assert epochs["type"].tolist() == ["sleep", "run", "sleep"]
    assert epochs["environment"].tolist() == ["", "wtr1", "postsleep"]
    np.testing.assert_array_equal(epochs["exposure"], [np.nan, 4, np.nan])
    assert found.behavior["series"].unique().tolist() == POS_FIELDS.split()[1:]
    x = found.behavior[found.behavior["series"] == "x"]
    expected = np.concatenate([positions(e)["data"] for e in EPOCHS])
    np.testing.assert_array_equal(x[["time_s", "value"]].to_numpy(), expected[:, :2])
    trials = found.tables["trials"]
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
    found = read(path)
    assert found.tables["dio"].to_numpy().tolist() == [[2, 1100.0, 1100.1, 24], [2, 1200.0, 1200.1, 24]]
    assert found.tables["sleep"].to_numpy().tolist() == [[1, 100.0, 200.0], [1, 300.0, 400.0]]
    behavior = found.behavior.set_index("series")
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
    found = read(path)
    assert any("not beside it: boncellinfo.mat, bonpos03.mat, bontask03.mat" in n for n in found.notes)
    assert "region" not in found.units
    assert found.tables.keys() == {"epochs"}
    assert found.tables["epochs"].columns.tolist() == ["epoch", "start_time", "stop_time"]
    findings = " ".join(f.text for f in io.choose(found, DATA, TrialsConfig()).findings)
    assert "trials.table = 'trials' is no interval table" in findings
    assert "Tables: epochs" in findings
    assert "no region of a unit found" in findings


def test_tables_beside(tmp_path: Path) -> None:
    path = day(tmp_path)
    (tmp_path / "bonspikes03.trials.csv").write_text("start_time,stop_time,choice\n1010,1030,left\n")
    (tmp_path / "bonspikes03.units.csv").write_text("unit,quality\nt05c02,0.5\n".replace("t05c02", "5002"))
    (tmp_path / "bonspikes03.behavior.csv").write_text("time_s,x,lick\n1010.5,1,2\n")
    (tmp_path / "bonspikes03.recording.json").write_text('{"animal": "Bond", "observed": [[1000, 1900]]}')
    found = read(path)
    assert found.tables["trials"]["choice"].tolist() == ["left"]
    assert len(found.tables["trajinfo"]) == 3
    assert found.units["quality"].tolist()[1] == 0.5
    assert found.behavior.loc[found.behavior["series"] == "x", "value"].tolist() == [1.0]
    assert any("series x are taken from the table" in n for n in found.notes)
    assert found.animal == "Bond"
    np.testing.assert_array_equal(found.observed, [[1000.0, 1900.0]])


# ------------------------------------------------------------------------------------------- shapes of cells and data


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
    found = read(day(tmp_path, write, spikes=cells, cellinfo=None, trajinfo=None))
    np.testing.assert_array_equal(trains(found)["t01c01"], expected)
    assert any("one NaN, taken as no spikes: spikes{3}{2}{1}{1}" in n for n in found.notes) == (np.size(data) == 1)
    assert found.observed_of_unit is not None
    assert found.observed_of_unit[0].tolist() == [[1000.0, 2000.0]]


@VERSIONS
def test_one_spike_without_fields_has_the_width_of_the_others(write: Writer, tmp_path: Path) -> None:
    cells = {(3, 2, 1, 1): unit(2, [1500.0], fields=""), (3, 2, 1, 2): unit(2, [1100.0, 1900.0], fields="")}
    found = read(day(tmp_path, write, spikes=cells, cellinfo=None))
    assert trains(found) == {"t01c01": [1500.0], "t01c02": [1100.0, 1900.0]}


@VERSIONS
def test_a_day_of_one_epoch_one_tetrode_and_one_cell(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path / "Xspikes01.mat", {"spikes": nested({(1, 1, 1, 1): unit(1, [5.0, 890.0])})})
    found = read(path)
    assert (found.name, found.animal) == ("X01", "X")
    assert trains(found) == {"t01c01": [5.0, 890.0]}


@VERSIONS
def test_a_variable_may_carry_the_animal(write: Writer, tmp_path: Path) -> None:
    cells = nested({(1, 1, 1, 1): unit(1, [5.0, 890.0])})
    path = write(tmp_path / "bonspikes01.mat", {"bonspikes": cells})
    assert frank.can_read(path)
    assert len(read(path).spikes) == 2


def test_many_cells_on_a_tetrode(tmp_path: Path) -> None:
    cells = {(3, 2, 1, 1200): unit(2, [1100.0, 1900.0]), (3, 2, 2, 1): unit(2, [1500.0])}
    found = read(day(tmp_path, spikes=cells, cellinfo=None))
    assert found.units["unit"].tolist() == [11200, 20001]


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
    found = read(day(tmp_path, task={(2, 1): {"type": "run"}}))
    assert "bontask03.mat is not used: task{3} is empty; days with content: 2" in found.notes
    assert "type" not in found.tables["epochs"]


def test_a_broken_file_beside_is_an_error(tmp_path: Path) -> None:
    path = day(tmp_path, task=Structs([{"a": "b"}]))
    assert "bontask03.mat: expected task to be a cell array of days, found struct" in wrong(path)
    (tmp_path / "bontask03.mat").write_text("no MATLAB")
    assert "bontask03.mat: expected a MATLAB file" in wrong(path)


# -------------------------------------------------------------------------------------------------------------- areas


def areas(changes: dict[tuple[int, int, int, int], str]) -> dict[tuple[int, int, int, int], Any]:
    return {k: {**v, "area": changes.get(k, v["area"])} for k, v in CELLINFO.items()}


def test_a_unit_in_two_areas_is_an_error(tmp_path: Path) -> None:
    path = day(tmp_path, cellinfo=areas({(3, 2, 5, 2): "PFC", (3, 3, 14, 3): "ACC"}))
    text = wrong(path)
    assert "a unit must lie in one area all day" in text
    assert "t05c02 (epoch 1: CA1, epoch 2: PFC, epoch 3: CA1), t14c03 (epoch 2: PFC, epoch 3: ACC)" in text


def test_the_area_of_a_tetrode_serves_where_the_cell_has_none(tmp_path: Path) -> None:
    own = areas(dict.fromkeys([(3, 1, 5, 2), (3, 2, 5, 2), (3, 3, 5, 2), (3, 2, 2, 1)], ""))
    tetinfo = {
        (3, e, t): {"area": a, "depth": Cells([np.array([[88.0]])])}
        for e in EPOCHS
        for t, a in ((5, "CA3"), (14, "V1"))
    }
    found = read(day(tmp_path, cellinfo=own, tetinfo=tetinfo))
    assert found.units["region"].tolist() == ["", "CA3", "PFC"]
    assert "t14c03: cellinfo says PFC, tetinfo V1" in found.notes
    assert "neither cellinfo nor tetinfo has an area for t02c01" in found.notes


# ------------------------------------------------------------------------------------------------------ units of time


def rescaled(ticks: float, span_ticks: float, said: str = "spike data") -> dict[tuple[int, int, int, int], Any]:
    """The spikes of the day with times and time ranges in other units."""
    cells = {k: {**v, "descript": said, "timerange": np.array([EPOCHS[k[1]]]) * span_ticks} for k, v in SPIKES.items()}
    for one in cells.values():
        one["data"] = one["data"] * ([ticks] + [1] * 6) if one["data"].size else one["data"]
    return cells


@pytest.mark.parametrize(
    ("ticks", "span_ticks", "said", "pos"),
    [
        pytest.param(1, 1e4, "spike data", True, id="as the layout has it"),
        pytest.param(1, 1e4, "spike data", False, id="without positions"),
        pytest.param(1, 1, "spike data", True, id="all in seconds"),
        pytest.param(1, 1e3, "spike data", False, id="time range in ms"),
        pytest.param(1e3, 1e3, "spike data", True, id="ms, told by the positions"),
        pytest.param(1e3, 1e3, "spike times in ms", False, id="ms, told by words"),
        pytest.param(1e3, 1e4, "spike data", False, id="ms, told by the time range"),
        pytest.param(1e4, 1e4, "spike data", True, id="timestamps, told by the positions"),
        pytest.param(1e4, 1e4, "time in 1/10000 s", False, id="timestamps, told by words"),
    ],
)
def test_the_unit_of_time_is_what_the_files_say(
    ticks: float, span_ticks: float, said: str, pos: bool, tmp_path: Path
) -> None:
    gone: dict[str, Any] = {} if pos else {"pos": None}
    path = day(tmp_path, spikes=rescaled(ticks, span_ticks, said), **gone)
    found = read(path)
    assert trains(found)["t05c02"] == [10.0, 450.5, 880.0, 1000.25, 1990.0, 2100.5, 2990.0]
    assert found.tables["epochs"]["stop_time"].tolist() == [900.0, 2000.0, 3000.0]
    assert found.tables["trials"]["start_time"].tolist() == [1010.0, 1050.0, 1100.0]
    assert not any("unit of the spike times" in n for n in found.notes)


@pytest.mark.parametrize("unit", ["s", "ms", "timestamps"])
def test_positions_in_every_unit(unit: str, tmp_path: Path) -> None:
    scale = {"s": 1.0, "ms": 1e3, "timestamps": 1e4}[unit]
    pos = {(3, e): positions(e) for e in EPOCHS}
    for one in pos.values():
        one["data"] = one["data"] * ([scale] + [1] * 8)
    found = read(day(tmp_path, pos=pos))
    x = found.behavior.loc[found.behavior["series"] == "x", "time_s"]
    np.testing.assert_allclose([x.min(), x.max()], [1.0, 2999.0], atol=0.1)


def test_contradictions_ask_for_the_unit(tmp_path: Path) -> None:
    path = day(tmp_path, spikes=rescaled(1, 1e4, "spike times in ms"))
    text = wrong(path)
    assert "the unit of the spike times is not clear" in text
    assert "spike times in ms' says ms" in text
    assert "the time range of the epochs (timerange) says s" in text
    assert "the clock of the positions says s" in text
    assert "data.options.time_unit" in text
    found = read(path, time_unit="s")
    assert trains(found)["t02c01"] == [1500.0]
    assert any(n.startswith("data.options.time_unit is s, but the text") for n in found.notes)


def test_times_outside_their_epochs_ask_for_the_unit(tmp_path: Path) -> None:
    path = day(tmp_path, spikes=rescaled(77.0, 1e4), pos=None)
    assert "spikes lie outside timerange in any unit" in wrong(path)
    found = read(path, time_unit="ms")
    assert any("timerange is not used" in n for n in found.notes)
    assert trains(found)["t02c01"] == [1500.0 * 77 / 1000]


def test_where_nothing_is_said_seconds_are_noted_and_days_of_spikes_refused(tmp_path: Path) -> None:
    found = read(day(tmp_path, spikes=rescaled(1, 1), pos=None))
    assert any("taken as the layout's, seconds" in n for n in found.notes)
    text = wrong(day(tmp_path, spikes=rescaled(1e4, 1e4), pos=None))
    assert "nothing says the unit of the spike times" in text
    assert "time_unit" in text
    assert trains(read(tmp_path / "bonspikes03.mat", time_unit="timestamps"))["t02c01"] == [1500.0]


def test_epochs_without_a_time_range(tmp_path: Path) -> None:
    bare = {k: {n: x for n, x in v.items() if n != "timerange"} for k, v in SPIKES.items()}
    with_pos = read(day(tmp_path, spikes=bare)).tables["epochs"]
    np.testing.assert_allclose(with_pos["start_time"], [1.0, 1001.0, 2101.0])
    found = read(day(tmp_path, spikes=bare, pos=None, trajinfo=None))
    assert found.tables["epochs"]["start_time"].tolist() == [10.0, 1000.25, 2100.5]
    assert "epoch 1 has neither timerange nor pos: taken as its first to last spike" in found.notes


def test_trials_on_another_clock_are_noted(tmp_path: Path) -> None:
    far = {**trajinfo(), "trajtime": np.array([[5e8, 5.1e8]])}
    found = read(day(tmp_path, trajinfo={(3, 2): far}))
    assert "trajinfo is not used: its times lie outside the epochs in any unit" in found.notes
    assert "trials" not in found.tables


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ("time x y dir vel", ["x", "y", "dir", "vel"]),
        ("", ["x", "y", "dir", "vel"]),
        ("time x y dir vel [several] smooth-v", ["x", "y", "dir", "vel"]),
    ],
)
def test_columns_of_positions_without_a_name_are_left_out(fields: str, names: list[str], tmp_path: Path) -> None:
    pos = {(3, e): {**positions(e), "fields": fields} for e in EPOCHS}
    found = read(day(tmp_path, pos=pos))
    assert found.behavior["series"].unique().tolist() == names
    assert "pos of epochs 1, 2, 3: columns that `fields` does not name are left out" in found.notes


# ------------------------------------------------------------------------------------------ files, names, round trips


def test_what_belongs_to_a_day(tmp_path: Path) -> None:
    path = day(tmp_path, tetinfo={(3, 2, 1): {"area": "CA1"}})
    for other in ("bonspikes04.mat", "bonpos04.mat", "bonripples03.mat", "bonrawpos03.mat"):
        write_5(tmp_path / other, {other[3:-6]: nested({(4, 1, 1, 1): unit(1, [1.0, 880.0])})})
    write_5(tmp_path / "bonus.mat", {"x": np.ones((2, 2))})
    write_5(tmp_path / "summary.mat", {"x": np.ones((2, 2))})
    (tmp_path / "bonspikes03.trials.csv").write_text("start_time,stop_time\n1,2\n")
    (tmp_path / "EEG").mkdir()
    files = [f.name for f in files_of(path, io.get_reader("frank"))]
    assert files == [
        "boncellinfo.mat", "bonpos03.mat", "bonspikes03.mat", "bonspikes03.trials.csv", "bontask03.mat",
        "bontetinfo.mat", "bontrajinfo03.mat",
    ]  # fmt: skip
    taken = {p.name for p in tmp_path.iterdir() if matlab.can_read(p)}
    assert taken == {"bonus.mat", "summary.mat"}
    assert sorted(p.name for p in tmp_path.iterdir() if frank.can_read(p)) == ["bonspikes03.mat", "bonspikes04.mat"]
    assert [io.name_of(p, io.get_reader("frank")) for p in (path, tmp_path / "bonspikes04.mat")] == ["bon03", "bon04"]


def test_an_animals_folder_is_found_by_days(tmp_path: Path) -> None:
    path = day(tmp_path)
    assert io.find_recordings(tmp_path) == [path]


def test_spikes_files_of_other_kinds_are_not_taken(tmp_path: Path) -> None:
    other = write_5(tmp_path / "ratspikes01.mat", {"spikes": {"times": np.ones((1, 3))}})
    assert not frank.can_read(other)
    assert matlab.can_read(other)
    (tmp_path / "bonspikes02.mat").write_text("text")
    assert not frank.can_read(tmp_path / "bonspikes02.mat")
    assert "<animal>spikes<day>.mat" in wrong(write_5(tmp_path / "other.mat", {"a": np.ones((1, 1))}))


def test_a_cut_file_is_refused_in_words(tmp_path: Path) -> None:
    path = day(tmp_path)
    path.write_bytes(path.read_bytes()[:300])
    assert frank.can_read(path)
    assert "cannot be read as a MATLAB file" in wrong(path)


def test_names_without_a_day_and_without_spikes(recording: Recording, tmp_path: Path) -> None:
    path = frank.write(recording, tmp_path)
    assert path.name == "smallspikes01.mat"
    silent = replace(recording, name="rat2", spikes=recording.spikes.iloc[:0], observed=np.zeros((0, 2)))
    found = read(frank.write(silent, tmp_path))
    assert (found.name, len(found.units), len(found.spikes)) == ("rat2", 2, 0)


def test_tetrodes_and_cells_are_kept(tmp_path: Path) -> None:
    """A day read, chosen, written and read again is the same day."""
    first = read(day(tmp_path))
    chosen = io.choose(first, DATA, TrialsConfig(align="start_time", label="rewarded")).recording
    inside = (chosen.spikes["time_s"] >= 1000) & (chosen.spikes["time_s"] < 2000)
    chosen = replace(chosen, spikes=chosen.spikes[inside])
    (tmp_path / "out").mkdir()
    again = read(frank.write(chosen, tmp_path / "out"))
    assert (again.name, again.animal) == ("bon03", "bon")
    for name in ("unit", "tetrode", "cell", "name", "region", "tag", "depth"):
        assert again.units[name].tolist() == chosen.units[name].tolist()
    pd.testing.assert_frame_equal(again.spikes, chosen.spikes.reset_index(drop=True))
    np.testing.assert_array_equal(again.observed, chosen.observed)
    assert again.tables["trials"]["wellstend_2"].tolist() == [1.0, 2.0, 3.0]
    assert len(again.behavior) == len(chosen.behavior)


def test_what_it_writes_lies_where_the_labs_code_looks(recording: Recording, tmp_path: Path) -> None:
    from scipy.io import loadmat

    path = frank.write(replace(recording, name="rat05"), tmp_path)
    raw = loadmat(path, struct_as_record=False)["spikes"]
    cell = raw[0, 4][0, 0][0, 1][0, 0][0, 0]  # spikes{5}{1}{2}{1}
    np.testing.assert_array_equal(cell.data, [[1.5], [7.5]])
    assert raw[0, 3].size == 0
    info = loadmat(tmp_path / "ratcellinfo.mat", struct_as_record=False)["cellinfo"]
    assert info[0, 4][0, 0][0, 1][0, 0][0, 0].area[0] == "PFC"


def test_epochs_alone_hold_the_observed_time(recording: Recording, tmp_path: Path) -> None:
    path = frank.write(replace(recording, name="rat05", observed=np.array([[0.0, 4.0], [5.0, 10.0]])), tmp_path)
    (tmp_path / "ratspikes05.recording.json").unlink()
    found = read(path)
    assert found.observed is not None
    assert found.observed.tolist() == [[0.0, 4.0], [5.0, 10.0]]
    assert trains(found) == {"t01c01": [0.5, 9.0], "t02c01": [1.5, 7.5]}


def test_the_block_of_the_page_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "matlab.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    (block,) = (b for b in blocks if b["data"]["reader"] == "frank")
    day(tmp_path)
    ready = parse({**block, "data": block["data"] | {"path": str(tmp_path)}, "models": {}})
    (path,) = io.find_recordings(Path(ready.data.path), ready.data.reader)
    found = io.read_recording(path, ready)
    assert found.name == "bon03"
    assert found.observed.tolist() == [[1000.0, 2000.0]]
    assert ready.trials.include is not None
    assert len(found.trials.query(ready.trials.include)) == 2


def test_files_of_other_contents_are_left_out_with_a_note(tmp_path: Path) -> None:
    found = read(day(tmp_path, trials=Structs([{"a": "b"}]), linpos={(3, 2): np.ones((4, 4))}))
    assert any("bontrials03.mat is not used: bontrials03.mat: expected trials to be a cell" in n for n in found.notes)
    assert any("bonlinpos03.mat is not used: bonlinpos03.mat: linpos{2}: expected a struct" in n for n in found.notes)
    assert len(found.tables["trials"]) == 3
