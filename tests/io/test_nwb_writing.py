"""NWB files that the product writes, read again here and by pynwb."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nwb_contents import Settings, contents

from spikebridge.errors import DataError
from spikebridge.io import choose, named_recordings
from spikebridge.io.readers import nwb
from spikebridge.types import Recording


def full(recording: Recording) -> Recording:
    """The small recording, with every type of column, missing values, a gap, and spikes that are not in order."""
    units = recording.units.assign(unit=[40, -2], quality=["good", ""], depth=[1.5, np.nan], ok=[True, False], n=[3, 4])
    trials = recording.trials.assign(
        choice=pd.Series(["stay", None, "skip"], dtype="str"), delay=[0.1, np.nan, 0.3], correct=[True, False, True],
        number=[3, 1, 2], maybe=pd.array([1, None, 3], dtype="Int64"),
    )  # fmt: skip
    spikes = pd.DataFrame({"unit": [40, 40, 40, -2], "time_s": [9.0, 0.1 + 0.2, 9.0, 1 / 3]})
    behavior = pd.DataFrame(
        {"series": ["x", "x", "speed", "a/b"], "time_s": [0.1, 0.3, 0.2, 0.0], "value": [1 / 3, np.nan, 2.0, 1.0]}
    )
    observed = np.array([[0.0, 4.0], [5.1, 10.0]])
    return replace(recording, units=units, trials=trials, spikes=spikes, behavior=behavior, observed=observed)


@pytest.mark.parametrize("reader", ["nwb", "nwb_zarr"])
def test_written_and_read_again(reader: str, recording: Recording, settings: Settings, tmp_path: Path) -> None:
    from spikebridge.io import get_reader

    if reader == "nwb_zarr":
        pytest.importorskip("hdmf_zarr", reason="the extra zarr is not installed")
    module = get_reader(reader)
    written = full(recording)
    path = module.write(written, tmp_path / "new")
    assert list(named_recordings(tmp_path / "new")) == [path]
    read_back = choose(module.read(path, module.Options()), settings().data, settings().trials).recording
    pd.testing.assert_frame_equal(read_back.units[list(written.units)], written.units, check_dtype=False)
    pd.testing.assert_frame_equal(read_back.spikes, written.spikes)
    trials = written.trials.assign(choice=["stay", "", "skip"])
    pd.testing.assert_frame_equal(read_back.trials[list(trials)], trials, check_dtype=False)
    assert {c: read_back.trials[c].dtype.kind for c in ("correct", "number", "delay")} == {
        "correct": "b", "number": "i", "delay": "f",
    }  # fmt: skip
    behavior = written.behavior.replace({"series": {"a/b": "a_b"}})
    order = ["series", "time_s"]
    pd.testing.assert_frame_equal(
        read_back.behavior.sort_values(order, ignore_index=True),
        behavior.sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    np.testing.assert_array_equal(read_back.observed, written.observed)
    assert (read_back.name, read_back.animal, read_back.warnings) == ("small", "rat", ())


def test_what_nwb_cannot_hold(recording: Recording, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"units": recording.units.assign(**{"a/b": 1})}, "NWB cannot hold columns of these names: 'a/b'"),
        ({"trials": recording.trials.drop(columns="stop_time")}, "lack stop_time"),
        ({"trials": recording.trials.assign(id="a")}, "expected whole numbers in the column id"),
        ({"units": recording.units.assign(unit=1)}, "unit ids must be unique"),
        ({"spikes": recording.spikes.assign(unit=5)}, "4 spikes are of units that are not in the units table"),
    ]
    for change, message in cases:
        with pytest.raises(DataError, match=message):
            nwb.write(replace(recording, **change), tmp_path)


def test_the_name_of_an_electrode_group_is_kept(recording: Recording, tmp_path: Path) -> None:
    path = nwb.write(replace(recording, units=recording.units.assign(electrode_group=["shank0", "shank1"])), tmp_path)
    assert contents(path).units["group_name"].tolist() == ["shank0", "shank1"]


def test_an_empty_recording(recording: Recording, tmp_path: Path) -> None:
    nothing = {"trials": pd.DataFrame(), "animal": "unknown", "observed": np.empty((0, 2))}
    bare = replace(recording, spikes=recording.spikes[:0], behavior=recording.behavior[:0], **nothing)
    read_back = contents(nwb.write(bare, tmp_path))
    assert len(read_back.spikes) == 0 and len(read_back.units) == 2
    assert (read_back.animal, dict(read_back.tables), read_back.observed_of_unit) == ("unknown", {}, None)


@pytest.mark.slow
def test_memory_is_about_that_of_the_spikes(recording: Recording, tmp_path: Path) -> None:
    """1,000 units and five million spikes: unit and time of each are 80 MB, and reading takes little more."""
    import tracemalloc

    rng = np.random.default_rng(1)
    n, n_units = 5_000_000, 1_000
    unit = np.sort(rng.integers(0, n_units, n))
    spikes = pd.DataFrame({"unit": unit, "time_s": np.sort(rng.uniform(0, 3600, n))})
    units = pd.DataFrame({"unit": np.arange(n_units), "region": ["HC", "PFC"] * (n_units // 2)})
    path = nwb.write(replace(recording, spikes=spikes, units=units), tmp_path)
    contents(path)  # what pynwb keeps of its own is not counted
    tracemalloc.start()
    read_back = contents(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pd.testing.assert_frame_equal(read_back.spikes, spikes)
    assert peak < 1.6 * 16 * n
