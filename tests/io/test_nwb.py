"""The NWB reader on files written to order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nwb_contents import REGIONS, SPIKES, Settings, Writer, add_behavior, read

from spikebridge.errors import DataError
from spikebridge.io.readers import nwb


def test_reads_units_spikes_trials_and_animal(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    path = write_nwb(tmp_path / "day.1.nwb", spikes=SPIKES, columns=REGIONS)
    recording = read(path, settings())
    assert (recording.name, recording.animal, recording.source_file) == ("day.1", "rat", "day.1.nwb")
    assert recording.units.to_dict("list") == {"unit": [7, 3], "region": ["HC", "PFC"]}
    assert recording.spikes["unit"].tolist() == [7, 7, 7, 3, 3]
    assert recording.spikes["time_s"].tolist() == [0.5, 1.5, 9.0, 2.0, 4.5]
    assert recording.trials["choice"].tolist() == ["stay", "skip", "stay"]
    assert recording.trials["stop_time"].dtype == float
    assert recording.warnings == ()


def test_bytes_and_missing_text(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    import h5py

    trials = {"start_time": [1.0, 4.0], "stop_time": [2.0, 5.0], "choice": ["stay", "skip"]}
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, trials=trials)
    with h5py.File(path, "r+") as handle:
        for name, values in (("units/region", [b"HC", b"PFC"]), ("intervals/trials/choice", [b"stay", b"skip"])):
            keep = dict(handle[name].attrs)
            del handle[name]
            handle[name] = values
            handle[name].attrs.update(keep)
    recording = read(path, settings())
    assert recording.units["region"].tolist() == ["HC", "PFC"]
    assert recording.trials["choice"].tolist() == ["stay", "skip"]


def test_no_subject(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, subject=None)
    assert read(path, settings()).animal == "unknown"


@pytest.mark.parametrize(
    ("columns", "electrodes", "region_from", "expected"),
    [
        ({"brain_area": ["HC", "PFC"]}, None, "auto", ["HC", "PFC"]),
        ({"where": ["HC", "PFC"]}, None, "where", ["HC", "PFC"]),
        ({"brain_area": ["a", "b"]}, {"location": ["PFC", "HC"], "of_unit": [[1], [0]]}, "auto", ["HC", "PFC"]),
        ({"brain_area": ["HC", "PFC"]}, {"location": ["x", "y"], "of_unit": [[1], [0]]}, "auto", ["HC", "PFC"]),
        ({"brain_area": ["HC", "PFC"]}, {"location": ["x", "y"], "of_unit": [[1], [0]]}, "electrodes", ["y", "x"]),
        ({}, {"location": ["PFC", "HC"], "of_unit": [[1], [0]]}, "electrodes.location", ["HC", "PFC"]),
        # majority; then the first named one on a tie that is not between source and target
        ({}, {"location": ["HC", "PFC", "HC"], "of_unit": [[0, 1, 2], [1]]}, "auto", ["HC", "PFC"]),
        ({}, {"location": ["HC", "VIS", "PFC"], "of_unit": [[1, 0], [2]]}, "auto", ["VIS", "PFC"]),
        ({}, {"location": ["HC", "PFC"], "of_unit": [[], [1]]}, "auto", ["", "PFC"]),
    ],
)
def test_regions(
    tmp_path: Path, write_nwb: Writer, settings: Settings, columns: dict[str, Any], electrodes: Any, region_from: str,
    expected: list[str],
) -> None:  # fmt: skip
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=columns, electrodes=electrodes)
    assert read(path, settings(data={"region_from": region_from})).units["region"].tolist() == expected


def test_unit_between_source_and_target_is_in_neither(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    places = {"location": ["HC", "PFC"], "of_unit": [[0, 1], [1]]}
    recording = read(write_nwb(tmp_path / "a.nwb", spikes=SPIKES, electrodes=places), settings())
    assert recording.units["region"].tolist() == ["HC/PFC", "PFC"]
    assert "1 of 2 units on as many electrodes of a source as of a target region" in str(recording.warnings[0])


@pytest.mark.parametrize(
    ("region_from", "message"),
    [
        ("auto", "no region of a unit found"),
        ("wher", "'wher' is no column of the units, did you mean where?"),
        ("electrodes", "units have no electrodes"),
    ],
)
def test_region_errors(tmp_path: Path, write_nwb: Writer, settings: Settings, region_from: str, message: str) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns={"where": ["HC", "PFC"]})
    with pytest.raises(DataError, match=r"a\.nwb.*" + message.replace("?", r"\?")):
        read(path, settings(data={"region_from": region_from}))


def test_electrodes_column_that_does_not_exist(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, electrodes={"location": ["HC"], "of_unit": [[0], [0]]})
    with pytest.raises(DataError, match=r"'electrodes.area' is no column of the units.*electrodes.location"):
        read(path, settings(data={"region_from": "electrodes.area"}))


def add_tables(file: Any) -> None:
    from pynwb.epoch import TimeIntervals

    maze = TimeIntervals(name="maze", description="")
    maze.add_row(start_time=0.0, stop_time=6.0)
    maze.add_row(start_time=5.0, stop_time=8.0)
    file.add_time_intervals(maze)
    laps = TimeIntervals(name="laps", description="")
    laps.add_column("good", "")
    laps.add_row(start_time=1.0, stop_time=2.0, good=True)
    file.create_processing_module("behavior", "").add(laps)


@pytest.mark.parametrize(("table", "rows"), [("trials", 3), ("maze", 2), ("laps", 1)])
def test_any_interval_table(tmp_path: Path, write_nwb: Writer, settings: Settings, table: str, rows: int) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, extra=add_tables)
    recording = read(path, settings(trials={"table": table}))
    assert len(recording.trials) == rows
    if table == "maze":  # overlapping rows are kept apart
        assert recording.trials["stop_time"].tolist() == [6.0, 8.0]


def test_unknown_table(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, extra=add_tables)
    with pytest.raises(
        DataError, match=r"trials.table = 'lap' is no interval table, did you mean laps\? Tables: maze, trials, laps"
    ):
        read(path, settings(trials={"table": "lap"}))


def test_ragged_trial_columns_are_left_out_and_told(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    def licks(file: Any) -> None:
        file.add_trial_column("licks", "", index=True, data=[[1.0, 2.0], [3.0], []])

    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, extra=licks)
    recording = read(path, settings())
    assert "licks" not in recording.trials
    assert "licks" in str(recording.warnings[0])


@pytest.mark.parametrize(
    ("observed", "obs", "expected"),
    [
        ("auto", None, [[0.5, 9.0]]),
        ("auto", [[[0, 5], [6, 9]], [[1, 7]]], [[1, 5], [6, 7]]),
        ("auto", [[[0, 10]], [[0, 10]]], [[0, 10]]),
        ("trials", [[[0, 10]], [[0, 10]]], [[1, 2], [4, 5], [7, 8]]),
        ("maze", None, [[0, 8]]),
    ],
)
def test_observed(
    tmp_path: Path, write_nwb: Writer, settings: Settings, observed: str, obs: Any, expected: Any
) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, obs=obs, extra=add_tables)
    recording = read(path, settings(data={"observed": observed}))
    assert np.allclose(recording.observed, expected)
    assert recording.observed.dtype == float


def test_observation_of_unused_units_does_not_count(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    path = write_nwb(
        tmp_path / "a.nwb", spikes={**SPIKES, 9: [1.0]}, columns={"region": ["HC", "PFC", "VIS"]},
        obs=[[[0, 10]], [[0, 9]], [[2, 3]]],
    )  # fmt: skip
    assert read(path, settings()).observed.tolist() == [[0, 9]]


def test_no_common_observation(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, obs=[[[0, 4]], [[5, 9]]])
    with pytest.raises(DataError, match="never observed at the same time"):
        read(path, settings())


def test_behavior(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    recording = read(write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, extra=add_behavior), settings())
    table = recording.behavior
    assert set(table["series"]) == {"at_x", "at_y", "speed", "acquisition/speed", "pair_0", "pair_1"}
    assert table.loc[table["series"] == "at_y", "value"].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert np.allclose(table.loc[table["series"] == "at_x", "time_s"], [1.0, 1.1, 1.2, 1.3])
    assert table.loc[table["series"] == "speed", "time_s"].tolist() == [3.0, 4.0]
    assert "wide" in str(recording.warnings[0])


def test_no_units(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    with pytest.raises(DataError, match=r"a\.nwb: expected a units table with spike_times, found none"):
        read(write_nwb(tmp_path / "a.nwb"), settings())


def test_not_an_nwb_file(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "broken.nwb"
    path.write_bytes(b"not HDF5")
    with pytest.raises(DataError, match=r"broken\.nwb: no HDF5 file: it begins with the text"):
        read(path, settings())


def test_can_read(tmp_path: Path) -> None:
    (tmp_path / "a.NWB").touch()
    (tmp_path / "b.txt").touch()
    (tmp_path / "c.nwb").mkdir()
    assert [nwb.can_read(tmp_path / n) for n in ("a.NWB", "b.txt", "c.nwb")] == [True, False, False]
