"""The NWB reader on files: damaged, linked, compressed, with extensions, large; and what it writes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.io import choose, find_recordings
from spikebridge.io.contents import Contents
from spikebridge.io.readers import nwb
from spikebridge.types import Recording

SPIKES = {7: [0.5, 1.5, 9.0], 3: [2.0, 4.5]}
REGIONS = {"region": ["HC", "PFC"]}
Settings = Callable[..., Config]
Writer = Callable[..., Path]


def contents(path: Path) -> Contents:
    return nwb.read(path, nwb.Options())


@pytest.fixture
def file(tmp_path: Path, write_nwb: Writer) -> Path:
    return write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS, extra=add_speed)


def add_speed(nwb_file: Any) -> None:
    from pynwb import TimeSeries

    module = nwb_file.create_processing_module("behavior", "")
    module.add(TimeSeries(name="speed", data=np.arange(3.0), unit="m/s", rate=10.0))
    nwb_file.add_acquisition(TimeSeries(name="photodiode", data=np.arange(4.0), unit="V", rate=10.0))


@pytest.mark.parametrize(
    ("content", "said"),
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
def test_no_hdf5(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.nwb"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.nwb: {said}|a\.nwb: .*{said}"):
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
    ("version", "said"),
    [
        (None, "HDF5, but no NWB: it has no nwb_version; it holds acquisition, analysis"),
        ("NWB-1.0.6", "NWB 1.0.6, expected"),
    ],
)
def test_another_kind_of_hdf5(file: Path, version: str | None, said: str) -> None:
    with h5py.File(file, "r+") as handle:
        del handle.attrs["nwb_version"]
        if version:
            handle["nwb_version"] = version  # a dataset, as the first version has it
    with pytest.raises(DataError, match=said):
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
    found = contents(tmp_path / "b.nwb")
    assert set(found.behavior["series"]) == {"photodiode", "light"}
    assert found.behavior["value"].tolist() == [0.0, 1.0, 2.0, 3.0] * 2
    assert nwb.files_of(tmp_path / "b.nwb") == sorted([file, tmp_path / "b.nwb"])

    file.unlink()
    found = contents(tmp_path / "b.nwb")  # raw data that were not copied along are no reason to refuse the units
    assert found.behavior.empty
    assert "/acquisition/photodiode lies in another file, " in found.notes[0]
    assert f"{file}, which is missing: copy it along; left out" in found.notes[0]
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
    found = contents(file)
    pd.testing.assert_frame_equal(found.units, before.units)
    pd.testing.assert_frame_equal(found.spikes, before.spikes)
    pd.testing.assert_frame_equal(found.behavior, before.behavior)
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
    found = contents(file)
    assert set(found.behavior["series"]) == {"speed"}
    assert "gone.h5, which is missing" in found.notes[0]


EXTENSION = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from pynwb import NWBHDF5IO, NWBFile, get_class, load_namespaces
from pynwb.spec import NWBAttributeSpec, NWBDatasetSpec, NWBGroupSpec, NWBNamespaceBuilder, export_spec

path = Path(sys.argv[1])
text = [NWBAttributeSpec(name="description", doc="", dtype="text")]
times = NWBDatasetSpec(name="timestamps", dtype="float64", shape=(None,), doc="")
codes = NWBDatasetSpec(name="data", dtype="uint8", shape=(None,), doc="")
kinds = {
    "Events": NWBGroupSpec(neurodata_type_def="Events", neurodata_type_inc="NWBDataInterface", doc="",
                           datasets=[times], attributes=text),
    "LabeledEvents": NWBGroupSpec(neurodata_type_def="LabeledEvents", neurodata_type_inc="Events", doc="",
                                  datasets=[codes]),
    "PoseSeries": NWBGroupSpec(neurodata_type_def="PoseSeries", neurodata_type_inc="SpatialSeries", doc=""),
    "Pose": NWBGroupSpec(neurodata_type_def="Pose", neurodata_type_inc="NWBDataInterface", doc="",
                         groups=[NWBGroupSpec(neurodata_type_inc="PoseSeries", quantity="*", doc="")]),
    "Laps": NWBGroupSpec(neurodata_type_def="Laps", neurodata_type_inc="TimeIntervals", doc="",
                         attributes=[NWBAttributeSpec(name="maze", doc="", dtype="text")]),
    "Rig": NWBGroupSpec(neurodata_type_def="Rig", neurodata_type_inc="LabMetaData", doc="",
                        attributes=[NWBAttributeSpec(name="room", doc="", dtype="text")]),
}
builder = NWBNamespaceBuilder(name="ndx-lab", version="0.1.0", doc="a lab's own", author="a", contact="a@b.c")
builder.include_namespace("core")
export_spec(builder, list(kinds.values()), str(path.parent))
load_namespaces(str(path.parent / "ndx-lab.namespace.yaml"))
make = {name: get_class(name, "ndx-lab") for name in kinds}

file = NWBFile("s", "i", datetime(2026, 1, 1, tzinfo=UTC))
file.add_unit_column("region", "")
file.add_unit(spike_times=[0.5, 1.5], region="HC")
file.add_unit(spike_times=[2.0], region="PFC")
file.add_lab_meta_data(make["Rig"](name="rig", room="3"))
laps = make["Laps"](name="laps", description="", maze="W")
laps.add_row(start_time=1.0, stop_time=2.0)
file.add_time_intervals(laps)
module = file.create_processing_module("behavior", "")
module.add(make["Events"](name="licks", description="", timestamps=[1.0, 2.0]))
module.add(make["LabeledEvents"](name="cues", description="", timestamps=[3.0, 4.0], data=np.array([7, 8], "u1")))
nose = make["PoseSeries"](name="nose", data=np.arange(4.0).reshape(2, 2), reference_frame="", rate=2.0)
module.add(make["Pose"](name="pose", pose_series=[nose]))
with NWBHDF5IO(str(path), "w") as io:
    io.write(file)
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with types of an extension, written by another process: here nobody has heard of them."""
    path = tmp_path_factory.mktemp("extension") / "a.nwb"
    done = subprocess.run([sys.executable, "-c", EXTENSION, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("forgotten", ["", "specifications/ndx-lab"])
def test_extensions(extended: Path, tmp_path: Path, forgotten: str) -> None:
    """By the namespaces in the file; where even those are missing, by what each object looks like."""
    path = tmp_path / "a.nwb"
    shutil.copy(extended, path)
    if forgotten:
        with h5py.File(path, "r+") as handle:
            del handle[forgotten]
    found = contents(path)
    assert found.units["region"].tolist() == ["HC", "PFC"]
    assert found.spikes["time_s"].tolist() == [0.5, 1.5, 2.0]
    assert found.tables["laps"]["stop_time"].tolist() == [2.0]
    rows = found.behavior.groupby("series")[["time_s", "value"]].agg(list).to_dict("index")
    assert rows == {
        "licks": {"time_s": [1.0, 2.0], "value": [1.0, 1.0]},
        "cues": {"time_s": [3.0, 4.0], "value": [7.0, 8.0]},
        "nose_x": {"time_s": [0.0, 0.5], "value": [0.0, 2.0]},
        "nose_y": {"time_s": [0.0, 0.5], "value": [1.0, 3.0]},
    }


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
    assert find_recordings(tmp_path / "new") == [path]
    found = choose(module.read(path, module.Options()), settings().data, settings().trials).recording
    pd.testing.assert_frame_equal(found.units[list(written.units)], written.units, check_dtype=False)
    pd.testing.assert_frame_equal(found.spikes, written.spikes)
    trials = written.trials.assign(choice=["stay", "", "skip"])
    pd.testing.assert_frame_equal(found.trials[list(trials)], trials, check_dtype=False)
    assert {c: found.trials[c].dtype.kind for c in ("correct", "number", "delay")} == {
        "correct": "b", "number": "i", "delay": "f",
    }  # fmt: skip
    behavior = written.behavior.replace({"series": {"a/b": "a_b"}})
    order = ["series", "time_s"]
    pd.testing.assert_frame_equal(
        found.behavior.sort_values(order, ignore_index=True),
        behavior.sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    np.testing.assert_array_equal(found.observed, written.observed)
    assert (found.name, found.animal, found.warnings) == ("small", "rat", ())


def test_what_nwb_cannot_hold(recording: Recording, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"units": recording.units.assign(**{"a/b": 1})}, "NWB cannot hold columns of these names: 'a/b'"),
        ({"trials": recording.trials.drop(columns="stop_time")}, "lack stop_time"),
        ({"trials": recording.trials.assign(id="a")}, "expected whole numbers in the column id"),
        ({"units": recording.units.assign(unit=1)}, "unit ids must be unique"),
        ({"spikes": recording.spikes.assign(unit=5)}, "4 spikes are of units that are not in the units table"),
    ]
    for change, said in cases:
        with pytest.raises(DataError, match=said):
            nwb.write(replace(recording, **change), tmp_path)


def test_the_name_of_an_electrode_group_is_kept(recording: Recording, tmp_path: Path) -> None:
    path = nwb.write(replace(recording, units=recording.units.assign(electrode_group=["shank0", "shank1"])), tmp_path)
    assert contents(path).units["group_name"].tolist() == ["shank0", "shank1"]


def test_an_empty_recording(recording: Recording, tmp_path: Path) -> None:
    nothing = {"trials": pd.DataFrame(), "animal": "unknown", "observed": np.empty((0, 2))}
    bare = replace(recording, spikes=recording.spikes[:0], behavior=recording.behavior[:0], **nothing)
    found = contents(nwb.write(bare, tmp_path))
    assert len(found.spikes) == 0 and len(found.units) == 2
    assert (found.animal, dict(found.tables), found.observed_of_unit) == ("unknown", {}, None)


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
    found = contents(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pd.testing.assert_frame_equal(found.spikes, spikes)
    assert peak < 1.6 * 16 * n
