"""Folders of tables: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_folders import SPIKES, TRIALS, UNITS, complaint, folder

from spikebridge.errors import DataError
from spikebridge.io.readers import tables
from spikebridge.io.readers.tables import Options

NOT_NUMBERS = "spikes.csv: column time_s: expected numbers, found"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"spikes__csv": "unit,time_s\n1,0.5\n1,1,5\n"},
            "expected 2 fields separated by commas in every row, found 3 in row 3 ('1,1,5')",
        ),
        ({"spikes__csv": "unit,time_s\n1,0.5\n1\n"}, "found 1 in row 3 ('1')"),
        ({"spikes__csv": "unit,time_s\n1,0,5\n1,1,5\n"}, "found 3 in row 2 ('1,0,5'), 3 in row 3"),
        (
            {"spikes__csv": 'unit,time_s\n1,"0,5"\n'},
            f"{NOT_NUMBERS} '0,5' in row 2: write numbers with a decimal point",
        ),
        (
            {"spikes__csv": "unit;time_s\n1;1,234\n1;2,345\n"},
            f"{NOT_NUMBERS} '1,234' in row 2, '2,345' in row 3: write",
        ),
        ({"spikes__csv": "unit;time_s\n1;1.234,5\n"}, f"{NOT_NUMBERS} '1.234,5' in row 2"),
        ({"spikes__csv": "unit;time_s\n1;0,5\n1;2.5\n"}, f"{NOT_NUMBERS} '0,5' in row 2"),
        (
            {"spikes__csv": "unit,time_s\n1;0,5\n"},
            "1 spike of units that are not in the units table: 1;0 (from row 2)",
        ),
        ({"spikes__csv": "unit,time_s\n1,0.5\n1,soon\n2,x\n2,\n"}, f"{NOT_NUMBERS} 'soon' in row 3, 'x' in row 4"),
        ({"spikes__csv": "unit,time\n1,0.5\n"}, "spikes.csv: expected a column time_s, found unit, time"),
        ({"spikes__csv": "time_s\n0.5\n"}, "spikes.csv: expected a column unit, found time_s"),
        (
            {"spikes__csv": "unit,time_s,unit\n1,1,1\n"},
            "columns must have different names, found more than once: unit",
        ),
        ({"spikes__csv": "unit,,time_s\n1,1,1\n"}, "expected a name for every column, found none for 2"),
        ({"spikes__csv": ""}, "spikes.csv: is empty"),
        ({"spikes__csv": "\n \n"}, "spikes.csv: is empty"),
        (
            {"spikes__csv": "unit,time_s\n,0.5\n1,1\n"},
            "column unit: expected an id in every row, found none in rows 2",
        ),
        (
            {"spikes__csv": "unit,time_s\n1,1\n9,2\n8,3\n9,4\n"},
            "3 spikes of units that are not in the units table: 9 (from row 3), 8 (from row 4)",
        ),
        ({"spikes__csv": "unit;time_s,x\n1,1\n"}, "the header holds commas and semicolons: which separates columns?"),
        ({"spikes__tsv": "unit,time_s\n1,1\n"}, "expected tabs between the columns of a .tsv, found commas"),
        ({"spikes__csv": 'unit,time_s\n1,"1\n2,3\n'}, "expected quotation marks in pairs"),
        ({"spikes__csv": "unit,time_s\n1,größe\n".encode("latin-1")}, "another encoding in line 2: save it as UTF-8"),
        ({"spikes__csv": SPIKES.encode("utf-16-le")}, "found zero bytes"),
        ({"spikes__parquet": b"PAR1 no"}, "spikes.parquet: cannot be read as Parquet"),
        (
            {"spikes__csv": SPIKES, "spikes__tsv": ""},
            "expected one table spikes.csv, .tsv or .parquet, found spikes.csv, spikes.tsv",
        ),
        (
            {"units__csv": "unit,region\nA,HC\nB,HC\nA,PFC\n"},
            "units: column unit: ids must be unique, found more than once: A in rows 2, 4",
        ),
        ({"units__csv": "unit,region\n1,HC\n1,HC\n2,HC\n"}, "found more than once: 1 in rows 2, 3"),
        (
            {"trials__csv": "start_time,stop_time\n0,1\n1,late\n"},
            "trials.csv: column stop_time: expected numbers, found 'late' in row 3",
        ),
        (
            {"trials__csv": "start_time,stop_time,go_time\n0,1,x\n1,2,1.5\n"},
            "column go_time: expected numbers, found 'x' in row 2",
        ),
        ({"trials__csv": "begin,end\n0,1\n"}, "trials.csv: expected a column start_time, found begin, end"),
        ({"behavior__csv": "series,value\nx,1\n"}, "behavior.csv: expected a column time_s, found series, value"),
        ({"behavior__csv": "time_s,value\n0,1\n"}, "behavior.csv: expected a column series beside value"),
        ({"behavior__csv": "time_s,x,y\n0,1,up\n"}, "behavior.csv: column y: expected numbers, found 'up' in row 2"),
    ],
)
def test_what_is_refused(tmp_path: Path, files: dict[str, Any], message: str) -> None:
    text = complaint(folder(tmp_path / "a", **files))
    assert message in text
    assert str(tmp_path / "a") in text
    assert "Traceback" not in text


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "a",
        spikes__csv="unit,times\n1,0.5\n",
        trials__csv="start_time,choice\n1,a\n",
        behavior__csv="time_s,x\n0,now\n",
        recording__json="no",
    )
    (path / "units.csv").unlink()
    (path / "unit.csv").write_text(UNITS)
    text = complaint(path)
    for part in (
        "units.csv, .tsv or .parquet with columns unit and region",
        "did you mean units.csv",
        "time_s",
        "stop",
    ):
        assert part in text
    assert text.count("\n  - ") == 6


def test_a_row_that_never_ends(tmp_path: Path) -> None:
    text = "unit,time_s\n1," + "0" * (3 << 20)
    assert "spikes.csv: cannot be read as a table" in complaint(folder(tmp_path / "a", spikes__csv=text))


@pytest.mark.slow
def test_five_million_spikes(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv

    n = 5_000_000
    spikes = {"unit": np.tile(np.arange(100), n // 100), "time_s": np.arange(n) / 30000}
    path = folder(tmp_path / "a", units__csv="unit,region\n" + "".join(f"{i},HC\n" for i in range(100)))
    csv.write_csv(pa.table(spikes), path / "spikes.csv")
    contents = tables.read(path, Options())
    assert len(contents.spikes) == n
    assert contents.spikes["time_s"].sum() == pytest.approx(spikes["time_s"].sum(), rel=1e-12)


@pytest.mark.slow
def test_damage_anywhere_is_refused_in_words_or_harmless(tmp_path: Path) -> None:
    """Bytes put in, taken out or changed at random: a DataError, or a recording, never anything else."""
    rng = np.random.default_rng(3)
    sound = {n: t.encode() for n, t in (("spikes.csv", SPIKES), ("units.csv", UNITS), ("trials.csv", TRIALS))}
    sound |= {"behavior.csv": b"series,time_s,value\nx,0,1\n", "recording.json": b'{"observed": [[0, 3]]}'}
    path = folder(tmp_path / "a", **{n.replace(".", "__"): raw for n, raw in sound.items()})
    refused = 0
    for _ in range(300):
        name = str(rng.choice(list(sound)))
        raw, at = bytearray(sound[name]), int(rng.integers(len(sound[name])))
        raw[at : at + int(rng.integers(3))] = bytes(
            rng.choice(list(b',;\t"\n\r\0\xff{-e 1'), int(rng.integers(3))).tolist()
        )
        (path / name).write_bytes(bytes(raw))
        try:
            tables.read(path, Options())
        except DataError:
            refused += 1
        (path / name).write_bytes(sound[name])
    assert 100 < refused < 300
