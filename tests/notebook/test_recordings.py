"""Recordings of a notebook, as the stage ingest finds them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge.artifacts.recordings import RECORDINGS_FOLDER
from spikebridge.errors import DataError
from spikebridge.io.pynapple import to_pynapple
from spikebridge.io.readers import tables
from spikebridge.notebook.recordings import data_settings
from spikebridge.types import Recording


def written(project: Path) -> dict[str, Any]:
    """Name -> what the reader of tables finds."""
    found_at = sorted(path for path in (project / RECORDINGS_FOLDER).iterdir() if path.is_dir())
    return {path.name: tables.read(path, tables.Options()) for path in found_at}


def test_a_single_path_stays_where_it_is(tmp_path: Path) -> None:
    assert data_settings(str(tmp_path), tmp_path / "project") == {"path": str(tmp_path.resolve())}
    assert not (tmp_path / "project").exists()


def test_several_paths_are_linked_with_the_tables_beside_them(tmp_path: Path) -> None:
    for name in ("rat1/day1.nwb", "rat2/day1.nwb", "rat2/day2.mat", "rat2/day2.trials.csv", "rat2/other.nwb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    paths = [tmp_path / name for name in ("rat1/day1.nwb", "rat2/day1.nwb", "rat2/day2.mat")]
    project = tmp_path / "project"
    assert data_settings(paths, project) == {"path": "data/recordings", "follow_links": True}
    folder = project / RECORDINGS_FOLDER
    links = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert links == {
        "day1.nwb": "rat1/day1.nwb",
        "rat2/day1.nwb": "rat2/day1.nwb",
        "day2.mat": "rat2/day2.mat",
        "day2.trials.csv": "rat2/day2.trials.csv",
    }
    with pytest.raises(DataError, match=r"day1\.nwb is given twice"):
        data_settings([*paths, paths[0], paths[0]], project)


def test_recordings_are_written_without_loss(recordings: list[Recording], tmp_path: Path) -> None:
    data_settings(recordings, tmp_path)
    for recording in recordings:
        contents = written(tmp_path)[recording.name]
        pd.testing.assert_frame_equal(contents.spikes.reset_index(drop=True), recording.spikes, check_exact=True)
        pd.testing.assert_frame_equal(contents.units, recording.units)
        pd.testing.assert_frame_equal(contents.tables["trials"], recording.trials, check_exact=True)
        assert np.array_equal(contents.observed, recording.observed)
        assert contents.animal == "rat1"


def test_pynapple_objects_need_a_name(recordings: list[Recording], tmp_path: Path) -> None:
    pytest.importorskip("pynapple")
    parts = to_pynapple(recordings[0])
    data_settings({"day1": (parts.units, parts.trials), "day2": parts}, tmp_path)
    both = written(tmp_path)
    assert set(both) == {"day1", "day2"}
    assert len(both["day1"].behavior) == 0
    assert len(both["day2"].behavior) == len(recordings[0].behavior)
    assert np.allclose(np.sort(both["day1"].spikes["time_s"]), np.sort(recordings[0].spikes["time_s"]), atol=1e-9)
    with pytest.raises(DataError, match="pynapple objects need a name"):
        data_settings([(parts.units, parts.trials)], tmp_path)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("no/such.nwb", "no/such.nwb does not exist"),
        (["no/such.nwb"], "no/such.nwb does not exist"),
        ([], "expected at least one, a path, a Recording, or pynapple objects"),
        (3, "got int"),
        ([3], "an element: expected a path, a Recording, or pynapple objects"),
    ],
)
def test_what_is_no_recording_is_named(given: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        data_settings(given, tmp_path)


def test_two_of_one_name_are_refused(recordings: list[Recording], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected names that differ, got 'rat1_day1' twice"):
        data_settings([recordings[0], recordings[0]], tmp_path)
