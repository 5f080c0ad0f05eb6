"""Inputs that are broken or mean harm, one small folder or file each, made in well under a second.

`hostile_inputs()` lists (name, make): `make(folder)` writes into an empty folder what a user would name in data.path,
and returns that path. Nothing in it may end otherwise than in one clear line and exit code 2, or in a note.
"""

# ruff: noqa: PTH104, PTH118, PTH211
# Names that are bytes, and links to nothing, are beyond pathlib.

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from hostile_nwb_matlab import MADE, Make, add, deflated, good_nwb, good_phy, good_tables

__all__ = ["Make", "good_nwb", "good_tables", "hostile_inputs"]


def hostile_inputs() -> list[tuple[str, Make]]:
    """Every input by name."""
    return list(MADE)


# NPZ, npy


@add
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


@add
def npz_bomb(folder: Path) -> Path:
    """4 GB of counts in 4 MB."""
    path, name = folder / "a.npz", b"counts.npy"
    begin = _npy("(1000, 1000, 500)")
    packed, size = deflated(begin, 400), len(begin) + 4 * 10**9
    about = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(packed), size, len(name), 0)
    local = b"PK\x03\x04" + about + name + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


@add
def npy_declared_shape(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "spike_times.npy").write_bytes(_npy("(1000000000000,)") + bytes(64))
    return path


@add
def npy_negative_shape(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "spike_times.npy").write_bytes(_npy("(-5,)") + bytes(64))
    return path


@add
def npy_deep_header(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "spike_times.npy").write_bytes(_npy("(" * 5000 + ")" * 5000))
    return path


@add
def phy_parameters_are_a_pipe(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "params.py").unlink()
    os.mkfifo(path / "params.py")
    return path


@add
def phy_parameters_are_a_program(folder: Path) -> Path:
    path = good_phy(folder / "phy")
    (path / "params.py").write_text("sample_rate = " + "(" * 5000 + "1" + ")" * 5000)
    return path


@add
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


@add
def json_infinite(folder: Path) -> Path:
    return _about(folder, '{"observed": [[0, 1e400]]}')


@add
def json_infinite_width(folder: Path) -> Path:
    return _about(folder, '{"bin_width_s": 1e400}')


@add
def json_long_integer(folder: Path) -> Path:
    return _about(folder, '{"bin_width_s": ' + "9" * 4000 + "}")


@add
def json_integer_of_400_digits(folder: Path) -> Path:
    return _about(folder, '{"bin_width_s": 1' + "0" * 400 + "}")


@add
def json_longer_integer(folder: Path) -> Path:
    return _about(folder, '{"observed": [[0, ' + "9" * 10_000 + "]]}")


@add
def json_deep(folder: Path) -> Path:
    return _about(folder, '{"animal": ' + "[" * 100_000 + "]" * 100_000 + "}")


@add
def json_observed_deep(folder: Path) -> Path:
    return _about(folder, '{"observed": ' + "[" * 900 + "1" + "]" * 900 + "}")


@add
def json_is_a_pipe(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    os.mkfifo(path / "recording.json")
    return path


# CSV, Parquet


@add
def csv_one_long_line(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "spikes.csv").write_bytes(b"unit,time_s\n" + b"1" * 10**8)
    return path


@add
def csv_header_long_line(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "spikes.csv").write_bytes(b"unit," + b"x" * 10**8)
    return path


@add
def csv_many_columns(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "trials.csv").write_text(",".join(f"c{k}" for k in range(200_000)) + "\n" + "1," * 199_999 + "1\n")
    return path


@add
def csv_zero_bytes(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "units.csv").write_bytes(b"unit,region\n0,H\0C\n" + bytes(10**6))
    return path


@add
def csv_is_a_device(folder: Path) -> Path:
    path = good_tables(folder / "rec")
    (path / "units.csv").unlink()
    os.symlink("/dev/zero", path / "units.csv")
    return path


@add
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


@add
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


@add
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


@add
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


@add
def xml_external_entity(folder: Path) -> Path:
    path = xml_entities(folder)
    (path / "day.xml").write_text(
        "<?xml version='1.0'?><!DOCTYPE p [<!ENTITY a SYSTEM 'file:///dev/zero'>]><parameters><acquisitionSystem>"
        "<samplingRate>&a;</samplingRate></acquisitionSystem></parameters>"
    )
    return path


@add
def xml_deep(folder: Path) -> Path:
    path = xml_entities(folder)
    (path / "day.xml").write_text("<a>" * 200_000 + "</a>" * 200_000)
    return path


@add
def shank_number_of_5000_digits(folder: Path) -> Path:
    path = folder / "day"
    path.mkdir()
    for what in ("res", "clu"):
        (path / f"d.{what}.{'9' * 200}").write_text("1\n2\n")
    return path


# Folders


@add
def link_to_itself(folder: Path) -> Path:
    os.symlink("a", folder / "b")
    os.symlink("b", folder / "a")
    return folder


@add
def link_to_the_root(folder: Path) -> Path:
    good_tables(folder / "rec")
    os.symlink("/", folder / "everything")
    return folder


@add
def only_a_link_to_the_root(folder: Path) -> Path:
    os.symlink("/", folder / "everything")
    return folder


@add
def link_to_a_device(folder: Path) -> Path:
    for name in ("a.nwb", "a.mat", "a.npz", "a.h5"):
        os.symlink("/dev/zero", folder / name)
    return folder


@add
def pipes_of_every_name(folder: Path) -> Path:
    for name in ("a.nwb", "a.mat", "a.npz", "a.h5", "spikes.csv", "spike_times.npy", "a.t"):
        os.mkfifo(folder / name)
    return folder


@add
def a_pipe_itself(folder: Path) -> Path:
    os.mkfifo(folder / "a.nwb")
    return folder / "a.nwb"


@add
def a_device_itself(folder: Path) -> Path:
    return Path("/dev/zero")


@add
def deep_folders(folder: Path) -> Path:
    at = folder
    for _ in range(400):
        at = at / "d"
    at.mkdir(parents=True)
    (at / "x.nwb").touch()
    return folder


@add
def hundred_thousand_files(folder: Path) -> Path:
    for k in range(100_001):
        os.close(os.open(folder / f"f{k}", os.O_CREAT | os.O_WRONLY))
    return folder


@add
def names_of_255_bytes(folder: Path) -> Path:
    for suffix in (".nwb", ".mat", ".npz"):
        (folder / ("x" * (255 - len(suffix)) + suffix)).write_bytes(b"x")
    return folder


@add
def names_that_are_no_text(folder: Path) -> Path:
    raw = os.fsencode(folder)
    for name in (b"\xff\xfe.nwb", b"a\nb.mat", b"\x1b[31m.npz"):
        with open(os.path.join(raw, name), "wb") as handle:
            handle.write(b"x")
    return folder


@add
def recording_of_a_name_that_is_no_text(folder: Path) -> Path:
    made = good_tables(folder / "rec")
    os.rename(os.fsencode(made), os.path.join(os.fsencode(folder), b"r\xff"))
    return folder
