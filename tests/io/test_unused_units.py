"""One bad unit: left out with a note where nobody uses it, refused with a setting that answers where somebody does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from cases import generate
from catalogue import REGIONS, Project, spikes, trials
from read_one import read_recording

from spikebridge import config, io
from spikebridge.config import Config, RecordingSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.preprocess import quality_table
from spikebridge.types import Recording

NAN = float("nan")
SOUND = spikes()
BAD = {
    "spike times that are NaN or infinite": [*SOUND[2], NAN],
    "spike times below zero": [-1.0, *SOUND[2]],
    "spike times that fall": [*SOUND[2][::-1]],
    "doubled spike times": sorted([*SOUND[2], *SOUND[2][::4]]),
}


@pytest.fixture
def project(tmp_path: Path, write_nwb: Callable[..., Path]) -> Project:
    made = Project(tmp_path, write_nwb)
    made.raw.mkdir()
    return made


def settings(path: Path, **sections: dict[str, Any]) -> Config:
    raw: dict[str, Any] = {
        "data": {"path": str(path), "source": ["HC"], "target": ["PFC"]},
        "trials": {"align": "decision_time"},
        "models": {"majority": {}},
        "compute": {"workers": 1},
    }
    return config.parse(raw | {name: raw.get(name, {}) | changes for name, changes in sections.items()})


def read(path: Path, **sections: dict[str, Any]) -> Recording:
    return read_recording(path, RecordingSections.of(settings(path, **sections)))


def texts(recording: Recording) -> tuple[str, ...]:
    return tuple(map(str, recording.warnings))


def n_spikes(recording: Recording) -> dict[int, int]:
    n: dict[int, int] = recording.spikes["unit"].value_counts().to_dict()
    return {unit: n.get(unit, 0) for unit in recording.units["unit"].tolist()}


def test_the_public_report(tmp_path: Path) -> None:
    """Doubled spikes in one unit that its curator called mua: the eleven others are used."""
    truth = json.loads(generate("39", tmp_path))
    path = tmp_path / "day1"
    asked = {"data": {"source": ["HPC"]}, "trials": {"align": "choice_time"}}
    recording = read(path, **asked)
    assert recording.units["unit"].tolist() == [k for k in range(12) if k != 2]
    assert texts(recording) == ("unit 2 left out: doubled spike times, and not used anyway (quality.sorter_labels)",)
    config = settings(path, **asked)
    table = quality_table(recording, config.data, config.quality)
    assert table["kept"].tolist() == [True] * 11
    every = {"quality": {"sorter_labels": ["good", "mua"]}}
    with pytest.raises(
        DataError, match=r"set data\.duplicates: merge; where times were rounded, data\.duplicates: keep"
    ):
        read(path, **asked, **every)
    whole = read(path, **every, trials=asked["trials"], data=asked["data"] | {"duplicates": "keep"})
    assert len(whole.spikes) == truth["spikes"]
    once = read(path, **every, trials=asked["trials"], data=asked["data"] | {"duplicates": "merge"})
    assert len(once.spikes) == truth["spikes"] - truth["double"]
    assert f"{truth['double']} duplicate spike times of unit 2 merged, as data.duplicates asks" in texts(once)


@pytest.mark.parametrize("fault", BAD)
@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"region": ["HC", "V1", "PFC", "PFC", "HC"]}, "no region of source or target"),
        ({"region": ["HC", "", "PFC", "PFC", "HC"]}, "no region of source or target"),
        (
            {"region": ["HC", "HC", "PFC", "PFC", "HC"], "quality": ["good", "noise", "good", "good", "good"]},
            "quality.sorter_labels",
        ),
    ],
    ids=["elsewhere", "nowhere", "noise"],
)
def test_a_faulty_unit_that_nobody_uses(project: Project, fault: str, columns: dict[str, Any], why: str) -> None:
    path = project.nwb(spikes=SOUND | {2: BAD[fault], 5: spikes("b")[1]}, columns=columns)
    recording = read(path)
    assert n_spikes(recording) == {1: 130, 3: 130, 4: 130, 5: 130}
    assert texts(recording)[0] == f"unit 2 left out: {fault}, and not used anyway ({why})"
    assert recording.observed[0, 0] == min(*SOUND[1], *SOUND[3], *SOUND[4], *spikes("b")[1])


@pytest.mark.parametrize(
    "fault", ["spike times that are NaN or infinite", "spike times that fall", "doubled spike times"]
)
def test_the_same_unit_in_use_is_refused_and_can_be_left_out(project: Project, fault: str) -> None:
    path = project.nwb(spikes=SOUND | {2: BAD[fault]})
    with pytest.raises(DataError, match=r"data\.exclude_units: \{a: \[2\]\}") as error:
        read(path)
    remedy = str(error.value).partition("data.exclude_units: ")[2]
    recording = read(path, data={"exclude_units": yaml.safe_load(remedy)})
    assert n_spikes(recording) == {1: 130, 3: 130, 4: 130}
    assert texts(recording) == ("unit 2 left out, as data.exclude_units asks",)


def test_a_sound_unit_of_another_region_stays(project: Project) -> None:
    recording = read(project.nwb(spikes=SOUND | {5: spikes("b")[1]}, columns={"region": [*REGIONS, "V1"]}))
    assert n_spikes(recording) == dict.fromkeys((1, 2, 3, 4, 5), 130)


def test_everything_that_belongs_to_a_unit_leaves_with_it(project: Project) -> None:
    """Electrodes and observed time are lists beside the table: the others keep their own."""
    electrodes = {"location": ["HC", "V1", "PFC"], "of_unit": [[1], [0], [2], [2]]}
    obs = [[[0.0, 5.0]], [[0.0, 130.0]], [[0.0, 130.0]], [[0.0, 130.0]]]
    path = project.nwb(spikes=SOUND | {1: [*SOUND[1], NAN]}, electrodes=electrodes, obs=obs)
    recording = read(path)
    assert dict(zip(recording.units["unit"], recording.units["region"], strict=True)) == {2: "HC", 3: "PFC", 4: "PFC"}
    assert recording.observed.tolist() == [[0.0, 130.0]]
    assert n_spikes(read(path, data={"exclude_units": [1]})) == {2: 130, 3: 130, 4: 130}


def test_one_id_for_several_units_that_nobody_uses(project: Project) -> None:
    import h5py

    more = SOUND | {5: spikes("b")[1], 6: spikes("b")[2]}
    path = project.nwb(spikes=more, columns={"region": [*REGIONS, "V1", "V1"]})
    with h5py.File(path, "r+") as handle:
        handle["units/id"][...] = [1, 2, 3, 4, 9, 9]
    recording = read(path)
    assert n_spikes(recording) == dict.fromkeys((1, 2, 3, 4), 130)
    assert "unit 9 left out: an id of several units" in texts(recording)[0]


def test_sentinel_of_a_sorter(project: Project) -> None:
    """Cluster -1 with times of -1, as some sorters write what belongs to no unit; the units table does not list it."""
    flat = [(-1, -1.0)] * 40 + [(unit, time) for unit, times in SOUND.items() for time in times]
    path = project.tables(spikes={"unit": [u for u, _ in flat], "time_s": [t for _, t in flat]})
    recording = read(path)
    assert n_spikes(recording) == dict.fromkeys((1, 2, 3, 4), 130)
    assert texts(recording) == (
        "spikes.csv: column unit: 40 spikes of units that are not in the units table: -1 (from row 2); left out, since "
        "no region is known of them",
    )


@pytest.mark.slow
def test_noise_does_not_decide_the_unit_of_time(project: Project) -> None:
    """Most units of a probe may be threshold crossings of another region, at rates that no neuron has."""
    noise = {unit: np.sort(np.random.default_rng(unit).uniform(0, 130.0, 50_000)).tolist() for unit in range(10, 16)}
    path = project.nwb(spikes=SOUND | noise, columns={"region": [*REGIONS, *["V1"] * 6]})
    assert read(path).warnings == ()


def test_a_unit_that_nobody_uses_may_be_a_copy(project: Project) -> None:
    columns = {"region": list(REGIONS), "quality": ["good", "good", "noise", "good"]}
    assert read(project.nwb(spikes=SOUND | {3: SOUND[1]}, columns=columns)).warnings == ()


def test_times_rounded_to_ten_milliseconds(project: Project) -> None:
    rng = np.random.default_rng(3)
    rounded = {unit: np.sort(np.rint(rng.uniform(0, 13_000, 3000)) / 100).tolist() for unit in (1, 2, 3, 4)}
    path = project.nwb(spikes=rounded)
    with pytest.raises(DataError, match=r"where times were rounded, data\.duplicates: keep"):
        read(path)
    recording = read(path, data={"duplicates": "keep"})
    assert n_spikes(recording) == dict.fromkeys((1, 2, 3, 4), 3000)
    n = 12_000 - len({(u, t) for u, times in rounded.items() for t in times})
    assert texts(recording) == (f"{n} duplicate spike times, in units 1, 2, 3, 4",)


@pytest.mark.parametrize("asked", [["1b"], {"a": ["1b"]}])
def test_units_are_left_out_by_their_names(project: Project, asked: Any) -> None:
    names = {"unit": ["1a", "1b", "2a", "2b"], "region": list(REGIONS)}
    flat = [(name, time) for name, times in zip(names["unit"], SOUND.values(), strict=True) for time in times]
    path = project.tables(units=names, spikes={"unit": [u for u, _ in flat], "time_s": [t for _, t in flat]})
    recording = read(path, data={"exclude_units": asked})
    assert recording.units["name"].tolist() == ["1a", "2a", "2b"]
    assert recording.spikes["time_s"].tolist() == [*SOUND[1], *SOUND[3], *SOUND[4]]
    assert texts(recording) == ("unit 1b left out, as data.exclude_units asks",)


def test_unknown_units_and_recordings_are_named(project: Project) -> None:
    path = project.nwb(spikes=SOUND)
    with pytest.raises(
        DataError, match=r"data\.exclude_units: no unit 33, did you mean 3\? in this recording; units h"
    ):
        read(path, data={"exclude_units": [33]})
    project.nwb("b", spikes=spikes("b"))
    for name, hint in (("aa", "did you mean a?"), ("zzz", "Recordings: a, b")):
        asked = settings(project.raw, data={"exclude_units": {name: [1]}})
        with pytest.raises(ConfigError) as error:
            io.ingest(io.IngestSections.of(asked), project.root / "out")
        assert f"data.exclude_units: no recording {name!r}" in str(error.value) and hint in str(error.value)


def test_each_recording_has_its_own_list(project: Project) -> None:
    project.nwb("a", spikes=SOUND)
    project.nwb("b", spikes=spikes("b"))
    io.ingest(
        io.IngestSections.of(settings(project.raw, data={"exclude_units": {"a": [1], "b": [3, 2]}})),
        project.root / "out",
    )
    left = {name: io.load_ingested(project.root / "out" / name).units["unit"].tolist() for name in ("a", "b")}
    assert left == {"a": [2, 3, 4], "b": [1, 4]}


def test_a_changed_setting_reads_again(project: Project) -> None:
    """Which units are used decides what is left out, so that an earlier result must not be taken over."""
    path = project.nwb(
        spikes=SOUND | {2: BAD["doubled spike times"]},
        columns={"region": list(REGIONS), "quality": ["good", "mua"] * 2},
    )
    heard: list[str] = []
    io.ingest(io.IngestSections.of(settings(path)), project.root / "one", say=heard.append)
    for k, change in enumerate(
        (
            {"quality": {"sorter_labels": ["good", "mua"]}, "data": {"duplicates": "keep"}},
            {"data": {"exclude_units": [4]}},
        )
    ):
        io.ingest(
            io.IngestSections.of(settings(path, **change)), project.root / f"two{k}", project.root / "one", heard.append
        )
    assert [line.split("\n")[0] for line in heard] == ["a: read"] * 3
    assert io.load_ingested(project.root / "two0" / "a").units["unit"].tolist() == [1, 2, 3, 4]


def test_a_misspelt_region_makes_no_unit_unused(project: Project) -> None:
    """Everything wrong is said at once: units of the region that was meant are looked at."""
    path = project.nwb(spikes=SOUND | {4: [*SOUND[4], NAN]}, trials=trials())
    with pytest.raises(DataError, match="1 spike time NaN or infinite, in unit 4") as error:
        read(path, data={"target": ["PFCx"]})
    assert "no unit in a region of data.target = 'PFCx', did you mean PFC?" in str(error.value)


def test_tables_of_ids_and_spikes(project: Project) -> None:
    path = project.tables()
    pd.DataFrame({"unit": [1, 2], "region": ["HC", "PFC"]}).to_csv(path / "units.csv", index=False)
    recording = read(path)
    assert n_spikes(recording) == {1: 130, 2: 130}
