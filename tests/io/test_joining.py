"""Several probes of one session become one recording: right ids, right times, the same for every reader."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import two_probes
import yaml
from two_probes import TwoProbes

from spikebridge import config, io
from spikebridge.config import Config, DataConfig, TrialsConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.io.contents import Contents
from spikebridge.io.discovery import read_paths, recording_paths, unread_paths
from spikebridge.io.probes import groups_in, names_for
from spikebridge.types import Recording

FORMATS = list(two_probes.FORMATS)


@pytest.fixture(scope="module")
def session() -> TwoProbes:
    return two_probes.made()


def data(root: Path, recordings: Any, **more: Any) -> DataConfig:
    given = {"path": str(root), "source": ["HC"], "target": ["PFC"], "recordings": recordings, **more}
    return DataConfig.model_validate(given)


def settings(root: Path, recordings: Any, **more: Any) -> Config:
    return config.parse(
        {
            "data": {"path": str(root), "source": ["HC"], "target": ["PFC"], "recordings": recordings, **more},
            "trials": {"align": "decision_time", "window_s": [-2.0, 0.0]},
            "models": {"majority": {}},
            "compute": {"workers": 1},
        }
    )


def only(asked: DataConfig) -> Contents:
    (entry,) = recording_paths(asked)
    return read_paths(entry, asked)


def train(contents: Contents | Recording, unit: int) -> np.ndarray:
    return contents.spikes["time_s"][contents.spikes["unit"] == unit].to_numpy()


def paths_of(root: Path, paths: dict[str, Path]) -> dict[str, str]:
    return {probe: path.relative_to(root).as_posix() for probe, path in paths.items()}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format(form: str, session: TwoProbes, tmp_path: Path) -> None:
    """Each unit has the train of its probe, under an id of its own; source and target come from the two probes."""
    paths = two_probes.write(session, tmp_path, form)
    asked = data(tmp_path, {"day1": paths_of(tmp_path, paths)})
    contents = only(asked)
    assert contents.name == "day1"
    assert contents.animal == "rat1"
    assert contents.units["unit"].tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
    assert contents.units["name"].tolist() == [f"imec{p}/{k}" for p in (0, 1) for k in range(4)]
    assert contents.units["id_on_probe"].tolist() == [0, 1, 2, 3] * 2
    for k, probe in enumerate(session.trains):
        for unit, times in enumerate(session.trains[probe]):
            np.testing.assert_array_equal(train(contents, 10 * k + unit), times)
    chosen = io.choose(contents, asked, TrialsConfig())
    assert not chosen.missing
    assert chosen.recording.units["region"].tolist() == ["HC"] * 4 + ["PFC"] * 4
    assert chosen.recording.trials["decision_time"].tolist() == session.trials["decision_time"].tolist()
    last = min(max(t[-1] for t in trains) for trains in session.trains.values())
    assert chosen.recording.observed[-1, 1] == pytest.approx(last)


@pytest.mark.parametrize("trials", ["both", "first", "beside"])
def test_where_the_trials_lie(trials: str, session: TwoProbes, tmp_path: Path) -> None:
    paths = two_probes.write(session, tmp_path, "phy", trials=trials)
    asked = data(tmp_path, {"day1": paths_of(tmp_path, paths)})
    assert only(asked).tables["trials"]["choice"].tolist() == session.trials["choice"].tolist()
    assert unread_paths(recording_paths(asked), asked) == []


def test_a_list_of_paths_names_the_probes_itself(session: TwoProbes, tmp_path: Path) -> None:
    two_probes.write(session, tmp_path, "phy")
    contents = only(data(tmp_path, {"day1": ["day1_imec0", "day1_imec1"]}))
    assert contents.units["probe"].tolist() == ["imec0"] * 4 + ["imec1"] * 4


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["run_g0_imec0/ks", "run_g0_imec1/ks"], ["imec0", "imec1"]),
        (["s1/probeA.nwb", "s1/probeB.nwb"], ["probeA", "probeB"]),
        (["s1/HC", "s1/PFC"], ["HC", "PFC"]),
        (["left/day1", "right/day1"], ["left", "right"]),
    ],
)
def test_names_of_probes(paths: list[str], names: list[str]) -> None:
    assert names_for(map(Path, paths)) == names


def test_two_clocks_and_the_offset(session: TwoProbes, tmp_path: Path) -> None:
    """The second probe's spikes and trials count from 1000 s later: refused, with the offset, which then works."""
    late = two_probes.moved(session, "imec1", 1000.0)
    paths = two_probes.write(late, tmp_path, "phy")
    table = session.trials.copy()
    table[["start_time", "stop_time", "decision_time"]] += 1000.0
    table.to_csv(paths["imec1"] / "trials.csv", index=False)
    with pytest.raises(DataError) as error:
        only(data(tmp_path, {"day1": paths_of(tmp_path, paths)}))
    assert "no time in common" in str(error.value)
    assert "All differ by -1000 s: two clocks? Then offset_s: -1000 for the second" in str(error.value)
    given = {"imec0": "day1_imec0", "imec1": {"path": "day1_imec1", "offset_s": -1000}}
    contents = only(data(tmp_path, {"day1": given}))
    np.testing.assert_allclose(train(contents, 12), session.trains["imec1"][2], atol=1e-9)
    assert contents.tables["trials"]["decision_time"].tolist() == session.trials["decision_time"].tolist()
    assert (
        "imec1: offset_s: -1000 s added to the times of trials (trials: start_time, stop_time, decision_time)"
        in map(str, contents.notes)
    )


def test_an_offset_of_the_spikes_alone(session: TwoProbes, tmp_path: Path) -> None:
    paths = two_probes.write(two_probes.moved(session, "imec1", 12.5), tmp_path, "phy")
    given = {"imec0": "day1_imec0", "imec1": {"path": "day1_imec1", "offset_s": {"spikes": -12.5}}}
    contents = only(data(tmp_path, {"day1": given}))
    np.testing.assert_allclose(train(contents, 10), session.trains["imec1"][0], atol=1e-9)
    assert len(paths) == 2


def test_probes_compared(session: TwoProbes, tmp_path: Path) -> None:
    """12.5 s apart: said with seconds; no proof of two clocks."""
    paths = two_probes.write(two_probes.moved(session, "imec1", 12.5), tmp_path, "phy")
    notes = [str(n) for n in only(data(tmp_path, {"d": paths_of(tmp_path, paths)})).notes]
    (note,) = [n for n in notes if n.startswith("probes joined")]
    assert any(n.startswith("imec1 begins +12.5 s and ends +12.6 s from imec0: where") for n in notes)
    assert any("offset_s: -12.5}" in n for n in notes)
    assert "first spikes 12.5 s apart, last spikes 12.6 s apart" in note
    assert not note.endswith("are they on one clock?")


def test_trials_that_contradict_each_other(session: TwoProbes, tmp_path: Path) -> None:
    paths = two_probes.write(session, tmp_path, "nwb")
    two_probes.FORMATS["nwb"].write(
        two_probes.recording_of(
            TwoProbes(session.trains, session.trials.assign(choice="stay")), "imec1", "PFC", "day1_imec1", True
        ),
        tmp_path,
    )
    with pytest.raises(DataError, match=r"the tables 'trials' of imec0 and imec1 contradict each other: column choice"):
        only(data(tmp_path, {"day1": paths_of(tmp_path, paths)}))
    shorter = TwoProbes(session.trains, session.trials.iloc[:50])
    two_probes.write(shorter, tmp_path / "more", "nwb")
    shutil.copy(tmp_path / "more" / "day1_imec1.nwb", tmp_path / "day1_imec1.nwb")
    shutil.rmtree(tmp_path / "more")
    with pytest.raises(DataError, match=r"60 and 50 rows\. One session has one table"):
        only(data(tmp_path, {"day1": paths_of(tmp_path, paths)}))


def test_drifting_clocks_are_named(session: TwoProbes, tmp_path: Path) -> None:
    paths = two_probes.write(session, tmp_path, "phy")
    table = session.trials.copy()
    table[["start_time", "stop_time", "decision_time"]] *= 1.001
    table.to_csv(paths["imec1"] / "trials.csv", index=False)
    with pytest.raises(DataError, match=r"differ by -0.3855 to -0.002 s: .* the two clocks run at different speeds"):
        only(data(tmp_path, {"day1": paths_of(tmp_path, paths)}))


def test_two_animals(session: TwoProbes, tmp_path: Path) -> None:
    paths = two_probes.write(session, tmp_path, "phy")
    (paths["imec1"] / "recording.json").write_text(json.dumps({"animal": "rat2"}))
    with pytest.raises(DataError, match=r"expected probes of one animal, found rat1 \(imec0\), rat2 \(imec1\)"):
        only(data(tmp_path, {"day1": paths_of(tmp_path, paths)}))


def test_regions_in_different_columns(session: TwoProbes, tmp_path: Path) -> None:
    """One probe in Phy with units.csv, the other in NWB with electrodes: each is read by its own."""
    paths = two_probes.write(session, tmp_path, "phy")
    table = pd.read_csv(paths["imec1"] / "units.csv").rename(columns={"region": "acronym"})
    table.to_csv(paths["imec1"] / "units.csv", index=False)
    asked = data(tmp_path, {"day1": paths_of(tmp_path, paths)})
    contents = only(asked)
    assert io.choose(contents, asked, TrialsConfig()).recording.units["region"].tolist() == ["HC"] * 4 + ["PFC"] * 4
    assert "the column region is filled for each probe by its own files: imec0 from region, imec1 from acronym" in map(
        str, contents.notes
    )


def test_the_probe_as_the_region(session: TwoProbes, tmp_path: Path) -> None:
    paths = two_probes.write(session, tmp_path, "phy")
    for path in paths.values():
        (path / "units.csv").unlink()
    asked = data(tmp_path, {"day1": paths_of(tmp_path, paths)}, source=["imec0"], target=["imec1"])
    chosen = io.choose(only(asked), asked, TrialsConfig())
    assert chosen.recording.units["region"].tolist() == ["imec0"] * 4 + ["imec1"] * 4


def test_units_beside_all_probes(session: TwoProbes, tmp_path: Path) -> None:
    paths = two_probes.write(session, tmp_path, "phy")
    for path in paths.values():
        (path / "units.csv").unlink()
    rows = [(probe, k, "HC" if probe == "imec0" else "PFC") for probe in paths for k in range(4)]
    table = pd.DataFrame(rows, columns=["probe", "unit", "region"])
    asked = data(tmp_path, {"day1": paths_of(tmp_path, paths)})
    table.to_csv(tmp_path / "units.csv", index=False)
    contents = only(asked)
    assert contents.units["region"].tolist() == ["HC"] * 4 + ["PFC"] * 4
    assert not [n for n in contents.notes if "no column names regions" in str(n)]
    table.assign(unit=table["probe"] + "/" + table["unit"].astype(str)).drop(columns="probe").to_csv(
        tmp_path / "units.csv", index=False
    )
    assert only(asked).units["region"].tolist() == ["HC"] * 4 + ["PFC"] * 4
    table.iloc[:4].drop(columns="probe").to_csv(tmp_path / "units.csv", index=False)
    with pytest.raises(DataError, match=r"names units by numbers alone, which each probe has: add a column probe"):
        only(asked)


def test_several_days_in_one_folder(session: TwoProbes, tmp_path: Path) -> None:
    """Tables beside the probes are called by the name of the recording; a third session of one file stays as it is."""
    other = two_probes.made(seed=6)
    first_paths, second_paths = (
        two_probes.write(s, tmp_path, "phy", d, "none") for s, d in ((session, "day1"), (other, "day2"))
    )
    alone = two_probes.recording_of(session, "imec0", "HC", "single", True)
    two_probes.FORMATS["nwb"].write(alone, tmp_path)
    session.trials.to_csv(tmp_path / "day1.trials.csv", index=False)
    other.trials.to_csv(tmp_path / "day2.trials.csv", index=False)
    asked = data(tmp_path, {"day1": paths_of(tmp_path, first_paths), "day2": paths_of(tmp_path, second_paths)})
    by_name = {e.name: read_paths(e, asked) for e in recording_paths(asked)}
    assert sorted(by_name) == ["day1", "day2", "single"]
    assert by_name["day2"].tables["trials"]["choice"].tolist() == other.trials["choice"].tolist()
    assert unread_paths(recording_paths(asked), asked) == []


def test_ingest(session: TwoProbes, tmp_path: Path) -> None:
    """One recording in the result; an offset that changes reads it again."""
    raw = tmp_path / "raw"
    two_probes.write(session, raw, "phy")
    lines: list[str] = []
    joined = {"day1": ["day1_imec0", "day1_imec1"]}
    assert io.ingest(io.IngestSections.of(settings(raw, joined)), tmp_path / "a", None, lines.append) == ["day1"]
    (recording,) = io.IngestedRecordings(tmp_path / "a")
    np.testing.assert_array_equal(train(recording, 13), session.trains["imec1"][3])
    assert io.ingest(io.IngestSections.of(settings(raw, joined)), tmp_path / "b", tmp_path / "a", lines.append) == [
        "day1"
    ]
    assert lines[-1] == "day1: unchanged"
    offset = {"day1": ["day1_imec0", {"path": "day1_imec1", "offset_s": {"spikes": 0.1}}]}
    io.ingest(io.IngestSections.of(settings(raw, offset)), tmp_path / "c", tmp_path / "b", lines.append)
    (recording,) = io.IngestedRecordings(tmp_path / "c")
    np.testing.assert_allclose(train(recording, 13), session.trains["imec1"][3] + 0.1)


def test_ingest_says_how_to_join(session: TwoProbes, tmp_path: Path) -> None:
    """Read apart, no recording has both regions; the line that joins them is in the error, and works."""
    raw = tmp_path / "raw"
    two_probes.write(session, raw, "phy")
    with pytest.raises(DataError) as error:
        io.ingest(io.IngestSections.of(settings(raw, {})), tmp_path / "out")
    remedy = "set data.recordings: {day1: {imec0: day1_imec0, imec1: day1_imec1}}"
    assert remedy in str(error.value)
    joined = {"day1": {"imec0": "day1_imec0", "imec1": "day1_imec1"}}
    assert io.ingest(io.IngestSections.of(settings(raw, joined)), tmp_path / "out2") == ["day1"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"day1": ["day1_imec0", "day1_imec2"]}, r"day1: .*'.*day1_imec2' does not exist, did you mean day1_imec"),
        ({"day1": ["day1_imec0", "."]}, r"no reader takes .* recordings in it: day1_imec0, day1_imec1"),
        ({"day1": []}, "data.recordings: day1: expected paths of its probes, found none"),
        ({"a": ["day1_imec0"], "b": ["day1_imec0"]}, "each path belongs to one probe, named more than once"),
        ({"day1": ["day1_imec0", "../elsewhere"]}, r"expected paths in data.path .* got ../elsewhere"),
        ({"day1": {"a/b": "day1_imec0"}}, r"must not be empty nor contain '/': a/b"),
    ],
)
def test_mistakes_in_params(given: Any, message: str, session: TwoProbes, tmp_path: Path) -> None:
    two_probes.write(session, tmp_path, "phy")
    with pytest.raises((DataError, ConfigError), match=message):
        recording_paths(data(tmp_path, given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"day1": "day1_imec0"}, "data.recordings.day1: expected a list in square brackets or keys with values"),
        ({"day1": [{"path": "a", "ofset_s": 1}]}, "unknown key data.recordings.day1.0.ofset_s"),
        ({"day1": [{"path": "a", "offset_s": {"spike": 1}}]}, "data.recordings.day1"),
    ],
)
def test_mistakes_in_the_section(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, given)
    assert message in str(error.value)


def touched(root: Path, names: list[str]) -> list[Path]:
    paths = [root / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["s1_imec0.nwb", "s1_imec1.nwb"], {"s1": ["imec0", "imec1"]}),
        (["s1/probe00.nwb", "s1/probe01.nwb"], {"s1": ["probe00", "probe01"]}),
        (["probeA/day1.nwb", "probeB/day1.nwb", "probeA/day2.nwb", "probeB/day2.nwb"], {"day1": 2, "day2": 2}),
        (["r_g0/r_g0_imec0/a.nwb", "r_g0/r_g0_imec1/a.nwb", "r_g0/r_g0_imec2/a.nwb"], {"a": 3}),
        (["day1.nwb", "day2.nwb"], {}),
        (["rat1_probeA.nwb", "rat2_probeA.nwb"], {}),
        (["rat1_probeA.nwb", "rat1_probeB.mat"], {}),
        (["rat1_HC.nwb", "rat1_PFC.nwb"], {}),
        (["probe_test1.nwb", "probe_test2.nwb"], {}),
    ],
)
def test_what_looks_like_the_probes_of_one_session(names: list[str], groups: dict[str, Any], tmp_path: Path) -> None:
    proposed = groups_in(touched(tmp_path, names), tmp_path)
    assert {n: list(g) if isinstance(groups.get(n), list) else len(g) for n, g in proposed.items()} == groups


def test_a_part_that_cannot_be_read(session: TwoProbes, tmp_path: Path) -> None:
    paths = two_probes.write(session, tmp_path, "phy")
    (paths["imec1"] / "spike_times.npy").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"day1_imec1: spike_times.npy cannot be read"):
        only(data(tmp_path, {"day1": paths_of(tmp_path, paths)}))


def test_numbers_that_leave_no_room(session: TwoProbes, tmp_path: Path, write_nwb: Callable[..., Path]) -> None:
    """Ids as large as those of Allen files keep their rule; larger ones are counted from 0."""
    for probe, first in (("probeA", 950_900_000), ("probeB", 2**61)):
        write_nwb(tmp_path / f"s_{probe}.nwb", spikes={first: [0.5, 4.0], first + 1: [0.75, 5.0]}, columns=None)
    contents = only(data(tmp_path, {"s": ["s_probeA.nwb", "s_probeB.nwb"]}))
    assert contents.units["unit"].tolist() == [0, 1, 2, 3]
    assert contents.units["name"].tolist()[0] == "probeA/950900000"
    assert train(contents, 3).tolist() == [0.75, 5.0]


def test_the_block_of_the_page_runs(session: TwoProbes, tmp_path: Path) -> None:
    """docs/probes.md: a mapping, a list, and an offset, in one folder."""
    page = (Path(__file__).parents[2] / "docs" / "probes.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    raw = tmp_path / "data"
    for day, form, targets in (
        ("day1", "phy", ["day1_g0/day1_g0_imec0/ks", "day1_g0/day1_g0_imec1/ks"]),
        ("day2", "nwb", ["day2_HC.nwb", "day2_PFC.nwb"]),
        ("day3", "phy", ["day3/imec0", "day3/imec1"]),
    ):
        paths = two_probes.write(session, tmp_path / "made" / day, form, day, "first")
        for path, target in zip(paths.values(), targets, strict=True):
            (raw / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, raw / target)
    asked = DataConfig.model_validate(yaml.safe_load(block)["data"] | {"path": str(raw)})
    by_name = {e.name: read_paths(e, asked) for e in recording_paths(asked)}
    assert sorted(by_name) == ["day1", "day2", "day3"]
    assert by_name["day1"].units["name"].tolist()[4] == "imec1/0"
    assert by_name["day2"].units["probe"].tolist() == ["day2_HC"] * 4 + ["day2_PFC"] * 4
    np.testing.assert_allclose(train(by_name["day3"], 11), session.trains["imec1"][1] - 12.25)
