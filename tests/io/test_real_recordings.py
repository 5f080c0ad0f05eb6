"""The four real recordings that examples/steinmetz is written for: every count of their table."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from read_one import read_recording

from spikebridge import config, io, preprocess
from spikebridge.artifacts.windows import load_windows
from spikebridge.config import Config, RecordingSections
from spikebridge.io.readers import nwb
from spikebridge.splits import check_training_intervals, make_splits, select_windows, training_intervals

TABLE = {
    "cori_2016-12-14": ({"CA3": 68, "DG": 34, "SUB": 75, "ACA": 109, "MOs": 113}, 114, 69),
    "hench_2017-06-16": ({"CA1": 90, "CA3": 86, "ORBm": 122, "PL": 50}, 372, 255),
    "lederberg_2017-12-05": ({"CA1": 50, "DG": 65, "SUB": 105, "ACA": 16, "MOs": 6, "PL": 56}, 340, 251),
    "forssmann_2017-11-02": ({"CA1": 28, "DG": 16, "SUB": 101, "ACA": 53, "MOs": 29, "ORB": 32, "PL": 14}, 254, 168),
}


@pytest.fixture(scope="module")
def steinmetz() -> Config:
    return config.load(Path(__file__).parents[2] / "examples" / "steinmetz" / "params.yaml")


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.quick_cases(1)
def test_units_and_trials(real_folder: Path, steinmetz: Config, name: str) -> None:
    regions, n_trials, n_success = TABLE[name]
    recording = read_recording(real_folder / f"{name}.nwb", RecordingSections.of(steinmetz))
    used = recording.units["region"][recording.units["region"].isin([*steinmetz.data.source, *steinmetz.data.target])]
    assert used.value_counts().to_dict() == regions
    assert len(recording.trials) == n_trials
    assert (recording.trials["outcome"] == "success").sum() == n_success
    assert recording.observed.shape == (n_trials, 2)
    assert recording.animal == name.split("_")[0].capitalize()
    assert not any("outside the observed" in str(w) for w in recording.warnings)


@pytest.mark.parametrize("name", TABLE)
def test_contents_are_those_of_the_file(real_folder: Path, name: str) -> None:
    """Against h5py: every spike, unit and column of trials, and nothing to tell."""
    path = real_folder / f"{name}.nwb"
    contents = nwb.read(path, nwb.Options())
    with h5py.File(path) as handle:
        units, trials = handle["units"], handle["intervals/trials"]
        np.testing.assert_array_equal(contents.spikes["time_s"], units["spike_times"][:])
        counts = np.diff(units["spike_times_index"][:].astype(int), prepend=0)
        np.testing.assert_array_equal(contents.spikes["unit"], np.repeat(units["id"][:], counts))
        assert {*contents.tables["trials"]} == {"id", *map(str, trials.attrs["colnames"])}
        for column in ("start_time", "stop_time", "stimulus_time"):
            np.testing.assert_array_equal(contents.tables["trials"][column], trials[column][:])
    assert (contents.notes, len(contents.behavior)) == ((), 0)


@pytest.mark.slow
def test_windows_and_folds(real_folder: Path, steinmetz: Config, tmp_path: Path) -> None:
    """Spikes exist only inside trials: no continuous window, all trials kept, and every fold has enough to train on."""
    data = steinmetz.data.model_copy(update={"path": str(real_folder)})
    io.ingest(io.IngestSections.of(steinmetz.model_copy(update={"data": data})), tmp_path / "ingested")
    report = preprocess.write_windows(
        io.IngestedRecordings(tmp_path / "ingested"), preprocess.PreprocessSections.of(steinmetz), tmp_path / "windows"
    )
    windows = load_windows(tmp_path / "windows")
    assert report["classes"] == ["failure", "success"]
    for w in windows:
        regions, n_trials, n_success = TABLE[w.recording]
        assert len(w) == n_trials == w.labelled.sum()
        assert (w.label == 1).sum() == n_success
        assert w.n_bins == 20
        units = report["recordings"][w.recording]["units"]
        assert {r: n["kept"] + n["dropped"] for role in units.values() for r, n in role.items()} == regions
    splits = make_splits(windows, steinmetz.split)
    assert all(0.4 < gap <= 30.4 for gap in splits.gap_s.values())
    for fold in splits.folds:
        assert check_training_intervals(splits, fold.fold, training_intervals(windows))
        train = select_windows(windows, fold.train)
        assert check_training_intervals(splits, fold.fold, training_intervals(train)) == []
        assert all(len(w) > 0.7 * TABLE[w.recording][1] for w in train)


def test_the_folder_is_found(real_folder: Path) -> None:
    assert {p.stem for p in io.named_recordings(real_folder)} == set(TABLE)


def test_the_example_asks_for_regions_that_exist(steinmetz: Config) -> None:
    asked = {*steinmetz.data.source, *steinmetz.data.target}
    assert asked == set().union(*(regions for regions, _, _ in TABLE.values()))
