"""inspect of sessions with several probes: one recording is proposed, and the proposal goes through the stages."""

from __future__ import annotations

from pathlib import Path

import pytest
import two_probes
import yaml

from spikebridge import config, io
from spikebridge.artifacts.windows import load_animals, load_windows
from spikebridge.inspection import complete_params, inspect
from spikebridge.preprocess import PreprocessSections, write_windows
from spikebridge.splits import make_splits

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("form", list(two_probes.FORMATS))
@pytest.mark.parametrize("probes", [("imec0", "imec1"), ("HC", "PFC")])
@pytest.mark.quick_cases(2)
def test_the_proposal_goes_through_the_stages(form: str, probes: tuple[str, str], tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    session = two_probes.made(probes)
    two_probes.write(session, raw, form)
    seen = inspect(raw)
    assert [summary.name for summary in seen.recordings] == ["day1"]
    assert seen.dry_run.runs, seen.dry_run.problems
    suffix = ".nwb" if form == "nwb" else ""
    assert seen.proposal.data["recordings"] == {"day1": {p: f"day1_{p}{suffix}" for p in probes}}
    assert (seen.proposal.data["source"], seen.proposal.data["target"]) == (["HC"], ["PFC"])
    params = tmp_path / "new.yaml"
    params.write_text(
        complete_params((ROOT / "params.yaml").read_text(encoding="utf-8"), seen.proposal), encoding="utf-8"
    )
    given = yaml.safe_load(params.read_text(encoding="utf-8"))
    settings = config.parse(given | {"compute": {"workers": 1}})
    assert io.ingest(io.IngestSections.of(settings), tmp_path / "ingested") == ["day1"]
    (tmp_path / "windows").mkdir()
    write_windows(io.IngestedRecordings(tmp_path / "ingested"), PreprocessSections.of(settings), tmp_path / "windows")
    windows = list(load_windows(tmp_path / "windows"))
    make_splits(windows, settings.split, animals=load_animals(tmp_path / "windows"))
    (joined,) = windows
    assert joined.source_units.tolist() == [0, 1, 2, 3]
    assert joined.target_units.tolist() == [10, 11, 12, 13]
    trains = session.trains[probes[1]][2]
    first = joined.start_s[0]
    width = joined.bin_s
    expected = ((trains >= first) & (trains < first + width * joined.target.shape[1])).sum()
    assert joined.target[0, :, 2].sum() == expected


def test_probes_without_common_time_are_read_apart(tmp_path: Path) -> None:
    session = two_probes.moved(two_probes.made(), "imec1", 5000.0)
    two_probes.write(session, tmp_path, "phy", trials="first")
    seen = inspect(tmp_path)
    assert [summary.name for summary in seen.recordings] == ["day1_imec0", "day1_imec1"]
    assert "recordings" not in seen.proposal.data
    assert any(
        str(w).startswith("imec0, imec1 look like the probes of one session, day1, and are not") for w in seen.warnings
    )
    assert any("-5000" in str(w) and "offset_s" in str(w) for w in seen.warnings)


def test_two_sessions_and_a_single_file(tmp_path: Path) -> None:
    for seed, day in ((5, "day1"), (6, "day2")):
        two_probes.write(two_probes.made(seed=seed), tmp_path / day, "phy", day="run")
    seen = inspect(tmp_path)
    assert [summary.name for summary in seen.recordings] == ["day1_run", "day2_run"]
    joined = seen.proposal.data["recordings"]
    assert joined["day2_run"] == {"imec0": "day2/run_imec0", "imec1": "day2/run_imec1"}
    assert seen.dry_run.runs, seen.dry_run.problems


@pytest.mark.parametrize("names", [("PL1", "PL2"), ("CA1", "CA3")])
def test_names_that_may_be_of_two_animals_are_not_joined(names: tuple[str, str], tmp_path: Path) -> None:
    two_probes.write(two_probes.made(names), tmp_path, "nwb")
    assert "recordings" not in inspect(tmp_path).proposal.data
