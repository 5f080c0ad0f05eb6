"""What may go wrong and what is real: stages killed and run again, other machines, and a recording of a real mouse."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml
from project import ROOT, copy_project, dvc, environment, load_json, parameters, run, shared_recordings, spikebridge_run

from spikebridge.artifacts.truth import load_truth, truth_path
from spikebridge.artifacts.windows import load_recording_windows

pytestmark = pytest.mark.slow


SMALL_MODELS: dict[str, Any] = {
    "seq2seq": {"max_epochs": 4, "hidden_size": 8, "batch_size": 64, "n_readout_trees": 10, "n_members": 1},
    "majority": {},
}
SAME_RESULTS = (
    "data/splits.json",
    "runs/tune/seq2seq/trials.csv",
    "runs/train/seq2seq/predictions.parquet",
    "runs/train/seq2seq/translation.parquet",
    "reports/evaluation/metrics.json",
    "reports/evaluation/comparisons.csv",
)
"""Files that say, byte for byte, whether two runs computed the same."""


def small_project(folder: Path, **compute: Any) -> Path:
    """A project that has not run, with two models and one analysis of the latents."""
    analysis = {"n_folds": 1, "max_epochs": 1, "analyses": ["direction"]}
    compute = {"workers": 1} | compute
    return copy_project(
        folder, parameters(ROOT / "params.yaml", models=SMALL_MODELS, compute=compute, analysis=analysis)
    )


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project that ran to its end, on this machine and without a disturbance."""
    project = small_project(tmp_path_factory.mktemp("calm") / "project")
    spikebridge_run(project)
    return project


def kill_at(project: Path, command: list[str], begun: str) -> None:
    """Start a run of the pipeline; SIGKILL all its processes a second after its output says that a stage began."""
    child = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    lines = []
    for line in child.stdout:
        lines.append(line)
        if begun in line:
            time.sleep(1.0)
            break
    assert child.poll() is None, f"{begun} did not begin, or ended:\n{''.join(lines)}"
    processes = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    child.wait()
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive


def test_killed_and_run_again_gives_the_same_result(tmp_path: Path, calm: Path) -> None:
    """SIGKILL in the stages that take long, then run again: as if nothing had happened."""
    killed = small_project(tmp_path / "killed")
    kill_at(killed, ["dvc", "repro"], "Running stage 'simulate'")
    for stage in ("tune@seq2seq", "train@seq2seq", "evaluate", "register"):
        kill_at(killed, ["spikebridge.cli", "run"], f", {stage}")
    spikebridge_run(killed)
    scores, again = (load_json(p / "reports/evaluation/metrics.json") for p in (calm, killed))
    assert scores == again
    gates, again = (load_json(p / "reports/registration.json")["gates"] for p in (calm, killed))
    assert gates == again


def test_results_on_dask_workers_are_those_of_one_machine(tmp_path: Path, calm: Path) -> None:
    """The same bytes, and no stage runs again where only the engine changes."""
    pytest.importorskip("distributed")
    from dask_processes import dask_processes

    with dask_processes(tmp_path, 2) as dask:
        settings = {"engine": "dask", "scheduler": os.fspath(dask.file)}
        project = small_project(tmp_path / "project", **settings)
        spikebridge_run(project, "evaluate")
    for name in SAME_RESULTS:
        assert (project / name).read_bytes() == (calm / name).read_bytes(), name
    assert (project / "runs" / "cluster").is_dir()
    assert not (calm / "runs" / "cluster").exists()
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["compute"]["engine"] = "local"
    params["compute"].pop("scheduler")
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert "up to date" in dvc(project, "repro", "--dry", "evaluate").stdout


REAL = shared_recordings()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real recordings at {REAL}")
def test_a_real_recording_from_file_to_registered_model(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    shutil.copy(REAL / "cori_2016-12-14.nwb", tmp_path / "recordings")
    params = parameters(
        ROOT / "examples/steinmetz/params.yaml",
        data={"path": str(tmp_path / "recordings")},
        bins={},
        simulate={},
        models={"seq2seq": {"max_epochs": 15, "batch_size": 16}, "majority": {}},
        tune={"n_trials": 1, "n_startup_trials": 1},
    )
    project = copy_project(tmp_path / "real", params)
    spikebridge_run(project)
    scores = load_json(project / "reports/evaluation/metrics.json")
    assert scores["models"]["seq2seq"]["n_trials"] == 114
    assert scores["translation"]["seq2seq"]["bits_per_spike"]["value"] > 0
    report = load_json(project / "data/windows/report.json")["recordings"]["cori_2016-12-14"]
    assert report["trials"]["kept"] == 114 and report["labels"] == {"failure": 45, "success": 69}
    assert load_json(project / "reports/registration.json")["alias"] in ("champion", "candidate")


def test_the_whole_pipeline_in_the_other_direction_and_then_without_a_translator(tmp_path: Path) -> None:
    models = {"seq2seq": {"max_epochs": 3, "hidden_size": 8}, "ridge": {}, "majority": {}}
    params = parameters(
        ROOT / "params.yaml",
        models=models,
        data={"direction": "target_to_source"},
        analysis={"n_folds": 1, "max_epochs": 3, "states": {"run": {"where": "speed > 0.2"}}},
    )
    project = copy_project(tmp_path / "reverse", params)
    spikebridge_run(project)
    w = load_recording_windows(project / "data/windows", "rat1_day1")
    truth = load_truth(truth_path(project / "data/simulated", "rat1_day1"))
    assert set(w.source_units) <= set(truth.target.units)  # the simulation's
    assert set(w.target_units) <= set(truth.source.units)
    recovered = load_json(project / "reports/evaluation/recovery.json")
    assert recovered["truth"]["lag_s"] == pytest.approx(-0.1)
    assert recovered["models"]["seq2seq"]["mean_r2"] > 0.3
    analysis = load_json(project / "reports/evaluation/metrics.json")["analysis"]
    subspace = {"ablation", "alignment", "shared_variance"}
    assert set(analysis) == {"direction", "latent_consistency", "held_out_units", "attribution", "optimism"} | subspace
    names = {p.stem for p in (project / "reports/figures").iterdir()}
    assert names >= {"direction", "consistency", "held_out_units", "attribution", "leakage_optimism", "states"}
    states = pd.read_csv(project / "reports/evaluation/tables/states.csv")
    assert set(states["state"]) == {"run", "outside run"}
    for measure in ("source_bits_per_spike", "communication_bits_per_spike", "fitted_bits_per_spike"):
        rows = states[states["measure"] == measure]
        assert (rows["value"].notna() != rows["reason"].notna()).all(), measure  # the rat hardly runs in a recording
        assert rows.loc[rows["recording"] == "all", "value"].notna().all(), measure
    output = run(project, sys.executable, "-m", "spikebridge.cli", "results", "--all").stdout
    starts = (
        "States (communication gain",
        "Direction",
        "Consistency of latents",
        "Held-out units",
        "Attribution",
        "Leakage would have added",
    )
    for start in (*starts, "Nested models, decision", "States (communication gain"):
        assert f"\n{start}" in output

    params["models"].pop("seq2seq")
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    spikebridge_run(project, "evaluate")
    assert load_json(project / "runs/analysis/about.json")["run"] == []
    assert load_json(project / "reports/evaluation/metrics.json")["analysis"] == {}
    nested = load_json(project / "runs/nested_models/decoding.json")["models"]
    missing = {step["name"]: step["missing"] for step in nested if step["missing"]}
    assert missing == dict.fromkeys(["translated_latents", "latents_and_task"], "seq2seq is not among the models")
