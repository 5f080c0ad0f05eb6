"""Ingesting a folder, and the tables on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from read_one import read_recording

from spikebridge import io
from spikebridge.artifacts.recordings import load_intervals
from spikebridge.config import Config, RecordingSections
from spikebridge.errors import DataError
from spikebridge.io.readers import tables
from spikebridge.types import Recording

Settings = Callable[..., Config]
Writer = Callable[..., Path]
SPIKES = {0: [0.5, 1.5, 9.0], 1: [2.0, 4.5]}


def same(a: Recording, b: Recording) -> None:
    for name in ("spikes", "units", "trials", "behavior"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name))
    assert np.array_equal(a.observed, b.observed)
    assert (a.name, a.animal, a.source_file, a.warnings) == (b.name, b.animal, b.source_file, b.warnings)


def test_round_trip(recording: Recording, tmp_path: Path) -> None:
    io.save_ingested(recording, tmp_path / "small")
    same(io.load_ingested(tmp_path / "small"), recording)


def test_interval_tables_are_kept_by_their_names(recording: Recording, tmp_path: Path) -> None:
    """One without a plain name, one that parquet cannot hold, and that of the trials, which is stored already."""
    pairs = pd.DataFrame({"start_time": [0.5, 2.0], "stop_time": [1.0, 2.5]})
    given = {
        "ripples": pairs.assign(size=[1.0, 2.0]),
        "trials": recording.trials,
        "behavior/laps": pairs.assign(side=["left", "right"]),
        "Units": pairs.assign(k=[1, 2]),
        "odd": pairs.assign(mixed=[{"a": 1}, "text"]),
    }
    io.save_ingested(recording, tmp_path / "small", intervals=given)
    intervals = load_intervals(tmp_path / "small")
    assert list(intervals.not_kept) == ["odd"] and intervals.not_kept["odd"]
    assert sorted(intervals.tables) == ["Units", "behavior/laps", "ripples", "trials"]
    for name, table in intervals.tables.items():
        pd.testing.assert_frame_equal(table, given[name])
    same(io.load_ingested(tmp_path / "small"), recording)
    assert {p.name for p in (tmp_path / "small").glob("*.parquet")} == {
        "spikes.parquet", "units.parquet", "trials.parquet", "behavior.parquet", "ripples.parquet",
        "intervals_2.parquet", "intervals_3.parquet",
    }  # fmt: skip


def test_interval_tables_of_an_earlier_version_are_asked_for(recording: Recording, tmp_path: Path) -> None:
    io.save_ingested(recording, tmp_path)
    about = json.loads((tmp_path / "recording.json").read_text(encoding="utf-8"))
    del about["intervals"]
    (tmp_path / "recording.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(DataError, match="expected its interval tables; run the stage ingest again"):
        load_intervals(tmp_path)


@pytest.mark.parametrize("width", [0.0, 0.05])
def test_the_width_of_bins_is_said_of_counts_alone(recording: Recording, tmp_path: Path, width: float) -> None:
    """It is not how exactly spike times are known, which inspect tells."""
    io.save_ingested(replace(recording, resolution_s=width), tmp_path / "small")
    about = json.loads((tmp_path / "small" / "recording.json").read_text(encoding="utf-8"))
    assert about["bin_width_s"] == (width or None)
    assert "resolution_s" not in about
    assert io.load_ingested(tmp_path / "small").resolution_s == width
    contents = tables.read(tmp_path / "small", tables.Options())
    assert (contents.resolution_s, contents.notes) == (width, ())


def test_what_an_earlier_version_ingested_is_refused(recording: Recording, tmp_path: Path) -> None:
    io.save_ingested(recording, tmp_path)
    path = tmp_path / "recording.json"
    path.write_text(path.read_text(encoding="utf-8").replace("bin_width_s", "resolution_s"), encoding="utf-8")
    with pytest.raises(DataError, match="run the stage ingest again"):
        io.load_ingested(tmp_path)


def test_ingest_writes_every_recording_the_same_each_time(
    tmp_path: Path, write_nwb: Writer, settings: Settings
) -> None:
    for name in ("b", "a"):
        spikes = {**SPIKES, 0: [0.5, 1.5, 8.0 + (name == "a")]}
        write_nwb(tmp_path / "raw" / f"{name}.nwb", spikes=spikes, columns={"region": ["HC", "PFC"]})
    assert io.ingest(io.IngestSections.of(settings()), tmp_path / "one") == ["a", "b"]
    io.ingest(io.IngestSections.of(settings()), tmp_path / "two")
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 10
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    ingested = io.IngestedRecordings(tmp_path / "one")
    assert len(ingested) == 2
    assert [r.name for r in ingested] == [r.name for r in ingested] == ["a", "b"]
    same(next(iter(ingested)), read_recording(tmp_path / "raw" / "a.nwb", RecordingSections.of(settings())))


def test_ingest_reports_every_bad_file(tmp_path: Path, write_nwb: Writer, settings: Settings) -> None:
    write_nwb(tmp_path / "raw" / "a.nwb", spikes=SPIKES, columns={"region": ["HC", "V1"]})
    write_nwb(tmp_path / "raw" / "b.nwb", spikes={0: [-1.0], 1: [2.0]}, columns={"region": ["HC", "PFC"]})
    (tmp_path / "raw" / "c.nwb").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        io.ingest(io.IngestSections.of(settings()), tmp_path / "out")
    text = str(caught.value)
    assert "a.nwb: no unit in a region of data.target" in text
    assert "b.nwb" in text
    assert "below zero" in text
    assert "c.nwb: is empty" in text


def test_read_recording_that_no_reader_takes(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match="no reader takes"):
        read_recording(tmp_path / "a.txt", RecordingSections.of(settings()))


def test_load_from_the_wrong_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected an ingested recording"):
        io.load_ingested(tmp_path)
    (tmp_path / "recording.json").write_text("{")
    with pytest.raises(DataError, match="expected an ingested recording"):
        io.load_ingested(tmp_path)
