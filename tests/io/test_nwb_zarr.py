"""The reader of NWB in Zarr folders, on folders that hdmf-zarr has written."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge.errors import DataError
from spikebridge.io import named_recordings
from spikebridge.io.contents import Contents
from spikebridge.io.readers import nwb, nwb_zarr

pytest.importorskip("hdmf_zarr", reason="the extra zarr is not installed")

SPIKES = {7: [0.5, np.nan, 9.0], 3: [4.5, 2.0], -1: []}
ELECTRODES = {
    "location": ["HC", "PFC", "PFC"], "of_unit": [[0], [1, 2], []], "area": ["a", "b", "c"],
    "groups": [("shank0", "left"), ("shank1", "right"), ("shank1", "right")],
}  # fmt: skip
Writer = Callable[..., Path]


def add(file: Any) -> None:
    from pynwb import TimeSeries
    from pynwb.behavior import Position, SpatialSeries
    from pynwb.epoch import TimeIntervals

    file.add_trial_column("delay", "", data=[0.5, np.nan, 1.5])
    file.add_trial_column("correct", "", data=[True, False, True])
    file.add_trial_column("phase", "", enum=["early", "late"], data=[1, 0, 1])
    file.add_trial_column("licks", "", index=True, data=[[1.0], [2.0, 3.0], [4.0]])
    laps = TimeIntervals(name="laps", description="")
    laps.add_row(start_time=1.0, stop_time=2.0)
    module = file.create_processing_module("behavior", "")
    module.add(laps)
    place = SpatialSeries(name="at", data=np.arange(6.0).reshape(3, 2), reference_frame="", rate=10.0, conversion=0.5)
    module.add(Position(spatial_series=place))
    first = TimeSeries(name="speed", data=[1, 2], unit="m/s", timestamps=[3.0, 4.5])
    module.add(first)
    file.add_acquisition(TimeSeries(name="speed", data=[3, 4], unit="m/s", timestamps=first))
    file.add_acquisition(TimeSeries(name="light", data=[5.0, 6.0], unit="V", rate=1.0))


@pytest.fixture
def written(tmp_path: Path, write_nwb: Writer) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        obs = [[[0, 5], [6, 9]], [[0, 9]], [[0, 9]]]
        columns = {"quality": ["good", "mua", ""], "ratio": [0.5, np.nan, 1.0]}
        path: Path = write_nwb(
            tmp_path / name, spikes=SPIKES, columns=columns, electrodes=ELECTRODES, obs=obs, extra=add
        )
        return path

    return write


@pytest.fixture
def folder(written: Callable[[str], Path]) -> Path:
    return written("day1.nwb.zarr")


def contents(path: Path) -> Contents:
    return nwb_zarr.read(path, nwb_zarr.Options())


def test_the_same_contents_as_of_hdf5(written: Callable[[str], Path], folder: Path) -> None:
    ours, theirs = contents(folder), nwb.read(written("day1.nwb"), nwb.Options())
    assert (ours.name, ours.animal, ours.source_file) == ("day1", "rat", "day1.nwb.zarr")
    assert (theirs.name, ours.notes) == ("day1", theirs.notes)
    pd.testing.assert_frame_equal(ours.spikes, theirs.spikes)
    pd.testing.assert_frame_equal(ours.units, theirs.units)
    pd.testing.assert_frame_equal(ours.behavior, theirs.behavior)
    assert ours.places == theirs.places
    assert set(ours.places) == {f"electrodes.{c}" for c in ("location", "area", "group_name", "group.location")}
    assert ours.tables.keys() == theirs.tables.keys() == {"trials", "laps"}
    for name, table in ours.tables.items():
        pd.testing.assert_frame_equal(table, theirs.tables[name])
    assert ours.observed_of_unit is not None and theirs.observed_of_unit is not None
    for our_times, their_times in zip(ours.observed_of_unit, theirs.observed_of_unit, strict=True):
        np.testing.assert_array_equal(our_times, their_times)


@pytest.mark.parametrize("name", ["b.zarr", "b.nwb.zarr", "b.NWB.ZARR", "b"])
def test_found_by_content(folder: Path, name: str) -> None:
    path = folder.rename(folder.parent / name)
    assert nwb_zarr.can_read(path) and not nwb.can_read(path)
    assert nwb_zarr.name_of(path) == "b"
    assert list(named_recordings(path.parent)) == [path]
    assert list(named_recordings(path)) == [path]


def test_found_without_any_library(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from spikebridge.io.readers import nwb_zarr;"
        f"assert nwb_zarr.can_read(Path({str(folder)!r}));"
        "assert not {'zarr', 'hdmf_zarr', 'pynwb'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_none(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zarr"
    other.mkdir()
    (other / ".zgroup").write_text('{"zarr_format": 2}')
    for text in ("", "[]", "{", '{"nwb": 1}', "\x00\xff"):
        (other / ".zattrs").write_text(text, encoding="latin-1")
        assert not nwb_zarr.can_read(other)
    assert not nwb_zarr.can_read(tmp_path / "nowhere")
    assert not nwb_zarr.can_read(folder / ".zattrs")


def test_without_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hdmf_zarr", None)
    with pytest.raises(
        DataError, match=r"day1\.nwb\.zarr: NWB in Zarr needs hdmf-zarr: pip install 'spikebridge\[zarr\]'"
    ):
        contents(folder)


def test_metadata_need_not_be_consolidated(folder: Path) -> None:
    before = contents(folder)
    (folder / ".zmetadata").unlink()
    pd.testing.assert_frame_equal(contents(folder).spikes, before.spikes)


def test_a_missing_chunk_is_not_taken_for_zeros(folder: Path) -> None:
    (folder / "units" / "spike_times" / "0").unlink()
    with pytest.raises(DataError, match="units/spike_times: 1 of 1 chunks are missing: was the folder copied whole"):
        contents(folder)


ARRAYS = {
    "units/spike_times": "units/spike_times",
    "units/spike_times_index": "units/spike_times_index",
    "units/id": "units/id",
    "units/quality": "units/quality",
    "units/obs_intervals": "units/obs_intervals",
    "units/electrodes": "units/electrodes",
    "intervals/trials/start_time": "trials/start_time",
    "intervals/trials/phase": "trials/phase",
    "acquisition/light/data": "light",
    "general/extracellular_ephys/electrodes/location": "electrodes/location",
}
"""Arrays, and what they are called where they are looked at only when they are read."""


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("when", ["before opening", "when read"])
@pytest.mark.quick_cases(4)
def test_a_chunk_cut_short(folder: Path, array: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blosc makes of it whatever lies in memory."""
    if when == "when read":
        monkeypatch.setattr("spikebridge.io.formats.containers.MAX_CHUNKS", 0)
    chunk = next(p for p in sorted((folder / array).iterdir()) if not p.name.startswith("."))
    whole = chunk.read_bytes()
    half = len(whole) // 2
    chunk.write_bytes(whole[:half])
    with pytest.raises(DataError) as caught:
        contents(folder)
    expected = len(whole) if half >= 16 else 16  # below, not even the header is there
    where = array if when == "before opening" else ARRAYS[array]
    message = f"{where}: 1 chunk is not whole: {chunk.name} ({half} of {expected} bytes); copy the folder again"
    assert message in str(caught.value)


@pytest.mark.slow
def test_no_chunk_that_is_cut_short_is_ever_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hdmf decodes ids and texts while it opens a folder; a text may then ask for all memory there is."""
    from numcodecs.blosc import Blosc

    decode, lengths = Blosc.decode, []

    def watched(self: Blosc, buf: Any, out: Any = None) -> Any:
        raw = bytes(memoryview(buf))
        lengths.append((len(raw), int.from_bytes(raw[12:16], "little")))
        return decode(self, buf, out)

    monkeypatch.setattr(Blosc, "decode", watched)
    contents(folder)
    assert len(lengths) > 20
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        with contextlib.suppress(DataError):
            contents(folder)
        file.write_bytes(whole)
    assert all(length == expected for length, expected in lengths)


def test_a_chunk_of_a_few_bytes(folder: Path) -> None:
    chunk = folder / "units" / "spike_times" / "0"
    chunk.write_bytes(chunk.read_bytes()[:9])
    with pytest.raises(DataError, match=r"units/spike_times: 1 chunk is not whole: 0 \(9 of 16 bytes\)"):
        contents(folder)


def test_chunks_without_compression(folder: Path) -> None:
    import zarr

    root = zarr.open(str(folder), "r+")
    old = root["units/spike_times"]
    attributes, values = dict(old.attrs), old[:]
    new = root["units"].create_dataset("spike_times", data=values, chunks=(2,), compressor=None, overwrite=True)
    new.attrs.update(attributes)
    zarr.consolidate_metadata(str(folder))
    np.testing.assert_array_equal(contents(folder).spikes["time_s"], values)
    chunk = folder / "units" / "spike_times" / "1"
    chunk.write_bytes(chunk.read_bytes()[:8])
    with pytest.raises(DataError, match=r"units/spike_times: 1 chunk is not whole: 1 \(8 of 16 bytes\); copy the"):
        contents(folder)


@pytest.mark.parametrize(
    "lost", ["units", "units/spike_times_index", "general/extracellular_ephys", "intervals/trials"]
)
def test_a_missing_part(folder: Path, lost: str) -> None:
    shutil.rmtree(folder / lost)
    with pytest.raises(
        DataError,
        match=r"day1\.nwb\.zarr:(.|\n)*(missing|cannot be read)",
    ):
        contents(folder)


def test_versions(folder: Path) -> None:
    attributes = json.loads((folder / ".zattrs").read_text())
    for version, message in (("1.0.6", "found nwb_version 1.0.6"), (None, "found nwb_version missing")):
        attributes["nwb_version"] = version
        held = {k: v for k, v in attributes.items() if v is not None}
        (folder / ".zattrs").write_text(json.dumps(held))
        (folder / ".zmetadata").unlink(missing_ok=True)
        with pytest.raises(DataError, match=message):
            contents(folder)
    (folder / "zarr.json").write_text(json.dumps({"zarr_format": 3, "attributes": {"nwb_version": "2.9.0"}}))
    with pytest.raises(DataError, match="expected NWB in Zarr format 2, found format 3"):
        contents(folder)


def test_links_to_another_folder(folder: Path, tmp_path: Path) -> None:
    from hdmf_zarr import NWBZarrIO
    from pynwb import NWBFile, get_manager

    manager = get_manager()
    path = tmp_path / "linked.nwb.zarr"
    with NWBZarrIO(str(folder), "r", manager=manager) as old:
        file = NWBFile("linked", "b", pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime())
        file.add_acquisition(old.read().acquisition["light"])
        file.add_unit(spike_times=[1.0, 2.0])
        with NWBZarrIO(str(path), "w", manager=manager) as io:
            io.write(file, link_data=True)
    assert contents(path).behavior["value"].tolist() == [5.0, 6.0]
    assert {f.parents[-len(tmp_path.parts) - 1] for f in nwb_zarr.files_of(path)} == {path, folder}
    shutil.rmtree(folder)
    with pytest.raises(
        DataError, match=r"linked\.nwb\.zarr: /acquisition/light lies in another folder, .*day1\.nwb\.zarr, "
    ):
        contents(path)
