"""Tables beside a recording: what is read, what is refused, and the way back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io.formats import Sidecars, join_units, read_sidecars, write_sidecars
from spikebridge.types import Recording


def put(folder: Path, **files: str) -> Path:
    """Files by name, with "__" for the dot. Returns the folder."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def complaint(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_sidecars(path)
    return str(caught.value)


def rich(recording: Recording) -> Recording:
    """The small recording with more kinds of columns, among them times that only every digit tells apart."""
    trials = recording.trials.assign(
        start_time=np.array([1, 4, 7]) / 3, rewarded=[True, False, True], n=[1, 2, 3], dose=[0.1, np.nan, 1e-300]
    )
    times = np.arange(1, 7) / 30000
    series = pd.DataFrame({"series": ["x"] * 3 + ["größe, cm"] * 3, "time_s": times, "value": times**0.5})
    units = recording.units.assign(depth=[0.1 + 0.2, 1e22], name=['a "b", c', "NA"])
    return replace(
        recording, trials=trials, behavior=series, units=units, observed=np.array([[0.0, 1 / 3], [2.0, 10.0]])
    )


def same(sidecars: Sidecars, recording: Recording) -> None:
    assert sidecars.units is not None
    pd.testing.assert_frame_equal(sidecars.units, recording.units)
    pd.testing.assert_frame_equal(sidecars.tables["trials"], recording.trials)
    pd.testing.assert_frame_equal(sidecars.behavior, recording.behavior)
    assert sidecars.observed is not None
    assert np.array_equal(sidecars.observed, recording.observed)
    assert (sidecars.animal, sidecars.notes) == (recording.animal, ())


def test_a_folder_comes_back_exactly(recording: Recording, tmp_path: Path) -> None:
    write_sidecars(rich(recording), tmp_path)
    same(read_sidecars(tmp_path), rich(recording))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["behavior.csv", "recording.json", "trials.csv", "units.csv"]


def test_a_file_comes_back_exactly_and_leaves_its_neighbours_alone(recording: Recording, tmp_path: Path) -> None:
    for name in ("day1.mat", "day1.b.mat", "day10.mat"):
        (tmp_path / name).touch()
    write_sidecars(replace(recording, animal="another"), tmp_path / "day10.mat")
    write_sidecars(replace(recording, animal="another"), tmp_path / "day1.b.mat")
    write_sidecars(rich(recording), tmp_path / "day1.mat")
    same(read_sidecars(tmp_path / "day1.mat"), rich(recording))


def test_units_may_be_left_out(recording: Recording, tmp_path: Path) -> None:
    write_sidecars(recording, tmp_path, units=False)
    assert read_sidecars(tmp_path).units is None


def test_nothing_beside_is_nothing_said(tmp_path: Path) -> None:
    sidecars = read_sidecars(tmp_path)
    assert (sidecars.units, sidecars.tables, sidecars.animal, sidecars.observed, sidecars.notes) == (
        None,
        {},
        "unknown",
        None,
        (),
    )
    assert list(sidecars.behavior.columns) == ["series", "time_s", "value"]
    assert len(sidecars.behavior) == 0


def test_parquet_tsv_and_other_interval_tables(tmp_path: Path) -> None:
    put(tmp_path, units__tsv="unit\tregion\n3\tHC\n", epochs__csv="start_time,stop_time,kind\n0,5,sleep\n")
    frame = pd.DataFrame({"start_time": [1, 2], "stop_time": [2, 3], "choice": pd.Categorical(["a", "b"])})
    frame.to_parquet(tmp_path / "trials.parquet")
    sidecars = read_sidecars(tmp_path, skip=["cluster_info.tsv"])
    assert sidecars.units is not None
    assert sidecars.units.to_dict("list") == {"unit": [3], "region": ["HC"]}
    assert sorted(sidecars.tables) == ["epochs", "trials"]
    assert sidecars.tables["trials"]["choice"].tolist() == ["a", "b"]
    assert sidecars.tables["trials"]["start_time"].dtype == np.float64


def test_files_of_the_format_are_skipped_and_unknown_tables_noted(tmp_path: Path) -> None:
    put(tmp_path, cluster_group__tsv="cluster_id\tgroup\n0\tgood\n", notes__csv="who,what\nme,that\n", readme__md="x")
    sidecars = read_sidecars(tmp_path, skip={"cluster_group.tsv"})
    assert tuple(map(str, sidecars.notes)) == (
        "notes.csv is not read: it has no columns start_time and stop_time, but who, what",
    )


def test_wide_behaviour(tmp_path: Path) -> None:
    put(tmp_path, behavior__csv="time_s,x,y\n0.0,1,\n0.5,2,4\n")
    table = read_sidecars(tmp_path).behavior
    assert table["series"].tolist() == ["x", "x", "y", "y"]
    assert table["time_s"].tolist() == [0.0, 0.5, 0.0, 0.5]
    assert np.array_equal(table["value"], [1, 2, np.nan, 4], equal_nan=True)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    put(
        tmp_path,
        units__csv="unt,region\n1,HC\n",
        trials__csv="start_time,stop,choice\n1,2,a\nsoon,3,b\n",
        behavior__csv="series,time_s,value\nx,1,fast\n",
        behaviour__csv="time_s,x\n1,2\n",
        recording__json='{"animal": 7, "observed": [[5, 1]], "obseved": []}',
    )
    text = complaint(tmp_path)
    for part in (
        "units.csv: expected a column unit, found unt, region",
        "trials.csv: column start_time: expected numbers, found 'soon' in row 3",
        "trials.csv: expected a column stop_time",
        "behavior.csv: column value: expected numbers, found 'fast' in row 2",
        "behaviour.csv: is no table that is known, did you mean behavior.csv?",
        "recording.json: animal: expected text, found 7",
        "recording.json: observed: expected each start before its stop, found [[5.0, 1.0]]",
        "recording.json: key 'obseved' is not known, did you mean observed?",
    ):
        assert part in text
    assert text.count("\n") == 8


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "found list"),
        ('{"observed": [1, 2]}', "expected pairs of times"),
        ('{"observed": "all"}', "expected pairs of times"),
        ('{"observed": [[0, NaN]]}', "expected pairs of times"),
        ('{"bin_width_s": -1}', "bin_width_s: expected seconds"),
    ],
)
def test_a_bad_recording_json(tmp_path: Path, about: str, message: str) -> None:
    assert message in complaint(put(tmp_path, recording__json=about))


def test_other_keys_of_recording_json_are_noted(tmp_path: Path) -> None:
    put(tmp_path, recording__json=json.dumps({"animal": "R2", "experimenter": "Ada"}))
    sidecars = read_sidecars(tmp_path)
    assert sidecars.animal == "R2"
    text = "recording.json: key 'experimenter' is not known"
    assert sidecars.notes == (Finding.warning("unknown-key", "recording.json: experimenter", text),)


def test_one_table_in_two_files(tmp_path: Path) -> None:
    put(tmp_path, units__csv="unit\n1\n", units__tsv="unit\n1\n")
    assert "expected one table units, found units.csv and units.tsv" in complaint(tmp_path)


def test_ids_are_needed_in_every_row(tmp_path: Path) -> None:
    put(tmp_path, units__csv="unit,region\n1,HC\n,PFC\n", behavior__csv="series,time_s,value\n,0,1\n")
    text = complaint(tmp_path)
    assert "units.csv: column unit: expected an id in every row, found none in rows 3" in text
    assert "behavior.csv: column series: expected a name in every row, found none in rows 2" in text


OWN = pd.DataFrame({"unit": [4, 2, 9], "name": ["TT1_c1", "TT1_c2", "TT2_c1"], "quality": ["good", "mua", "good"]})


def test_join_by_id_keeps_the_order_of_the_format_and_the_types_of_the_table() -> None:
    beside = pd.DataFrame({"unit": [9, 4, 2], "region": ["PFC", "HC", "HC"], "depth": [3, 1, 2], "quality": ["x"] * 3})
    joined = join_units(OWN, beside, Path("day1"))
    assert joined["unit"].tolist() == [4, 2, 9]
    assert joined["region"].tolist() == ["HC", "HC", "PFC"]
    assert joined["depth"].dtype == np.int64
    assert joined["quality"].tolist() == ["x"] * 3, "the table beside is the lab's own word"


def test_join_by_name_and_of_a_part() -> None:
    joined = join_units(OWN, pd.DataFrame({"unit": ["TT2_c1"], "region": ["PFC"], "depth": [1]}), Path("day1"))
    assert joined["region"].isna().tolist() == [True, True, False]
    assert joined["depth"].tolist()[2] == 1
    assert join_units(OWN, None, Path("day1")) is OWN
    assert len(join_units(OWN, pd.DataFrame({"unit": [], "region": []}), Path("day1"))) == 3


@pytest.mark.parametrize("ids", [[4, 4, 5], ["4", "4", "five"]])
def test_join_refuses_strange_and_double_ids(ids: list[object]) -> None:
    beside = pd.DataFrame({"unit": ids, "region": ["HC"] * 3})
    with pytest.raises(DataError) as caught:
        join_units(OWN.drop(columns="name"), beside, Path("day1"))
    assert "ids must be unique, found more than once: 4" in str(caught.value)
    assert f"no such units as {'5' if ids[0] == 4 else '4, five'}; units here: 4, 2, 9" in str(caught.value)


def test_join_fills_cells_that_the_table_beside_leaves_empty() -> None:
    own = OWN.assign(region=["HC", "HC", "PFC"])
    beside = pd.DataFrame({"unit": [4, 2, 9], "region": [None, "CA1", None], "quality": [None, None, "noise"]})
    notes: list[Finding] = []
    joined = join_units(own, beside, Path("day1"), notes)
    assert joined["region"].tolist() == ["HC", "CA1", "PFC"]
    assert joined["quality"].tolist() == ["good", "mua", "noise"]
    text = (
        "column quality: judgements contradict each other, and the more careful word is used: unit TT2_c1 "
        "(table beside: noise, file: good; used: noise);"
    )
    remedy = "for another, change one of the two"
    assert notes == [Finding.warning("labels-contradict-table-beside", "column quality", text, remedy)]


def test_a_mua_of_the_file_stays_mua_where_the_table_beside_says_good() -> None:
    beside = pd.DataFrame({"unit": [4, 2], "quality": ["good", "good"]})
    assert join_units(OWN, beside, Path("day1"))["quality"].tolist() == ["good", "mua", "good"]
