"""Ingest over several recordings: what changed is read, what did not is taken over, twins are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikebridge import io
from spikebridge.artifacts.recordings import digested_tables, load_intervals
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.io.reader_registry import takes_time_units
from spikebridge.io.readers import tables
from spikebridge.types import Recording

Settings = Callable[..., Config]


@pytest.fixture
def raw(recording: Recording, tmp_path: Path) -> Path:
    """Three recordings with spikes of their own."""
    folder = tmp_path / "raw"
    for number, name in enumerate(("a", "b", "c")):
        tables.write(shifted(recording, name, 0.01 * number), folder)
    return folder


def shifted(recording: Recording, name: str, by: float) -> Recording:
    return replace(recording, name=name, spikes=recording.spikes.assign(time_s=recording.spikes["time_s"] + by))


def heard(settings: Config, out: Path, earlier: Path | None) -> list[str]:
    lines: list[str] = []
    io.ingest(io.IngestSections.of(settings), out, earlier, lines.append)
    return sorted(line.split("\n")[0] for line in lines)


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_run_reads_nothing_and_gives_the_same(
    raw: Path, settings: Settings, tmp_path: Path, workers: int
) -> None:
    config = settings(compute={"workers": workers})
    assert heard(config, tmp_path / "one", None) == ["a: read", "b: read", "c: read"]
    assert heard(config, tmp_path / "two", tmp_path / "one") == ["a: unchanged", "b: unchanged", "c: unchanged"]
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_interval_tables_are_ingested_and_cut_nothing_again(raw: Path, settings: Settings, tmp_path: Path) -> None:
    """A table beside the others is kept; one that changes is read again, and windows do not depend on it."""
    (raw / "a" / "ripples.csv").write_text("start_time,stop_time,size\n0.5,0.6,3\n1.5,1.7,2\n", encoding="utf-8")
    heard(settings(), tmp_path / "one", None)
    interval_tables = load_intervals(tmp_path / "one" / "a").tables
    assert set(interval_tables) == {"trials", "ripples"} and interval_tables["ripples"]["size"].tolist() == [3, 2]
    assert set(load_intervals(tmp_path / "one" / "b").tables) == {"trials"}
    (raw / "a" / "ripples.csv").write_text("start_time,stop_time,size\n0.5,0.6,4\n", encoding="utf-8")
    assert heard(settings(), tmp_path / "two", tmp_path / "one") == ["a: read", "b: unchanged", "c: unchanged"]
    before, after = (digested_tables(io.load_about(tmp_path / where / "a")) for where in ("one", "two"))
    assert before == after
    assert load_intervals(tmp_path / "two" / "a").tables["ripples"]["size"].tolist() == [4]


def test_a_changed_a_new_and_a_removed_recording(
    raw: Path, recording: Recording, settings: Settings, tmp_path: Path
) -> None:
    heard(settings(), tmp_path / "one", None)
    shutil.rmtree(raw / "a")
    tables.write(shifted(recording, "d", 0.3), raw)
    (raw / "b" / "trials.csv").unlink(missing_ok=True)
    shutil.rmtree(raw / "b")
    tables.write(replace(shifted(recording, "b", 0.01), animal="another"), raw)
    assert heard(settings(), tmp_path / "two", tmp_path / "one") == ["b: read", "c: unchanged", "d: read"]
    assert io.IngestedRecordings(tmp_path / "two").names == ["b", "c", "d"]
    heard(settings(), tmp_path / "three", None)
    assert content(tmp_path / "two") == content(tmp_path / "three"), "as if there had been no earlier result"


def test_another_setting_reads_all_again_and_one_that_does_not_matter_none(
    raw: Path, settings: Settings, tmp_path: Path
) -> None:
    heard(settings(), tmp_path / "one", None)
    assert "a: read" in heard(settings(trials={"window_s": [-0.25, 0.0]}), tmp_path / "two", tmp_path / "one")
    assert "a: unchanged" in heard(settings(data={"min_rate_hz": 0.0}), tmp_path / "three", tmp_path / "one")


def test_a_touched_result_is_read_again(raw: Path, settings: Settings, tmp_path: Path) -> None:
    heard(settings(), tmp_path / "one", None)
    good = content(tmp_path / "one")
    (tmp_path / "one" / "a" / "spikes.parquet").write_bytes(b"x")
    (tmp_path / "one" / "b" / "recording.json").write_text("{")
    assert heard(settings(), tmp_path / "two", tmp_path / "one") == ["a: read", "b: read", "c: unchanged"]
    assert content(tmp_path / "two") == good


@pytest.mark.parametrize("renumbered", [False, True])
def test_one_recording_under_two_names_is_refused(
    raw: Path, recording: Recording, settings: Settings, tmp_path: Path, renumbered: bool
) -> None:
    twin = shifted(recording, "z", 0.02)
    if renumbered:
        twin = replace(
            twin,
            spikes=twin.spikes.assign(unit=twin.spikes["unit"] + 7),
            units=twin.units.assign(unit=twin.units["unit"] + 7),
        )
    tables.write(twin, raw)
    with pytest.raises(DataError, match="c and z hold the same spikes: one recording under two names"):
        io.ingest(io.IngestSections.of(settings()), tmp_path / "one")


def test_warnings_are_said_once_and_kept(recording: Recording, settings: Settings, tmp_path: Path) -> None:
    units = pd.concat([recording.units, pd.DataFrame({"unit": [9], "region": ["HC"]})], ignore_index=True)
    silent = replace(recording, units=units)
    tables.write(silent, tmp_path / "raw")
    lines: list[str] = []
    io.ingest(io.IngestSections.of(settings()), tmp_path / "one", None, lines.append)
    assert lines[0].startswith("small: read\n  warning: 1 of 3 units")
    io.ingest(io.IngestSections.of(settings()), tmp_path / "two", tmp_path / "one", lines.append)
    assert lines[1:] == ["small: unchanged"]
    kept = io.load_ingested(tmp_path / "two" / "small").warnings
    assert lines[0].split("\n  warning: ")[1:] == list(map(str, kept))


def test_folders_in_folders_are_looked_through(raw: Path, settings: Settings, tmp_path: Path) -> None:
    """As archives sort their files: sub-01/, sub-02/."""
    (raw / "sub-01" / "deeper").mkdir(parents=True)
    (raw / "a").rename(raw / "sub-01" / "a")
    (raw / "b").rename(raw / "sub-01" / "deeper" / "b")
    (raw / "truth").mkdir()
    (raw / "c").rename(raw / "truth" / "c")
    (raw / "notes").mkdir()
    recordings = list(io.named_recordings(raw))
    assert [p.relative_to(raw).as_posix() for p in recordings] == ["sub-01/a", "sub-01/deeper/b"]
    assert io.not_recordings(raw, recordings) == ["notes"]
    assert set(heard(settings(), tmp_path / "one", None)) == {
        "a: read",
        "b: read",
        f"{raw}: not read, since no reader takes them: notes",
    }
    assert np.isfinite(io.load_ingested(tmp_path / "one" / "b").spikes["time_s"]).all()


def test_warnings_of_a_refused_recording_are_said_in_the_same_round(
    recording: Recording, settings: Settings, tmp_path: Path
) -> None:
    spoilt = replace(
        recording,
        units=pd.concat([recording.units, pd.DataFrame({"unit": [99], "region": ["HC"]})], ignore_index=True),
        trials=recording.trials.assign(choice=""),
    )
    tables.write(spoilt, tmp_path / "raw")
    lines: list[str] = []
    with pytest.raises(DataError, match="holds no value"):
        io.ingest(io.IngestSections.of(settings()), tmp_path / "out", None, lines.append)
    assert len(lines) == 1
    assert lines[0].splitlines()[0].endswith(": refused, see below")
    assert any(
        line.startswith("  warning: 1 of ") and "without any spike: 99" in line for line in lines[0].splitlines()
    )


@pytest.mark.parametrize(
    ("ticks", "message"),
    [
        (1000, "set data.options: {time_unit: ms} (us; samples with sampling_rate_hz: 30000), and trial_time_unit: s"),
        (1, "Where trials count otherwise than spikes, set data.options: {trial_time_unit: ms} (or us, samples)"),
    ],
)
def test_a_unit_of_time_is_met_with_what_to_set(
    recording: Recording, settings: Settings, tmp_path: Path, ticks: int, message: str
) -> None:
    """Spikes in ms; or else trials."""
    times = [c for c in recording.trials if str(c).endswith("_time")]
    at = np.round(np.linspace(0.5, 9.0, 60), 3) if ticks == 1 else np.linspace(0, 9000, 60).round()
    ids = np.sort(np.resize(recording.units["unit"], len(at)))
    spoilt = replace(
        recording,
        spikes=pd.DataFrame({"unit": ids, "time_s": at}),
        trials=recording.trials.assign(**recording.trials[times] * (1000 if ticks == 1 else 1)),
    )
    tables.write(replace(spoilt, observed=np.empty((0, 2))), tmp_path / "raw")
    with pytest.raises(DataError) as caught:
        io.ingest(io.IngestSections.of(settings()), tmp_path / "out")
    assert message in str(caught.value)


def test_readers_that_take_units_of_time() -> None:
    assert {name for name in io.reader_names() if takes_time_units(io.get_reader(name).Options)} == {
        "cells",
        "matlab",
        "tables",
    }
