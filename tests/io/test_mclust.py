"""MClust folders in the layouts of its versions, against SpikeInterface's extractor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sorters import oracle, random_samples, read, same, trains, write_csv

from spikebridge.errors import DataError
from spikebridge.io.readers import mclust

HEADER = b"%%BEGINHEADER\n% Program: matlab\n% MClust version: MClust-4.4\n% T-file: TT1_1\n%%ENDHEADER\n"


def t_file(path: Path, ticks: Any, kind: str = ">u4", header: bytes = HEADER) -> NDArray[np.float64]:
    """Write times in units of 0.1 ms; the times in seconds."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(header + np.asarray(ticks).astype(kind).tobytes())
    return np.asarray(ticks) / 10000


@pytest.mark.parametrize(("suffix", "kind"), [("t", ">u4"), ("t32", ">u4"), ("t64", ">u8"), ("t", ">u8")])
def test_as_spikeinterface_reads_it(tmp_path: Path, suffix: str, kind: str) -> None:
    """One tetrode at 10 kHz, where SpikeInterface neither mixes up units nor rounds."""
    extractors = pytest.importorskip("spikeinterface.extractors", reason="extra sorters")
    rng = np.random.default_rng(0)
    for n in (1, 2, 11):
        t_file(tmp_path / "day1" / f"TT3_{n}.{suffix}", random_samples(rng), kind)
    path = tmp_path / "day1"
    assert mclust.can_read(path)
    contents = read("mclust", path)
    assert contents.units["name"].tolist() == ["TT3_1", "TT3_2", "TT3_11"]
    theirs = oracle(extractors.read_mclust(path, sampling_frequency=10000.0))
    same({int(n.split("_")[1]): t for n, t in trains(contents, "name").items()}, theirs)


def test_cells_of_one_number_on_two_tetrodes_stay_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "day1"
    written = {name: t_file(path / f"{name}.t", random_samples(rng)) for name in ("TT10_1", "TT2_1", "TT2_2")}
    contents = read("mclust", path)
    assert contents.units["name"].tolist() == ["TT2_1", "TT2_2", "TT10_1"]
    assert contents.units["tetrode"].tolist() == [2, 2, 10]
    same(trains(contents, "name"), written)


@pytest.mark.parametrize(
    ("name", "tetrode"), [("TT12_3", 12), ("R042-2013-08-18-TT10_1", 10), ("Sc4_2", 4), ("05-7_1", 7), ("unit", None)]
)
def test_tetrodes_in_names(tmp_path: Path, name: str, tetrode: int | None) -> None:
    t_file(tmp_path / "a" / f"{name}.t", [1, 2])
    contents = read("mclust", tmp_path / "a")
    assert contents.units["tetrode"].fillna(-1).tolist() == [-1 if tetrode is None else tetrode]
    assert any("no tetrode in the names of unit" in str(n) for n in contents.notes) == (tetrode is None)


def test_regions_of_tetrodes_or_of_units(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for name in ("TT1_1", "TT2_1"):
        t_file(path / f"{name}.t", [10, 20])
    contents = read("mclust", path, tetrode_regions={1: "HC", 2: "PFC"})
    assert contents.units["region"].tolist() == ["HC", "PFC"]
    write_csv(path, "units.csv", unit=["TT2_1", "TT1_1"], region=["PFC", "HC"])
    assert read("mclust", path).units["region"].tolist() == ["HC", "PFC"]
    write_csv(path, "units.csv", unit=["TT2_1", "TT9_1"], region=["PFC", "HC"])
    with pytest.raises(DataError, match="no such units as TT9_1"):
        read("mclust", path)


def test_steps_of_a_microsecond(tmp_path: Path) -> None:
    t_file(tmp_path / "a" / "TT1_1.t", [1_000_000, 2_500_001])
    assert read("mclust", tmp_path / "a", time_step_us=1).spikes["time_s"].tolist() == [1.0, 2.500001]
    assert read("mclust", tmp_path / "a").spikes["time_s"].tolist() == [100.0, 250.0001]
    with pytest.raises(ValueError, match="greater than 0"):
        mclust.Options(time_step_us=0)


def test_files_without_a_header_where_the_user_names_the_reader(tmp_path: Path) -> None:
    t_file(tmp_path / "a" / "TT1_1.t", [10, 20], header=b"")
    assert not mclust.can_read(tmp_path / "a")
    assert mclust.takes(tmp_path / "a")
    assert read("mclust", tmp_path / "a").spikes["time_s"].tolist() == [0.001, 0.002]


def test_everything_wrong_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    t_file(path / "TT1_1.t", [1])
    (path / "TT1_1.t64").write_bytes(HEADER + b"123")
    (path / "TT1_2.t").write_bytes(b"%%BEGINHEADER\nno end")
    with pytest.raises(DataError) as caught:
        read("mclust", path)
    for message in ("unit TT1_1 is in several files", "of 64 bits, found 3 bytes", "TT1_2.t: expected %%ENDHEADER"):
        assert message in str(caught.value)


def test_silent_units_stay_and_files_set_aside_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a"
    t_file(path / "TT1_1.t", [])
    t_file(path / "TT1_2.t", [30, 10, 10])
    t_file(path / "TT1_3._t", [1])
    contents = read("mclust", path)
    assert len(contents.units) == 2
    assert contents.spikes["time_s"].tolist() == [0.003, 0.001, 0.001]
    assert any("1 files ._t" in str(n) for n in contents.notes)


def test_times_that_it_cannot_hold_are_not_moved(tmp_path: Path, recording: Any) -> None:
    spikes = recording.spikes.assign(time_s=[0.5, 9.0, 1 / 30000, 7.5])
    with pytest.raises(DataError, match="lie on no clock of 10000 Hz"):
        mclust.write(replace(recording, spikes=spikes), tmp_path)
    with pytest.raises(DataError, match="times from 0 to"):
        mclust.write(replace(recording, spikes=spikes.assign(time_s=[-1.0, 9.0, 1.5, 7.5])), tmp_path)


def test_what_we_write_spikeinterface_reads(tmp_path: Path, recording: Any) -> None:
    extractors = pytest.importorskip("spikeinterface.extractors", reason="extra sorters")
    single_region = replace(recording, units=pd.DataFrame({"unit": [0, 1], "region": ["HC", "HC"]}))
    path = mclust.write(single_region, tmp_path)
    theirs = oracle(extractors.read_mclust(path, sampling_frequency=10000.0))
    same({u + 1: t for u, t in trains(read("mclust", path)).items()}, theirs)
