"""NeuroScope sessions in the layout of CRCNS, against SpikeInterface's extractor."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from cases import make_case
from sorters import oracle, random_samples, read, same, trains, write_csv

from spikebridge.errors import DataError
from spikebridge.io.readers import neuroscope

XML = (
    "<?xml version='1.0'?><parameters><acquisitionSystem><nBits>16</nBits><nChannels>32</nChannels>"
    "<samplingRate>20000</samplingRate></acquisitionSystem>"
    "<fieldPotentials><lfpSamplingRate>1250</lfpSamplingRate></fieldPotentials></parameters>"
)


def session(path: Path, shanks: dict[int, list[int]], xml: str | None = XML, seed: int = 0) -> Path:
    """shanks: shank -> clusters that its spikes go round."""
    path.mkdir()
    rng = np.random.default_rng(seed)
    for shank, clusters in shanks.items():
        samples = random_samples(rng)
        owner = np.resize(clusters, len(samples))
        (path / f"{path.name}.res.{shank}").write_text("".join(f"{s}\n" for s in samples))
        (path / f"{path.name}.clu.{shank}").write_text("".join(f"{c}\n" for c in [len(set(clusters)), *owner]))
    if xml is not None:
        (path / f"{path.name}.xml").write_text(xml)
    return path


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """SpikeInterface's extractor. It parses the XML with lxml, whose part that it uses the standard library has too."""
    extractors = pytest.importorskip("spikeinterface.extractors", reason="extra sorters")
    lxml = ModuleType("lxml")
    lxml.etree = ElementTree  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lxml", lxml)
    return extractors.read_neuroscope_sorting


def test_as_spikeinterface_reads_it(tmp_path: Path, extractor: Any) -> None:
    """It counts units through and leaves out cluster 0, so the order of shank and cluster tells which is which."""
    path = session(tmp_path / "ec013", {1: [0, 1, 2, 3], 2: [1, 4], 4: [2, 7, 12]})
    assert neuroscope.can_read(path)
    contents = read("neuroscope", path)
    kept = contents.units[contents.units["cluster"] > 0]
    theirs = list(oracle(extractor(folder_path=path)).values())
    ours = trains(contents)
    same({u: ours[u] for u in kept["unit"]}, dict(zip(kept["unit"], theirs, strict=True)))


def test_units_of_every_shank_in_order(tmp_path: Path) -> None:
    contents = read("neuroscope", session(tmp_path / "a", {10: [5], 2: [2, 3], 1: [0, 1, 2]}))
    assert contents.units["shank"].tolist() == [1, 1, 1, 2, 2, 10]
    assert contents.units["cluster"].tolist() == [0, 1, 2, 2, 3, 5]
    assert contents.units["name"].tolist()[-1] == "shank10_cluster5"
    assert contents.units["quality"].tolist() == ["noise", "noise", "", "", "", ""]
    assert "2 clusters 0 and 1 with 134 spikes" in str(contents.notes[0])


def test_regions_of_shanks(tmp_path: Path) -> None:
    path = session(tmp_path / "a", {1: [2, 3], 5: [2], 6: [2]})
    contents = read("neuroscope", path, shank_regions={1: "HC", 5: "PFC", 9: "V1"})
    assert contents.units["region"].tolist() == ["HC", "HC", "PFC", ""]
    assert any("shank 6 without a region" in str(n) for n in contents.notes)
    assert any("shank 9 not in this recording" in str(n) for n in contents.notes)
    write_csv(path, "units.csv", unit=["shank1_cluster2", "shank5_cluster2"], region=["HC", "PFC"])
    assert read("neuroscope", path).units["region"].fillna("").tolist() == ["HC", "", "PFC", ""]
    with pytest.raises(DataError, match=r"units table and in data\.options\.shank_regions"):
        read("neuroscope", path, shank_regions={1: "HC"})


def test_what_we_write_spikeinterface_reads(tmp_path: Path, recording: Any, extractor: Any) -> None:
    path = neuroscope.write(recording, tmp_path)
    theirs = list(oracle(extractor(folder_path=path)).values())
    same(trains(read("neuroscope", path)), dict(enumerate(theirs)))


def test_the_rate_and_where_it_comes_from(tmp_path: Path) -> None:
    path = session(tmp_path / "a", {1: [2]}, xml=None)
    with pytest.raises(DataError, match=r"no sampling rate: expected it in a\.xml; or write data\.options"):
        read("neuroscope", path)
    asked = read("neuroscope", path, sampling_rate_hz=20000).spikes
    (path / "other.xml").write_text(XML)
    assert read("neuroscope", path).spikes.equals(asked)
    with pytest.raises(DataError, match=r"differ: other\.xml gives 20000 Hz, .* gives 30000 Hz"):
        read("neuroscope", path, sampling_rate_hz=30000)
    (path / "other.xml").write_text("<parameters>")
    with pytest.raises(DataError, match=r"other\.xml: expected a sampling rate in NeuroScope's XML"):
        read("neuroscope", path)


def test_everything_wrong_at_once(tmp_path: Path) -> None:
    path = session(tmp_path / "a", {1: [2], 2: [2], 3: [2], 4: [2], 5: [2]})
    (path / "a.clu.1").unlink()
    (path / "a.res.2").write_text("1\n2\n")
    (path / "a.res.3").write_text("one\n")
    (path / "a.res.4").write_text("1,2\n")
    (path / "a.clu.5").write_text("1\n" + "2.5\n" * 200)
    with pytest.raises(DataError) as caught:
        read("neuroscope", path)
    for message in (
        "a.res.1 has no .clu.1 beside it",
        "a.clu.2: expected the number of clusters and 2 lines",
        "a.res.3: expected one number a line",
        "a.res.4: expected one number a line, got 2",
        "a.clu.5: expected whole numbers",
    ):
        assert message in str(caught.value)


def test_two_sessions_in_one_folder_and_no_spikes(tmp_path: Path) -> None:
    path = session(tmp_path / "a", {1: [2]})
    (path / "b.res.1").write_text("1\n")
    (path / "b.clu.1").write_text("1\n2\n")
    with pytest.raises(DataError, match="of one session, found those of a, b"):
        read("neuroscope", path)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "e.res.1").touch()
    (empty / "e.clu.1").write_text("0\n")
    with pytest.raises(DataError, match="expected spikes, found none in 1 shanks"):
        read("neuroscope", empty, sampling_rate_hz=20000)


def test_an_empty_shank_and_unsorted_times(tmp_path: Path) -> None:
    path = session(tmp_path / "a", {1: [2]})
    (path / "a.res.2").touch()
    (path / "a.clu.2").write_text("0\n")
    (path / "a.res.1").write_text("40\n-20\n20\n20\n")
    (path / "a.clu.1").write_text("1\n2\n2\n2\n2\n")
    assert read("neuroscope", path).spikes["time_s"].tolist() == [0.002, -0.001, 0.001, 0.001]


def test_raw_files_are_no_files_of_it(tmp_path: Path) -> None:
    path = session(tmp_path / "a", {1: [2]})
    for name in ("a.dat", "a.fet.1", "a.spk.1", "a.eeg"):
        (path / name).touch()
    assert {p.name for p in neuroscope.files_of(path)} == {"a.res.1", "a.clu.1", "a.xml"}


def test_leftovers_of_programs_and_editors(tmp_path: Path) -> None:
    truth = make_case("13_neuroscope_backups", tmp_path)
    path = tmp_path / "ec016.234"
    contents = read("neuroscope", path)
    counts = contents.spikes["unit"].value_counts()
    spikes = {f"{r.shank}.{r.cluster}": int(counts[r.unit]) for r in contents.units.itertuples()}
    assert spikes == truth["spikes"]
    assert (len(contents.units), (contents.units["quality"] == "noise").sum()) == (
        truth["units"],
        truth["of_which_noise"],
    )
    (note,) = [n for n in map(str, contents.notes) if "passed over" in n]
    assert note.endswith(": ec016.234.temp.clu.3")


def test_a_clu_without_its_res_and_copies_are_passed_over(tmp_path: Path) -> None:
    path = session(tmp_path / "a", {1: [2, 3], 2: [2]})
    before = read("neuroscope", path)
    for name in ("a.clu.7", "a.clu.8", "a.temp.clu.1", "b.clu.1", "b.klg.1"):
        (path / name).write_text("2\n1\n1\n")
    for name in ("a_old.res.1", "a_old.clu.1"):
        (path / name).write_bytes((path / name.replace("_old", "")).read_bytes())
    contents = read("neuroscope", path)
    same(trains(contents), trains(before))
    passed_over = " ".join(n for n in map(str, contents.notes) if n.startswith("passed over"))
    for name in ("a.clu.7", "a.clu.8", "a.temp.clu.1", "b.clu.1", "a_old.res.1", "a_old.clu.1"):
        assert name in passed_over
    (path / "b.res.1").write_text("1\n2\n")
    with pytest.raises(DataError, match=r"of one session, found those of a, b"):
        read("neuroscope", path)
