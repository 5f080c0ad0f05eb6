"""Counts that are binned already: exact counts back, the files of others, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from binned_files import N_BINS, N_TRIALS, N_UNITS, WIDTH, complaint, hdf5, npz
from numpy.typing import NDArray
from read_one import read_recording

from spikebridge import config, io
from spikebridge.config import Config, DataConfig, RecordingSections, TrialsConfig, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.io.contents import Contents
from spikebridge.io.readers import binned
from spikebridge.io.readers.binned import Options
from spikebridge.preprocess import bin_windows, make_windows
from spikebridge.types import Recording


def starts(contents: Contents) -> NDArray[np.float64]:
    return contents.tables["trials"]["start_time"].to_numpy()


def counted(contents: Contents, start: NDArray[np.float64], n_bins: int, width: float) -> NDArray[Any]:
    """(trial, bin, unit), by the binning of the pipeline."""
    ids = contents.units["unit"].to_numpy()
    units = pd.Index(ids).get_indexer(pd.Index(contents.spikes["unit"]))
    return bin_windows(contents.spikes["time_s"].to_numpy(), units, len(ids), start, n_bins, width)


@pytest.mark.parametrize("write", [npz, hdf5])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_counts_come_back_exactly(
    tmp_path: Path, counts: NDArray[np.uint8], write: Callable[..., Path], dtype: type
) -> None:
    start = np.cumsum(np.random.default_rng(2).uniform(1, 9, N_TRIALS)) / 7 + 3600
    region = np.array(["HC", "HC", "PFC", "PFC", "HC"], dtype="S3")
    path = write(
        tmp_path / "day1.npz",
        counts=counts.astype(dtype),
        bin_width_s=WIDTH,
        region=region,
        start_time=start,
        trials__choice=np.array(["a", "b"] * 3 + ["a"], dtype="S1"),
    )
    assert binned.can_read(path)
    contents = binned.read(path, Options())
    assert contents.resolution_s == WIDTH
    assert contents.units["region"].tolist() == ["HC", "HC", "PFC", "PFC", "HC"]
    assert contents.tables["trials"]["choice"].tolist() == ["a", "b", "a", "b", "a", "b", "a"]
    assert contents.observed is not None
    np.testing.assert_allclose(contents.observed, np.column_stack([start, start + N_BINS * WIDTH]), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(counted(contents, start, N_BINS, WIDTH), counts)
    twice = counts.reshape(N_TRIALS, N_BINS // 2, 2, N_UNITS).sum(axis=2)
    np.testing.assert_array_equal(counted(contents, start, N_BINS // 2, 2 * WIDTH), twice)
    within = contents.spikes.groupby("unit")["time_s"]
    assert all(np.all(np.diff(times) > 0) for _, times in within)


def test_spikes_lie_evenly_inside_their_bin(tmp_path: Path) -> None:
    contents = binned.read(
        npz(tmp_path / "a.npz", counts=[[[0], [4], [1]]], bin_width_s=0.5, start_time=[10.0]), Options()
    )
    assert contents.spikes["time_s"].tolist() == [10.5625, 10.6875, 10.8125, 10.9375, 11.25]


def test_trials_without_times_are_laid_one_after_another(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    contents = binned.read(npz(tmp_path / "a.npz", counts=counts, bin_width_s=WIDTH), Options(gap_s=2.0))
    np.testing.assert_allclose(starts(contents), np.arange(N_TRIALS) * (N_BINS * WIDTH + 2.0))
    np.testing.assert_array_equal(counted(contents, starts(contents), N_BINS, WIDTH), counts)
    assert any("laid one after another with 2 s between them" in note for note in map(str, contents.notes))


def test_trials_in_any_order_in_time(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    start = np.array([5.0, 1.0, 3.0, 9.0, 7.0, 2.0, 4.0])
    contents = binned.read(npz(tmp_path / "a.npz", counts=counts, bin_width_s=WIDTH, start_time=start), Options())
    assert starts(contents).tolist() == start.tolist()
    np.testing.assert_array_equal(counted(contents, start, N_BINS, WIDTH), counts)
    assert (np.diff(contents.spikes[contents.spikes["unit"] == 0]["time_s"]) > 0).all()


def test_times_of_events_and_an_offset(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    go = np.arange(N_TRIALS) * 2.0 + 5
    path = npz(tmp_path / "a.npz", counts=counts, bin_width_s=WIDTH, trials__go_time=go)
    contents = binned.read(path, Options(start_time="go_time", offset_s=-0.1))
    np.testing.assert_allclose(starts(contents), go - 0.1)
    assert contents.tables["trials"]["go_time"].tolist() == go.tolist()


def test_trial_times_of_the_table_are_kept(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    table = {"trials__start_time": np.arange(N_TRIALS) * 2.0, "trials__stop_time": np.arange(N_TRIALS) * 2.0 + 1.9}
    path = npz(tmp_path / "a.npz", counts=counts, bin_width_s=WIDTH, first_bin=np.arange(N_TRIALS) * 2 + 0.5, **table)
    contents = binned.read(path, Options(start_time="first_bin"))
    assert starts(contents).tolist() == (np.arange(N_TRIALS) * 2.0).tolist()
    assert contents.observed is not None
    assert contents.observed[0].tolist() == [0.5, 0.5 + N_BINS * WIDTH]


def test_tables_beside_the_file(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    path = npz(tmp_path / "day1.npz", counts=counts, bin_width_s=WIDTH)
    (tmp_path / "day1.units.csv").write_text("unit,region\n" + "".join(f"{u},R{u}\n" for u in range(N_UNITS)))
    rows = "".join(f"{t},{t + 0.5},{'ab'[t % 2]}\n" for t in range(N_TRIALS))
    (tmp_path / "day1.trials.csv").write_text("start_time,stop_time,choice\n" + rows)
    (tmp_path / "day1.recording.json").write_text('{"animal": "R2"}')
    contents = binned.read(path, Options())
    assert contents.animal == "R2"
    assert contents.units["region"].tolist() == ["R0", "R1", "R2", "R3", "R4"]
    assert contents.tables["trials"]["choice"].tolist() == list("abababa")
    np.testing.assert_array_equal(counted(contents, np.arange(7.0), N_BINS, WIDTH), counts)


def test_neural_latents_benchmark(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    """The names that nlb_tools writes; float arrays, as there."""
    path = hdf5(
        tmp_path / "mc_maze.h5",
        train_spikes_heldin=counts[:4, :, :3].astype(float),
        train_spikes_heldout=counts[:4, :, 3:].astype(float),
        eval_spikes_heldin=counts[4:, :, :3].astype(float),
        eval_spikes_heldout=counts[4:, :, 3:].astype(float),
        train_behavior=np.zeros((4, N_BINS, 2)) + 0.5,
    )
    assert binned.can_read(path)
    contents = binned.read(path, Options(bin_width_s=0.005))
    assert contents.units["region"].tolist() == ["source"] * 3 + ["target"] * 2
    np.testing.assert_array_equal(counted(contents, starts(contents), N_BINS, 0.005), counts)
    assert any("train_spikes_heldin, eval_spikes_heldin" in note for note in map(str, contents.notes))
    assert any("arrays that are not read: train_behavior" in note for note in map(str, contents.notes))


@pytest.mark.parametrize("first", [0, 1])
def test_lfads(tmp_path: Path, counts: NDArray[np.uint8], first: int) -> None:
    """The names that lfads-torch reads; places of the trials may count from one, when MATLAB made the file."""
    valid = np.array([1, 4])
    train = np.setdiff1d(np.arange(N_TRIALS), valid)
    data = counts.astype(np.float32)
    path = hdf5(
        tmp_path / "lfads.h5",
        train_encod_data=data[train][..., :3],
        train_recon_data=data[train],
        valid_encod_data=data[valid][..., :3],
        valid_recon_data=data[valid],
        train_inds=(train + first)[None],
        valid_inds=(valid + first)[None],
        train_truth=data[train] / 3,
        conversion_factor=2.0,
    )
    contents = binned.read(path, Options(bin_width_s=0.01))
    assert len(contents.units) == N_UNITS
    np.testing.assert_array_equal(counted(contents, starts(contents), N_BINS, 0.01), counts)
    assert any("put back into the order" in note for note in map(str, contents.notes))


def test_two_arrays_by_name(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    path = npz(tmp_path / "a.npz", hc=counts[..., :2], pfc=counts[..., 2:], width=WIDTH, area=list("AABBB"))
    options = {"source_counts": "hc", "target_counts": "pfc", "bin_width_s": "width"}
    assert binned.read(path, Options(**options)).units["region"].tolist() == ["source"] * 2 + ["target"] * 3
    assert binned.read(path, Options(**options, region="area")).units["region"].tolist() == list("AABBB")
    joined = binned.read(path, Options(counts="pfc", bin_width_s=WIDTH))
    np.testing.assert_array_equal(counted(joined, starts(joined), N_BINS, WIDTH), counts[..., 2:])
    assert "which array holds the counts" in complaint(path, bin_width_s=WIDTH)


def test_what_is_taken(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    import h5py

    assert binned.can_read(npz(tmp_path / "any name.npz", x=counts))
    assert not binned.can_read(npz(tmp_path / "rates.npz", x=counts + 0.5)), "rates are no counts"
    assert not binned.can_read(npz(tmp_path / "flat.npz", x=counts[0]))
    assert not binned.can_read(hdf5(tmp_path / "a.nwb", counts=counts))
    assert not binned.can_read(hdf5(tmp_path / "a.mat", counts=counts))
    assert binned.can_read(hdf5(tmp_path / "deep.hdf5", group__x=counts))
    for name, attribute in (("nwb.h5", "nwb_version"), ("matlab.h5", "MATLAB_class")):
        with h5py.File(hdf5(tmp_path / name, counts=counts), "a") as file:
            (file if name == "nwb.h5" else file["counts"]).attrs[attribute] = "x"
        assert not binned.can_read(tmp_path / name)
    assert not binned.can_read(tmp_path)
    assert not binned.can_read(Path("\0"))


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_written_and_read_again(recording: Recording, tmp_path: Path, suffix: str) -> None:
    written = replace(recording, units=recording.units.assign(unit=[4, 9], depth=[1.5, 2.5]))
    written = replace(written, spikes=written.spikes.assign(unit=[4, 4, 9, 9], time_s=[1.0, 1.5, 1.05, 7.2499]))
    path = binned.write(written, tmp_path, suffix)
    contents = binned.read(path, Options())
    pd.testing.assert_frame_equal(contents.tables["trials"], recording.trials)
    pd.testing.assert_frame_equal(contents.behavior, recording.behavior)
    pd.testing.assert_frame_equal(contents.units[["unit", "region", "depth"]], written.units)
    assert (contents.name, contents.animal, contents.resolution_s) == ("small", "rat", 0.05)
    tally = counted(contents, np.array([1.0, 4.0, 7.0]), 20, 0.05)
    assert {tuple(map(int, cell)) for cell in np.argwhere(tally)} == {(0, 0, 0), (0, 10, 0), (0, 1, 1), (2, 4, 1)}


def test_trials_that_hold_no_bin_cannot_be_written(recording: Recording, tmp_path: Path) -> None:
    for trials in (recording.trials.iloc[:0], recording.trials.assign(stop_time=recording.trials["start_time"])):
        with pytest.raises(DataError, match="expected trials of at least one bin"):
            binned.write(replace(recording, trials=trials), tmp_path)


def pipeline(path: Path, width: float, window: list[float], options: dict[str, Any]) -> Config:
    return config.parse(
        {
            "data": {"path": str(path), "source": ["source"], "target": ["target"], "options": options},
            "trials": {"align": "start_time", "decision": "stop_time", "window_s": window},
            "bins": {"width_s": width},
            "models": {"majority": {}},
        }
    )


def test_through_the_pipeline(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    counts[:, :, 4] = 1
    path = npz(
        tmp_path / "a.npz", source=counts[..., :2], target=counts[..., 2:], trials__choice=np.array(list("abababa"))
    )
    options = {"bin_width_s": WIDTH}
    settings = pipeline(path, WIDTH, [0.0, N_BINS * WIDTH], options)
    recording = read_recording(path, RecordingSections.of(settings))
    windows, report = make_windows(recording, WindowSections.of(settings), ("a", "b"))
    np.testing.assert_array_equal(windows.source, counts[..., :2])
    np.testing.assert_array_equal(windows.target, counts[..., 2:])
    assert report["windows"] == {"trial": N_TRIALS, "continuous": 0, "bins": N_BINS}
    with pytest.raises(ConfigError, match="no multiple of the"):
        make_windows(recording, WindowSections.of(pipeline(path, 0.03, [0.0, 0.12], options)), ("a", "b"))
    with pytest.raises(DataError, match="begin inside a bin"):
        make_windows(recording, WindowSections.of(pipeline(path, WIDTH, [0.01, 0.11], options)), ("a", "b"))


def test_windows_of_the_pipeline_are_read(tmp_path: Path, windows: list[Any]) -> None:
    whole = windows[0]
    path = tmp_path / "again.npz"
    np.savez(path, source=whole.source, target=whole.target, bin_s=whole.bin_s, start_s=whole.start_s)
    options = Options(bin_width_s="bin_s", start_time="start_s")
    contents = binned.read(path, options)
    both = np.concatenate([whole.source, whole.target], axis=2)
    np.testing.assert_array_equal(counted(contents, whole.start_s, whole.n_bins, whole.bin_s), both)


def test_options_exclude_each_other(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    path = npz(tmp_path / "a.npz", counts=counts)
    for options, message in (
        ({"source_counts": "counts"}, "source_counts and target_counts need each other"),
        ({"counts": "a", "source_counts": "b", "target_counts": "c"}, "name either counts, or"),
        ({"gap_s": -1}, "gap_s"),
        ({"bin_width_s": 0}, "bin_width_s"),
    ):
        data = DataConfig(path=str(path), source=["a"], target=["b"], options=options)
        with pytest.raises(ConfigError, match=message):
            io.read_contents(path, data)


def test_choosing_regions_of_two_parts(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    path = npz(tmp_path / "a.npz", spikes_heldin=counts[..., :2], spikes_heldout=counts[..., 2:], bin_width_s=WIDTH)
    data = DataConfig(path=str(path), source=["source"], target=["target"])
    chosen = io.choose(io.read_contents(path, data), data, TrialsConfig())
    assert not chosen.missing
    assert chosen.recording.resolution_s == WIDTH


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "binned.md"
    code = page.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    settings = pipeline(tmp_path, WIDTH, [0.0, 1.0], {})
    settings = settings.model_copy(update={"data": DataConfig(path=".", source=["HC"], target=["PFC"])})
    assert io.ingest(io.IngestSections.of(settings), Path("out")) == ["day1"]
    windows, _ = make_windows(io.load_ingested(Path("out/day1")), WindowSections.of(settings), ("skip", "stay"))
    with np.load("day1.npz") as arrays:
        np.testing.assert_array_equal(windows.source[windows.labelled], arrays["counts"][..., :3])
