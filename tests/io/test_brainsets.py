"""HDF5 files of temporaldata (brainsets): spikes by rows of units, intervals, domains, series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikebridge import io
from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.io.readers import binned, brainsets

h5py = pytest.importorskip("h5py")


def group(parent: Any, name: str, kind: str, **arrays: Any) -> Any:
    """A group as temporaldata saves it: text as bytes of fixed length, named in _unicode_keys."""
    made = parent.create_group(name)
    made.attrs["object"] = kind
    texts = []
    for key, values in arrays.items():
        array = np.asarray(values)
        if array.dtype.kind == "U":
            array = array.astype("S")
            texts.append(key)
        made[key] = array
    made.attrs["_unicode_keys"] = np.array(texts, dtype="S")
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file_path = tmp_path / "session_1.h5"
    with h5py.File(file_path, "w") as file:
        file.attrs["object"] = "Data"
        subject = group(file, "subject", "Data")
        subject.attrs["id"] = "monkey_c"
        spikes = group(
            file, "spikes", "IrregularTimeSeries", timestamps=[0.5, 1.0, 1.5, 2.0, 9.0], unit_index=[0, 1, 0, 2, 1]
        )
        spikes["timestamp_indices_1s"] = np.array([0, 1, 3])
        group(spikes, "domain", "Interval", start=[0.5], end=[9.0])
        group(
            file,
            "units",
            "ArrayDict",
            id=["a/1", "a/2", "b/1"],
            brain_region=["HC", "PFC", "HC"],
            waveform_mean=np.zeros((3, 4)),
        )
        group(file, "trials", "Interval", start=[0.0, 4.0], end=[2.0, 6.0], go_cue=[0.5, 4.5], choice=["left", "right"])
        group(file, "train_domain", "Interval", start=[0.0], end=[2.0])
        cursor = group(file, "cursor", "RegularTimeSeries", pos=np.arange(8.0).reshape(4, 2))
        cursor.attrs["sampling_rate"] = 2.0
        group(cursor, "domain", "Interval", start=[1.0], end=[2.5])
        group(file, "lick", "IrregularTimeSeries", timestamps=[0.25, 0.75], value=[1.0, 2.0])
    return file_path


def test_everything_of_a_file(path: Path) -> None:
    assert (brainsets.can_read(path), binned.can_read(path)) == (True, False)
    data = DataConfig(path="", source=["HC"], target=["PFC"])
    contents = io.read_contents(path, data)
    assert (contents.name, contents.animal) == ("session_1", "monkey_c")
    times = {u: t.tolist() for u, t in contents.spikes.groupby("unit")["time_s"]}
    assert times == {0: [0.5, 1.5], 1: [1.0, 9.0], 2: [2.0]}
    assert contents.units["name"].tolist() == ["a/1", "a/2", "b/1"]
    chosen = io.choose(contents, data, TrialsConfig()).recording
    assert chosen.units["region"].tolist() == ["HC", "PFC", "HC"]
    assert list(contents.tables) == ["trials"]
    assert chosen.trials["go_cue"].tolist() == [0.5, 4.5]
    assert chosen.trials["choice"].tolist() == ["left", "right"]
    assert chosen.trials[["start_time", "stop_time"]].to_numpy().tolist() == [[0.0, 2.0], [4.0, 6.0]]
    assert chosen.observed[0, 0] == 0.5
    assert chosen.observed[0, 1] == np.nextafter(9.0, np.inf)
    pos = contents.behavior[contents.behavior["series"] == "cursor_pos_1"]
    assert pos["time_s"].tolist() == [1.0, 1.5, 2.0, 2.5]
    assert pos["value"].tolist() == [1.0, 3.0, 5.0, 7.0]
    assert contents.behavior[contents.behavior["series"] == "lick"]["value"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("unit_index", [0, 1, 0, 3, 1], "spikes/unit_index: 0 to 3, but units has 3 rows"),
        ("unit_index", [0, 1, 0], r"timestamps have the shape \(5,\), unit_index \(3,\)"),
        ("unit_index", [0.0, 1.0, 0.0, 2.0, 1.0], "spikes/unit_index: expected rows of units, found float64"),
    ],
)
def test_what_does_not_fit_is_named(path: Path, name: str, values: list[Any], message: str) -> None:
    with h5py.File(path, "a") as file:
        del file["spikes"][name]
        file["spikes"][name] = np.array(values)
    with pytest.raises(DataError, match=message):
        io.read_contents(path, DataConfig(path="", source=["HC"], target=["PFC"]))
