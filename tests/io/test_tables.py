"""Folders of tables: the example of the documentation, what is read as what, and what is refused."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from spikebridge import config, io
from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.io.readers import tables
from spikebridge.io.readers.tables import Options
from spikebridge.preprocess import make_windows
from spikebridge.types import Recording

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
NAMED_BLOCK = re.compile(r"`([\w./]+)`\n\n```\w+\n(.*?)```", re.DOTALL)
SPIKES = "unit,time_s\n1,0.5\n1,1.5\n2,0.25\n"
UNITS = "unit,region\n1,HC\n2,PFC\n"
TRIALS = "start_time,stop_time,choice\n0,1,a\n1,2,b\n"


def folder(path: Path, **files: str | bytes) -> Path:
    """A folder of tables; spikes, units and trials are sound unless given. Names have "__" for the dot."""
    path.mkdir(parents=True, exist_ok=True)
    given = {name.partition("__")[0] for name in files}
    sound = {f"{n}__csv": t for n, t in (("spikes", SPIKES), ("units", UNITS), ("trials", TRIALS)) if n not in given}
    for name, text in {**sound, **files}.items():
        (path / name.replace("__", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        tables.read(path, Options(**options))
    return str(caught.value)


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = dict(NAMED_BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) == 6, "five files and params.yaml"
    for name, text in blocks.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    settings = config.load("params.yaml")
    assert io.ingest(settings, Path("ingested")) == ["R2_day1"]
    recording = io.load_ingested(Path("ingested/R2_day1"))
    assert recording.animal == "R2"
    assert recording.observed.tolist() == [[0.0, 9.0]]
    assert recording.units["name"].tolist() == ["TT1_c1", "TT1_c3", "TT5_c1", "TT5_c2"]
    assert sorted(recording.behavior["series"].unique()) == ["position_x", "speed"]
    windows, report = make_windows(recording, settings, ("skip", "stay"))
    assert report["trials"]["kept"] == 3
    assert windows.source.shape[1:] == windows.target.shape[1:] == (10, 2)
    assert windows.source[windows.labelled].sum() == 3 + 2 + 2, "spikes of HC in the second before a decision"


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv"])
def test_round_trip(recording: Recording, tmp_path: Path, suffix: str) -> None:
    times = np.sort(np.random.default_rng(1).choice(10**9, 4000, replace=False)) / 30000
    spikes = pd.DataFrame({"unit": np.repeat([3, 5], 2000), "time_s": times})
    units = pd.DataFrame({"unit": [3, 5], "region": ["größe", "日本"], "depth": [0.1 + 0.2, 1e-300]})
    written = replace(recording, spikes=spikes, units=units, observed=np.array([[0.0, 1e5 / 3]]))
    path = tables.write(written, tmp_path, suffix)
    assert tables.can_read(path)
    found = tables.read(path, Options())
    pd.testing.assert_frame_equal(found.spikes, spikes)
    pd.testing.assert_frame_equal(found.units, units)
    pd.testing.assert_frame_equal(found.behavior, written.behavior)
    pd.testing.assert_frame_equal(found.tables["trials"], written.trials)
    assert found.observed is not None
    assert np.array_equal(found.observed, written.observed)
    assert (found.name, found.animal, found.notes) == ("small", "rat", ())


def test_ingested_folders_are_read(
    tmp_path: Path, write_nwb: Callable[..., Path], settings: Callable[..., Config]
) -> None:
    write_nwb(
        tmp_path / "raw" / "a.nwb", spikes={7: [0.5, 1 / 3 + 1], 9: [2.0, 9.0]}, columns={"region": ["HC", "PFC"]}
    )
    io.ingest(settings(), tmp_path / "one")
    again = settings(data={"path": str(tmp_path / "one")})
    io.ingest(again, tmp_path / "two")
    first, second = (io.load_ingested(tmp_path / where / "a") for where in ("one", "two"))
    for name in ("spikes", "units", "trials", "behavior"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
    assert np.array_equal(first.observed, second.observed)


@pytest.mark.parametrize(
    ("unit", "rate", "ticks"), [("ms", None, 1000), ("us", None, 10**6), ("samples", 30000.0, 30000)]
)
def test_other_units_of_time(tmp_path: Path, unit: str, rate: float | None, ticks: int) -> None:
    path = folder(
        tmp_path / "a",
        spikes__csv=f"unit,time_{unit}\n1,10001\n2,7\n",
        trials__csv="start_time,stop_time,reaction_time,cue,clock_time\n1,20,3,5,12:30\n",
        behavior__csv="time_s,x\n1,2\n",
        recording__json='{"observed": [[0, 60000]]}',
    )
    found = tables.read(path, Options(time_unit=unit, sampling_rate_hz=rate, time_columns=["cue"]))
    assert found.spikes["time_s"].tolist() == [10001 / ticks, 7 / ticks]
    row = found.tables["trials"].iloc[0]
    times = [1 / ticks, 20 / ticks, 3 / ticks, 5 / ticks, "12:30"]
    assert [row[c] for c in ("start_time", "stop_time", "reaction_time", "cue", "clock_time")] == times
    assert found.behavior["time_s"].tolist() == [1 / ticks]
    assert found.observed is not None
    assert found.observed.tolist() == [[0.0, 60000 / ticks]]
    assert any("read as seconds" in note for note in found.notes)


def test_spikes_trials_and_behavior_may_count_differently(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "a",
        spikes__csv="unit,time_s\n1,15000\n2,30000\n",
        behavior__csv="time_ms,x\n250,2\n",
        epochs__csv="start_time,stop_time\n0,9\n",
        recording__json='{"observed": [[0, 60000]]}',
    )
    options = {"time_unit": "samples", "sampling_rate_hz": 30000, "trial_time_unit": "s", "behavior_time_unit": "ms"}
    found = tables.read(path, Options(**options))
    assert found.spikes["time_s"].tolist() == [0.5, 1.0]
    assert found.tables["trials"]["stop_time"].tolist() == [1.0, 2.0]
    assert found.tables["epochs"]["stop_time"].tolist() == [9.0]
    assert found.behavior["time_s"].tolist() == [0.25]
    assert found.observed is not None
    assert found.observed.tolist() == [[0.0, 2.0]]
    assert found.notes == ("times in samples, read as seconds: spikes", "times in ms, read as seconds: behavior")
    trials = tables.read(folder(tmp_path / "b"), Options(trial_time_unit="ms"))
    assert trials.tables["trials"]["stop_time"].tolist() == [0.001, 0.002]
    assert trials.spikes["time_s"].tolist() == [0.5, 1.5, 0.25]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"spikes__csv": "unit,time_ms\n1,5\n"},
            "to read time_ms, set data.options: {time_unit: ms} (inspect: ",
        ),
        ({"spikes__csv": "unit,time_samples\n1,5\n"}, "--option time_unit=samples --option sampling_rate_hz=30000)"),
        ({"spikes__csv": "unit,spike_time\n1,5\n"}, "found unit, spike_time; is it 'spike_time'? Call it time_s"),
        ({"spikes__csv": "cluster_id,time_s\n1,5\n"}, "is it 'cluster_id'? Call it unit"),
        (
            {"units__csv": "Unit ID,region\n1,HC\n"},
            "expected a column unit, found Unit ID, region; is it 'Unit",
        ),
        ({"trials__csv": "start,stop_time\n1,2\n"}, "is it 'start'? Call it start_time"),
        ({"trials__csv": "start_time,End\n1,2\n"}, "is it 'End'? Call it stop_time"),
        ({"trials__csv": "strat_time,stop_time\n1,2\n"}, "is it 'strat_time', misspelt?"),
        ({"spikes__csv": "time_s,unit\n1,0.5\n2,0.75\n"}, "are the columns unit and time_s swapped?"),
        ({"trials__csv": "start_time,stop_time\n10:00:05,10:00:09\n"}, "seconds on the clock of the spikes instead of"),
        (
            {"trials__csv": "start_time,stop_time\n2024-03-01 10:00:05,3\n"},
            "the clock of the spikes instead of dates",
        ),
    ],
)
def test_what_may_be_meant_is_said(tmp_path: Path, files: dict[str, str], said: str) -> None:
    assert said in complaint(folder(tmp_path / "a", **files))


def test_no_other_column_that_is_read_is_taken_for_a_missing_one(tmp_path: Path) -> None:
    assert complaint(folder(tmp_path / "a", trials__csv="start_time,choice\n1,a\n")).endswith(
        "found start_time, choice"
    )


@pytest.mark.parametrize("options", [{"time_unit": "samples"}, {"sampling_rate_hz": 30000}])
def test_samples_need_a_rate_and_a_rate_samples(
    tmp_path: Path, settings: Callable[..., Config], options: dict[str, Any]
) -> None:
    data = settings(data={"path": str(folder(tmp_path / "a")), "options": options}).data
    with pytest.raises(ConfigError, match="time_unit: samples and sampling_rate_hz need each other"):
        io.read_contents(tmp_path / "a", data)


def test_names_of_units_are_numbered_in_the_order_of_the_units_table(tmp_path: Path) -> None:
    found = tables.read(
        folder(
            tmp_path / "a",
            units__csv="unit,name,region\nTT2_c1,x,HC\nTT1_c3,y,PFC\n007,z,HC\n",
            spikes__csv="unit,time_s\n007,0.5\nTT1_c3,0.75\nTT2_c1,1.5\nTT1_c3,0.5\n",
        ),
        Options(),
    )
    assert found.units.to_dict("list") == {
        "unit": [0, 1, 2],
        "name": ["TT2_c1", "TT1_c3", "007"],
        "name_in_file": ["x", "y", "z"],
        "region": ["HC", "PFC", "HC"],
    }
    spikes = list(zip(found.spikes["unit"], found.spikes["time_s"], strict=True))
    assert spikes == [(0, 1.5), (1, 0.75), (1, 0.5), (2, 0.5)], "grouped by unit, else as in the file"


def test_whole_numbers_written_with_a_point_are_ids(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", spikes__csv="unit,time_s\n1.0,0.5\n2.0,1.5\n", units__csv="unit,region\n1,a\n2,b\n")
    assert tables.read(path, Options()).spikes["unit"].tolist() == [1, 2]
    pd.DataFrame({"unit": [1.0, 2.0], "region": pd.Categorical(["HC", "NA"])}).to_parquet(path / "units.parquet")
    (path / "units.csv").unlink()
    found = tables.read(path, Options())
    assert found.units["unit"].tolist() == [1, 2]
    assert found.units["region"].tolist() == ["HC", "NA"]


def test_ids_of_tetrode_and_cell_stay_apart(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", spikes__csv="unit,time_s\n3.1,1\n3.10,2\n", units__csv="unit,region\n3.1,a\n3.10,b\n")
    assert tables.read(path, Options()).units["name"].tolist() == ["3.1", "3.10"]


def test_what_is_odd_comes_through(tmp_path: Path) -> None:
    found = tables.read(
        folder(tmp_path / "a", spikes__csv="unit,time_s\n1,2\n1,NaN\n1,-1\n1,2\n2,\n1,inf\n"), Options()
    )
    assert np.array_equal(found.spikes["time_s"], [2, np.nan, -1, 2, np.inf, np.nan], equal_nan=True)


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
    found = tables.read(path, Options())
    assert found.units.to_dict("list") == {"unit": [1, 2], "region": ["größe", "日本"]}
    assert found.spikes["time_s"].tolist() == [0.5, 1.5, 0.25]


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "a",
        spikes__csv="unit;time_s\n1;0,5\n1;1,250\n2;3\n",
        units__csv="unit;region;channels\n1;HC;3,4\n2;PFC;5,6\n",
        trials__csv="start_time;stop_time;dose;note\n0;1,5;0,25;a,b\n2;3;7;c\n",
        behavior__tsv="time_s\tx\n0,5\t1e3\n",
    )
    found = tables.read(path, Options())
    assert found.spikes["time_s"].tolist() == [0.5, 1.25, 3.0]
    trials = found.tables["trials"]
    assert trials[["start_time", "stop_time", "dose"]].to_numpy().tolist() == [[0, 1.5, 0.25], [2, 3, 7]]
    assert trials["note"].tolist() == ["a,b", "c"]
    assert found.units["channels"].tolist() == ["3,4", "5,6"], "no column of times says what commas mean here"
    assert found.behavior[["time_s", "value"]].to_numpy().tolist() == [[0.5, 1000.0]]
    commas = {note.partition(":")[0] for note in found.notes if "decimal commas" in note}
    assert commas == {"spikes.csv", "trials.csv", "behavior.tsv"}


NOT_NUMBERS = "spikes.csv: column time_s: expected numbers, found"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"spikes__csv": "unit,time_s\n1,0.5\n1,1,5\n"},
            "expected 2 fields separated by commas in every row, found 3 in row 3 ('1,1,5')",
        ),
        ({"spikes__csv": "unit,time_s\n1,0.5\n1\n"}, "found 1 in row 3 ('1')"),
        ({"spikes__csv": "unit,time_s\n1,0,5\n1,1,5\n"}, "found 3 in row 2 ('1,0,5'), 3 in row 3"),
        (
            {"spikes__csv": 'unit,time_s\n1,"0,5"\n'},
            f"{NOT_NUMBERS} '0,5' in row 2: write numbers with a decimal point",
        ),
        (
            {"spikes__csv": "unit;time_s\n1;1,234\n1;2,345\n"},
            f"{NOT_NUMBERS} '1,234' in row 2, '2,345' in row 3: write",
        ),
        ({"spikes__csv": "unit;time_s\n1;1.234,5\n"}, f"{NOT_NUMBERS} '1.234,5' in row 2"),
        ({"spikes__csv": "unit;time_s\n1;0,5\n1;2.5\n"}, f"{NOT_NUMBERS} '0,5' in row 2"),
        (
            {"spikes__csv": "unit,time_s\n1;0,5\n"},
            "1 spike of units that are not in the units table: 1;0 (from row 2)",
        ),
        ({"spikes__csv": "unit,time_s\n1,0.5\n1,soon\n2,x\n2,\n"}, f"{NOT_NUMBERS} 'soon' in row 3, 'x' in row 4"),
        ({"spikes__csv": "unit,time\n1,0.5\n"}, "spikes.csv: expected a column time_s, found unit, time"),
        ({"spikes__csv": "time_s\n0.5\n"}, "spikes.csv: expected a column unit, found time_s"),
        (
            {"spikes__csv": "unit,time_s,unit\n1,1,1\n"},
            "columns must have different names, found more than once: unit",
        ),
        ({"spikes__csv": "unit,,time_s\n1,1,1\n"}, "expected a name for every column, found none for 2"),
        ({"spikes__csv": ""}, "spikes.csv: is empty"),
        ({"spikes__csv": "\n \n"}, "spikes.csv: is empty"),
        (
            {"spikes__csv": "unit,time_s\n,0.5\n1,1\n"},
            "column unit: expected an id in every row, found none in rows 2",
        ),
        (
            {"spikes__csv": "unit,time_s\n1,1\n9,2\n8,3\n9,4\n"},
            "3 spikes of units that are not in the units table: 9 (from row 3), 8 (from row 4)",
        ),
        ({"spikes__csv": "unit;time_s,x\n1,1\n"}, "the header holds commas and semicolons: which separates columns?"),
        ({"spikes__tsv": "unit,time_s\n1,1\n"}, "expected tabs between the columns of a .tsv, found commas"),
        ({"spikes__csv": 'unit,time_s\n1,"1\n2,3\n'}, "expected quotation marks in pairs"),
        ({"spikes__csv": "unit,time_s\n1,größe\n".encode("latin-1")}, "another encoding in line 2: save it as UTF-8"),
        ({"spikes__csv": SPIKES.encode("utf-16-le")}, "found zero bytes"),
        ({"spikes__parquet": b"PAR1 no"}, "spikes.parquet: cannot be read as Parquet"),
        (
            {"spikes__csv": SPIKES, "spikes__tsv": ""},
            "expected one table spikes.csv, .tsv or .parquet, found spikes.csv, spikes.tsv",
        ),
        (
            {"units__csv": "unit,region\nA,HC\nB,HC\nA,PFC\n"},
            "units: column unit: ids must be unique, found more than once: A in rows 2, 4",
        ),
        ({"units__csv": "unit,region\n1,HC\n1,HC\n2,HC\n"}, "found more than once: 1 in rows 2, 3"),
        (
            {"trials__csv": "start_time,stop_time\n0,1\n1,late\n"},
            "trials.csv: column stop_time: expected numbers, found 'late' in row 3",
        ),
        (
            {"trials__csv": "start_time,stop_time,go_time\n0,1,x\n1,2,1.5\n"},
            "column go_time: expected numbers, found 'x' in row 2",
        ),
        ({"trials__csv": "begin,end\n0,1\n"}, "trials.csv: expected a column start_time, found begin, end"),
        ({"behavior__csv": "series,value\nx,1\n"}, "behavior.csv: expected a column time_s, found series, value"),
        ({"behavior__csv": "time_s,value\n0,1\n"}, "behavior.csv: expected a column series beside value"),
        ({"behavior__csv": "time_s,x,y\n0,1,up\n"}, "behavior.csv: column y: expected numbers, found 'up' in row 2"),
    ],
)
def test_what_is_refused(tmp_path: Path, files: dict[str, Any], message: str) -> None:
    text = complaint(folder(tmp_path / "a", **files))
    assert message in text
    assert str(tmp_path / "a") in text
    assert "Traceback" not in text


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "a",
        spikes__csv="unit,times\n1,0.5\n",
        trials__csv="start_time,choice\n1,a\n",
        behavior__csv="time_s,x\n0,now\n",
        recording__json="no",
    )
    (path / "units.csv").unlink()
    (path / "unit.csv").write_text(UNITS)
    text = complaint(path)
    for part in (
        "units.csv, .tsv or .parquet with columns unit and region",
        "did you mean units.csv",
        "time_s",
        "stop",
    ):
        assert part in text
    assert text.count("\n  - ") == 6


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
    found = tables.read(path, Options())
    assert found.spikes["unit"].tolist() == [1, 2]
    assert found.spikes["time_s"].dtype == np.float64
    assert list(found.tables["trials"].columns) == ["start_time", "stop_time"]
    assert any("left out: list, __index_level_0__" in n for n in found.notes)


def test_single_precision_is_told(tmp_path: Path) -> None:
    """At 20,000 s float32 has steps of 2 ms; at 60 s, of 4 us, it is good enough."""

    def note(of: str, times: list[float], **options: Any) -> tuple[str, ...]:
        path = folder(tmp_path / of)
        spikes = pd.DataFrame({"unit": [1, 1, 2], "time_s": np.array(times, dtype=np.float32)})
        spikes.to_parquet(path / "spikes.parquet")
        (path / "spikes.csv").unlink()
        found = tables.read(path, Options(**options))
        assert found.spikes["time_s"].dtype == np.float64
        return found.notes

    said = "spikes.parquet: column time_s: float32 holds these times only to 2 ms; save them as float64 (double)"
    assert note("late", [1.0, 20_000.0, 3.0]) == (said,)
    assert note("early", [1.0, 60.0, 3.0]) == ()
    assert said in note("ticks", [1e3, 2e7, 3e3], time_unit="ms")
    trials = pd.DataFrame(
        {"start_time": [0.0, 1.0], "stop_time": np.array([1.0, 9e4], dtype=np.float32), "choice": "a"}
    )
    path = folder(tmp_path / "trials")
    trials.to_parquet(path / "trials.parquet")
    (path / "trials.csv").unlink()
    assert tables.read(path, Options()).notes == (
        "trials.parquet: column stop_time: float32 holds these times only to 7.8 ms; save them as float64 (double)",
    )


def test_unknown_files_and_columns_are_noted(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "a", spikes__csv="unit,time_s,amplitude\n1,1,3\n", notes__txt="x", weather__csv="day,sun\n1,2\n"
    )
    (path / "raw").mkdir()
    found = tables.read(path, Options())
    assert found.notes == (
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
    found = tables.read(path, Options())
    assert len(found.spikes) == 0
    assert found.spikes.dtypes.tolist() == [np.int64, np.float64]
    assert len(found.tables["trials"]) == 0


def test_what_is_taken(tmp_path: Path) -> None:
    assert tables.can_read(folder(tmp_path / "a"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "units.csv").write_text(UNITS)
    assert not tables.can_read(tmp_path / "b"), "tables beside another format"
    assert not tables.can_read(tmp_path / "a" / "spikes.csv")
    assert not tables.can_read(Path("\0"))


def test_times_are_the_nearest_floats(tmp_path: Path) -> None:
    """Oracle: Python's own parser."""
    rng = np.random.default_rng(2)
    words = [f"{x:.{d}g}" for d in (3, 9, 15, 16, 17, 18) for x in rng.uniform(0, 1e4, 300)]
    path = folder(tmp_path / "a", spikes__csv="unit,time_s\n" + "".join(f"1,{w}\n" for w in words))
    assert tables.read(path, Options()).spikes["time_s"].tolist() == [float(w) for w in words]


def test_a_row_that_never_ends(tmp_path: Path) -> None:
    text = "unit,time_s\n1," + "0" * (3 << 20)
    assert "spikes.csv: cannot be read as a table" in complaint(folder(tmp_path / "a", spikes__csv=text))


@pytest.mark.slow
def test_five_million_spikes(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv

    n = 5_000_000
    spikes = {"unit": np.tile(np.arange(100), n // 100), "time_s": np.arange(n) / 30000}
    path = folder(tmp_path / "a", units__csv="unit,region\n" + "".join(f"{i},HC\n" for i in range(100)))
    csv.write_csv(pa.table(spikes), path / "spikes.csv")
    found = tables.read(path, Options())
    assert len(found.spikes) == n
    assert found.spikes["time_s"].sum() == pytest.approx(spikes["time_s"].sum(), rel=1e-12)


def test_the_blocks_of_the_page_are_the_keys_of_the_configuration() -> None:
    blocks = dict(NAMED_BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert set(yaml.safe_load(blocks["params.yaml"])) == {"data", "trials", "bins", "models"}


def test_damage_anywhere_is_refused_in_words_or_harmless(tmp_path: Path) -> None:
    """Bytes put in, taken out or changed at random: a DataError, or a recording, never anything else."""
    rng = np.random.default_rng(3)
    sound = {n: t.encode() for n, t in (("spikes.csv", SPIKES), ("units.csv", UNITS), ("trials.csv", TRIALS))}
    sound |= {"behavior.csv": b"series,time_s,value\nx,0,1\n", "recording.json": b'{"observed": [[0, 3]]}'}
    path = folder(tmp_path / "a", **{n.replace(".", "__"): raw for n, raw in sound.items()})
    refused = 0
    for _ in range(300):
        name = str(rng.choice(list(sound)))
        raw, at = bytearray(sound[name]), int(rng.integers(len(sound[name])))
        raw[at : at + int(rng.integers(3))] = bytes(
            rng.choice(list(b',;\t"\n\r\0\xff{-e 1'), int(rng.integers(3))).tolist()
        )
        (path / name).write_bytes(bytes(raw))
        try:
            tables.read(path, Options())
        except DataError:
            refused += 1
        (path / name).write_bytes(sound[name])
    assert 100 < refused < 300
