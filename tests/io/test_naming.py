"""Recordings of one name in several folders, as sorters leave them: rat1/phy, rat2/phy."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spikebridge import io
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.inspection import inspect
from spikebridge.io.folders import check_names, unique_names
from spikebridge.io.readers import tables
from spikebridge.types import Recording

Settings = Callable[..., Config]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["phy"], ["phy"]),
        (["rat1/phy"], ["phy"]),
        (["rat1/phy", "rat2/phy"], ["rat1_phy", "rat2_phy"]),
        (["rat1/phy", "rat2/phy", "rat2/day1"], ["rat1_phy", "rat2_phy", "day1"]),
        (["rat1/a/phy", "rat2/a/phy"], ["rat1_a_phy", "rat2_a_phy"]),
        (["rat1/a/phy", "rat2/a/phy", "rat2/b/phy"], ["rat1_a_phy", "rat2_a_phy", "b_phy"]),
        (["phy", "rat1/phy"], ["phy", "rat1_phy"]),
        (["rat1/phy", "rat2/phy", "day/rat1_phy"], ["rat1_phy", "rat2_phy", "day_rat1_phy"]),
        (["x/a/phy", "y/a/phy", "phy", "z/a_phy"], ["x_a_phy", "y_a_phy", "phy", "z_a_phy"]),
    ],
)
def test_as_many_folders_as_needed_whatever_the_order(paths: list[str], names: list[str]) -> None:
    root = Path("raw")
    expected = {root / p: n for p, n in zip(paths, names, strict=True)}
    for order in itertools.permutations(paths):
        assert unique_names({root / p: Path(p).name for p in order}, root) == expected


def written(recording: Recording, folder: Path, by: float) -> Path:
    """A recording called phy, with spikes of its own."""
    spikes = recording.spikes.assign(time_s=recording.spikes["time_s"] + by)
    return tables.write(replace(recording, name="phy", spikes=spikes), folder)


@pytest.fixture
def raw(recording: Recording, tmp_path: Path) -> Path:
    for number in (1, 2):
        written(recording, tmp_path / "raw" / f"rat{number}", 0.01 * number)
    return tmp_path / "raw"


def heard(settings: Settings, out: Path, earlier: Path | None = None) -> list[str]:
    lines: list[str] = []
    io.ingest(io.IngestSections.of(settings()), out, earlier, lines.append)
    return sorted(line.split("\n")[0] for line in lines)


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_ingest_and_inspect_agree(raw: Path, settings: Settings, tmp_path: Path) -> None:
    assert heard(settings, tmp_path / "one") == ["rat1_phy: read", "rat2_phy: read"]
    read = io.IngestedRecordings(tmp_path / "one")
    assert read.names == [r.name for r in read] == ["rat1_phy", "rat2_phy"]
    assert [r.spikes["time_s"].min() for r in read] == [0.51, 0.52]
    got = inspect(raw)
    assert [summary.name for summary in got.recordings] == read.names
    assert list(got.proposal.region_column) == read.names


def test_what_is_done_stays_done(raw: Path, settings: Settings, tmp_path: Path) -> None:
    heard(settings, tmp_path / "one")
    assert heard(settings, tmp_path / "two", tmp_path / "one") == ["rat1_phy: unchanged", "rat2_phy: unchanged"]
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_recordings_that_changed_places_are_read_again(raw: Path, settings: Settings, tmp_path: Path) -> None:
    heard(settings, tmp_path / "one")
    (raw / "rat1").rename(raw / "rat")
    (raw / "rat2").rename(raw / "rat1")
    (raw / "rat").rename(raw / "rat2")
    assert heard(settings, tmp_path / "two", tmp_path / "one") == ["rat1_phy: read", "rat2_phy: read"]
    heard(settings, tmp_path / "fresh")
    assert content(tmp_path / "two") == content(tmp_path / "fresh")


def test_a_name_that_is_free_again_or_no_longer(
    raw: Path, recording: Recording, settings: Settings, tmp_path: Path
) -> None:
    """Results are taken over under the name that they were made under, and under no other."""
    heard(settings, tmp_path / "one")
    shutil.move(raw / "rat2", tmp_path / "rat2")
    assert heard(settings, tmp_path / "two", tmp_path / "one") == ["phy: read"]
    assert heard(settings, tmp_path / "three", tmp_path / "two") == ["phy: unchanged"]
    shutil.move(raw / "rat1", tmp_path / "rat1")
    shutil.move(tmp_path / "rat2", raw / "rat2")
    assert heard(settings, tmp_path / "four", tmp_path / "two") == ["phy: read"], "the phy of another animal"
    (four,) = io.IngestedRecordings(tmp_path / "four")
    assert (four.name, four.spikes["time_s"].min()) == ("phy", 0.52)
    shutil.move(tmp_path / "rat1", raw / "rat1")
    assert heard(settings, tmp_path / "five", tmp_path / "four") == ["rat1_phy: read", "rat2_phy: read"]


def test_what_no_folder_tells_apart_is_refused(tmp_path: Path) -> None:
    for name in ("x/a.nwb", "x/a.NWB", "y/a.nwb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    if len(list((tmp_path / "x").iterdir())) < 2:
        pytest.skip("this file system does not tell case apart")
    with pytest.raises(DataError, match=r"two recordings are called 'x_a': .*x/a\.NWB and .*x/a\.nwb; rename one"):
        io.named_recordings(tmp_path)


def test_a_folder_whose_name_cannot_be_part_of_one(recording: Recording, tmp_path: Path) -> None:
    for number, name in enumerate(("rat|1", "rat2")):
        written(recording, tmp_path / name, 0.01 * number)
    with pytest.raises(DataError, match=r"rat\|1/phy: the name of a recording must not contain '\|'"):
        io.named_recordings(tmp_path)


def test_a_folder_that_is_there_twice_by_a_link(raw: Path, settings: Settings, tmp_path: Path) -> None:
    (raw / "again").symlink_to(raw / "rat1", target_is_directory=True)
    with pytest.raises(DataError, match="again_phy and rat1_phy hold the same spikes"):
        heard(settings, tmp_path / "one")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["rat1 (1)", "R2+opto", "R2 opto", "50% [x]", "été", "Ратка"], ""),
        (["Rat1", "rat1"], "called 'Rat1' and 'rat1', which many file systems take for one name"),
        (["\u00e9t\u00e9", "e\u0301te\u0301"], "which many file systems take for one name"),
        (["x" * 250], "x: the name of a recording must have at most 200 bytes"),
        (["+" * 60], "must have at most 150 characters"),
        (["a\nb"], "character 2 is U+000A (control character)"),
        ([" "], "the name of a recording is empty"),
    ],
)
def test_names_that_files_and_metrics_cannot_carry_are_refused_at_once(names: list[str], message: str) -> None:
    recordings = [(Path(f"{name}"), name) for name in names]
    if not message:
        check_names(recordings)
        return
    with pytest.raises(DataError) as caught:
        check_names(recordings)
    assert message in str(caught.value)
    assert "rename" in str(caught.value)
