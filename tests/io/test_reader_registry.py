"""Readers are found by file name; recordings are found in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikebridge import io
from spikebridge.errors import ConfigError, DataError


def test_every_reader_keeps_the_contract(tmp_path: Path) -> None:
    assert "nwb" in io.reader_names()
    assert not any(name.startswith("_") for name in io.reader_names())
    for name in io.reader_names():
        reader = io.get_reader(name)
        assert callable(reader.read)
        assert reader.can_read(tmp_path / "no such file.txt") is False


def test_recordings_sorted_without_truth_hidden_and_foreign_files(tmp_path: Path) -> None:
    for name in ("b.nwb", "a.nwb", "README.md", ".hidden.nwb"):
        (tmp_path / name).touch()
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "c.nwb").touch()
    assert [p.name for p in io.named_recordings(tmp_path)] == ["a.nwb", "b.nwb"]
    assert [p.name for p in io.named_recordings(tmp_path, "nwb")] == ["a.nwb", "b.nwb"]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.*does not exist"):
        io.named_recordings(tmp_path / "nowhere")


def test_folder_without_recordings_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="which is empty"):
        io.named_recordings(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"found there: notes\.txt"):
        io.named_recordings(tmp_path)


def test_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown reader 'nbw', did you mean nwb\?"):
        io.named_recordings(tmp_path, "nbw")


@pytest.mark.parametrize(("names", "message"), [(("a.nwb", "a.NWB"), "called 'a'"), (("a|b.nwb",), "must not contain")])
def test_names_must_be_unique_and_plain(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    if len(list(tmp_path.iterdir())) < len(names):
        pytest.skip("this file system does not tell case apart")
    with pytest.raises(DataError, match=message):
        io.named_recordings(tmp_path)
