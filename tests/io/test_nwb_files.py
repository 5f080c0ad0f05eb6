"""The NWB reader on files: damaged, linked, compressed, large."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from nwb_contents import REGIONS, SPIKES, Writer, contents

from spikebridge.errors import DataError
from spikebridge.io.readers import nwb


@pytest.fixture
def file(tmp_path: Path, write_nwb: Writer) -> Path:
    return write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, extra=add_speed)


def add_speed(nwb_file: Any) -> None:
    from pynwb import TimeSeries

    module = nwb_file.create_processing_module("behavior", "")
    module.add(TimeSeries(name="speed", data=np.arange(3.0), unit="m/s", rate=10.0))
    nwb_file.add_acquisition(TimeSeries(name="photodiode", data=np.arange(4.0), unit="V", rate=10.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\): copy or download it again"),
        (b"\0" * 4096, "it begins with zeros, so its download or copy broke off"),
        (b"unit,time\n1,2\n", r"no HDF5 file: it begins with the text 'unit,time'"),
        (b"<!DOCTYPE html>\n<html>", ": a web page, saved in the file's place"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", ": a pointer to the file; fetch"),
        (b"/annex/objects/MD5E-s123--abc.nwb\n", ": a pointer to the file; fetch"),
        (b"outs:\n- md5: 123\n", ": a pointer to the file; fetch"),
        (b"PK\x03\x04" + b"\0" * 30, "no HDF5 file: it is a ZIP archive"),
        (bytes(range(128, 256)), "no HDF5 file: it begins with unknown bytes"),
        (b"\x89HDF\r\n\x1a\n" + b"\x07" * 600, "is a damaged HDF5 file; copy or download it again"),
    ],
)
def test_no_hdf5(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.nwb"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.nwb: {message}|a\.nwb: .*{message}"):
        contents(path)


def test_truncated(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"a\.nwb: is truncated: {len(whole) // 2:,} of {len(whole):,} bytes are here"):
        contents(file)


def test_open_in_another_program(file: Path) -> None:
    code = f"import h5py, sys; f = h5py.File({str(file)!r}, 'r+'); print('open', flush=True); sys.stdin.read()"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout is not None and other.stdin is not None
        other.stdout.readline()
        try:
            with pytest.raises(DataError, match="is open for writing in another program"):
                contents(file)
        finally:
            other.stdin.close()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, "HDF5, but no NWB: it has no nwb_version; it holds acquisition, analysis"),
        ("NWB-1.0.6", "NWB 1.0.6, expected"),
    ],
)
def test_another_kind_of_hdf5(file: Path, version: str | None, message: str) -> None:
    with h5py.File(file, "r+") as handle:
        del handle.attrs["nwb_version"]
        if version:
            handle["nwb_version"] = version  # a dataset, as the first version has it
    with pytest.raises(DataError, match=message):
        contents(file)


def test_can_read_other_suffixes_by_content(file: Path, tmp_path: Path) -> None:
    for name in ("b.h5", "c.HDF5", "d.dat"):
        shutil.copy(file, tmp_path / name)
    with h5py.File(tmp_path / "e.h5", "w") as handle:
        handle["x"] = 1
    (tmp_path / "f.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "g.nwb").symlink_to(tmp_path / "nowhere")
    taken = {p.name for p in tmp_path.iterdir() if nwb.can_read(p)}
    assert taken == {"a.nwb", "b.h5", "c.HDF5"}
    assert contents(tmp_path / "b.h5").units["region"].tolist() == ["HC", "PFC"]


def test_a_user_block_before_the_file(file: Path, tmp_path: Path) -> None:
    shifted = tmp_path / "b.h5"
    shifted.write_bytes(b"\0" * 512)
    with h5py.File(shifted, "w", userblock_size=512) as new, h5py.File(file) as old:
        new.attrs["nwb_version"] = old.attrs["nwb_version"]
    assert nwb.can_read(shifted)


def test_compressed(tmp_path: Path, write_nwb: Writer) -> None:
    def units(nwb_file: Any) -> None:
        from hdmf.common import VectorData, VectorIndex
        from pynwb import H5DataIO
        from pynwb.misc import Units

        packed = H5DataIO(np.arange(5.0), compression="gzip", compression_opts=9, shuffle=True, chunks=(2,))
        times = VectorData(name="spike_times", description="", data=packed)
        ends = VectorIndex(
            name="spike_times_index", data=H5DataIO([3, 5], compression="gzip", maxshape=(None,)), target=times
        )
        nwb_file.units = Units(name="units", description="", columns=[times, ends], id=[0, 1])

    path = write_nwb(tmp_path / "a.nwb", extra=units)
    assert contents(path).spikes["time_s"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    with h5py.File(path, "r+") as handle:
        handle["units/spike_times"].id.write_direct_chunk((0,), b"garbage")
    with pytest.raises(DataError, match=r"a\.nwb: units cannot be read \(OSError: "):
        contents(path)


def test_soft_links(file: Path) -> None:
    """Links within the file are followed; one that leads nowhere is named."""
    with h5py.File(file, "r+") as handle:
        handle["processing/behavior/light"] = h5py.SoftLink("/acquisition/photodiode")
    assert set(contents(file).behavior["series"]) == {"speed", "photodiode"}
    with h5py.File(file, "r+") as handle:
        handle["processing/behavior/gone"] = h5py.SoftLink("/acquisition/nothing")
    with pytest.raises(
        DataError, match=r"/processing/behavior/gone is a link to /acquisition/nothing, which does not ex"
    ):
        contents(file)


def test_a_link_that_pynwb_has_made(file: Path, tmp_path: Path) -> None:
    """A series whose data stay in the file that they were read from."""
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries, get_manager

    manager = get_manager()
    with NWBHDF5IO(str(file), "r", manager=manager) as old:
        first = old.read().acquisition["photodiode"]
        new = NWBFile("linked", "b", pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime())
        new.add_acquisition(first)  # the whole series is a link
        new.add_stimulus(TimeSeries(name="light", data=first.data, unit="V", rate=5.0))  # its data are a link
        new.add_unit(spike_times=[1.0, 2.0])
        with NWBHDF5IO(str(tmp_path / "b.nwb"), "w", manager=manager) as handle:
            handle.write(new, link_data=True)
    recording = contents(tmp_path / "b.nwb")
    assert set(recording.behavior["series"]) == {"photodiode", "light"}
    assert recording.behavior["value"].tolist() == [0.0, 1.0, 2.0, 3.0] * 2
    assert nwb.files_of(tmp_path / "b.nwb") == sorted([file, tmp_path / "b.nwb"])

    file.unlink()
    recording = contents(tmp_path / "b.nwb")  # raw data that were not copied along are no reason to refuse the units
    assert recording.behavior.empty
    assert "/acquisition/photodiode lies in another file, " in str(recording.notes[0])
    assert f"{file}, which is missing: copy it along; left out" in str(recording.notes[0])
    assert nwb.files_of(tmp_path / "b.nwb") == [tmp_path / "b.nwb"]


@pytest.mark.parametrize("name", ["units", "intervals/trials", "units/region", "processing/behavior/speed/data"])
def test_external_links(file: Path, tmp_path: Path, name: str) -> None:
    """A table or an array that lies in another HDF5 file; when that is missing, it is named."""
    other = tmp_path / "other.h5"
    before = contents(file)
    with h5py.File(file, "r+") as handle, h5py.File(other, "w") as elsewhere:
        end = name.split("/")[-1]
        handle.copy(name, elsewhere, end, expand_refs=True)
        if name == "units":
            elsewhere["units/spike_times_index"].attrs["target"] = elsewhere["units/spike_times"].ref
        del handle[name]
        handle[name] = h5py.ExternalLink("other.h5", f"/{end}")
    recording = contents(file)
    pd.testing.assert_frame_equal(recording.units, before.units)
    pd.testing.assert_frame_equal(recording.spikes, before.spikes)
    pd.testing.assert_frame_equal(recording.behavior, before.behavior)
    assert nwb.files_of(file) == [file, other]
    other.unlink()
    with pytest.raises(DataError, match=rf"a\.nwb: /{name} lies in another file, .*other\.h5, which is missing"):
        contents(file)


def test_a_link_of_another_name_than_its_target(file: Path, tmp_path: Path) -> None:
    """pynwb takes the name of the target, so that a column seems to be missing."""
    with h5py.File(file, "r+") as handle:
        handle.move("units/region", "units/old")
        handle["units/region"] = h5py.SoftLink("/units/old")
    with pytest.raises(
        DataError, match=r"as NWB \(.*a link must be called like its target: /units/region -> /units/old"
    ):
        contents(file)


def test_a_broken_link_in_a_linked_file(file: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "b.h5", "w") as other, h5py.File(file, "r+") as handle:
        handle.copy("processing/behavior", other)
        other["behavior/gone"] = h5py.ExternalLink("nowhere.h5", "/gone")
        del handle["processing/behavior"]
        handle["processing/behavior"] = h5py.ExternalLink("b.h5", "/behavior")
    with pytest.raises(
        DataError, match="/behavior/gone, in a file that this one links to, is a link that leads nowhere"
    ):
        contents(file)


def test_values_outside_the_file(file: Path, tmp_path: Path) -> None:
    """Virtual arrays and raw external storage: HDF5 gives zeros where the other file is missing."""
    other = tmp_path / "times.h5"
    with h5py.File(other, "w") as elsewhere:
        elsewhere["t"] = [0.5, 1.5, 9.0, 2.0, 4.5]
    with h5py.File(file, "r+") as handle:
        attributes = dict(handle["units/spike_times"].attrs)
        del handle["units/spike_times"]
        layout = h5py.VirtualLayout((5,), "f8")
        layout[:] = h5py.VirtualSource("times.h5", "t", shape=(5,))
        handle.create_virtual_dataset("units/spike_times", layout)
        handle["units/spike_times"].attrs.update(attributes)
        handle["units/spike_times_index"].attrs["target"] = handle["units/spike_times"].ref
    assert contents(file).spikes["time_s"].tolist() == [0.5, 1.5, 9.0, 2.0, 4.5]
    other.unlink()
    with pytest.raises(DataError, match=r"/units/spike_times lies in another file, .*times\.h5, which is missing"):
        contents(file)


def test_missing_values_of_a_side_road_are_not_taken_for_zeros(file: Path) -> None:
    with h5py.File(file, "r+") as handle:
        series = handle["acquisition/photodiode"]
        attributes = dict(series["data"].attrs)
        del series["data"]
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource("gone.h5", "t", shape=(4,))
        series.create_virtual_dataset("data", layout).attrs.update(attributes)
    recording = contents(file)
    assert set(recording.behavior["series"]) == {"speed"}
    assert "gone.h5, which is missing" in str(recording.notes[0])
