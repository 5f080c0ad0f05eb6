"""Folders of tables: types, encodings and names of columns, as files have them."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from table_folders import SPIKES, complaint, folder

from spikebridge.io.readers import tables
from spikebridge.io.readers.tables import Options


def test_names_of_units_are_numbered_in_the_order_of_the_units_table(tmp_path: Path) -> None:
    contents = tables.read(
        folder(
            tmp_path / "a",
            units__csv="unit,name,region\nTT2_c1,x,HC\nTT1_c3,y,PFC\n007,z,HC\n",
            spikes__csv="unit,time_s\n007,0.5\nTT1_c3,0.75\nTT2_c1,1.5\nTT1_c3,0.5\n",
        ),
        Options(),
    )
    assert contents.units.to_dict("list") == {
        "unit": [0, 1, 2],
        "name": ["TT2_c1", "TT1_c3", "007"],
        "name_in_file": ["x", "y", "z"],
        "region": ["HC", "PFC", "HC"],
    }
    spikes = list(zip(contents.spikes["unit"], contents.spikes["time_s"], strict=True))
    assert spikes == [(0, 1.5), (1, 0.75), (1, 0.5), (2, 0.5)], "grouped by unit, else as in the file"


def test_whole_numbers_written_with_a_point_are_ids(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", spikes__csv="unit,time_s\n1.0,0.5\n2.0,1.5\n", units__csv="unit,region\n1,a\n2,b\n")
    assert tables.read(path, Options()).spikes["unit"].tolist() == [1, 2]
    pd.DataFrame({"unit": [1.0, 2.0], "region": pd.Categorical(["HC", "NA"])}).to_parquet(path / "units.parquet")
    (path / "units.csv").unlink()
    contents = tables.read(path, Options())
    assert contents.units["unit"].tolist() == [1, 2]
    assert contents.units["region"].tolist() == ["HC", "NA"]


def test_ids_of_tetrode_and_cell_stay_apart(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", spikes__csv="unit,time_s\n3.1,1\n3.10,2\n", units__csv="unit,region\n3.1,a\n3.10,b\n")
    assert tables.read(path, Options()).units["name"].tolist() == ["3.1", "3.10"]


def test_what_is_odd_comes_through(tmp_path: Path) -> None:
    contents = tables.read(
        folder(tmp_path / "a", spikes__csv="unit,time_s\n1,2\n1,NaN\n1,-1\n1,2\n2,\n1,inf\n"), Options()
    )
    assert np.array_equal(contents.spikes["time_s"], [2, np.nan, -1, 2, np.inf, np.nan], equal_nan=True)


def test_types_of_columns(tmp_path: Path) -> None:
    text = 'start_time,stop_time,n,x,won,maybe,code,place,empty\n0,1,1,0.5,true,TRUE,007,NA,\n1,2,2,,False,,8,"a,b",\n'
    table = tables.read(folder(tmp_path / "a", trials__csv=text), Options()).tables["trials"]
    assert table["n"].tolist() == [1, 2]
    assert table["n"].dtype == np.int64
    assert table["won"].tolist() == [True, False]
    assert table["won"].dtype == bool
    assert table["maybe"].tolist() == [True, None]
    assert table["code"].tolist() == ["007", "8"]
    assert table["place"].tolist() == ["NA", "a,b"]
    assert table["x"].isna().tolist() == [False, True]
    assert table["empty"].isna().all()


@pytest.mark.parametrize(
    "encode",
    [
        lambda t: codecs.BOM_UTF8 + t.encode(),
        lambda t: t.encode("utf-16"),
        lambda t: codecs.BOM_UTF16_BE + t.encode("utf-16-be"),
        lambda t: t.replace("\n", "\r\n").encode(),
        lambda t: t.replace("\n", "\r").encode(),
        lambda t: ("\n\n" + t.replace("\n", "\n\n")).encode(),
        lambda t: t.replace(",", " , ").encode(),
        lambda t: ("," + t.replace("\n", "\n0,")).removesuffix("0,").encode(),
    ],
    ids=["mark", "utf-16", "utf-16-be", "windows", "old mac", "empty lines", "blanks", "index of pandas"],
)
def test_the_same_table_in_other_clothes(tmp_path: Path, encode: Callable[[str], bytes]) -> None:
    path = folder(tmp_path / "a", units__csv=encode("unit,region\n1,größe\n2,日本\n"), spikes__csv=encode(SPIKES))
    contents = tables.read(path, Options())
    assert contents.units.to_dict("list") == {"unit": [1, 2], "region": ["größe", "日本"]}
    assert contents.spikes["time_s"].tolist() == [0.5, 1.5, 0.25]


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "a",
        spikes__csv="unit;time_s\n1;0,5\n1;1,250\n2;3\n",
        units__csv="unit;region;channels\n1;HC;3,4\n2;PFC;5,6\n",
        trials__csv="start_time;stop_time;dose;note\n0;1,5;0,25;a,b\n2;3;7;c\n",
        behavior__tsv="time_s\tx\n0,5\t1e3\n",
    )
    contents = tables.read(path, Options())
    assert contents.spikes["time_s"].tolist() == [0.5, 1.25, 3.0]
    trials = contents.tables["trials"]
    assert trials[["start_time", "stop_time", "dose"]].to_numpy().tolist() == [[0, 1.5, 0.25], [2, 3, 7]]
    assert trials["note"].tolist() == ["a,b", "c"]
    assert contents.units["channels"].tolist() == ["3,4", "5,6"], "no column of times says what commas mean here"
    assert contents.behavior[["time_s", "value"]].to_numpy().tolist() == [[0.5, 1000.0]]
    commas = {note.partition(":")[0] for note in map(str, contents.notes) if "decimal commas" in note}
    assert commas == {"spikes.csv", "trials.csv", "behavior.tsv"}


def test_types_in_parquet(tmp_path: Path) -> None:
    path = folder(tmp_path / "a")
    for name in ("spikes", "trials"):
        (path / f"{name}.csv").unlink()
    pd.DataFrame({"unit": [1, 2], "time_s": pd.to_datetime(["2026-01-01", "2026-01-02"])}).to_parquet(
        path / "spikes.parquet"
    )
    trials = pd.DataFrame({"start_time": ["0", "x"], "stop_time": [1, 2], "list": [[1], [2]]}, index=[5, 6])
    trials.to_parquet(path / "trials.parquet")
    text = complaint(path)
    assert "spikes.parquet: column time_s: expected numbers, found datetime64" in text
    assert "trials.parquet: column start_time: expected numbers, found 'x' in row 3" in text
    trials.assign(start_time=[0.0, 1.0]).to_parquet(path / "trials.parquet")
    pd.DataFrame({"unit": ["1", "2"], "time_s": np.array([0.5, 1.5], dtype=np.float32)}).set_index("unit").to_parquet(
        path / "spikes.parquet"
    )
    contents = tables.read(path, Options())
    assert contents.spikes["unit"].tolist() == [1, 2]
    assert contents.spikes["time_s"].dtype == np.float64
    assert list(contents.tables["trials"].columns) == ["start_time", "stop_time"]
    assert any("left out: list, __index_level_0__" in n for n in map(str, contents.notes))


def test_single_precision_is_told(tmp_path: Path) -> None:
    """At 20,000 s float32 has steps of 2 ms; at 60 s, of 4 us, it is good enough."""

    def note(of: str, times: list[float], **options: Any) -> tuple[str, ...]:
        path = folder(tmp_path / of)
        spikes = pd.DataFrame({"unit": [1, 1, 2], "time_s": np.array(times, dtype=np.float32)})
        spikes.to_parquet(path / "spikes.parquet")
        (path / "spikes.csv").unlink()
        contents = tables.read(path, Options(**options))
        assert contents.spikes["time_s"].dtype == np.float64
        return tuple(map(str, contents.notes))

    message = "spikes.parquet: column time_s: float32 holds these times only to 2 ms; save them as float64 (double)"
    assert note("late", [1.0, 20_000.0, 3.0]) == (message,)
    assert note("early", [1.0, 60.0, 3.0]) == ()
    assert message in note("ticks", [1e3, 2e7, 3e3], time_unit="ms")
    trials = pd.DataFrame(
        {"start_time": [0.0, 1.0], "stop_time": np.array([1.0, 9e4], dtype=np.float32), "choice": "a"}
    )
    path = folder(tmp_path / "trials")
    trials.to_parquet(path / "trials.parquet")
    (path / "trials.csv").unlink()
    assert tuple(map(str, tables.read(path, Options()).notes)) == (
        "trials.parquet: column stop_time: float32 holds these times only to 7.8 ms; save them as float64 (double)",
    )


def test_unknown_files_and_columns_are_noted(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "a", spikes__csv="unit,time_s,amplitude\n1,1,3\n", notes__txt="x", weather__csv="day,sun\n1,2\n"
    )
    (path / "raw").mkdir()
    contents = tables.read(path, Options())
    assert tuple(map(str, contents.notes)) == (
        "weather.csv is not read: it has no columns start_time and stop_time, but day, sun",
        "spikes.csv: columns that are not read: amplitude",
        "not read: notes.txt, raw",
    )


def test_truth_values_of_behaviour_are_one_and_zero(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", behavior__csv="time_s,lick\n0,true\n1,false\n")
    assert tables.read(path, Options()).behavior["value"].tolist() == [1.0, 0.0]


def test_an_unknown_time_column(tmp_path: Path) -> None:
    assert "no table has a column 'choise', did you mean choice?" in complaint(
        folder(tmp_path / "a"), time_columns=["choise"]
    )


def test_headers_alone_are_an_empty_recording(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", spikes__csv="unit,time_s\n", trials__csv="start_time,stop_time")
    contents = tables.read(path, Options())
    assert len(contents.spikes) == 0
    assert contents.spikes.dtypes.tolist() == [np.int64, np.float64]
    assert len(contents.tables["trials"]) == 0
