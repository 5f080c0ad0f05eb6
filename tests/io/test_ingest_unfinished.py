"""Ingest beside a program that still writes: a recording that is replaced meanwhile, and files that are unfinished."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from spikebridge import io
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.io.readers import tables
from spikebridge.types import Recording


@pytest.fixture
def raw(recording: Recording, tmp_path: Path) -> Path:
    tables.write(recording, tmp_path / "raw")
    return tmp_path / "raw" / recording.name


def test_a_recording_that_is_replaced_while_ingest_runs(
    raw: Path, settings: Callable[..., Config], tmp_path: Path
) -> None:
    """It would be stored as current for ever: the file that lies there now was never read."""

    def replace(_: str) -> None:
        spikes = next(raw.glob("spikes.*"))
        shutil.copyfile(spikes, raw / ".copy")
        (raw / ".copy").replace(spikes)

    with pytest.raises(DataError, match=r"written while they were read \(changed: .*spikes"):
        io.ingest(io.IngestSections.of(settings()), tmp_path / "out", None, replace)
    assert io.ingest(io.IngestSections.of(settings()), tmp_path / "again") == [raw.name]


def test_unfinished_files_are_no_recordings(raw: Path, settings: Callable[..., Config], tmp_path: Path) -> None:
    io.ingest(io.IngestSections.of(settings()), tmp_path / "one")
    shutil.copytree(raw, raw.with_name("copying.partial"))
    shutil.copytree(raw, raw.with_name(".copying"))
    (raw / "spikes.csv.partial").write_text("unit,time_s\n1,")
    lines: list[str] = []
    assert io.ingest(io.IngestSections.of(settings()), tmp_path / "two", tmp_path / "one", lines.append) == [raw.name]
    assert lines == [f"{raw.name}: unchanged"]
    shutil.copytree(tmp_path / "two" / raw.name, tmp_path / "two" / ".x.partial")
    assert io.IngestedRecordings(tmp_path / "two").names == [raw.name]
