"""The NWB reader on interval tables and behaviour that pynwb has written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.io import choose
from spikebridge.io.contents import Contents
from spikebridge.io.formats.nwb import tables
from spikebridge.io.readers import nwb
from spikebridge.types.intervals import intersect_intervals, subtract_intervals

SPIKES = {0: [0.5, 9.0], 1: [1.5]}
Writer = Callable[..., Path]


@pytest.fixture
def contents(tmp_path: Path, write_nwb: Writer) -> Callable[..., Contents]:
    """Contents of a file to which a function has added something."""

    def make(
        extra: Callable[[Any], None] | None = None, change: Callable[[Any], None] | None = None, **more: Any
    ) -> Contents:
        import h5py

        path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, extra=extra, **more)
        if change:
            with h5py.File(path, "r+") as handle:
                change(handle)
        return nwb.read(path, nwb.Options())

    return make


Read = Callable[..., Contents]


def intervals(name: str, *rows: tuple[float, float], **columns: Any) -> Any:
    from pynwb.epoch import TimeIntervals

    table = TimeIntervals(name=name, description="")
    for start, stop in rows:
        table.add_row(start_time=start, stop_time=stop)
    for column, values in columns.items():
        table.add_column(name=column, description="", data=values)
    return table


def test_tables_of_every_part_of_the_file(contents: Read) -> None:
    def add(file: Any) -> None:
        file.add_epoch(0.0, 5.0, tags=["sleep"])
        file.add_time_intervals(intervals("maze", (0.0, 6.0), (5.0, 8.0)))
        file.create_processing_module("behavior", "").add(intervals("laps", (1.0, 2.0)))
        file.create_processing_module("licking", "").add(intervals("laps", (3.0, 4.0)))
        file.add_acquisition(intervals("laser", (1.0, 1.1)))
        file.add_analysis(intervals("found", (2.0, 3.0)))
        file.add_scratch(intervals("tried", (2.0, 3.0)))

    interval_tables = contents(add).tables
    assert set(interval_tables) == {"trials", "epochs", "maze", "laps", "licking/laps", "laser", "found", "tried"}
    assert interval_tables["laps"]["start_time"].tolist() == [1.0]
    assert interval_tables["licking/laps"]["start_time"].tolist() == [3.0]
    assert interval_tables["maze"]["stop_time"].tolist() == [6.0, 8.0]  # overlapping rows stay apart


def test_columns_of_every_type(contents: Read) -> None:
    def add(file: Any) -> None:
        from pynwb import TimeSeries

        series = TimeSeries(name="signal", data=np.zeros(50), unit="V", rate=1.0)
        file.add_acquisition(series)
        for row in range(3):
            file.add_trial(start_time=float(row), stop_time=row + 0.5, tags=["a", "b"], timeseries=[series])
        columns = {"side": ["left", "", "right"], "correct": [True, False, True], "number": [3, 1, 2]}
        columns |= {"delay": [0.5, np.nan, 1.5], "big": np.array([2**63, 1, 2], dtype=np.uint64)}
        for name, values in columns.items():
            file.add_trial_column(name, "", data=values)
        file.add_trial_column("phase", "", enum=["early", "late"], data=[1, 0, 1])
        file.add_trial_column("site", "", data=[1, 0, 1], table=file.electrodes)
        file.add_trial_column("licks", "", index=True, data=[[1.0], [], [2.0, 3.0]])
        file.add_trial_column("at", "", data=np.zeros((3, 2)))

    electrodes = {"location": ["HC", "PFC"], "of_unit": [[0], [1]]}
    recording = contents(add, trials=None, electrodes=electrodes)
    trials = recording.tables["trials"]
    assert list(trials["id"]) == [0, 1, 2]
    assert trials["side"].tolist() == ["left", "", "right"]
    assert trials["correct"].dtype == bool and trials["correct"].tolist() == [True, False, True]
    assert trials["number"].dtype.kind == "i" and trials["big"].tolist() == [2**63, 1, 2]
    assert trials["delay"].isna().tolist() == [False, True, False]
    assert trials["phase"].tolist() == ["late", "early", "late"]
    assert trials["site"].tolist() == [1, 0, 1]
    assert trials["tags"].tolist() == ["a, b"] * 3
    told = "trials: columns that do not hold one number or text a row are left out: timeseries, licks, at"
    assert tuple(map(str, recording.notes)) == (told,)


def test_bytes_and_enumerations_of_hdf5(contents: Read) -> None:
    """Text as bytes, of fixed and of any length, and the two-valued enumeration that stands for bool."""
    import h5py

    def change(handle: Any) -> None:
        rows = {"side": np.array([b"left", b"r\xc3\xa9", b""]), "choice": np.array(["a", "b", "c"], dtype=object)}
        rows["ok"] = np.array([True, False, True])
        table = handle["intervals/trials"]
        for name, values in rows.items():
            attributes = dict(table["choice"].attrs) | {"object_id": name}
            if name in table:
                del table[name]
            dtype = h5py.string_dtype("ascii") if name == "choice" else None
            table.create_dataset(name, data=values, dtype=dtype).attrs.update(attributes)
        table.attrs["colnames"] = ["start_time", "stop_time", *rows]

    trials = contents(change=change).tables["trials"]
    assert trials["side"].tolist() == ["left", "ré", ""]
    assert trials["choice"].tolist() == ["a", "b", "c"]
    assert trials["ok"].tolist() == [True, False, True]


def test_invalid_times_are_not_observed(contents: Read, settings: Callable[..., Config]) -> None:
    def add(file: Any) -> None:
        file.add_invalid_time_interval(start_time=1.0, stop_time=2.5, tags=["noise"])
        file.add_invalid_time_interval(start_time=3.0, stop_time=4.0, tags=["noise"])

    recording = contents(add)
    assert len(recording.tables["invalid_times"]) == 2
    config = settings(data={"region_from": "unit"})
    chosen = choose(recording, config.data, config.trials)
    whole = choose(
        replace(recording, tables=dict(recording.tables) | {"invalid_times": pd.DataFrame()}),
        config.data,
        config.trials,
    )
    lost = subtract_intervals(whole.recording.observed, chosen.recording.observed)
    np.testing.assert_allclose(lost, intersect_intervals([[[1.0, 2.5], [3.0, 4.0]], whole.recording.observed]))
    assert any("that the file calls invalid" in str(f) for f in chosen.findings)


def test_tables_of_events(contents: Read) -> None:
    """Tables with a timestamp a row (NWB 2.9 and later) are a series and, with their duration, a table."""
    event = pytest.importorskip("pynwb.event", reason="pynwb knows tables of events from version 4 on")

    def add(file: Any) -> None:
        table = event.EventsTable(name="licks", description="")
        table.add_column(name="side", description="")
        for time, lasting in ((1.0, 0.25), (2.0, np.nan)):
            table.add_event(timestamp=time, duration=lasting, side="left")
        file.add_events_table(table)

    recording = contents(add)
    assert recording.tables["licks"]["stop_time"].tolist() == [1.25, 2.0]
    assert recording.tables["licks"]["side"].tolist() == ["left", "left"]
    assert recording.behavior.to_dict("list") == {"series": ["licks"] * 2, "time_s": [1.0, 2.0], "value": [1.0, 1.0]}


def test_every_kind_of_behaviour(contents: Read) -> None:
    def add(file: Any) -> None:
        from pynwb import TimeSeries
        from pynwb import behavior as kinds
        from pynwb.misc import IntervalSeries

        def at(name: str, data: Any, **more: Any) -> Any:
            return kinds.SpatialSeries(name=name, data=data, reference_frame="", **(more or {"rate": 10.0}))

        module = file.create_processing_module("behavior", "")
        module.add(kinds.Position(spatial_series=at("position", np.arange(6.0).reshape(3, 2))))
        module.add(kinds.CompassDirection(spatial_series=at("heading", [0.0, 1.0], timestamps=[0.5, 0.75])))
        module.add(kinds.EyeTracking(spatial_series=at("eye", np.zeros((2, 3)))))
        module.add(kinds.PupilTracking(time_series=TimeSeries(name="pupil", data=[3, 4], unit="px", rate=2.0)))
        speed = TimeSeries(
            name="speed", data=np.array([1, 2], dtype="i2"), unit="m/s", rate=2.0, conversion=0.5, offset=1.0
        )
        module.add(kinds.BehavioralTimeSeries(time_series=speed))
        module.add(kinds.BehavioralEvents(time_series=TimeSeries(name="reward", data=[1.0], unit="", timestamps=[4.0])))
        runs = IntervalSeries(name="runs", data=[1, -1, 2, 1, -2, -1], timestamps=[1.0, 2.0, 3.0, 3.5, 4.0, 5.0])
        module.add(kinds.BehavioralEpochs(interval_series=runs))
        file.add_acquisition(TimeSeries(name="ttl", data=[True, False], unit="", timestamps=[0.0, 9.0]))
        file.add_stimulus(TimeSeries(name="tone", data=[5.0], unit="Hz", timestamps=[1.0]))

    recording = contents(add)
    series = dict(list(recording.behavior.groupby("series")))
    spatial = {"position_x", "position_y", "heading", "eye_x", "eye_y", "eye_z"}
    assert set(series) == spatial | {"pupil", "speed", "reward", "runs", "ttl", "tone"}
    assert series["position_y"]["value"].tolist() == [1.0, 3.0, 5.0]
    assert np.allclose(series["position_y"]["time_s"], [0.0, 0.1, 0.2])
    assert series["heading"]["time_s"].tolist() == [0.5, 0.75]
    assert series["speed"]["value"].tolist() == [1.5, 2.0]
    assert series["ttl"]["value"].tolist() == [1.0, 0.0]
    assert series["runs"]["value"].tolist() == [1, -1, 2, 1, -2, -1]
    assert recording.tables["runs"].to_dict("list") == {
        "start_time": [1.0, 3.0, 3.5], "stop_time": [2.0, 4.0, 5.0], "kind": [1, 2, 1],
    }  # fmt: skip
    assert recording.notes == ()


def test_series_of_one_name_are_kept_apart(contents: Read) -> None:
    def add(file: Any) -> None:
        from pynwb import TimeSeries
        from pynwb.behavior import BehavioralTimeSeries, SpatialSeries

        def series_of(name: str, value: float) -> Any:
            return TimeSeries(name=name, data=[value], unit="", rate=1.0)

        module = file.create_processing_module("behavior", "")
        module.add(BehavioralTimeSeries(name="left", time_series=series_of("paw", 1.0)))
        module.add(BehavioralTimeSeries(name="right", time_series=series_of("paw", 2.0)))
        module.add(series_of("tail_x", 3.0))
        module.add(SpatialSeries(name="tail", data=[[4.0, 5.0]], reference_frame="", rate=1.0))

    table = contents(add).behavior
    assert dict(zip(table["series"], table["value"], strict=True)) == {
        "paw": 1.0, "right/paw": 2.0, "tail_x": 4.0, "tail_y": 5.0, "behavior/tail_x": 3.0,
    }  # fmt: skip


def test_shared_clocks(contents: Read) -> None:
    """Timestamps, and data, may be those of another series."""

    def add(file: Any) -> None:
        from pynwb import TimeSeries

        first = TimeSeries(name="first", data=[1.0, 2.0], unit="", timestamps=[5.0, 6.5])
        file.add_acquisition(first)
        file.add_acquisition(TimeSeries(name="second", data=[3.0, 4.0], unit="", timestamps=first))
        file.add_acquisition(TimeSeries(name="third", data=first, unit="", timestamps=first))

    table = contents(add).behavior
    assert table["time_s"].tolist() == [5.0, 6.5] * 3
    assert table["value"].tolist() == [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]


def test_what_is_no_series_of_numbers_is_told(contents: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_SAMPLES", 100)

    def add(file: Any) -> None:
        from pynwb import TimeSeries
        from pynwb.misc import AnnotationSeries

        file.add_acquisition(AnnotationSeries(name="remarks", data=["rat fell asleep"], timestamps=[3.0]))
        file.add_acquisition(TimeSeries(name="states", data=["run", "rest"], unit="", rate=1.0))
        file.add_acquisition(TimeSeries(name="audio", data=np.zeros(101), unit="V", rate=1.0))
        file.add_acquisition(TimeSeries(name="torn", data=np.zeros(3), unit="V", timestamps=[1.0, 2.0, 3.0]))
        file.add_acquisition(TimeSeries(name="stack", data=np.zeros((2, 2, 2)), unit="V", rate=1.0))
        file.add_acquisition(TimeSeries(name="none", data=np.zeros(0), unit="V", rate=1.0))

    def change(handle: Any) -> None:
        torn = handle["acquisition/torn"]
        attributes = dict(torn["timestamps"].attrs)
        del torn["timestamps"]
        torn["timestamps"] = [1.0, 2.0]
        torn["timestamps"].attrs.update(attributes)

    recording = contents(add, change)
    assert recording.behavior.empty
    assert list(recording.behavior) == ["series", "time_s", "value"]
    assert sorted(map(str, recording.notes)) == [
        "behavior audio: shape (101,) is too large and left out",
        "behavior remarks: text, not numbers; left out",
        "behavior stack: shape (2, 2, 2) is too large and left out",
        "behavior states: text, not numbers; left out",
        "behavior torn: 3 values but timestamps of shape (2,); left out",
    ]


def test_interval_series_that_does_not_alternate(contents: Read) -> None:
    def add(file: Any) -> None:
        from pynwb.misc import IntervalSeries

        file.add_acquisition(IntervalSeries(name="runs", data=[1, 1, -1], timestamps=[1.0, 2.0, 3.0]))

    recording = contents(add)
    assert "runs" not in recording.tables
    assert len(recording.behavior) == 3
    assert "intervals runs: starts and stops do not alternate" in str(recording.notes[0])


def test_terms_that_do_not_exist(contents: Read) -> None:
    def add(file: Any) -> None:
        file.add_trial_column("phase", "", enum=["early", "late"], data=[1, 0, 1])

    def change(handle: Any) -> None:
        handle["intervals/trials/phase"][:] = [0, 1, 9]

    with pytest.raises(DataError, match="trials/phase: expected numbers of one of 2 terms, found 9"):
        contents(add, change)


def test_no_trials_at_all(contents: Read) -> None:
    recording = contents(trials=None)
    assert dict(recording.tables) == {}
    assert isinstance(recording.behavior, pd.DataFrame)
