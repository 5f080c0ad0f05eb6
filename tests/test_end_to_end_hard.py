"""What may go wrong and what is real: stages killed and run again, and a recording of a real mouse."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from project import ROOT, copy_project, dvc, environment, load_json, parameters, run, shared_recordings, spikebridge_run

from spikebridge.artifacts.truth import load_truth, truth_path
from spikebridge.artifacts.windows import load_recording_windows

pytestmark = pytest.mark.slow


def kill_at(project: Path, stage: str) -> None:
    """Start dvc repro; SIGKILL it and the given stage soon after that began."""
    child = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", stage],
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if f"Running stage '{stage}'" in line:
            time.sleep(3.0)
            break
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def test_killed_and_run_again_gives_the_same_result(tmp_path: Path) -> None:
    """SIGKILL in the stages that take long, then dvc repro: as if nothing had happened."""
    models = {"seq2seq": {"max_epochs": 4, "hidden_size": 8}, "majority": {}}
    params = parameters(ROOT / "params.yaml", models=models)
    calm, killed = (copy_project(tmp_path / name, params) for name in ("calm", "killed"))
    spikebridge_run(calm)
    for stage in ("simulate", "tune@seq2seq", "train@seq2seq", "evaluate", "register"):
        kill_at(killed, stage)
    spikebridge_run(killed)
    scores, again = (load_json(p / "reports/evaluation/metrics.json") for p in (calm, killed))
    assert scores == again
    gates, again = (load_json(p / "reports/registration.json")["gates"] for p in (calm, killed))
    assert gates == again


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
    dvc(project, "repro", "evaluate")
    assert load_json(project / "runs/analysis/about.json")["run"] == []
    assert load_json(project / "reports/evaluation/metrics.json")["analysis"] == {}
    nested = load_json(project / "runs/nested_models/decoding.json")["models"]
    missing = {step["name"]: step["missing"] for step in nested if step["missing"]}
    assert missing == dict.fromkeys(["translated_latents", "latents_and_task"], "seq2seq is not among the models")
