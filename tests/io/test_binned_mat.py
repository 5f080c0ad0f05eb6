"""Counts (trial, bin, unit) in files of MATLAB, version 5 and 7.3: the same in both, in MATLAB's order of the axes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mat_files import write_5, write_73

from spikebridge import io
from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.io.contents import Contents
from spikebridge.io.readers import binned, matlab

COUNTS = np.random.default_rng(2).poisson(0.7, (5, 4, 3)).astype(float)
WIDTH_S = 0.05
WRITERS = {"v5": write_5, "v7.3": write_73}
Write = Callable[[Path, dict[str, Any]], Path]


@pytest.fixture(params=list(WRITERS))
def write(request: pytest.FixtureRequest) -> Write:
    return WRITERS[request.param]


def variables(**more: Any) -> dict[str, Any]:
    start = np.arange(5.0)[:, None]
    return {
        "counts": COUNTS,
        "bin_width_s": np.array([[WIDTH_S]]),
        "start_time": start,
        "trials": {"choice": np.array([[1.0], [2.0], [1.0], [2.0], [1.0]])},
        **more,
    }


def counts_of(contents: Contents) -> np.ndarray:
    """(trial, bin, unit), counted from the spikes anew."""
    counts = np.zeros(COUNTS.shape)
    start = contents.tables["trials"]["start_time"].to_numpy()
    for unit, time_s in contents.spikes.itertuples(index=False):
        trial = int(np.flatnonzero(start <= time_s)[-1])
        counts[trial, int((time_s - start[trial]) / WIDTH_S), int(unit)] += 1
    return counts


def test_counts_come_back(write: Write, tmp_path: Path) -> None:
    path = write(tmp_path / "day1.mat", variables())
    (tmp_path / "day1.units.csv").write_text("unit,region\n0,HC\n1,HC\n2,PFC\n", encoding="utf-8")
    assert (binned.can_read(path), matlab.can_read(path)) == (True, False)
    data = DataConfig(path="", source=["HC"], target=["PFC"])
    contents = io.read_contents(path, data)
    np.testing.assert_array_equal(counts_of(contents), COUNTS)
    assert contents.resolution_s == WIDTH_S
    assert contents.tables["trials"]["choice"].tolist() == [1.0, 2.0, 1.0, 2.0, 1.0]
    assert io.choose(contents, data, TrialsConfig()).recording.units["region"].tolist() == ["HC", "HC", "PFC"]


def test_an_array_of_another_name_is_asked_for(write: Write, tmp_path: Path) -> None:
    """Without a name that is known it stays MATLAB's, whose error names the reader that takes counts."""
    content = variables()
    path = write(tmp_path / "day1.mat", {"binnedFR": content.pop("counts"), **content})
    assert (binned.can_read(path), matlab.can_read(path)) == (False, True)
    data = DataConfig(path="", source=["HC"], target=["PFC"], reader="binned", options={"counts": "binnedFR"})
    assert list(io.named_recordings(path, "binned")) == [path]
    np.testing.assert_array_equal(counts_of(io.read_contents(path, data)), COUNTS)


def test_cell_arrays_called_spikes_are_no_counts(tmp_path: Path) -> None:
    path = write_5(tmp_path / "day1.mat", {"spikes": np.zeros((4, 1))})
    assert (binned.can_read(path), matlab.can_read(path)) == (False, True)
