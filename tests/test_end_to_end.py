"""The whole product: DVC runs the pipeline in a copy of the project, and a new process loads the registered model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from project import ROOT, copy_project, dvc, environment, run, shared_recordings
from sklearn.metrics import balanced_accuracy_score

MODELS: dict[str, Any] = {
    "seq2seq": {"epochs": 6, "hidden": 16, "batch": 64},
    "ridge": {},
    "random_forest": {"trees": 20},
    "dnn": {"epochs": 10},
    "majority": {},
}
SMALL: dict[str, Any] = {
    "simulate": {"recordings": 2, "trials": 40, "source_units": [20, 22], "target_units": [12, 14]},
    "bins": {"width_s": 0.1},
    "split": {"outer_folds": 2},
    "models": MODELS,
    "tune": {"trials": 2, "startup_trials": 1},
    "statistics": {"resamples": 500},
}


def parameters(base: Path, **sections: dict[str, Any]) -> dict[str, Any]:
    shipped: dict[str, Any] = yaml.safe_load(base.read_text(encoding="utf-8"))
    for name, changes in sections.items():
        shipped[name] = changes if name == "models" else shipped.get(name, {}) | changes
    return shipped


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, in a folder with a space in its name."""
    target = tmp_path_factory.mktemp("a clone") / "my project"
    copy_project(target, parameters(ROOT / "params.yaml", **SMALL))
    dvc(target, "repro")
    return target


def load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def would_run(project: Path) -> list[str]:
    lines = dvc(project, "repro", "--dry").stdout.splitlines()
    return [line.split("'")[1] for line in lines if line.startswith("Running stage")]


def edit(project: Path, section: str, **values: Any) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params[section] |= values
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def test_every_result_is_there_and_agrees_with_scikit_learn(project: Path) -> None:
    scores = load_json(project / "reports/evaluation/metrics.json")
    assert set(scores["models"]) == {"seq2seq", "random_forest", "dnn", "majority"}
    assert set(scores["translation"]) == {"seq2seq", "ridge"}
    for model, said in scores["models"].items():
        table = pd.read_parquet(project / f"runs/train/{model}/predictions.parquet")
        assert said["n_trials"] == len(table) == 80
        expected = balanced_accuracy_score(table.label, table.predicted)
        assert said["balanced_accuracy"]["value"] == pytest.approx(expected)
    for model, said in scores["translation"].items():
        table = pd.read_parquet(project / f"runs/train/{model}/translation.parquet")
        bits = table.nats.sum() / (table.spikes.sum() * np.log(2))
        assert said["bits_per_spike"]["value"] == pytest.approx(bits)
    assert {p.suffix for p in (project / "reports/evaluation/figures").iterdir()} == {".png"}
    assert load_json(project / "reports/registration.json")["alias"] in ("champion", "candidate")


def test_a_second_repro_does_nothing(project: Path) -> None:
    assert "up to date" in dvc(project, "repro").stdout


def test_only_what_depends_on_a_change_runs_again(project: Path) -> None:
    original = (project / "params.yaml").read_text()
    try:
        edit(project, "statistics", alpha=0.04)
        assert would_run(project) == ["evaluate", "register"]
        (project / "params.yaml").write_text(original)
        edit(project, "models", seq2seq=MODELS["seq2seq"] | {"hidden": 12})
        assert would_run(project) == ["tune@seq2seq", "train@seq2seq", "evaluate", "register"]
    finally:
        (project / "params.yaml").write_text(original)
    assert would_run(project) == []


def test_dvc_commands_are_of_use(project: Path) -> None:
    assert "tune@seq2seq" in dvc(project, "dag").stdout
    assert "balanced_accuracy" in dvc(project, "metrics", "show").stdout
    dvc(project, "plots", "show", "-o", "plots")
    assert (project / "plots" / "index.html").stat().st_size > 1000
    shutil.rmtree(project / "plots")


LOAD = """
import json, pickle, sys
import numpy as np

def refuse(*_, **__):
    raise AssertionError("a pickle was loaded")

for name in ("load", "loads", "Unpickler"):
    setattr(pickle, name, refuse)
counts = np.load(sys.argv[2])
if sys.argv[3] == "spikebridge":
    import spikebridge
    model = spikebridge.load(sys.argv[1])
    said = {o: np.asarray(model.predict(counts, output=o)).tolist() for o in sys.argv[4:]}
else:
    import mlflow
    model = mlflow.pyfunc.load_model(sys.argv[1])
    said = {o: np.asarray(model.predict(counts, params={"output": o})).tolist() for o in sys.argv[4:]}
print("RESULT" + json.dumps(said))
"""


@pytest.mark.parametrize("door", ["spikebridge", "pyfunc"])
def test_the_registered_model_loads_in_a_new_process(project: Path, tmp_path: Path, door: str) -> None:
    registration = load_json(project / "reports/registration.json")
    uri = f"models:/{registration['name']}@{registration['alias']}"
    with np.load(project / "data/windows/rat1_day1.npz") as z:
        counts = z["source"][:5].astype(np.float32)
    np.save(tmp_path / "counts.npy", counts)
    script = tmp_path / "load.py"
    script.write_text(LOAD)
    store = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{project}/mlruns/mlflow.db",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    outputs = ["label", "probabilities"]
    outputs += ["latents", "target_rates"] if registration["model"] == "seq2seq" else []
    done = subprocess.run(
        [sys.executable, str(script), uri, str(tmp_path / "counts.npy"), door, *outputs],
        cwd=tmp_path, env=environment(project) | store, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.split("RESULT")[1])
    chances = np.array(said["probabilities"])
    assert chances.shape == (5, 2)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-5)
    assert said["label"] == [("skip", "stay")[i] for i in chances.argmax(axis=1)]
    if "latents" in said:
        assert np.array(said["latents"]).shape[:2] == counts.shape[:2]
        assert np.array(said["target_rates"]).shape[:2] == counts.shape[:2]


def kill_at(project: Path, stage: str) -> None:
    """Start dvc repro and SIGKILL the given stage soon after it began, then whatever is left of dvc."""
    child = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", stage],
        cwd=project, env=environment(project), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert child.stdout is not None
    for line in child.stdout:
        if f"Running stage '{stage}'" in line:
            time.sleep(3.0)
            break
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@pytest.mark.slow
def test_killed_and_run_again_gives_the_same_result(project: Path, tmp_path: Path) -> None:
    """SIGKILL in the stages that take long, then dvc repro: as if nothing had happened."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    other = copy_project(tmp_path / "killed", params)
    for stage in ("simulate", "tune@seq2seq", "train@seq2seq", "evaluate", "register"):
        kill_at(other, stage)
    dvc(other, "repro")
    calm, killed = (load_json(p / "reports/evaluation/metrics.json") for p in (project, other))
    assert calm == killed
    assert (
        load_json(other / "reports/registration.json")["alias"]
        == load_json(project / "reports/registration.json")["alias"]
    )


def test_a_users_mistake_ends_in_one_line(project: Path) -> None:
    original = (project / "params.yaml").read_text()
    before = (project / "reports/evaluation/metrics.json").read_bytes()
    try:
        edit(project, "data", path="no such folder")
        assert "no such folder" in dvc(project, "repro", check=False).stderr
        (project / "params.yaml").write_text(original)
        edit(project, "trials", label="chioce")
        done = run(project, sys.executable, "pipelines/preprocess.py", check=False)
        assert done.returncode == 2
        assert "did you mean choice" in done.stderr and "Traceback" not in done.stderr
    finally:
        (project / "params.yaml").write_text(original)
    assert (project / "reports/evaluation/metrics.json").read_bytes() == before


REAL = shared_recordings()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real recordings at {REAL}")
def test_a_real_recording_from_file_to_registered_model(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    shutil.copy(REAL / "cori_2016-12-14.nwb", tmp_path / "recordings")
    params = parameters(
        ROOT / "examples/steinmetz/params.yaml",
        data={"path": str(tmp_path / "recordings")},
        models={"seq2seq": {"epochs": 15, "batch": 16}, "ridge": {}, "majority": {}},
        tune={"trials": 1, "startup_trials": 1},
        split={"outer_folds": 3},
        statistics={"resamples": 500},
    )
    project = copy_project(tmp_path / "real", params)
    dvc(project, "repro", "register")
    scores = load_json(project / "reports/evaluation/metrics.json")
    assert scores["models"]["seq2seq"]["n_trials"] == 114
    assert scores["translation"]["seq2seq"]["bits_per_spike"]["value"] > 0
    report = load_json(project / "data/windows/report.json")["recordings"]["cori_2016-12-14"]
    assert report["trials"]["kept"] == 114 and report["labels"] == {"failure": 45, "success": 69}
    registration = load_json(project / "reports/registration.json")
    assert registration["alias"] in ("champion", "candidate")
