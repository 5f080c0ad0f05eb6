"""The names that a format gives its units: in messages, and in <recording>/quality.csv."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sorters import write_csv

from spikebridge import io, preprocess
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.io.contents import format_units, unit_names
from spikebridge.types import Recording

Settings = Callable[..., Config]
NAMES = ["TT1_c1", "TT1_c3", "TT5_c1"]
N = 200


def trains() -> dict[str, list[float]]:
    """Steady units in multiples of 0.1 ms; the first and the last have a spike twice."""
    rng = np.random.default_rng(1)
    by_name = {n: np.sort(rng.choice(300_000, N, replace=False)) / 1e4 for n in NAMES}
    for name in (NAMES[0], NAMES[2]):
        by_name[name][1] = by_name[name][0]
    return {name: times.tolist() for name, times in by_name.items()}


def as_tables(path: Path, spikes: dict[str, list[float]]) -> None:
    write_csv(path, "spikes.csv", unit=np.repeat(NAMES, N), time_s=[t for times in spikes.values() for t in times])
    write_csv(path, "units.csv", unit=NAMES, region=["HC", "HC", "PFC"])


def as_mclust(path: Path, spikes: dict[str, list[float]]) -> None:
    for name, times in spikes.items():
        ticks = np.rint(np.array(times) * 1e4).astype(">u4")
        (path / f"{name}.t").write_bytes(b"%%BEGINHEADER\n%%ENDHEADER\n" + ticks.tobytes())
    write_csv(path, "units.csv", unit=NAMES, region=["HC", "HC", "PFC"])


@pytest.mark.parametrize("write", [as_tables, as_mclust])
def test_names_are_kept_and_said(write: Any, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "raw" / "day1"
    path.mkdir(parents=True)
    spikes = trains()
    write(path, spikes)
    start = [5.0, 10.0, 15.0, 20.0]
    trials = {"start_time": start, "stop_time": [s + 2 for s in start], "choice": ["a", "b", "a", "b"]}
    write_csv(path, "trials.csv", **trials)
    config = settings(data={"path": str(tmp_path / "raw")}, trials={"align": "stop_time", "window_s": [-1.0, 0.0]})
    io.ingest(io.IngestSections.of(config), tmp_path / "ingested")
    ingested = io.IngestedRecordings(tmp_path / "ingested")
    assert "2 duplicate spike times, in units TT1_c1, TT5_c1" in map(str, next(iter(ingested)).warnings)
    preprocess.write_windows(ingested, preprocess.PreprocessSections.of(config), tmp_path / "windows")
    table = pd.read_csv(tmp_path / "windows" / "day1" / "quality.csv")
    assert dict(zip(table["name"], table["region"], strict=True)) == dict(zip(NAMES, ["HC", "HC", "PFC"], strict=True))
    assert table["unit"].tolist() == [0, 1, 2]
    spikes["TT1_c3"].reverse()
    write(path, spikes)
    with pytest.raises(DataError, match=r"they fall in unit TT1_c3 \(in unit TT1_c3 from "):
        io.ingest(io.IngestSections.of(config), tmp_path / "again")


def test_units_without_names_have_numbers(recording: Recording, settings: Settings) -> None:
    table = preprocess.quality_table(recording, settings().data, settings().quality)
    assert table["name"].tolist() == ["", ""]
    some = replace(recording, units=recording.units.assign(name=["TT1_1", None]))
    assert preprocess.quality_table(some, settings().data, settings().quality)["name"].tolist() == ["TT1_1", ""]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"unit": [3, 5], "name": ["a", "b"]}, {3: "a", 5: "b"}),
        ({"unit": [3, 5], "name": [7.0, 8.0]}, {3: "7", 5: "8"}),
        ({"unit": [3, 5]}, {}),
        ({"unit": [3, 5], "name": ["probe", "probe"]}, {}),
        ({"unit": [3, 5], "name": ["a", None]}, {}),
        ({"unit": [3, 3], "name": ["a", "b"]}, {}),
    ],
)
def test_names_that_tell_units_apart(columns: dict[str, list[Any]], expected: dict[int, str]) -> None:
    names = unit_names(pd.DataFrame(columns))
    assert names == expected
    assert format_units([5, 9], names) == f"units {names.get(5, '5')}, 9"
