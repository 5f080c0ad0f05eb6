"""What the readers of sorters' output share: which one takes a folder, and that docs/sorters.md is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from read_one import read_recording

from spikebridge import config, io
from spikebridge.config import RecordingSections
from spikebridge.errors import DataError
from spikebridge.io.formats import group_by_unit, integer_ids
from spikebridge.io.formats.sorting import agreed_sampling_rate, to_samples
from spikebridge.io.formats.sorting.detection import DETECTORS
from spikebridge.io.readers import cellexplorer, mclust, neuroscope, phy, sorting
from spikebridge.types import Recording

READERS = (cellexplorer, mclust, neuroscope, phy, sorting)
PAGE = Path(__file__).parents[2] / "docs" / "sorters.md"
BLOCK = re.compile(r"```(yaml|csv) (\S+)\n(.*?)```", re.DOTALL)
BLOCKS = {name: text for _, name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))}


@pytest.fixture
def session(recording: Recording) -> Recording:
    """Three units of the page's numbers, spiking all through two trials."""
    units = pd.DataFrame({"unit": [0, 3, 12], "region": ["HC", "HC", "PFC"]})
    trains = [np.arange(1, 300) / 10, np.arange(3, 590) / 20, np.arange(7, 1100) / 40]
    spikes = pd.DataFrame({"unit": np.repeat([0, 3, 12], list(map(len, trains))), "time_s": np.concatenate(trains)})
    return replace(recording, units=units, spikes=spikes, observed=np.array([[0.0, 30.0]]))


def write_neuroscope(session: Recording, folder: Path) -> Path:
    """As the page has it: shanks 1, 2 and 5, with noise, and no table of units."""
    path = folder / session.name
    path.mkdir()
    for shank in (1, 2, 5):
        (path / f"a.res.{shank}").write_text("".join(f"{s + 7 * shank}\n" for s in range(2000, 600_000, 500)))
        (path / f"a.clu.{shank}").write_text("3\n" + "".join(f"{i % 4}\n" for i in range(2000, 3196)))
    (path / "a.xml").write_text("<p><acquisitionSystem><samplingRate>20000</samplingRate></acquisitionSystem></p>")
    return path


def write_mclust(session: Recording, folder: Path) -> Path:
    path = folder / session.name
    path.mkdir()
    for i, name in enumerate(("TT1_1", "TT1_2", "TT4_1")):
        ticks = np.arange(1000 + i, 300_000, 700 + 13 * i, dtype=">u4")
        (path / f"{name}.t").write_bytes(b"%%BEGINHEADER\n%%ENDHEADER\n" + ticks.tobytes())
    return path


def write_cells(session: Recording, folder: Path) -> Path:
    path = folder / session.name
    path.mkdir()
    for name, (_, times) in zip(("HC_1", "HC_2", "PFC_1"), session.spikes.groupby("unit")["time_s"], strict=True):
        (path / f"{name}.txt").write_text("".join(f"{t}\n" for t in times), encoding="utf-8")
    return path


def write_mda(session: Recording, folder: Path) -> Path:
    pytest.importorskip("spikeinterface", reason="extra sorters")
    from spikeinterface.core import NumpySorting
    from spikeinterface.extractors.mdaextractors import MdaSortingExtractor

    path = folder / session.name
    path.mkdir()
    labels = session.spikes["unit"].to_numpy()
    times = np.rint(session.spikes["time_s"].to_numpy() * 30000).astype(int)
    made = NumpySorting.from_samples_and_labels([times], [labels], 30000.0)
    MdaSortingExtractor.write_sorting(made, path / "firings.mda")
    return path


WRITERS: dict[str, Callable[[Recording, Path], Path]] = {
    "phy": phy.write,
    "neuroscope": write_neuroscope,
    "mclust": write_mclust,
    "cells": write_cells,
    "cellexplorer": cellexplorer.write,
    "sorting": sorting.write,
    "extractor": write_mda,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_block_of_the_page_runs(name: str, session: Recording, tmp_path: Path) -> None:
    raw = yaml.safe_load(BLOCKS[name])
    path = WRITERS[name](session, tmp_path)
    for old in ("units.csv", "trials.csv", "behavior.csv"):
        (path / old).unlink(missing_ok=True)
    for block, text in BLOCKS.items():
        if block.startswith(f"{name}/"):
            (path / block.split("/")[1]).write_text(text, encoding="utf-8")
    raw["data"]["path"] = str(path)
    settings = config.parse(raw | {"models": {"majority": {}}})
    assert list(io.named_recordings(path, settings.data.reader)) == [path]
    recording = read_recording(path, RecordingSections.of(settings))
    assert set(recording.units["region"]) == {"HC", "PFC"}
    assert recording.trials["choice"].tolist() == ["stay", "skip"]
    assert len(recording.spikes) > 0


def test_the_page_names_every_reader() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{kind}` |" in text for kind in DETECTORS)


def everything(session: Recording, folder: Path) -> Path:
    """One folder that holds every format."""
    for write in (sorting.write, cellexplorer.write, phy.write, write_neuroscope, write_mclust):
        inner = folder / write.__module__.rpartition(".")[2] / write.__name__
        inner.mkdir(parents=True)
        for file in (p for p in write(session, inner).rglob("*") if p.is_file()):
            to = folder / "all" / file.relative_to(inner / session.name)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(file.read_bytes())
    return folder / "all"


def test_a_folder_of_every_format_has_one_reader_and_can_be_read_by_any(session: Recording, tmp_path: Path) -> None:
    pytest.importorskip("spikeinterface", reason="extra sorters")
    path = everything(session, tmp_path)
    for kind, gone in (
        ("sorting", "numpysorting_info.json"),
        ("cellexplorer", "small.spikes.cellinfo.mat"),
        ("phy", "spike_times.npy"),
        ("neuroscope", "a.res.1"),
        ("mclust", "TT1_1.t"),
    ):
        assert [r.__name__.rpartition(".")[2] for r in READERS if r.can_read(path)] == [kind]
        assert [r.__name__.rpartition(".")[2] for r in READERS if r.takes(path)].count(kind) == 1
        assert list(io.named_recordings(path, "mclust")) == [path]
        (path / gone).unlink()
        if kind == "neuroscope":
            for file in path.glob("a.*"):
                file.unlink()


def test_a_folder_of_plain_tables_is_none_of_theirs(session: Recording, tmp_path: Path) -> None:
    path = phy.write(session, tmp_path)
    assert phy.can_read(path)
    (path / "spikes.csv").write_text("unit,time_s\n")
    assert not any(r.can_read(path) for r in READERS)
    assert phy.takes(path)


@pytest.mark.parametrize("reader", READERS)
def test_paths_that_cannot_be_looked_into(reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_dir", refuse)
    monkeypatch.setattr(Path, "is_file", refuse)
    assert not reader.can_read(tmp_path)
    assert not reader.takes(tmp_path)


def test_times_off_every_clock_are_not_moved(recording: Recording, tmp_path: Path) -> None:
    odd = replace(recording, spikes=recording.spikes.assign(time_s=[0.1234567891, 9.0, 1.5, 7.5]))
    for reader in (phy, neuroscope, sorting, mclust):
        with pytest.raises(DataError, match="lie on no clock"):
            reader.write(odd, tmp_path)
    path = cellexplorer.write(odd, tmp_path)  # seconds, so any time is exact
    assert cellexplorer.read(path, cellexplorer.Options()).spikes["time_s"].tolist() == [0.1234567891, 9.0, 1.5, 7.5]


@pytest.mark.parametrize("rate", [30000.0, 20000.0, 32556.0, 24000.0])
def test_the_clock_is_found(recording: Recording, rate: float) -> None:
    samples = np.array([7, 10001, 11, 299_999])
    sample_numbers, at = to_samples(replace(recording, spikes=recording.spikes.assign(time_s=samples / rate)))
    assert at == rate
    np.testing.assert_array_equal(sample_numbers, samples)


def test_by_unit_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    units = np.array([9, 2, 5, 4])
    owner, times = rng.choice([9, 2, 5], 500), rng.normal(size=500)
    rows = [(u, t) for u in units for o, t in zip(owner, times, strict=True) if o == u]
    assert list(group_by_unit(units, owner, times).itertuples(index=False, name=None)) == rows


def test_ids() -> None:
    assert [x if x is None else list(x) for x in integer_ids(["3", "10"])] == [[3, 10], None]
    assert [list(x or ()) for x in (integer_ids(["03", "10"])[1], integer_ids(["a", "b"])[1])] == [
        ["03", "10"],
        ["a", "b"],
    ]
    assert integer_ids([])[1] is None


def test_rates_that_are_no_rates() -> None:
    with pytest.raises(DataError, match="gives a sampling rate of nan Hz"):
        agreed_sampling_rate(Path("a"), {"a.xml": float("nan")}, None)
