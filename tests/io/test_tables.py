"""Folders of tables: the example of the documentation, round trips, and units of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from table_folders import NAMED_BLOCK, PAGE, UNITS, complaint, folder

from spikebridge import config, io
from spikebridge.config import Config, WindowSections
from spikebridge.errors import ConfigError
from spikebridge.io.readers import tables
from spikebridge.io.readers.tables import Options
from spikebridge.preprocess import make_windows
from spikebridge.types import Recording


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = dict(NAMED_BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) == 6, "five files and params.yaml"
    for name, text in blocks.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    settings = config.load("params.yaml")
    assert io.ingest(io.IngestSections.of(settings), Path("ingested")) == ["R2_day1"]
    recording = io.load_ingested(Path("ingested/R2_day1"))
    assert recording.animal == "R2"
    assert recording.observed.tolist() == [[0.0, 9.0]]
    assert recording.units["name"].tolist() == ["TT1_c1", "TT1_c3", "TT5_c1", "TT5_c2"]
    assert sorted(recording.behavior["series"].unique()) == ["position_x", "speed"]
    windows, report = make_windows(recording, WindowSections.of(settings), ("skip", "stay"))
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
    contents = tables.read(path, Options())
    pd.testing.assert_frame_equal(contents.spikes, spikes)
    pd.testing.assert_frame_equal(contents.units, units)
    pd.testing.assert_frame_equal(contents.behavior, written.behavior)
    pd.testing.assert_frame_equal(contents.tables["trials"], written.trials)
    assert contents.observed is not None
    assert np.array_equal(contents.observed, written.observed)
    assert (contents.name, contents.animal, contents.notes) == ("small", "rat", ())


def test_ingested_folders_are_read(
    tmp_path: Path, write_nwb: Callable[..., Path], settings: Callable[..., Config]
) -> None:
    write_nwb(
        tmp_path / "raw" / "a.nwb", spikes={7: [0.5, 1 / 3 + 1], 9: [2.0, 9.0]}, columns={"region": ["HC", "PFC"]}
    )
    io.ingest(io.IngestSections.of(settings()), tmp_path / "one")
    again = settings(data={"path": str(tmp_path / "one")})
    io.ingest(io.IngestSections.of(again), tmp_path / "two")
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
    contents = tables.read(path, Options(time_unit=unit, sampling_rate_hz=rate, time_columns=["cue"]))
    assert contents.spikes["time_s"].tolist() == [10001 / ticks, 7 / ticks]
    row = contents.tables["trials"].iloc[0]
    times = [1 / ticks, 20 / ticks, 3 / ticks, 5 / ticks, "12:30"]
    assert [row[c] for c in ("start_time", "stop_time", "reaction_time", "cue", "clock_time")] == times
    assert contents.behavior["time_s"].tolist() == [1 / ticks]
    assert contents.observed is not None
    assert contents.observed.tolist() == [[0.0, 60000 / ticks]]
    assert any("read as seconds" in note for note in map(str, contents.notes))


def test_spikes_trials_and_behavior_may_count_differently(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "a",
        spikes__csv="unit,time_s\n1,15000\n2,30000\n",
        behavior__csv="time_ms,x\n250,2\n",
        epochs__csv="start_time,stop_time\n0,9\n",
        recording__json='{"observed": [[0, 60000]]}',
    )
    options = {"time_unit": "samples", "sampling_rate_hz": 30000, "trial_time_unit": "s", "behavior_time_unit": "ms"}
    contents = tables.read(path, Options(**options))
    assert contents.spikes["time_s"].tolist() == [0.5, 1.0]
    assert contents.tables["trials"]["stop_time"].tolist() == [1.0, 2.0]
    assert contents.tables["epochs"]["stop_time"].tolist() == [9.0]
    assert contents.behavior["time_s"].tolist() == [0.25]
    assert contents.observed is not None
    assert contents.observed.tolist() == [[0.0, 2.0]]
    assert tuple(map(str, contents.notes)) == (
        "times in samples, read as seconds: spikes",
        "times in ms, read as seconds: behavior",
    )
    trials = tables.read(folder(tmp_path / "b"), Options(trial_time_unit="ms"))
    assert trials.tables["trials"]["stop_time"].tolist() == [0.001, 0.002]
    assert trials.spikes["time_s"].tolist() == [0.5, 1.5, 0.25]


@pytest.mark.parametrize(
    ("files", "message"),
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
def test_what_may_be_meant_is_said(tmp_path: Path, files: dict[str, str], message: str) -> None:
    assert message in complaint(folder(tmp_path / "a", **files))


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


def test_the_blocks_of_the_page_are_the_keys_of_the_configuration() -> None:
    blocks = dict(NAMED_BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert set(yaml.safe_load(blocks["params.yaml"])) == {"data", "trials", "bins", "models"}
