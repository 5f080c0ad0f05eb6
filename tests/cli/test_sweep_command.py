"""`spikebridge sweep`: the parameters that it writes, and what it prints; tests/sweep has the sweep itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from command_line import PARAMS, Run, called
from three_regions import recording

from spikebridge import config
from spikebridge.artifacts.sweep_plan import Pair, SweepPlan
from spikebridge.config import SweepConfig
from spikebridge.errors import StorageError
from spikebridge.io.readers import tables
from spikebridge.sweep import run as sweep_run
from spikebridge.sweep.plan import make_plan
from spikebridge.sweep.run import Sweep
from spikebridge.sweep.scores import COLUMNS
from spikebridge.types.verdicts import Verdict

UNITS = {"day1": {"CA1": 12, "ACA": 12, "PL": 4}, "day2": {"CA1": 3}}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return called(capsys)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with recordings beside it, in folders with spaces in their names."""
    project = tmp_path / "my project"
    (project / "data" / "simulated").mkdir(parents=True)
    (tmp_path / "my recordings").mkdir()
    (project / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the command asks of `run_sweep`, which has one claim and one pair without."""
    calls: list[tuple[Any, ...]] = []

    def run_sweep(folder: Path, model: str, say: Callable[[str], None], only_plan: bool = False) -> Sweep:
        calls.append((folder, model, only_plan))
        plan = make_plan(["CA1", "ACA", "PL"], UNITS, {}, SweepConfig())
        return Sweep(folder, plan, None if only_plan else table(plan))

    monkeypatch.setattr(sweep_run, "run_sweep", run_sweep)
    return calls


def table(plan: SweepPlan) -> pd.DataFrame:
    def row(pair: Pair, value: float, verdict: Verdict, **fields: str) -> dict[str, Any]:
        scores = {f"{n}{end}": value for n in ("source_bits_per_spike", "communication_gain") for end in ("_low", "")}
        scores |= {"source_bits_per_spike_high": 2 * value, "communication_gain_high": 2 * value}
        lag = {"lag_s": -0.05, "lag_s_low": float("nan"), "lag_s_high": float("nan"), "dimension": 2}
        counts = {"n_recordings": 1, "source_units": 12, "target_units": 12}
        about = {"source": pair.source, "target": pair.target, "test_clusters": "trial"}
        return about | counts | scores | lag | {"p": 0.001, "q": 0.002} | dict(verdict.columns(**fields))

    first, second = plan.pairs
    claim = Verdict.SOURCE_PREDICTS_TARGET
    rows = [row(second, 0.01, Verdict.NOT_SIGNIFICANT), row(first, 0.2, claim, source="CA1", target="ACA")]
    return pd.DataFrame(rows, columns=COLUMNS)


def written(project: Path, folder: str = "sweep") -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((project / folder / "params.yaml").read_text(encoding="utf-8"))
    assert config.load(project / folder / "params.yaml")
    return content


def test_it_prints_pairs_by_size_and_what_was_not_run(here: Path, run: Run, asked: list[Any]) -> None:
    code, out, err = run("sweep", "--no-log")
    assert (code, err) == (0, "")
    assert asked == [(Path("sweep"), "poisson_glm", False)]
    lines = out.splitlines()
    assert lines[1].startswith("CA1 → ACA") and "0.2000 [0.2000, 0.4000]" in lines[1] and "-0.050" in lines[1]
    assert lines[2].startswith("ACA → CA1") and "no difference shown" in lines[2]
    assert "-0.050" not in lines[2]  # a lag of what is no claim means nothing
    assert "The source predicts the target in 1 of 2 pairs (false discovery rate 0.05)." in lines
    assert "2 pairs with fewer than six recordings: tested by the trial shuffle" in out
    assert "Region PL not used: at most 4 units in a recording, fewer than sweep.min_units = 10" in lines
    assert "Recording day2 not used: no pair has 10 units or more of both regions" in lines


def test_parameters_of_the_project_are_taken_with_paths_from_the_folder(here: Path, run: Run, asked: list[Any]) -> None:
    run("sweep", "--no-log", "--out", "results/all pairs")
    params = written(here, "results/all pairs")
    assert params["data"]["path"] == "../../data/simulated"
    assert params["sweep"] == {"regions": None, "min_units": 10, "min_recordings": 1, "model": "poisson_glm"}
    assert params["models"]["poisson_glm"] == dict.fromkeys(("smoothing_s", "max_lag_s", "penalty"), "tune")
    assert params["compute"]["device"] == "auto"
    assert "# where it is" in (here / "results/all pairs/params.yaml").read_text(encoding="utf-8")


def test_options_change_the_section_sweep(here: Path, run: Run, asked: list[Any]) -> None:
    words = ("--regions", "hippocampus=CA1,CA3", "ACA", "--min-units", "5", "--min-recordings", "2", "--model", "ridge")
    run("sweep", "--no-log", "--data", "../my recordings", "--params", "params.yaml", *words, "--set", "seed=7")
    params = written(here)
    assert params["data"]["path"] == "../../my recordings"
    assert params["sweep"]["regions"] == {"hippocampus": ["CA1", "CA3"], "ACA": ["ACA"]}
    assert (params["sweep"]["min_units"], params["sweep"]["min_recordings"]) == (5, 2)
    assert (params["models"]["ridge"], params["seed"]) == ({}, 7)
    assert asked[-1][1] == "ridge"


def test_without_options_it_goes_on_in_its_folder(here: Path, run: Run, asked: list[Any]) -> None:
    run("sweep", "--no-log", "--regions", "CA1", "ACA", "--model", "ridge")
    before = (here / "sweep/params.yaml").read_bytes()
    code, _, err = run("sweep", "--no-log")
    assert (code, err) == (0, "")
    assert (here / "sweep/params.yaml").read_bytes() == before
    assert [call[1] for call in asked] == ["ridge", "ridge"]
    _, _, err = run("sweep", "--no-log", "--min-units", "3")
    assert "params.previous.yaml" in err


def test_the_plan_alone(here: Path, run: Run, asked: list[Any]) -> None:
    code, out, _ = run("sweep", "--plan")
    assert code == 0 and asked[-1][2]
    assert out.splitlines()[1].split() == ["CA1", "→", "ACA", "day1"]
    assert "Region PL not used" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "rigde"), "unknown model 'rigde', did you mean ridge?"),
        (("--model", "random_forest"), "sweep.model: expected a translator from the source alone, such as poisson_glm"),
        (("--regions", "CA1"), "sweep.regions: expected two or more regions, or null for all, got CA1"),
        (("--regions", "CA1", "CA1"), "--regions: each region once, got CA1 more than once"),
        (("--regions", "hc=", "CA1"), "expected the regions of each group, found none of hc"),
        (("--min-units", "0"), "sweep.min_units"),
        (("--data", "nowhere", "--params", "params.yaml"), "data.path: '../nowhere' does not exist in sweep"),
        (("--params", "none.yaml"), "none.yaml: no such parameter file"),
        (("--set", "sweep.models=3"), "unknown key sweep.models, did you mean model?"),
    ],
)
def test_mistakes_end_in_one_line(here: Path, run: Run, asked: list[Any], words: tuple[str, ...], message: str) -> None:
    code, out, err = run("sweep", *words)
    assert (code, out, asked) == (2, "", [])
    assert message in err
    assert err.count("\n") == 1
    assert not (here / "sweep").exists()


def test_without_any_parameters(here: Path, run: Run) -> None:
    os.remove("params.yaml")  # noqa: PTH107
    code, _, err = run("sweep")
    assert code == 2
    assert "expected --data RECORDINGS or --params FILE, or a params.yaml here, got none" in err


def test_a_failed_stage_and_an_interruption(here: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(error: BaseException) -> Callable[..., Sweep]:
        def run_sweep(*_: Any, **__: Any) -> Sweep:
            raise error

        return run_sweep

    monkeypatch.setattr(sweep_run, "run_sweep", stop(StorageError("sweep: a stage failed, see above")))
    assert run("sweep") == (2, "", "spikebridge sweep: sweep: a stage failed, see above\n")
    monkeypatch.setattr(sweep_run, "run_sweep", stop(KeyboardInterrupt()))
    code, _, err = run("sweep")
    assert code == 130
    assert "spikebridge sweep --out sweep goes on from there" in err


def test_parameters_are_proposed_for_recordings(here: Path, run: Run, asked: list[Any]) -> None:
    day = recording("rat1_day", 1, n_trials=30)
    regions = day.units["region"].replace({"A": "CA1", "B": "PL"})
    object.__setattr__(day, "units", day.units.assign(region=regions))
    tables.write(day, here.parent / "my recordings")
    code, _, err = run("sweep", "--data", "../my recordings", "--no-log")
    assert code == 0, err
    params = written(here)
    assert params["data"]["path"] == "../../my recordings"
    assert params["trials"]["label"] == "choice"
    assert json.dumps(params["split"]) == json.dumps({"by": "block", "n_outer_folds": 2})  # of the project
    assert sorted(p.name for p in (here / "sweep").iterdir()) == ["params.yaml"]
