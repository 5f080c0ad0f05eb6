"""One file a cell: which files are taken for cells, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mat_files import write_5, write_73

from spikebridge import io
from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.io.contents import Contents
from spikebridge.io.readers import cells

TRAINS = {"HC_1": [0.5, 1.25, 9.0], "HC_2": [2.0], "HC_10": [3.5, 4.0], "PFC_1": [0.75, 8.0], "PFC_2": [6.5]}


def folder_of(root: Path, suffix: str) -> Path:
    folder = root / "day1"
    folder.mkdir()
    for name, times in TRAINS.items():
        if suffix == ".txt":
            (folder / f"{name}.txt").write_text("".join(f"{t}\n" for t in times), encoding="utf-8")
        elif suffix == ".csv":
            (folder / f"{name}.csv").write_text("time_s\n" + "".join(f"{t}\n" for t in times), encoding="utf-8")
        else:
            writer = write_5 if name.startswith("HC") else write_73
            writer(folder / f"{name}.mat", {"ts": np.array(times)[:, None]})
    rows = "".join(f"{name},{name.split('_')[0]}\n" for name in TRAINS)
    (folder / "units.csv").write_text(f"unit,region\n{rows}", encoding="utf-8")
    (folder / "trials.csv").write_text("start_time,stop_time,choice\n0.0,2.0,stay\n4.0,6.0,skip\n", encoding="utf-8")
    return folder


def read(folder: Path, **options: object) -> Contents:
    return cells.read(folder, cells.Options.model_validate(options))


def trains(contents: Contents) -> dict[str, list[float]]:
    times = contents.spikes.groupby("unit")["time_s"]
    return {
        name: times.get_group(unit).tolist() for unit, name in contents.units[["unit", "name"]].itertuples(index=False)
    }


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".mat"])
def test_every_kind_of_file(suffix: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, suffix)
    assert io.named_recordings(tmp_path) == {folder: "day1"}
    data = DataConfig(path="", source=["HC"], target=["PFC"])
    contents = io.read_contents(folder, data)
    assert trains(contents) == TRAINS
    assert contents.units["name"].tolist() == ["HC_1", "HC_2", "HC_10", "PFC_1", "PFC_2"]
    assert io.choose(contents, data, TrialsConfig()).recording.units["region"].tolist() == ["HC"] * 3 + ["PFC"] * 2
    assert contents.tables["trials"]["choice"].tolist() == ["stay", "skip"]


def test_other_files_are_no_cells(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ".txt")
    (folder / "licks_1.txt").write_text("1.0\n2.0\n", encoding="utf-8")
    (folder / "licks_2.txt").write_text("1.0\n2.0\n", encoding="utf-8")
    (folder / "README.txt").write_text("recorded in 2026\n", encoding="utf-8")
    contents = read(folder)
    assert trains(contents) == TRAINS
    assert "files that are no cells by their names or contents are not read: README.txt, licks_1.txt" in str(
        contents.notes[0]
    )


def test_the_unit_of_time_is_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ".txt")
    for name, times in TRAINS.items():
        (folder / f"{name}.txt").write_text(", ".join(f"{1000 * t:g}" for t in times) + "\n", encoding="utf-8")
    assert trains(read(folder, time_unit="ms", trial_time_unit="s")) == TRAINS


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ".txt")
    lines = [f"{t:.3f}" for t in np.arange(30) / 4]
    lines[25] = "4,5"
    (folder / "HC_1.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"HC_1.txt: expected one spike time a line, found '4,5' in line 26"):
        read(folder)


@pytest.mark.parametrize(
    "files",
    [
        {"cell_1.txt": "0.5\n"},
        {"cell_1.txt": "0.5 1\n0.75 2\n", "cell_2.txt": "0.5 1\n0.75 2\n"},
        {"ttl_1.txt": "0.5\n1.0\n", "ttl_2.txt": "0.5\n1.0\n"},
        {"day1.csv": "a,b\n1,2\n", "day2.csv": "a,b\n1,2\n"},
        {"notes_1.txt": "some words\nmore\n", "notes_2.txt": "some words\nmore\n"},
        {"spikes.csv": "unit,time_s\n0,1.0\n", "cell_1.csv": "1.0\n", "cell_2.csv": "1.0\n"},
    ],
)
def test_folders_that_are_none(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert not cells.can_read(tmp_path)
