"""The order of the axes of counts: recognised, asked for, or said, and never taken on trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from cases import generate, truths
from numpy.typing import NDArray

from spikebridge.config import DataConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.io import read_contents
from spikebridge.io.contents import Contents
from spikebridge.io.readers import binned
from spikebridge.io.readers.binned import Options

UNIT_FIRST = ["unit", "bin", "trial"]


def cube(n_trials: int, n_bins: int, n_units: int, same_rates: bool = False) -> NDArray[np.int32]:
    """(trial, bin, unit), Poisson; units of rates that differ fourfold, or of one rate."""
    rng = np.random.default_rng(7)
    rates = np.full(n_units, 0.3) if same_rates else np.linspace(0.1, 0.4, n_units)
    return rng.poisson(rates, (n_trials, n_bins, n_units)).astype(np.int32)


def file(path: Path, counts: NDArray[Any], n_trials: int, n_units: int, matlab: bool = False, **more: Any) -> Path:
    width = np.array([[0.02]]) if matlab else np.array(0.02)
    labels = np.arange(n_trials) % 2
    arrays = {
        "counts": counts,
        "bin_width_s": width,
        "trials/choice": labels[None] if matlab else labels,
        "region": np.array(["HC", "PFC"] * (n_units // 2)),
    } | more
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return path
    with h5py.File(path, "w") as handle:
        for name, values in arrays.items():
            handle[name] = values.astype(h5py.string_dtype()) if values.dtype.kind == "U" else values
    return path


def of_unit(contents: Contents) -> list[int]:
    return contents.spikes.groupby("unit").size().reindex(contents.units["unit"], fill_value=0).tolist()


def complaint(path: Path) -> str:
    with pytest.raises(DataError) as error:
        binned.read(path, Options())
    return str(error.value)


@pytest.mark.parametrize("which", ["a", "b"])
def test_the_public_report(tmp_path: Path, which: str) -> None:
    """Counts written by MATLAB's h5write, with more trials than units and with as many."""
    truth = next(t for t in truths(generate("35b", tmp_path)) if t["which"] == which)
    path = tmp_path / which / "day1.h5"
    assert "set data.options: {axes: [unit, bin, trial]}" in complaint(path)
    read = binned.read(path, Options(axes=UNIT_FIRST))
    assert of_unit(read)[:6] == truth["spikes_of_unit"]
    assert len(read.spikes) == truth["total"]
    starts = read.tables["trials"]["start_time"].to_numpy()
    trial = np.searchsorted(starts, read.spikes["time_s"].to_numpy(), side="right") - 1
    assert np.bincount(trial)[:6].tolist() == truth["spikes_in_trial"]
    assert read.units["region"].tolist() == ["V1"] * 30 + ["V2"] * 30


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
@pytest.mark.parametrize("order", [(2, 1, 0), (0, 2, 1), (1, 2, 0), (2, 0, 1), (1, 0, 2)])
def test_sizes_tell(tmp_path: Path, suffix: str, order: tuple[int, ...]) -> None:
    counts = cube(14, 9, 6)
    path = file(tmp_path / f"a{suffix}", counts.transpose(order), 14, 6)
    axes = [("trial", "bin", "unit")[k] for k in order]
    assert f"set data.options: {{axes: [{', '.join(axes)}]}}" in complaint(path)
    assert of_unit(binned.read(path, Options(axes=axes))) == counts.sum((0, 1)).tolist()


def test_two_parts_in_reversed_order(tmp_path: Path) -> None:
    counts = cube(14, 9, 6)
    parts = {"hc": counts[:, :, :2].T, "pfc": counts[:, :, 2:].T}
    path = file(tmp_path / "a.h5", np.array(0.0), 14, 6, **parts)
    asked = {"source_counts": "hc", "target_counts": "pfc"}
    with pytest.raises(DataError, match=r"axes: \[unit, bin, trial\]"):
        binned.read(path, Options(**asked))
    assert of_unit(binned.read(path, Options(**asked, axes=UNIT_FIRST))) == counts.sum((0, 1)).tolist()


def test_axes_of_one_size_are_told_by_what_is_counted(tmp_path: Path) -> None:
    counts = cube(20, 30, 20)
    sound = file(tmp_path / "a.h5", counts, 20, 20)
    assert of_unit(binned.read(sound, Options())) == counts.sum((0, 1)).tolist()
    assert not [n for n in map(str, binned.read(sound, Options()).notes) if "axes" in n]
    for suffix in (".h5", ".npz"):
        message = complaint(file(tmp_path / f"b{suffix}", counts.T, 20, 20))
        assert "counts (20, 30, 20): axes of one size, and totals vary" in message
        assert "set data.options: {axes: [unit, bin, trial]}; if not, set {axes: [trial, bin, unit]}" in message


def test_axes_of_one_size_that_nothing_tells(tmp_path: Path) -> None:
    counts = cube(20, 30, 20, same_rates=True)
    message = complaint(file(tmp_path / "a.h5", counts.T, 20, 20, matlab=True))
    assert "axes of one size in a file that looks like MATLAB's: is it (unit, bin, trial)" in message
    asked = binned.read(tmp_path / "a.h5", Options(axes=UNIT_FIRST))
    assert of_unit(asked) == counts.sum((0, 1)).tolist()
    assert asked.tables["trials"]["choice"].tolist() == [0, 1] * 10
    plain = binned.read(file(tmp_path / "b.h5", counts, 20, 20), Options())
    assert of_unit(plain) == counts.sum((0, 1)).tolist()
    assert any("axes of one size are taken as (trial, bin, unit)" in note for note in map(str, plain.notes))


def test_the_file_may_say_its_axes(tmp_path: Path) -> None:
    counts = cube(20, 30, 20)
    path = file(tmp_path / "a.h5", counts.T, 20, 20)
    with h5py.File(path, "r+") as handle:
        handle["counts"].attrs["axes"] = "unit, bin, trial"
    assert of_unit(binned.read(path, Options())) == counts.sum((0, 1)).tolist()


def test_a_table_of_some_units_says_nothing_of_axes(tmp_path: Path) -> None:
    path = file(tmp_path / "a.h5", cube(14, 9, 6), 14, 6)
    pd.DataFrame({"unit": [0, 1, 2], "depth": [1.0, 2.0, 3.0]}).to_csv(tmp_path / "a.units.csv", index=False)
    assert len(binned.read(path, Options()).units) == 6


def test_wrong_axes_are_named(tmp_path: Path) -> None:
    path = file(tmp_path / "a.h5", cube(14, 9, 6), 14, 6)
    for axes in (["trial", "bin"], ["trial", "unit", "unit"]):
        data = DataConfig(path=str(path), source=["HC"], target=["PFC"], options={"axes": axes})
        with pytest.raises(ConfigError, match="axes: expected trial, bin and unit, each once"):
            read_contents(path, data)
