"""Regions of units that name one channel, as NWB files of the Allen Institute do: by the id of an electrode."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from project import shared_recordings

from spikebridge import io
from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.inspection import inspect
from spikebridge.io.contents import Contents
from spikebridge.io.readers import nwb

CASE = shared_recordings().parents[1] / "cases" / "04_allen_peak_channel.py"
Write = Callable[..., Path]
SPIKES = {0: [0.5], 1: [1.5], 2: [2.5]}
SIDE_WORDS = ["CA1", "CA1", "PL", "PL"]


def write(write_nwb: Write, path: Path, values: list[Any], *, column: str, ids: list[int], groups: Any = None) -> Path:
    """Three units whose `column` names one of four electrodes, two in CA1 and two in PL."""

    def electrodes(file: Any) -> None:
        device = file.create_device("probe")
        names = groups or ["shank"] * 4
        made = {
            n: file.create_electrode_group(n, description="", location="", device=device) for n in dict.fromkeys(names)
        }
        for number, place, name in zip(ids, SIDE_WORDS, names, strict=True):
            file.add_electrode(id=number, location=place, group=made[name], enforce_unique_id=False)

    return write_nwb(path, spikes=SPIKES, columns={column: values}, extra=electrodes)


def regions(path: Path) -> tuple[Contents, list[str]]:
    contents = nwb.read(path, nwb.Options())
    data = DataConfig(path="", source=["CA1"], target=["PL"])
    chosen = io.choose(contents, data, TrialsConfig())
    return contents, chosen.recording.units["region"].tolist() if "regions" not in chosen.missing else []


@pytest.mark.parametrize(
    "column", ["peak_channel_id", "peak_channel", "main_channel", "max_channel", "ch", "electrode_id"]
)
def test_by_the_id_of_the_electrode(column: str, write_nwb: Write, tmp_path: Path) -> None:
    path = write(write_nwb, tmp_path / "a.nwb", [106, 100, 104], column=column, ids=[100, 102, 104, 106])
    contents, region_names = regions(path)
    assert region_names == ["PL", "CA1", "PL"]
    assert contents.places["electrodes.location"] == (("PL",), ("CA1",), ("PL",))
    assert contents.notes == ()
    assert contents.units[column].tolist() == [106, 100, 104]


def test_an_id_that_does_not_exist_has_no_region(write_nwb: Write, tmp_path: Path) -> None:
    path = write(write_nwb, tmp_path / "a.nwb", [106, 777, -1], column="peak_channel_id", ids=[100, 102, 104, 106])
    contents, region_names = regions(path)
    assert region_names == ["PL", "", ""]
    assert tuple(map(str, contents.notes)) == (
        "units/peak_channel_id: 1 unit without a region: no electrode has the id 777",
    )


def test_id_and_row_number_disagree(write_nwb: Write, tmp_path: Path) -> None:
    """Ids 3, 2, 1, 0: each number is also a row, of another region. The id counts, and a note says so."""
    path = write(write_nwb, tmp_path / "a.nwb", [3, 2, 0], column="peak_channel", ids=[3, 2, 1, 0])
    contents, region_names = regions(path)
    assert region_names == ["CA1", "CA1", "PL"]
    assert tuple(map(str, contents.notes)) == (
        "units/peak_channel is read as ids of electrodes; as row numbers 3 of 3 units would lie in another region "
        "(number 3: id CA1, row PL)",
    )


def test_row_numbers_where_no_id_fits(write_nwb: Write, tmp_path: Path) -> None:
    path = write(write_nwb, tmp_path / "a.nwb", [3, 0, 2], column="peak_channel", ids=[100, 102, 104, 106])
    contents, region_names = regions(path)
    assert region_names == ["PL", "CA1", "PL"]
    assert "they are taken as rows of the table of electrodes, from 0" in str(contents.notes[0])


def test_what_is_called_an_id_is_no_row_number(write_nwb: Write, tmp_path: Path) -> None:
    path = write(write_nwb, tmp_path / "a.nwb", [3, 0, 2], column="peak_channel_id", ids=[100, 102, 104, 106])
    contents, region_names = regions(path)
    assert region_names == []
    assert tuple(map(str, contents.notes)) == (
        "units/peak_channel_id: none of its numbers (0 to 3) is the id of an electrode (100 to 106): regions of the "
        "electrodes are not taken from it",
    )


def test_numbers_that_may_count_within_each_probe(write_nwb: Write, tmp_path: Path) -> None:
    """Two probes of two channels; ids 0 to 3; the units name channels 0 and 1, of either probe."""
    path = write(
        write_nwb,
        tmp_path / "a.nwb",
        [0, 1, 0],
        column="ch",
        ids=[0, 1, 2, 3],
        groups=["imec0", "imec0", "imec1", "imec1"],
    )
    contents, region_names = regions(path)
    assert region_names == []
    assert "units/ch: its numbers (0 to 1) may count the channels of each of the 2 groups" in str(contents.notes[0])


def test_an_id_that_is_there_twice(write_nwb: Write, tmp_path: Path) -> None:
    path = write(write_nwb, tmp_path / "a.nwb", [1, 1, 2], column="peak_channel_id", ids=[1, 1, 2, 3])
    with pytest.raises(DataError, match="electrodes/id: expected different ids, found more than once: 1"):
        nwb.read(path, nwb.Options())


def test_the_public_case(tmp_path: Path) -> None:
    if not CASE.is_file():
        pytest.skip("the shared cases are not here")
    made = subprocess.run([sys.executable, str(CASE), str(tmp_path)], capture_output=True, text=True, check=True)
    truth = json.loads(made.stdout)
    (path,) = io.named_recordings(tmp_path)
    contents = nwb.read(path, nwb.Options())
    counts = Counter(place for (place,) in contents.places["electrodes.location"])
    assert counts == {"CA1": 6, "VISp": 5, "TH": 1, "grey": 1}
    assert {name: counts[name] for name in ("CA1", "VISp", "TH")} | {"none": counts["grey"]} == truth[
        "units_by_peak_channel"
    ]
    assert len(contents.spikes) == truth["spikes"]
    seen = inspect(path)
    assert (seen.proposal.data["source"], seen.proposal.data["target"]) == (["CA1"], ["VISp"])
