"""Inputs that are broken or mean harm, one small folder or file each, made in well under a second.

`hostile_inputs()` lists (name, make): `make(folder)` writes into an empty folder what a user would name in data.path,
and returns that path. Nothing in it may end otherwise than in one clear line and exit code 2, or in a note.
"""

# ruff: noqa: PTH104, PTH118, PTH211
# Names that are bytes, and links to nothing, are beyond pathlib.

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

Make = Callable[[Path], Path]
_MADE: list[tuple[str, Make]] = []


def hostile_inputs() -> list[tuple[str, Make]]:
    """Every input by name."""
    return list(_MADE)


def _add(make: Make) -> Make:
    _MADE.append((make.__name__, make))
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


@_add
def nwb_link_to_a_pipe(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    os.mkfifo(folder / "pipe.h5")
    with h5py.File(path, "a") as file:
        file["processing/x"] = h5py.ExternalLink("pipe.h5", "/y")
    return path


@_add
def nwb_raw_link_to_a_device(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        file.require_group("acquisition")["raw"] = h5py.ExternalLink("/dev/zero", "/y")
    return path


@_add
def nwb_link_outside(folder: Path) -> Path:
    (folder / "there").mkdir()
    (folder / "here").mkdir()
    path = good_nwb(folder / "here" / "a.nwb")
    with h5py.File(folder / "there" / "b.h5", "w") as file:
        file["x"] = np.arange(5)
    with h5py.File(path, "a") as file:
        file["units/extra"] = h5py.ExternalLink(str(folder / "there" / "b.h5"), "/x")
    return path


@_add
def nwb_nested_groups(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        group = file.require_group("processing")
        for _ in range(3000):
            group = group.create_group("g")
    return path


@_add
def hdf5_nested_groups(folder: Path) -> Path:
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(3000):
            group = group.create_group("g")
    return path


@_add
def nwb_loop_of_soft_links(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        file["processing/one"] = h5py.SoftLink("/processing/two")
        file["processing/two"] = h5py.SoftLink("/processing/one")
    return path


@_add
def nwb_group_in_itself(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    with h5py.File(path, "a") as file:
        group = file.require_group("processing/own")
        group["again"] = group
    return path


@_add
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


@_add
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


@_add
def nwb_bits_flipped(folder: Path) -> Path:
    path = good_nwb(folder / "a.nwb")
    held = bytearray(path.read_bytes())
    for at in np.random.default_rng(1).integers(600, len(held), 400):
        held[at] ^= 0xFF
    path.write_bytes(held)
    return path


@_add
def hdf5_many_objects(folder: Path) -> Path:
    path = folder / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        one = file.create_dataset("a", data=np.zeros((2, 2, 2), dtype="u1"))
        for k in range(110_000):
            h5py.h5o.link(one.id, file.id, b"x%d" % k)
    return path


# NWB in Zarr


@_add
def zarr_deep_json(folder: Path) -> Path:
    path = good_zarr(folder / "a.nwb.zarr")
    (path / ".zattrs").write_text("[" * 100_000 + "]" * 100_000)
    return path


@_add
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


@_add
def zarr_attributes_are_a_pipe(folder: Path) -> Path:
    path = good_zarr(folder / "a.nwb.zarr")
    (path / ".zattrs").unlink()
    os.mkfifo(path / ".zattrs")
    return path


@_add
def zarr_links_outside(folder: Path) -> Path:
    path = good_zarr(folder / "here" / "a.nwb.zarr")
    link = {"name": "x", "source": "/", "path": "/", "object_id": None, "source_object_id": None}
    (path / ".zattrs").write_text(json.dumps({"nwb_version": "2.8.0", "zarr_link": [link]}))
    return path


@_add
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


def _deflated(begin: bytes, blocks: int) -> bytes:
    """A raw deflate stream of some bytes and then 10^7 zeros for each block, made by repeating one compressed block."""
    head, packer = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.compressobj(6, zlib.DEFLATED, -15)
    first = head.compress(begin) + head.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(10**7)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * blocks + b"\x03\x00"


def _compressed(variable: bytes) -> bytes:
    packed = zlib.compress(variable)
    return struct.pack("<II", 15, len(packed)) + packed


@_add
def mat_nested_cells(folder: Path) -> Path:
    inner = _matrix(6, (1, 1), b"", _tag(9, struct.pack("<d", 1.0)))
    for depth in range(20_000):
        inner = _matrix(1, (1, 1), b"spikes" if depth == 19_999 else b"", inner)
    return _mat(folder / "a.mat", inner)


@_add
def mat_bomb(folder: Path) -> Path:
    """A 4 MB file with 4 GB of zeros."""
    n = 4 * 10**9 // 8
    begin = _tag(6, struct.pack("<II", 6, 0)) + _tag(5, struct.pack("<2i", 1, n)) + _tag(1, b"spikes")
    begin = struct.pack("<II", 14, len(begin) + 8 + 8 * n) + begin + struct.pack("<II", 9, 8 * n)
    packed = b"\x78\x9c" + _deflated(begin, 400)
    return _mat(folder / "a.mat", struct.pack("<II", 15, len(packed)) + packed)


@_add
def mat_many_small(folder: Path) -> Path:
    """Cell array of 10^6 empty arrays, a few kB when compressed."""
    empty = _matrix(6, (0, 0), b"", _tag(9, b""))
    return _mat(folder / "a.mat", _compressed(_matrix(1, (1, 10**6), b"spikes", empty * 10**6)))


@_add
def mat_declared_shape(folder: Path) -> Path:
    body = _tag(9, struct.pack("<d", 1.0))
    return _mat(folder / "a.mat", _matrix(6, (2**30, 2**20), b"spikes", body))


@_add
def mat_cell_declared_shape(folder: Path) -> Path:
    return _mat(folder / "a.mat", _matrix(1, (2**30, 2**4), b"spikes", b""))


@_add
def mat_73_cell_in_itself(folder: Path) -> Path:
    path = folder / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        cell = file.create_dataset("spikes", (1, 1), h5py.ref_dtype)
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
        cell[0, 0] = cell.ref
    with path.open("r+b") as handle:
        handle.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H", 0x0200) + b"IM")
    return path


@_add
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


@_add
def cellexplorer_nested_cells(folder: Path) -> Path:
    made = mat_nested_cells(folder)
    made.rename(folder / "day.spikes.cellinfo.mat")
    return folder


# NPZ, npy


@_add
def npz_many_members(folder: Path) -> Path:
    path = folder / "a.npz"
    body = struct.pack("<6sBBH", b"\x93NUMPY", 1, 0, 54)
    body += b"{'descr': '<f8', 'fortran_order': False, 'shape': (), }".ljust(53)[:53] + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(200_000):
            archive.writestr(f"x{k}.npy", body + bytes(8))
    return path


def _npy(shape: str, descr: str = "<i8") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text = text.ljust(-(len(text) + 11) % 64 + len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@_add
def npz_bomb(folder: Path) -> Path:
    """4 GB of counts in 4 MB."""
    path, name = folder / "a.npz", b"counts.npy"
    begin = _npy("(1000, 1000, 500)")
    packed, size = _deflated(begin, 400), len(begin) + 4 * 10**9
    about = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(packed), size, len(name), 0)
    local = b"PK\x03\x04" + about + name + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


@_add
def npy_declared_shape(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "spike_times.npy").write_bytes(_npy("(1000000000000,)") + bytes(64))
    return path


@_add
def npy_negative_shape(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "spike_times.npy").write_bytes(_npy("(-5,)") + bytes(64))
    return path


@_add
def npy_deep_header(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "spike_times.npy").write_bytes(_npy("(" * 5000 + ")" * 5000))
    return path


@_add
def phy_parameters_are_a_pipe(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "params.py").unlink()
    os.mkfifo(path / "params.py")
    return path


@_add
def phy_parameters_are_a_program(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "params.py").write_text("sample_rate = " + "(" * 5000 + "1" + ")" * 5000)
    return path


@_add
def phy_parameters_are_zeros(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "params.py").unlink()
    os.symlink("/dev/zero", path / "params.py")
    return path


# JSON


def _about(folder: Path, text: str) -> Path:
    path = good_tables(folder / "rec")
    (path / "recording.json").write_text(text)
    return path


@_add
def json_infinite(folder: Path) -> Path:
    return _about(folder, '{"observed": [[0, 1e400]]}')


@_add
def json_infinite_width(folder: Path) -> Path:
    return _about(folder, '{"bin_width_s": 1e400}')


@_add
def json_long_integer(folder: Path) -> Path:
    return _about(folder, '{"bin_width_s": ' + "9" * 4000 + "}")


@_add
def json_integer_of_400_digits(folder: Path) -> Path:
    return _about(folder, '{"bin_width_s": 1' + "0" * 400 + "}")


@_add
def json_longer_integer(folder: Path) -> Path:
    return _about(folder, '{"observed": [[0, ' + "9" * 10_000 + "]]}")


@_add
def json_deep(folder: Path) -> Path:
    return _about(folder, '{"animal": ' + "[" * 100_000 + "]" * 100_000 + "}")


@_add
def json_observed_deep(folder: Path) -> Path:
    return _about(folder, '{"observed": ' + "[" * 900 + "1" + "]" * 900 + "}")


@_add
def json_is_a_pipe(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    os.mkfifo(path / "recording.json")
    return path


# CSV, Parquet


@_add
def csv_one_long_line(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "spikes.csv").write_bytes(b"unit,time_s\n" + b"1" * 10**8)
    return path


@_add
def csv_header_long_line(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "spikes.csv").write_bytes(b"unit," + b"x" * 10**8)
    return path


@_add
def csv_many_columns(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "trials.csv").write_text(",".join(f"c{k}" for k in range(200_000)) + "\n" + "1," * 199_999 + "1\n")
    return path


@_add
def csv_zero_bytes(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "units.csv").write_bytes(b"unit,region\n0,H\0C\n" + bytes(10**6))
    return path


@_add
def csv_is_a_device(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "units.csv").unlink()
    os.symlink("/dev/zero", path / "units.csv")
    return path


@_add
def parquet_bomb(folder: Path) -> Path:
    """4 * 10^8 equal values in a few kB."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = good_tables(folder / "rec")
    (path / "spikes.csv").unlink()
    n = 2 * 10**7
    table = pa.table({"unit": pa.array(np.zeros(n, np.int64)), "time_s": pa.array(np.zeros(n))})
    with pq.ParquetWriter(path / "spikes.parquet", table.schema) as writer:
        for _ in range(10):
            writer.write_table(table, row_group_size=n)
    return path


@_add
def parquet_bomb_of_words(folder: Path) -> Path:
    """A dictionary of one word of 10 MB, named 10^5 times: 10^12 bytes as plain text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = good_tables(folder / "rec")
    (path / "units.csv").unlink()
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10**5, np.int32)), pa.array(["x" * 10**7]))
    table = pa.table({"unit": pa.array(np.arange(10**5)), "region": words})
    pq.write_table(table, path / "units.parquet", compression="zstd")
    return path


@_add
def parquet_damaged_footer(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    table = pd.read_csv(path / "spikes.csv")
    (path / "spikes.csv").unlink()
    table.to_parquet(path / "spikes.parquet")
    held = bytearray((path / "spikes.parquet").read_bytes())
    rng = np.random.default_rng(2)
    for at in rng.integers(len(held) - 1500, len(held) - 8, 60):
        held[at] ^= 1 << int(rng.integers(8))
    (path / "spikes.parquet").write_bytes(held)
    return path


# NeuroScope


@_add
def xml_entities(folder: Path) -> Path:
    path = folder / "day"
    path.mkdir()
    (path / "day.res.1").write_text("\n".join(map(str, range(10, 900))) + "\n")
    (path / "day.clu.1").write_text("3\n" + "\n".join(str(2 + k % 2) for k in range(890)) + "\n")
    entities = '<!ENTITY a0 "9999999999">' + "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12))
    (path / "day.xml").write_text(
        f"<?xml version='1.0'?><!DOCTYPE p [{entities}]><parameters><acquisitionSystem><samplingRate>&a11;"
        "</samplingRate></acquisitionSystem></parameters>"
    )
    return path


@_add
def xml_external_entity(folder: Path) -> Path:
    path = xml_entities(folder)
    (path / "day.xml").write_text(
        "<?xml version='1.0'?><!DOCTYPE p [<!ENTITY a SYSTEM 'file:///dev/zero'>]><parameters><acquisitionSystem>"
        "<samplingRate>&a;</samplingRate></acquisitionSystem></parameters>"
    )
    return path


@_add
def xml_deep(folder: Path) -> Path:
    path = xml_entities(folder)
    (path / "day.xml").write_text("<a>" * 200_000 + "</a>" * 200_000)
    return path


@_add
def shank_number_of_5000_digits(folder: Path) -> Path:
    path = folder / "day"
    path.mkdir()
    for what in ("res", "clu"):
        (path / f"d.{what}.{'9' * 200}").write_text("1\n2\n")
    return path


# Folders


@_add
def link_to_itself(folder: Path) -> Path:
    os.symlink("a", folder / "b")
    os.symlink("b", folder / "a")
    return folder


@_add
def link_to_the_root(folder: Path) -> Path:
    good_tables(folder / "rec")
    os.symlink("/", folder / "everything")
    return folder


@_add
def only_a_link_to_the_root(folder: Path) -> Path:
    os.symlink("/", folder / "everything")
    return folder


@_add
def link_to_a_device(folder: Path) -> Path:
    for name in ("a.nwb", "a.mat", "a.npz", "a.h5"):
        os.symlink("/dev/zero", folder / name)
    return folder


@_add
def pipes_of_every_name(folder: Path) -> Path:
    for name in ("a.nwb", "a.mat", "a.npz", "a.h5", "spikes.csv", "spike_times.npy", "a.t"):
        os.mkfifo(folder / name)
    return folder


@_add
def a_pipe_itself(folder: Path) -> Path:
    os.mkfifo(folder / "a.nwb")
    return folder / "a.nwb"


@_add
def a_device_itself(folder: Path) -> Path:
    return Path("/dev/zero")


@_add
def deep_folders(folder: Path) -> Path:
    at = folder
    for _ in range(400):
        at = at / "d"
    at.mkdir(parents=True)
    (at / "x.nwb").touch()
    return folder


@_add
def hundred_thousand_files(folder: Path) -> Path:
    for k in range(100_001):
        os.close(os.open(folder / f"f{k}", os.O_CREAT | os.O_WRONLY))
    return folder


@_add
def names_of_255_bytes(folder: Path) -> Path:
    for suffix in (".nwb", ".mat", ".npz"):
        (folder / ("x" * (255 - len(suffix)) + suffix)).write_bytes(b"x")
    return folder


@_add
def names_that_are_no_text(folder: Path) -> Path:
    raw = os.fsencode(folder)
    for name in (b"\xff\xfe.nwb", b"a\nb.mat", b"\x1b[31m.npz"):
        with open(os.path.join(raw, name), "wb") as handle:
            handle.write(b"x")
    return folder


@_add
def recording_of_a_name_that_is_no_text(folder: Path) -> Path:
    made = good_tables(folder / "rec")
    os.rename(os.fsencode(made), os.path.join(os.fsencode(folder), b"r\xff"))
    return folder
