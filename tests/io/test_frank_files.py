"""The Frank/Jadhav-lab layout: which files belong to a day, what is written, and the block of docs/matlab.md."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from frank_days import DATA, day, nested, read, trains, unit, wrong
from mat_files import Structs, write_5
from read_one import read_recording

from spikebridge import io
from spikebridge.config import RecordingSections, TrialsConfig, parse
from spikebridge.io.reader_registry import files_of
from spikebridge.io.readers import frank, matlab
from spikebridge.types import Recording


def test_what_belongs_to_a_day(tmp_path: Path) -> None:
    path = day(tmp_path, tetinfo={(3, 2, 1): {"area": "CA1"}})
    for other in ("bonspikes04.mat", "bonpos04.mat", "bonripples03.mat", "bonrawpos03.mat"):
        write_5(tmp_path / other, {other[3:-6]: nested({(4, 1, 1, 1): unit(1, [1.0, 880.0])})})
    write_5(tmp_path / "bonus.mat", {"x": np.ones((2, 2))})
    write_5(tmp_path / "summary.mat", {"x": np.ones((2, 2))})
    (tmp_path / "bonspikes03.trials.csv").write_text("start_time,stop_time\n1,2\n")
    (tmp_path / "EEG").mkdir()
    files = [f.name for f in files_of(path, io.get_reader("frank"))]
    assert files == [
        "boncellinfo.mat", "bonpos03.mat", "bonspikes03.mat", "bonspikes03.trials.csv", "bontask03.mat",
        "bontetinfo.mat", "bontrajinfo03.mat",
    ]  # fmt: skip
    taken = {p.name for p in tmp_path.iterdir() if matlab.can_read(p)}
    assert taken == {"bonus.mat", "summary.mat"}
    assert sorted(p.name for p in tmp_path.iterdir() if frank.can_read(p)) == ["bonspikes03.mat", "bonspikes04.mat"]
    assert [io.name_of(p, io.get_reader("frank")) for p in (path, tmp_path / "bonspikes04.mat")] == ["bon03", "bon04"]


def test_an_animals_folder_is_found_by_days(tmp_path: Path) -> None:
    path = day(tmp_path)
    assert list(io.named_recordings(tmp_path)) == [path]


def test_spikes_files_of_other_kinds_are_not_taken(tmp_path: Path) -> None:
    other = write_5(tmp_path / "ratspikes01.mat", {"spikes": {"times": np.ones((1, 3))}})
    assert not frank.can_read(other)
    assert matlab.can_read(other)
    (tmp_path / "bonspikes02.mat").write_text("text")
    assert not frank.can_read(tmp_path / "bonspikes02.mat")
    assert "<animal>spikes<day>.mat" in wrong(write_5(tmp_path / "other.mat", {"a": np.ones((1, 1))}))


def test_a_cut_file_is_refused_in_words(tmp_path: Path) -> None:
    path = day(tmp_path)
    path.write_bytes(path.read_bytes()[:300])
    assert frank.can_read(path)
    assert "cannot be read as a MATLAB file" in wrong(path)


def test_names_without_a_day_and_without_spikes(recording: Recording, tmp_path: Path) -> None:
    path = frank.write(recording, tmp_path)
    assert path.name == "smallspikes01.mat"
    silent = replace(recording, name="rat2", spikes=recording.spikes.iloc[:0], observed=np.zeros((0, 2)))
    contents = read(frank.write(silent, tmp_path))
    assert (contents.name, len(contents.units), len(contents.spikes)) == ("rat2", 2, 0)


@pytest.mark.slow
def test_tetrodes_and_cells_are_kept(tmp_path: Path) -> None:
    """A day read, chosen, written and read again is the same day."""
    first = read(day(tmp_path))
    chosen = io.choose(first, DATA, TrialsConfig(align="start_time", label="rewarded")).recording
    inside = (chosen.spikes["time_s"] >= 1000) & (chosen.spikes["time_s"] < 2000)
    chosen = replace(chosen, spikes=chosen.spikes[inside])
    (tmp_path / "out").mkdir()
    again = read(frank.write(chosen, tmp_path / "out"))
    assert (again.name, again.animal) == ("bon03", "bon")
    for name in ("unit", "tetrode", "cell", "name", "region", "tag", "depth"):
        assert again.units[name].tolist() == chosen.units[name].tolist()
    pd.testing.assert_frame_equal(again.spikes, chosen.spikes.reset_index(drop=True))
    np.testing.assert_array_equal(again.observed, chosen.observed)
    assert again.tables["trials"]["wellstend_2"].tolist() == [1.0, 2.0, 3.0]
    assert len(again.behavior) == len(chosen.behavior)


def test_what_it_writes_lies_where_the_labs_code_looks(recording: Recording, tmp_path: Path) -> None:
    from scipy.io import loadmat

    path = frank.write(replace(recording, name="rat05"), tmp_path)
    raw = loadmat(path, struct_as_record=False)["spikes"]
    cell = raw[0, 4][0, 0][0, 1][0, 0][0, 0]  # spikes{5}{1}{2}{1}
    np.testing.assert_array_equal(cell.data, [[1.5], [7.5]])
    assert raw[0, 3].size == 0
    info = loadmat(tmp_path / "ratcellinfo.mat", struct_as_record=False)["cellinfo"]
    assert info[0, 4][0, 0][0, 1][0, 0][0, 0].area[0] == "PFC"


def test_epochs_alone_hold_the_observed_time(recording: Recording, tmp_path: Path) -> None:
    path = frank.write(replace(recording, name="rat05", observed=np.array([[0.0, 4.0], [5.0, 10.0]])), tmp_path)
    (tmp_path / "ratspikes05.recording.json").unlink()
    contents = read(path)
    assert contents.observed is not None
    assert contents.observed.tolist() == [[0.0, 4.0], [5.0, 10.0]]
    assert trains(contents) == {"t01c01": [0.5, 9.0], "t02c01": [1.5, 7.5]}


def test_the_block_of_the_page_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "matlab.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    (block,) = (b for b in blocks if b["data"]["reader"] == "frank")
    day(tmp_path)
    ready = parse({**block, "data": block["data"] | {"path": str(tmp_path)}, "models": {}})
    (path,) = io.named_recordings(Path(ready.data.path), ready.data.reader)
    recording = read_recording(path, RecordingSections.of(ready))
    assert recording.name == "bon03"
    assert recording.observed.tolist() == [[1000.0, 2000.0]]
    assert ready.trials.include is not None
    assert len(recording.trials.query(ready.trials.include)) == 2


def test_files_of_other_contents_are_left_out_with_a_note(tmp_path: Path) -> None:
    contents = read(day(tmp_path, trials=Structs([{"a": "b"}]), linpos={(3, 2): np.ones((4, 4))}))
    assert any(
        "bontrials03.mat is not used: bontrials03.mat: expected trials to be a cell" in n
        for n in map(str, contents.notes)
    )
    assert any(
        "bonlinpos03.mat is not used: bonlinpos03.mat: linpos{2}: expected a struct" in n
        for n in map(str, contents.notes)
    )
    assert len(contents.tables["trials"]) == 3


@pytest.mark.parametrize("name", ["..cellinfo_sj.mat", "bon..cellinfo_sj.mat", "boncellinfo_sj.mat", "cellinfo.mat",
                                  "bon_pos03.mat"])  # fmt: skip
def test_a_stray_file_of_a_script_does_not_block_the_days(tmp_path: Path, name: str) -> None:
    path = day(tmp_path, tetinfo={(3, 2, 1): {"area": "CA1"}})
    write_5(tmp_path / name, {"cellinfo": np.ones((2, 2))})
    assert list(io.named_recordings(tmp_path)) == [path]
