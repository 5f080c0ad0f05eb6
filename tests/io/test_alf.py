"""ALF sessions: of the International Brain Laboratory, and of Steinmetz et al. 2019."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from project import shared_recordings

from spikebridge import config, io
from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.inspection import inspect
from spikebridge.io.contents import Contents
from spikebridge.io.readers import alf
from spikebridge.labels.unit_labels import find_label_columns

CASE = shared_recordings().parents[1] / "cases" / "10_ibl_alf.py"
TIMES = np.array([0.5, 1.25, 2.0, 3.5, 4.0, 9.0])
CLUSTERS = np.array([0, 2, 1, 0, 2, 1], dtype=np.uint32)


def save(folder: Path, arrays: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", np.asarray(values))
    return folder


def probe(folder: Path, acronyms: Any = ("CA1", "DG", "PL5"), shift_s: float = 0.0, **more: Any) -> Path:
    """Three clusters with two spikes each; cluster k lies on channel k."""
    arrays = {
        "spikes.times": TIMES + shift_s,
        "spikes.clusters": CLUSTERS,
        "spikes.samples": np.rint(TIMES * 30000).astype(np.int64),
        "clusters.channels": [0, 1, 2],
    }
    places = {} if acronyms is None else {"channels.brainLocationAcronyms_ccf_2017": np.array(acronyms)}
    return save(folder, arrays | places | {name.replace("__", "."): values for name, values in more.items()})


def trials(folder: Path, **more: Any) -> Path:
    start = np.array([0.5, 3.0, 6.0])
    return save(
        folder,
        {
            "_ibl_trials.intervals": np.column_stack([start, start + 2]),
            "_ibl_trials.choice": [-1.0, 0.0, 1.0],
            "_ibl_trials.stimOn_times": start + 0.5,
        }
        | {f"_ibl_trials.{name}": values for name, values in more.items()},
    )


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """Subjects/mouse/2021-03-04/001/alf with two probes and trials."""
    home = tmp_path / "Subjects" / "mouse" / "2021-03-04" / "001" / "alf"
    probe(home / "probe00")
    probe(home / "probe01", ("ACAd5", "PL5", "void"), shift_s=0.25)
    trials(home)
    return home.parent


def read(path: Path, **options: Any) -> Contents:
    return alf.read(path, alf.Options(**options))


def train(contents: Contents, unit: int) -> list[float]:
    return contents.spikes["time_s"][contents.spikes["unit"] == unit].tolist()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    if not CASE.is_file():
        pytest.skip("the shared cases are not here")
    folder = tmp_path_factory.mktemp("case")
    made = subprocess.run([sys.executable, str(CASE), str(folder)], capture_output=True, text=True, check=True)
    return folder, json.loads(made.stdout)


def test_the_public_case_is_read_as_one_recording(case: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = case
    named = io.named_recordings(folder)
    assert list(named.values()) == ["mouse_x_2021-03-04_001"]
    contents = io.read_contents(next(iter(named)), DataConfig(path="", source=["CA1"], target=["PL5"]))
    assert contents.animal == "mouse_x"
    for name, of_probe in truth["spikes"].items():
        ids = contents.units["unit"][contents.units["probe"] == name]
        times = contents.spikes["time_s"][contents.spikes["unit"].isin(ids)]
        assert (len(times), times.min(), times.max()) == (of_probe["spikes"], of_probe["first_s"], of_probe["last_s"])
        assert contents.units["acronym"][contents.units["probe"] == name].tolist() == truth["regions"][name]
    assert contents.units["unit"].tolist() == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
    assert contents.units["ibl_quality"].tolist()[:3] == ["good", "good", "mua"]
    table = contents.tables["trials"]
    assert (len(table), int((table["choice"] == 0).sum())) == (truth["trials"], truth["no_go"])
    np.testing.assert_allclose(table["stop_time"] - table["start_time"], 3.5)
    np.testing.assert_allclose(table["stimOn_times"] - table["start_time"], 0.5)


def test_inspect_of_the_public_case_proposes_what_runs(case: tuple[Path, dict[str, Any]]) -> None:
    seen = inspect(case[0])
    assert seen.dry_run.runs, seen.dry_run.problems
    data = seen.proposal.data
    assert (data["source"], data["target"]) == (["CA1", "DG-mo"], ["ACAd5", "ILA2", "PL5", "PL6a"])
    assert seen.dry_run.class_counts == {"-1": 42, "1": 41}
    assert seen.not_read == ()


def test_two_probes_are_one_recording(session: Path) -> None:
    contents = read(session)
    assert contents.units["name"].tolist() == [f"probe0{p}/{k}" for p in (0, 1) for k in range(3)]
    assert contents.units["unit"].tolist() == [0, 1, 2, 10, 11, 12]
    assert contents.units["id_on_probe"].tolist() == [0, 1, 2, 0, 1, 2]
    assert contents.units["acronym"].tolist() == ["CA1", "DG", "PL5", "ACAd5", "PL5", "void"]
    assert train(contents, 1) == [2.0, 9.0]
    assert train(contents, 12) == [1.5, 4.25]
    assert "unit ids: probe00 its number, probe01 10 + its number" in "\n".join(map(str, contents.notes))
    observed = contents.observed_of_unit
    assert observed is not None
    assert [pairs[0, 0] for pairs in observed] == [0.5] * 3 + [0.75] * 3


def test_trials(session: Path) -> None:
    table = read(session).tables["trials"]
    assert table.columns.tolist() == ["start_time", "stop_time", "choice", "stimOn_times"]
    assert table["start_time"].tolist() == [0.5, 3.0, 6.0]
    assert table["choice"].tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("below", ["", "alf", "alf/probe01"])
def test_a_path_within_the_session(session: Path, below: str) -> None:
    """Of one probe its units alone, with the trials of the session."""
    path = session / below
    (name,) = io.named_recordings(path).values()
    contents = read(path)
    alone = below.endswith("probe01")
    assert name == "mouse_2021-03-04_001" + ("_probe01" if alone else "")
    assert contents.animal == "mouse"
    assert set(contents.units["probe"]) == ({"probe01"} if alone else {"probe00", "probe01"})
    assert len(contents.tables["trials"]) == 3


def test_sorting_in_a_folder_of_the_probe_and_the_latest_revision(session: Path) -> None:
    """The files of a re-run stand in for those that it replaced; what it did not write stays."""
    old = session / "alf" / "probe00"
    shutil.move(old, session / "alf" / "moved")
    shutil.move(session / "alf" / "moved", old / "pykilosort")
    probe(old / "pykilosort" / "#2024-05-06#", None, shift_s=0.5)
    contents = read(session)
    assert train(contents, 0) == [1.0, 4.0]
    assert contents.units["acronym"].tolist()[:3] == ["CA1", "DG", "PL5"]
    assert any("are read from the later revision #2024-05-06#" in str(note) for note in contents.notes)


def test_two_sortings_of_one_probe(session: Path) -> None:
    home = session / "alf" / "probe00"
    probe(home / "pykilosort", shift_s=1.0)
    contents = read(session, probes=["probe00"])
    assert train(contents, 0) == [1.5, 4.5]
    assert any("the sorting pykilosort is read" in str(note) for note in contents.notes)
    assert train(read(session, probes=["probe00"], sorter=""), 0) == [0.5, 3.5]
    probe(home / "mine", shift_s=2.0)
    with pytest.raises(DataError, match=r"probe00 has several sortings .* name one in data.options: \{sorter: mine\}"):
        read(session)


def test_regions_by_id_where_there_are_no_acronyms(tmp_path: Path) -> None:
    probe(tmp_path / "s" / "alf" / "probe00", None, channels__brainLocationIds_ccf_2017=[382, -382, 997])
    contents = read(tmp_path / "s")
    assert contents.units["acronym"].tolist() == ["382", "-382", "997"]
    assert any("called by the ids of the Allen atlas" in str(note) for note in contents.notes)


def test_the_metrics_say_otherwise(session: Path) -> None:
    """The acronym is that of the channel; labels become good where all criteria are met, else mua."""
    table = pd.DataFrame({"cluster_id": [0, 1, 2], "label": [1.0, 1 / 3, 0.0], "acronym": ["CA1", "CA3", "PL5"]})
    table.to_csv(session / "alf" / "probe00" / "clusters.metrics.csv", index=False)
    units = read(session, probes=["probe00"]).units
    assert units["acronym"].tolist() == ["CA1", "DG", "PL5"]
    assert units["acronym_in_metrics"].tolist() == ["CA1", "CA3", "PL5"]
    assert units["ibl_quality"].tolist() == ["good", "mua", "mua"]
    assert units["criteria_met"].tolist() == [1.0, 1 / 3, 0.0]
    assert find_label_columns(units) == ["ibl_quality"]


def test_times_on_another_clock_are_not_read(session: Path) -> None:
    trials(session / "alf", intervals_bpod=np.zeros((3, 2)), goCue_times_bpod=np.zeros(3))
    contents = read(session)
    assert not [c for c in contents.tables["trials"] if "bpod" in c]
    assert sum("on the clock of bpod" in str(note) for note in contents.notes) == 2


def test_columns_of_the_table_on_another_clock(session: Path) -> None:
    ends = {"intervals_0": [0.5, 3.0, 6.0], "intervals_1": [2.5, 5.0, 8.0], "intervals_bpod_0": [0.0, 2.5, 5.5]}
    pd.DataFrame(ends).to_parquet(session / "alf" / "_ibl_trials.table.pqt")
    contents = read(session)
    assert "start_time" in contents.tables["trials"]
    assert not [c for c in contents.tables["trials"] if "bpod" in c]
    assert any("intervals_bpod_0 are not read" in str(note) for note in contents.notes)


def test_spikes_in_samples_alone_are_not_taken(tmp_path: Path) -> None:
    folder = probe(tmp_path / "s" / "alf" / "probe00")
    (folder / "spikes.times.npy").unlink()
    assert not alf.can_read(tmp_path / "s")
    np.save(folder / "spikes.times.npy", np.arange(6))
    with pytest.raises(DataError, match=r"probe00: spikes.times.npy: expected seconds .* are these samples"):
        read(tmp_path / "s")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"spikes.clusters": CLUSTERS[:5]}, "spikes.times.npy has 6 spikes, spikes.clusters.npy has 5"),
        ({"spikes.clusters": CLUSTERS + 1}, "spikes.clusters names cluster 3, but clusters.channels has 3 rows"),
        ({"spikes.clusters": np.array([0, 1, np.nan, 0, 1, 2])}, "expected a whole number for every spike, found nan"),
        ({"clusters.depths": [1.0, 2.0]}, "clusters.channels has 3, clusters.depths has 2"),
        ({"spikes.times": TIMES.reshape(2, 3)}, "expected one number a spike, found float64 of shape (2, 3)"),
    ],
)
def test_what_does_not_fit_is_named(session: Path, wrong: dict[str, Any], message: str) -> None:
    save(session / "alf" / "probe01", wrong)
    with pytest.raises(DataError) as error:
        read(session)
    assert "probe01: " in str(error.value)
    assert message in str(error.value)


def test_trials_of_different_lengths(session: Path) -> None:
    trials(session / "alf", rewardVolume=[1.5])
    with pytest.raises(DataError, match=r"different numbers of rows: .*_ibl_trials.rewardVolume.npy has 1"):
        read(session)


def test_table_and_array_contradict_each_other(session: Path) -> None:
    home = session / "alf"
    frame = pd.DataFrame({"intervals_0": [0.5, 3.0, 6.0], "intervals_1": [2.5, 5.0, 8.0], "choice": [-1.0, 0.0, 1.0]})
    frame.to_parquet(home / "_ibl_trials.table.pqt")
    assert read(session).tables["trials"]["start_time"].tolist() == [0.5, 3.0, 6.0]
    frame.assign(choice=[-1.0, 0.0, -1.0]).to_parquet(home / "_ibl_trials.table.pqt")
    with pytest.raises(DataError, match=r"choice.npy contradict each other in choice: row 2 has -1.0 and 1.0"):
        read(session)


def test_trials_without_intervals(session: Path) -> None:
    (session / "alf" / "_ibl_trials.intervals.npy").unlink()
    with pytest.raises(DataError, match=r"expected trials\.intervals"):
        read(session)


def test_wheel_and_poses(session: Path) -> None:
    home = session / "alf"
    save(home, {"_ibl_wheel.timestamps": [0.0, 0.5, 1.0], "_ibl_wheel.position": [0.0, 1.0, 4.0]})
    save(home, {"_ibl_leftCamera.times": [0.0, 0.5]})
    pd.DataFrame({"paw_x": [1.0, 2.0], "paw_y": [3.0, 4.0]}).to_parquet(home / "_ibl_leftCamera.dlc.pqt")
    contents = read(session)
    assert set(contents.behavior["series"]) == {"wheel_position"}
    assert contents.behavior["value"].tolist() == [0.0, 1.0, 4.0]
    assert any("_ibl_leftCamera.dlc.pqt; see data.options.behavior" in str(note) for note in contents.notes)
    asked = read(session, behavior=["leftCamera"]).behavior
    assert set(asked["series"]) == {"leftCamera_dlc_paw_x", "leftCamera_dlc_paw_y"}


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Cori_2016-12-14 as Steinmetz et al. 2019 published it: spikes and trials in one folder, columns (n, 1)."""
    start = np.array([0.5, 3.0, 6.0])
    folder = save(
        tmp_path / "Cori_2016-12-14",
        {
            "spikes.times": TIMES[:, None],
            "spikes.clusters": CLUSTERS[:, None],
            "clusters.peakChannel": np.array([[1.0], [4.0], [9.0]]),
            "clusters._phy_annotation": np.array([[2], [1], [3]]),
            "trials.intervals": np.column_stack([start, start + 2]),
            "trials.response_choice": np.array([[1.0], [0.0], [-1.0]]),
            "trials.visualStim_times": start[:, None] + 0.5,
            "spontaneous.intervals": np.array([[8.0, 9.0]]),
            "face.motionEnergy": np.arange(5.0)[:, None],
            "face.timestamps": np.array([[0.0, 1.0], [4.0, 3.0]]),
        },
    )
    places = pd.DataFrame({"ccf_ap": 0.0, "allen_ontology": ["CA3", "CA3", "VISp", "ACA"]})
    places.to_csv(folder / "channels.brainLocation.tsv", sep="\t", index=False)
    return folder


def test_steinmetz_2019(flat: Path) -> None:
    """peakChannel counts from 1; channel 9 does not exist; 2 is good, 1 mua, 3 not judged."""
    assert io.named_recordings(flat.parent) == {flat: "Cori_2016-12-14"}
    contents = read(flat)
    assert contents.animal == "Cori"
    assert contents.units["acronym"].tolist() == ["CA3", "ACA", ""]
    assert contents.units["quality"].tolist() == ["good", "mua", ""]
    assert any("count channels from 1" in str(note) for note in contents.notes)
    assert any("1 cluster on a channel that is none of 4" in str(note) for note in contents.notes)
    assert contents.tables["trials"]["response_choice"].tolist() == [1.0, 0.0, -1.0]
    assert contents.tables["spontaneous"]["start_time"].tolist() == [8.0]
    face = contents.behavior[contents.behavior["series"] == "face_motionEnergy"]
    assert face["time_s"].tolist() == [1.0, 1.5, 2.0, 2.5, 3.0]
    data = DataConfig(path="", source=["CA3"], target=["ACA"])
    assert io.choose(contents, data, TrialsConfig()).recording.units["region"].tolist() == ["CA3", "ACA", ""]


def test_peak_channels_from_0(flat: Path) -> None:
    np.save(flat / "clusters.peakChannel.npy", np.array([0, 3, 2]))
    assert read(flat).units["acronym"].tolist() == ["CA3", "ACA", "VISp"]


def test_a_folder_of_sessions_is_no_session(flat: Path, tmp_path: Path) -> None:
    shutil.copytree(flat, tmp_path / "Cori_2016-12-15")
    assert sorted(io.named_recordings(tmp_path).values()) == ["Cori_2016-12-14", "Cori_2016-12-15"]


def test_an_archive_of_labs(session: Path, tmp_path: Path) -> None:
    """lab/Subjects/mouse/date/number is found from the folder above the labs; left-overs are named from there."""
    lab = tmp_path / "all" / "lab"
    lab.mkdir(parents=True)
    shutil.move(tmp_path / "Subjects", lab / "Subjects")
    shutil.copytree(lab / "Subjects" / "mouse", lab / "Subjects" / "other")
    named = io.named_recordings(tmp_path / "all")
    assert sorted(named.values()) == ["mouse_2021-03-04_001", "other_2021-03-04_001"]
    assert io.not_recordings(tmp_path / "all", named) == []


def test_the_block_of_the_page_runs(case: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "alf.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    raw = yaml.safe_load(block)
    settings = config.parse(raw | {"data": raw["data"] | {"path": str(case[0])}, "models": {"majority": {}}})
    assert io.ingest(io.IngestSections.of(settings), tmp_path / "ingested") == ["mouse_x_2021-03-04_001"]
