"""MATLAB files: which are read, tables beside them, and what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mat_files import Cells, write_5, write_73
from matlab_sessions import read, session

from spikebridge import io
from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.io.formats.mat import load_mat
from spikebridge.io.reader_registry import files_of
from spikebridge.io.readers import matlab
from spikebridge.types import Recording


def test_what_it_takes(tmp_path: Path) -> None:
    own = write_5(tmp_path / "day1.mat", session())
    assert matlab.can_read(own)
    assert matlab.can_read(write_73(tmp_path / "day2.MAT", session()))
    (tmp_path / "text.mat").write_text("MATLAB 5.0 MAT-file, but no more")
    (tmp_path / "other.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"no HDF5")
    for name in ("text.mat", "other.mat", "not there.mat"):
        assert not matlab.can_read(tmp_path / name)
    with pytest.raises(DataError, match="found no MATLAB header"):
        load_mat(tmp_path / "text.mat")


def test_files_of_cell_explorer_are_not_its_own(tmp_path: Path) -> None:
    names = ["a.b.spikes.cellinfo.mat", "a.b.session.mat", "a.b.cell_metrics.cellinfo.mat"]
    for name in names:
        write_5(tmp_path / name, {"spikes": {"times": Cells([])}})
    write_5(tmp_path / "c.session.mat", session())
    assert [matlab.can_read(tmp_path / n) for n in names] == [False] * 3
    assert [matlab.takes(tmp_path / n) for n in names] == [True] * 3
    assert matlab.can_read(tmp_path / "c.session.mat")


def test_tables_beside(recording: Recording, tmp_path: Path) -> None:
    path = matlab.write(recording, tmp_path)
    (tmp_path / "small.trials.csv").write_text("start_time,stop_time,choice\n1,2,stay\n")
    (tmp_path / "small.units.csv").write_text("unit,region\n0,DG\n1,PFC\n")
    (tmp_path / "small.behavior.csv").write_text("time_s,speed\n0.5,1.5\n")
    (tmp_path / "small.recording.json").write_text('{"animal": "rat9", "observed": [[0, 9]]}')
    contents = read(path)
    assert contents.units["region"].tolist() == ["DG", "PFC"]
    assert (len(contents.tables["trials"]), contents.animal) == (1, "rat9")
    assert contents.behavior["series"].tolist() == ["speed"]
    np.testing.assert_array_equal(contents.observed, [[0.0, 9.0]])
    assert sum("the table beside it is taken" in n for n in map(str, contents.notes)) == 2
    assert len(files_of(path, io.get_reader("matlab"))) == 5


def test_what_it_writes_is_read_by_scipy_alone(recording: Recording, tmp_path: Path) -> None:
    from scipy.io import loadmat

    raw = loadmat(matlab.write(recording, tmp_path), simplify_cells=True)
    assert [np.atleast_1d(s).tolist() for s in raw["spikes"]] == [[0.5, 9.0], [1.5, 7.5]]
    assert raw["trials"]["choice"].tolist() == ["stay", "skip", "stay"]
    assert raw["animal"] == "rat"


def test_round_trip_of_odd_columns(recording: Recording, tmp_path: Path) -> None:
    trials = recording.trials.assign(
        hit=[True, False, True], n=[1, 2, 3], rt=[0.25, np.nan, 1.0], note=["", "ü", None], maybe=[True, None, False]
    )
    odd = replace(recording, trials=trials, behavior=recording.behavior.iloc[:0])
    chosen = io.choose(
        read(matlab.write(odd, tmp_path)), DataConfig(path="", source=["HC"], target=["PFC"]), TrialsConfig()
    )
    back = chosen.recording.trials
    assert back["hit"].dtype == bool
    assert back["n"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(back["rt"], [0.25, np.nan, 1.0])
    assert back["note"].tolist() == ["", "ü", ""]
    assert back["maybe"].tolist() == ["True", "", "False"]
    assert not len(chosen.recording.behavior)
