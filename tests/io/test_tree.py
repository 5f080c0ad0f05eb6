"""Folders in folders: nothing that holds data is passed over without a word, and no loop of links is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spikebridge import io
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.inspection import inspect
from spikebridge.io.limits import Bounds, limits_in_force
from spikebridge.io.readers import tables
from spikebridge.types import Recording

DEEP = "too deep to be looked into: a recording may lie in at most 3 folders"
LOOP = "a link to a folder that it lies in, not followed"


@pytest.fixture
def raw(recording: Recording, tmp_path: Path) -> Path:
    """raw/rat1/small, and beside it what no reader takes."""
    folder = tmp_path / "raw"
    tables.write(recording, folder / "rat1")
    (folder / "rat1" / "day2").mkdir()
    (folder / "rat1" / "day2" / "Spikes_sorted.csv").write_text("unit,time_s\n")
    (folder / "rat1" / "notes.txt").touch()
    (folder / "rat2" / "day1").mkdir(parents=True)
    (folder / "rat2" / "day1" / "day1.rhd").touch()
    return folder


def names(folder: Path) -> tuple[list[str], list[str]]:
    """What is found and what is left, within the folder."""
    with limits_in_force(Bounds(follow_links=True)):
        recordings = list(io.named_recordings(folder))
    return [p.relative_to(folder).as_posix() for p in recordings], io.not_recordings(folder, recordings)


def test_what_no_reader_takes_is_named_in_subfolders_too(raw: Path) -> None:
    """A folder in which there is nothing at all is named as a whole."""
    assert names(raw) == (["rat1/small"], ["rat1/day2", "rat1/notes.txt", "rat2"])


def test_ingest_and_inspect_say_it(raw: Path, settings: Callable[..., Config], tmp_path: Path) -> None:
    lines: list[str] = []
    io.ingest(io.IngestSections.of(settings()), tmp_path / "out", None, lines.append)
    assert lines[0] == f"{raw}: not read, since no reader takes them: rat1/day2, rat1/notes.txt, rat2"
    seen = inspect(raw)
    assert seen.not_read == ("rat1/day2", "rat1/notes.txt", "rat2")
    assert "not read, since no reader takes them: rat1/day2, rat1/notes.txt, rat2" in map(str, seen.warnings)


def test_files_of_a_recording_are_not_named(recording: Recording, tmp_path: Path) -> None:
    """A file beside a recording that belongs to it, in a subfolder as at the top."""
    (tmp_path / "rat1").mkdir()
    io.get_reader("frank").write(recording, tmp_path / "rat1")
    recordings, left = names(tmp_path)
    assert len(recordings) == 1
    assert len(list((tmp_path / "rat1").iterdir())) > 1
    assert left == []


def test_what_lies_too_deep_is_named(raw: Path, recording: Recording) -> None:
    tables.write(replace(recording, name="day4"), raw / "rat3" / "a" / "b")
    tables.write(replace(recording, name="day5"), raw / "rat4" / "a" / "b" / "c")
    recordings, left = names(raw)
    assert recordings == ["rat1/small", "rat3/a/b/day4"]
    assert left[2:] == ["rat2", f"rat4/a/b/c ({DEEP})"]


def test_nothing_but_what_lies_too_deep(recording: Recording, tmp_path: Path) -> None:
    tables.write(recording, tmp_path / "a" / "b" / "c" / "d")
    with pytest.raises(DataError, match=r"found there: a; not looked at: a/b/c/d \(too deep"):
        io.named_recordings(tmp_path)


def test_a_loop_of_links_is_not_followed(raw: Path) -> None:
    (raw / "rat1" / "again").symlink_to(raw, target_is_directory=True)
    (raw / "here").symlink_to(".", target_is_directory=True)
    recordings, left = names(raw)
    assert recordings == ["rat1/small"]
    assert left == [f"here ({LOOP})", f"rat1/again ({LOOP})", "rat1/day2", "rat1/notes.txt", "rat2"]


def test_a_loop_over_a_folder_elsewhere(raw: Path, tmp_path: Path) -> None:
    """raw/other -> other, and other/back -> raw."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "back").symlink_to(raw, target_is_directory=True)
    (raw / "other").symlink_to(tmp_path / "other", target_is_directory=True)
    recordings, left = names(raw)
    assert recordings == ["rat1/small"]
    assert left[0] == f"other/back ({LOOP})"


def test_a_link_to_a_folder_that_is_no_loop_is_followed(raw: Path, tmp_path: Path) -> None:
    (raw / "rat1").rename(tmp_path / "elsewhere")
    (raw / "rat1").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names(raw)[0] == ["rat1/small"]


def test_a_link_to_nothing_in_a_subfolder_is_named(raw: Path) -> None:
    """At the top it is an error; see the catalogue."""
    (raw / "rat1" / "day3.nwb").symlink_to("../annex/MD5E-s1.nwb")
    assert "rat1/day3.nwb (a link to what is not here)" in names(raw)[1]
