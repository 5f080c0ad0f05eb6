"""The contract, held by every reader that the registry finds: a new file there is tested before it has tests."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from studies import as_recording

import finding_codes
from spikebridge import io
from spikebridge.config import DataConfig, SimulateConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.io.contents import Contents
from spikebridge.io.reader_registry import Reader, files_of, key_of, options_of
from spikebridge.labels.trial_labels import label_names
from spikebridge.preprocess import bin_windows
from spikebridge.simulate import simulate_session
from spikebridge.types import Recording

NAMES = io.reader_names()
CODES = {code.code for code in finding_codes.codes()}
CHOICE = DataConfig(path="", source=["HC"], target=["PFC"])
TRIALS = TrialsConfig()


@pytest.fixture(scope="module")
def simulated() -> Recording:
    """A simulated session with everything that a recording can hold: missing labels, odd names, two clocks, a gap."""
    knobs = SimulateConfig(n_trials=12, n_source_units=(5, 5), n_target_units=(4, 4))
    session = as_recording(simulate_session(knobs, np.random.default_rng(3), "rat1_day1", "rat1"))
    label = session.trials["choice"].astype(object)
    label[3] = None
    trials = session.trials.assign(choice=label.astype("str"), delay_s=np.r_[np.nan, session.trials["delay_s"][1:]])
    end = float(np.ceil(session.observed[0, 1]))
    return replace(
        session,
        units=session.units.assign(unit=session.units["unit"] * 3 + 1, depth_um=np.arange(9) * 10.5),
        spikes=session.spikes.assign(unit=session.spikes["unit"] * 3 + 1),
        trials=trials,
        behavior=behavior(end),
        observed=np.array([[0.0, end / 2], [end / 2 + 0.25, end]]),
    )


def behavior(end: float) -> pd.DataFrame:
    clocks = {"speed": np.arange(0.0, end, 0.05), "position_x": np.arange(0.011, end, 0.1)}
    parts = [pd.DataFrame({"series": n, "time_s": t, "value": np.sin(t)}) for n, t in clocks.items()]
    return pd.concat(parts, ignore_index=True).astype({"series": "str"})


@pytest.fixture(params=NAMES)
def reader(request: pytest.FixtureRequest) -> Reader:
    return io.get_reader(request.param)


def on_grid(recording: Recording, reader: Reader) -> Recording:
    """The recording with spike times that the format can hold: whole samples of 30 kHz, or of its own step."""
    step = getattr(reader, "TIME_STEP_S", None)
    spikes = recording.spikes.copy()
    samples = np.rint(spikes["time_s"] * 30000) if step is None else np.rint(spikes["time_s"] / step)
    spikes["time_s"] = samples / 30000.0 if step is None else samples / round(1 / step)
    return replace(recording, spikes=spikes.drop_duplicates(ignore_index=True))


def round_trip(reader: Reader, recording: Recording, folder: Path) -> tuple[Path, Recording]:
    path = reader.write(recording, folder)
    contents = reader.read(path, options_of(reader, CHOICE))
    chosen = io.choose(contents, CHOICE, TRIALS)
    assert not chosen.missing, chosen.findings
    return path, chosen.recording


def test_round_trip(reader: Reader, simulated: Recording, tmp_path: Path) -> None:
    written = on_grid(simulated, reader)
    path, read_back = round_trip(reader, written, tmp_path)
    assert (read_back.name, read_back.animal) == ("rat1_day1", "rat1")
    assert read_back.source_file == path.name
    if reader.__name__.endswith(".binned"):
        same_counts(read_back, written)
        return
    np.testing.assert_array_equal(read_back.observed, written.observed)
    same_units_and_spikes(read_back, written)
    same_trials(read_back.trials, written.trials)
    same_behavior(read_back.behavior, written.behavior)
    io.check(read_back, CHOICE, TRIALS)


def same_units_and_spikes(read_back: Recording, written: Recording) -> None:
    """Every unit by its spike train, whatever the format calls it: its region and depth with it."""
    assert read_back.spikes["unit"].dtype == np.int64
    assert read_back.spikes["time_s"].dtype == np.float64
    ours, theirs = trains(read_back), trains(written)
    assert ours.keys() == set(read_back.units["unit"])
    assert len(ours) == len(theirs)
    named_anew = ours.keys() != theirs.keys()  # ids of the format's own: a tetrode and a cell
    units, written_units = read_back.units.set_index("unit"), written.units.set_index("unit")
    for unit, times in theirs.items():
        twin = next(u for u, t in ours.items() if np.array_equal(t, times)) if named_anew else unit
        np.testing.assert_array_equal(ours[twin], times)
        for column in ("region", "depth_um"):
            assert units.at[twin, column] == written_units.at[unit, column], (column, unit)


def trains(recording: Recording) -> dict[int, Any]:
    times = recording.spikes.groupby("unit")["time_s"]
    return {int(u): times.get_group(u).to_numpy() for u in recording.units["unit"]}


def same_trials(trials: pd.DataFrame, written: pd.DataFrame) -> None:
    assert set(written.columns) <= set(trials.columns)
    for name in written.columns:
        if written[name].dtype.kind in "fiu":
            np.testing.assert_array_equal(trials[name].to_numpy(float), written[name].to_numpy(float), err_msg=name)
        else:
            assert label_names(trials[name]).tolist() == label_names(written[name]).tolist(), name


def same_behavior(series_read: pd.DataFrame, written: pd.DataFrame) -> None:
    assert set(series_read["series"]) == set(written["series"])
    for name, series in written.groupby("series"):
        samples = series_read[series_read["series"] == name]
        np.testing.assert_array_equal(samples["time_s"].to_numpy(), series["time_s"].to_numpy())
        np.testing.assert_array_equal(samples["value"].to_numpy(), series["value"].to_numpy())


def same_counts(read_back: Recording, written: Recording) -> None:
    assert read_back.resolution_s > 0
    start = read_back.observed[:, 0]
    n = round(float(np.diff(read_back.observed, axis=1).min()) / read_back.resolution_s)
    same_trials(read_back.trials, written.trials)

    def counts(recording: Recording) -> Any:
        order = np.sort(recording.units["unit"].to_numpy())
        spikes = recording.spikes.sort_values("unit", kind="stable")
        index = np.searchsorted(order, spikes["unit"].to_numpy())
        return bin_windows(spikes["time_s"].to_numpy(), index, len(order), start, n, read_back.resolution_s)

    np.testing.assert_array_equal(counts(read_back), counts(written))
    assert counts(read_back).sum() > 0
    regions = [r.units.sort_values("unit")["region"].tolist() for r in (read_back, written)]
    assert regions[0] == regions[1]


def test_only_one_reader_takes_what_it_wrote(reader: Reader, simulated: Recording, tmp_path: Path) -> None:
    path = reader.write(on_grid(simulated, reader), tmp_path)
    assert [name for name in NAMES if io.get_reader(name).can_read(path)] == [key_of(reader)]
    assert list(io.named_recordings(path)) == [path]
    assert list(io.named_recordings(path.parent)) in ([path], [path.parent])
    assert io.name_of(path, reader) == "rat1_day1"
    files = files_of(path, reader)
    assert files and all(f.is_file() for f in files)
    assert path.is_dir() or path in files


def test_spikes_come_as_they_are(reader: Reader, simulated: Recording, tmp_path: Path) -> None:
    """Reading judges nothing: what is out of order or there twice must reach the checks."""
    if reader.__name__.endswith(".binned"):
        pytest.skip("counts have no order")
    spikes = on_grid(simulated, reader).spikes
    first = spikes["unit"] == spikes["unit"].iloc[0]
    odd = pd.concat([spikes[first].iloc[::-1], spikes[first].iloc[:1], spikes[~first]], ignore_index=True)
    read_back = round_trip(reader, replace(simulated, spikes=odd), tmp_path)[1]
    times = read_back.spikes[read_back.spikes["unit"] == read_back.units["unit"].iloc[0]]["time_s"].to_numpy()
    np.testing.assert_array_equal(times, odd["time_s"].to_numpy()[: first.sum() + 1])


def test_a_path_of_another_kind_is_not_taken_and_never_an_error(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "empty folder").mkdir()
    (tmp_path / "folder.zarr").mkdir()
    for name in ("empty.txt", "noise.h5", "noise.mat", "noise.npz", "noise.csv", "no suffix"):
        (tmp_path / name).write_bytes(b"" if name.startswith("empty") else os.urandom(600))
    (tmp_path / "broken link.npz").symlink_to(tmp_path / "nowhere")
    for path in [tmp_path / "not there", *sorted(tmp_path.iterdir())]:
        assert reader.can_read(path) is False, path


def test_options_are_checked(reader: Reader) -> None:
    from spikebridge.errors import ConfigError

    with pytest.raises(ConfigError, match=rf"data\.options of the reader {key_of(reader)}: unknown key no_such_option"):
        options_of(reader, CHOICE.model_copy(update={"options": {"no_such_option": 1}}))


def test_contents_cross_processes(reader: Reader, simulated: Recording, tmp_path: Path) -> None:
    contents = reader.read(reader.write(on_grid(simulated, reader), tmp_path), options_of(reader, CHOICE))
    assert pickle.loads(pickle.dumps(contents)).name == contents.name


SILENT = {
    ("mclust", ".t"): "no count of spikes, no end mark: cut between two times it is a shorter train",
    ("cells", ".txt"): "no count of spikes: cut at the end of a line it is a shorter train",
}
"""(reader, suffix) -> why a file that is cut short cannot be told from a whole one, and changes what is read."""


@pytest.mark.parametrize(
    "reader", [pytest.param(n, marks=pytest.mark.slow) if n == "nwb_zarr" else n for n in NAMES], indirect=True
)
@pytest.mark.parametrize("part", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_damaged_recording_is_refused_in_words(
    reader: Reader, simulated: Recording, tmp_path: Path, part: int
) -> None:
    """Each file cut to a part, one at a time: an error or a note, or the same recording all the same."""
    path = reader.write(on_grid(simulated, reader), tmp_path)
    sound = reader.read(path, options_of(reader, CHOICE))
    changed = []
    for file in files_of(path, reader):
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // part])
        try:
            contents = reader.read(path, options_of(reader, CHOICE)) if reader.can_read(path) else sound
            assert {note.code for note in contents.notes} <= CODES
            if not same_contents(contents, sound) and not set(contents.notes) - set(sound.notes):
                changed.append(file)
        except DataError as error:
            assert "Traceback" not in str(error)
        finally:
            file.write_bytes(whole)
    assert [f for f in changed if (key_of(reader), f.suffix) not in SILENT] == []


def same_contents(contents: Contents, other: Contents) -> bool:
    pairs = [(contents.spikes, other.spikes), (contents.units, other.units), (contents.behavior, other.behavior)]
    pairs += [(contents.tables.get(name, pd.DataFrame()), table) for name, table in other.tables.items()]
    same = contents.tables.keys() == other.tables.keys() and all(a.equals(b) for a, b in pairs)
    return same and contents.places == other.places and contents.animal == other.animal and same_time(contents, other)


def same_time(first: Contents, second: Contents) -> bool:
    """The observed time, of the recording or of each unit."""

    def of(contents: Contents) -> list[Any]:
        every = [contents.observed, *(contents.observed_of_unit or ())]
        return [None if pairs is None else pairs.tolist() for pairs in every]

    return of(first) == of(second)


def test_it_says_what_it_reads(reader: Reader) -> None:
    assert reader.FORMAT and len(reader.FORMAT) < 80
    assert reader.__doc__
