"""The Frank/Jadhav-lab layout: areas of units, and units of time. See docs/matlab.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frank_days import CELLINFO, EPOCHS, SPIKES, day, positions, read, trains, trajinfo, wrong
from mat_files import Cells


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
    contents = read(day(tmp_path, cellinfo=own, tetinfo=tetinfo))
    assert contents.units["region"].tolist() == ["", "CA3", "PFC"]
    assert "t14c03: cellinfo says PFC, tetinfo V1" in map(str, contents.notes)
    assert "neither cellinfo nor tetinfo has an area for t02c01" in map(str, contents.notes)


def rescaled(ticks: float, span_ticks: float, description: str = "spike data") -> dict[tuple[int, int, int, int], Any]:
    """The spikes of the day with times and time ranges in other units."""
    cells = {
        k: {**v, "descript": description, "timerange": np.array([EPOCHS[k[1]]]) * span_ticks} for k, v in SPIKES.items()
    }
    for cell in cells.values():
        cell["data"] = cell["data"] * ([ticks] + [1] * 6) if cell["data"].size else cell["data"]
    return cells


@pytest.mark.parametrize(
    ("ticks", "span_ticks", "description", "pos"),
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
    ticks: float, span_ticks: float, description: str, pos: bool, tmp_path: Path
) -> None:
    gone: dict[str, Any] = {} if pos else {"pos": None}
    path = day(tmp_path, spikes=rescaled(ticks, span_ticks, description), **gone)
    contents = read(path)
    assert trains(contents)["t05c02"] == [10.0, 450.5, 880.0, 1000.25, 1990.0, 2100.5, 2990.0]
    assert contents.tables["epochs"]["stop_time"].tolist() == [900.0, 2000.0, 3000.0]
    assert contents.tables["trials"]["start_time"].tolist() == [1010.0, 1050.0, 1100.0]
    assert not any("unit of the spike times" in n for n in map(str, contents.notes))


@pytest.mark.parametrize("unit", ["s", "ms", "timestamps"])
def test_positions_in_every_unit(unit: str, tmp_path: Path) -> None:
    scale = {"s": 1.0, "ms": 1e3, "timestamps": 1e4}[unit]
    pos = {(3, e): positions(e) for e in EPOCHS}
    for epoch in pos.values():
        epoch["data"] = epoch["data"] * ([scale] + [1] * 8)
    contents = read(day(tmp_path, pos=pos))
    x = contents.behavior.loc[contents.behavior["series"] == "x", "time_s"]
    np.testing.assert_allclose([x.min(), x.max()], [1.0, 2999.0], atol=0.1)


def test_contradictions_ask_for_the_unit(tmp_path: Path) -> None:
    path = day(tmp_path, spikes=rescaled(1, 1e4, "spike times in ms"))
    text = wrong(path)
    assert "the unit of the spike times is not clear" in text
    assert "spike times in ms' says ms" in text
    assert "the time range of the epochs (timerange) says s" in text
    assert "the clock of the positions says s" in text
    assert "data.options.time_unit" in text
    contents = read(path, time_unit="s")
    assert trains(contents)["t02c01"] == [1500.0]
    assert any(n.startswith("data.options.time_unit is s, but the text") for n in map(str, contents.notes))


def test_times_outside_their_epochs_ask_for_the_unit(tmp_path: Path) -> None:
    path = day(tmp_path, spikes=rescaled(77.0, 1e4), pos=None)
    assert "spikes lie outside timerange in any unit" in wrong(path)
    contents = read(path, time_unit="ms")
    assert any("timerange is not used" in n for n in map(str, contents.notes))
    assert trains(contents)["t02c01"] == [1500.0 * 77 / 1000]


def test_where_nothing_is_said_seconds_are_noted_and_days_of_spikes_refused(tmp_path: Path) -> None:
    contents = read(day(tmp_path, spikes=rescaled(1, 1), pos=None))
    assert any("taken as the layout's, seconds" in n for n in map(str, contents.notes))
    text = wrong(day(tmp_path, spikes=rescaled(1e4, 1e4), pos=None))
    assert "nothing says the unit of the spike times" in text
    assert "time_unit" in text
    assert trains(read(tmp_path / "bonspikes03.mat", time_unit="timestamps"))["t02c01"] == [1500.0]


def test_epochs_without_a_time_range(tmp_path: Path) -> None:
    bare = {k: {n: x for n, x in v.items() if n != "timerange"} for k, v in SPIKES.items()}
    with_pos = read(day(tmp_path, spikes=bare)).tables["epochs"]
    np.testing.assert_allclose(with_pos["start_time"], [1.0, 1001.0, 2101.0])
    contents = read(day(tmp_path, spikes=bare, pos=None, trajinfo=None))
    assert contents.tables["epochs"]["start_time"].tolist() == [10.0, 1000.25, 2100.5]
    assert "epoch 1 has neither timerange nor pos: taken as its first to last spike" in map(str, contents.notes)


def test_trials_on_another_clock_are_noted(tmp_path: Path) -> None:
    far = {**trajinfo(), "trajtime": np.array([[5e8, 5.1e8]])}
    contents = read(day(tmp_path, trajinfo={(3, 2): far}))
    assert "trajinfo is not used: its times lie outside the epochs in any unit" in map(str, contents.notes)
    assert "trials" not in contents.tables


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
    contents = read(day(tmp_path, pos=pos))
    assert contents.behavior["series"].unique().tolist() == names
    assert "pos of epochs 1, 2, 3: columns that `fields` does not name are left out" in map(str, contents.notes)


def test_of_words_that_differ_between_epochs_the_careful_one_is_used(tmp_path: Path) -> None:
    cells = {(3, e, 5, 2): {"area": "CA1", "quality": word, "csi": float(e)} for e, word in ((1, "good"), (2, "mua"))}
    contents = read(day(tmp_path, cellinfo=CELLINFO | cells))
    units = contents.units.set_index("name")
    assert units.loc["t05c02", "quality"] == "mua"
    assert "csi" not in units
    assert "t05c02: quality differs between epochs (good, mua); used: mua" in map(str, contents.notes)
