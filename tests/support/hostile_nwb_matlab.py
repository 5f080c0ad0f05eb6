"""Broken or malicious NWB and MATLAB files, what all such inputs share, and the sound recordings they are made from."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

Make = Callable[[Path], Path]
MADE: list[tuple[str, Make]] = []
"""Every input by name; see `hostile`, which adds the others."""


def add(make: Make) -> Make:
    """Put an input into the list, under the name of its function."""
    MADE.append((make.__name__, make))
    return make


def good_tables(folder: Path) -> Path:
    """A sound recording of tables: 6 units, 40 trials of two labels."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    units = np.arange(6)
    times = [np.sort(rng.uniform(0, 400, 900)) for _ in units]
    pd.DataFrame({"unit": np.repeat(units, 900), "time_s": np.concatenate(times)}).to_csv(
        folder / "spikes.csv", index=False
    )
    pd.DataFrame({"unit": units, "region": ["HC"] * 3 + ["PFC"] * 3}).to_csv(folder / "units.csv", index=False)
    start = 5 + 9.0 * np.arange(40)
    trials = {"start_time": start, "stop_time": start + 6, "decision_time": start + 4, "choice": ["a", "b"] * 20}
    pd.DataFrame(trials).to_csv(folder / "trials.csv", index=False)
    return folder


def good_phy(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "spike_times.npy", np.arange(0, 60000, 10))
    np.save(folder / "spike_clusters.npy", np.arange(6000) % 4)
    (folder / "params.py").write_text("sample_rate = 1000\n")
    return folder


def good_nwb(path: Path) -> Path:
    """A minimal NWB file, written by the product."""
    from spikebridge.config import DataConfig
    from spikebridge.io import choose, read_contents
    from spikebridge.io.readers import nwb

    tables = good_tables(path.parent / f".{path.stem}.tables")
    data = DataConfig(path=str(tables), source=["HC"], target=["PFC"])
    from spikebridge.config import TrialsConfig

    recording = choose(read_contents(tables, data), data, TrialsConfig()).recording
    made = nwb.write(recording, path.parent)
    made.rename(path)
    return path


def good_zarr(folder: Path) -> Path:
    """A minimal Zarr group that says it is NWB."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text('{"nwb_version": "2.8.0", "neurodata_type": "NWBFile", "namespace": "core"}')
    return folder


# NWB and other HDF5


@add
def nwb_link_to_a_pipe(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    os.mkfifo(folder / "pipe.h5")
    with h5py.File(path, "a") as file:
        file["processing/x"] = h5py.ExternalLink("pipe.h5", "/y")
    return path


@add
def nwb_raw_link_to_a_device(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        file.require_group("acquisition")["raw"] = h5py.ExternalLink("/dev/zero", "/y")
    return path


@add
def nwb_link_outside(folder: Path) -> Path:
    (folder / "there").mkdir()
    (folder / "here").mkdir()
    path = good_nwb(folder / "here" / "a.nwb")
    with h5py.File(folder / "there" / "b.h5", "w") as file:
        file["x"] = np.arange(5)
    with h5py.File(path, "a") as file:
        file["units/extra"] = h5py.ExternalLink(str(folder / "there" / "b.h5"), "/x")
    return path


@add
def nwb_nested_groups(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        group = file.require_group("processing")
        for _ in range(3000):
            group = group.create_group("g")
    return path


@add
def hdf5_nested_groups(folder: Path) -> Path:
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(3000):
            group = group.create_group("g")
    return path


@add
def nwb_loop_of_soft_links(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        file["processing/one"] = h5py.SoftLink("/processing/two")
        file["processing/two"] = h5py.SoftLink("/processing/one")
    return path


@add
def nwb_group_in_itself(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        group = file.require_group("processing/own")
        group["again"] = group
    return path


@add
def nwb_declared_spikes(folder: Path) -> Path:
    """10^11 spikes, none written."""
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        attributes = dict(file["units/spike_times"].attrs)
        del file["units/spike_times"]
        made = file.create_dataset("units/spike_times", (10**11,), "f8", chunks=(10**6,), compression="gzip")
        made.attrs.update(attributes)
        about, ends = dict(file["units/spike_times_index"].attrs), file["units/spike_times_index"][:].astype("u8")
        ends[-1] = 10**11
        del file["units/spike_times_index"]
        file.create_dataset("units/spike_times_index", data=ends).attrs.update(about | {"target": made.ref})
    return path


@add
def nwb_bomb(folder: Path) -> Path:
    """4 GB of zeros in 4 MB."""
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        attributes = dict(file["units/spike_times"].attrs)
        del file["units/spike_times"]
        n, chunk = 512 * 2**20, 16 * 2**20
        made = file.create_dataset("units/spike_times", (n,), "f8", chunks=(chunk,), compression="gzip")
        made.attrs.update(attributes)
        packed = zlib.compress(bytes(8 * chunk), 6)
        for first in range(0, n, chunk):
            made.id.write_direct_chunk((first,), packed)
    return path


@add
def nwb_bits_flipped(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    held = bytearray(path.read_bytes())
    for at in np.random.default_rng(1).integers(600, len(held), 400):
        held[at] ^= 0xFF
    path.write_bytes(held)
    return path


@add
def hdf5_many_objects(folder: Path) -> Path:
    path = folder / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        dataset = file.create_dataset("a", data=np.zeros((2, 2, 2), dtype="u1"))
        for k in range(110_000):
            h5py.h5o.link(dataset.id, file.id, b"x%d" % k)
    return path


# NWB in Zarr


@add
def zarr_deep_json(folder: Path) -> Path:
    path = good_zarr(folder / "a.nwb.zarr")
    (path / ".zattrs").write_text("[" * 100_000 + "]" * 100_000)
    return path


@add
def zarr_declared_values(folder: Path) -> Path:
    path = good_zarr(folder / "a.nwb.zarr")
    units = path / "units"
    units.mkdir()
    (units / ".zgroup").write_text('{"zarr_format": 2}')
    (units / ".zattrs").write_text(
        '{"neurodata_type": "Units", "namespace": "core", "colnames": ["spike_times"], "description": "u",'
        ' "object_id": "1"}'
    )
    about = {"zarr_format": 2, "shape": [10**12], "chunks": [10**12], "dtype": "<f8", "compressor": None,
             "fill_value": 0, "order": "C", "filters": None}  # fmt: skip
    for name in ("spike_times", "id"):
        (units / name).mkdir()
        (units / name / ".zarray").write_text(json.dumps(about))
        (units / name / ".zattrs").write_text('{"neurodata_type": "VectorData", "namespace": "core", "object_id": "2"}')
    return path


@add
def zarr_attributes_are_a_pipe(folder: Path) -> Path:
    path = good_zarr(folder / "a.nwb.zarr")
    (path / ".zattrs").unlink()
    os.mkfifo(path / ".zattrs")
    return path


@add
def zarr_links_outside(folder: Path) -> Path:
    path = good_zarr(folder / "here" / "a.nwb.zarr")
    link = {"name": "x", "source": "/", "path": "/", "object_id": None, "source_object_id": None}
    (path / ".zattrs").write_text(json.dumps({"nwb_version": "2.8.0", "zarr_link": [link]}))
    return path


@add
def zarr_strange_links(folder: Path) -> Path:
    path = good_zarr(folder / "a.nwb.zarr")
    (path / ".zattrs").write_text('{"nwb_version": "2.8.0", "zarr_link": [1, {"source": 7}, {"source": "a\\u0000b"}]}')
    return path


# MATLAB


def _tag(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)


def _matrix(kind: int, shape: tuple[int, ...], name: bytes, body: bytes) -> bytes:
    flags = _tag(6, struct.pack("<II", kind, 0))
    return _tag(14, flags + _tag(5, struct.pack(f"<{len(shape)}i", *shape)) + _tag(1, name) + body)


def _mat(path: Path, *variables: bytes) -> Path:
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    path.write_bytes(head + b"".join(variables))
    return path


def deflated(begin: bytes, blocks: int) -> bytes:
    """A raw deflate stream of some bytes and then 10^7 zeros for each block, made by repeating one compressed block."""
    head, packer = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.compressobj(6, zlib.DEFLATED, -15)
    first = head.compress(begin) + head.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(10**7)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * blocks + b"\x03\x00"


def _compressed(variable: bytes) -> bytes:
    packed = zlib.compress(variable)
    return struct.pack("<II", 15, len(packed)) + packed


@add
def mat_nested_cells(folder: Path) -> Path:
    inner = _matrix(6, (1, 1), b"", _tag(9, struct.pack("<d", 1.0)))
    for depth in range(20_000):
        inner = _matrix(1, (1, 1), b"spikes" if depth == 19_999 else b"", inner)
    return _mat(folder / "a.mat", inner)


@add
def mat_bomb(folder: Path) -> Path:
    """A 4 MB file with 4 GB of zeros."""
    n = 4 * 10**9 // 8
    begin = _tag(6, struct.pack("<II", 6, 0)) + _tag(5, struct.pack("<2i", 1, n)) + _tag(1, b"spikes")
    begin = struct.pack("<II", 14, len(begin) + 8 + 8 * n) + begin + struct.pack("<II", 9, 8 * n)
    packed = b"\x78\x9c" + deflated(begin, 400)
    return _mat(folder / "a.mat", struct.pack("<II", 15, len(packed)) + packed)


@add
def mat_many_small(folder: Path) -> Path:
    """Cell array of 10^6 empty arrays, a few kB when compressed."""
    empty = _matrix(6, (0, 0), b"", _tag(9, b""))
    return _mat(folder / "a.mat", _compressed(_matrix(1, (1, 10**6), b"spikes", empty * 10**6)))


@add
def mat_declared_shape(folder: Path) -> Path:
    body = _tag(9, struct.pack("<d", 1.0))
    return _mat(folder / "a.mat", _matrix(6, (2**30, 2**20), b"spikes", body))


@add
def mat_cell_declared_shape(folder: Path) -> Path:
    return _mat(folder / "a.mat", _matrix(1, (2**30, 2**4), b"spikes", b""))


@add
def mat_73_cell_in_itself(folder: Path) -> Path:
    path = folder / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        cell = file.create_dataset("spikes", (1, 1), h5py.ref_dtype)
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
        cell[0, 0] = cell.ref
    with path.open("r+b") as handle:
        handle.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM")
    return path


@add
def mat_73_cell_of_cells(folder: Path) -> Path:
    """Forty cells, each with the next one twice: 2^40 values when followed."""
    path = folder / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")
        last = refs.create_dataset("x0", data=np.zeros((1, 1)))
        last.attrs["MATLAB_class"] = np.bytes_("double")
        for k in range(1, 41):
            where = file if k == 40 else refs
            cell = where.create_dataset("spikes" if k == 40 else f"x{k}", (2, 1), h5py.ref_dtype)
            cell.attrs["MATLAB_class"] = np.bytes_("cell")
            cell[:, 0] = [last.ref, last.ref]
            last = cell
    with path.open("r+b") as handle:
        handle.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM")
    return path


@add
def cellexplorer_nested_cells(folder: Path) -> Path:
    made = mat_nested_cells(folder)
    made.rename(folder / "day.spikes.cellinfo.mat")
    return folder
