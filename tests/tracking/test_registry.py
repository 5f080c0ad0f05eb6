"""The registry: one version a result, an alias that the gates decide, and loading in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fake_project
import pandas as pd
import pytest
from fake_project import settings

import spikebridge
from spikebridge import tracking
from spikebridge.errors import RegistryError
from spikebridge.tracking import logged, place, registry, store


def client(project: Path) -> Any:
    return store.open_store(settings().tracking, project).client


@pytest.fixture(scope="module")
def seen(finished: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return client(finished)


def test_the_version_says_what_it_is(seen: Any) -> None:
    version = seen.get_model_version_by_alias("spikebridge", "champion")
    tags = version.tags
    assert tags["model"] == "random_forest"
    assert json.loads(tags["classes"]) == ["skip", "stay"]
    assert json.loads(tags["source_units"]) == {"rat1_day1": 5, "rat1_day2": 7, "rat2_day1": 7}
    assert {"data_hash", "split_hash", "bin_s", "window_s", "outer_balanced_accuracy_ci_low"} <= set(tags)
    assert tags["gates_failed"] == "none"
    for part in (
        "## Intended use",
        "## Data",
        "## Scores",
        "| balanced accuracy | 0.510 [0.410, 0.610] |",
        "## Nulls",
        "## Limits",
        "| passed | 2 checks on 36 trials |",
    ):
        assert part in version.description
    assert seen.get_run(version.run_id).data.tags["mlflow.runName"] == "random_forest"
    assert "gates_failed" in seen.get_registered_model("spikebridge").description


def test_signature_and_example_are_logged(seen: Any, finished: Path) -> None:
    import mlflow

    info = mlflow.models.get_model_info("models:/spikebridge@champion")
    assert str(info.signature.inputs) == "[Tensor('float32', (-1, -1, -1))]"
    assert {p.name: p.default for p in info.signature.params} == {"output": "label", "recording": ""}
    folder = Path(mlflow.artifacts.download_artifacts("models:/spikebridge@champion"))
    names = {p.name for p in (folder / "artifacts" / "model").iterdir()}
    assert names == {"model.json", "served.json", "forests.skops"}
    assert not [p for p in folder.rglob("*") if p.suffix in {".pkl", ".pickle", ".pt", ".pth"}]
    assert "spikebridge" not in (folder / "requirements.txt").read_text(), (
        "no package of that name is asked of an index"
    )


IN_NEW_PROCESS = """
import numpy as np, mlflow, spikebridge, sys
counts = np.ones((2, 8, 5), np.float32)
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/spikebridge@champion")
print(list(model.predict(counts)), model.predict(counts, params={"output": "probabilities"}).shape)
print(np.array_equal(model.predict(counts), spikebridge.load("models:/spikebridge@champion").predict(counts)))
wrong = [(counts[:, :3], {}), (counts[..., :2], {}), (counts * np.nan, {}), (counts[0], {}), ("text", {})]
for given, params in [*wrong, (counts, {"output": "lable"}), (counts, {"output": "latents"}), (counts * 0.5, {})]:
    try:
        model.predict(given, params=params)
        print("no error")
    except spikebridge.errors.RegistryError as error:
        print(error)
"""


def test_it_loads_in_a_new_process_without_pickle(finished: Path) -> None:
    uri = place.tracking_uri(None, finished)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:spikebridge", "-c", IN_NEW_PROCESS, uri],
        env={**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
        cwd=finished,
    )
    assert done.returncode == 0, done.stderr
    first, same, *errors = done.stdout.splitlines()
    assert first.endswith("(2, 2)")
    assert same == "True"
    assert len(errors) == 8
    assert errors[0].startswith("counts: expected 8 bins")
    assert errors[2].startswith("counts: expected whole numbers of spikes, got nan")
    assert "did you mean 'label'" in errors[5]
    assert errors[6] == "output: random_forest has no latents; it has label, probabilities"


def test_load_by_name_says_what_there_is_instead(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    monkeypatch.setattr("spikebridge.tracking.load.default_uri", lambda: place.tracking_uri(None, finished))
    model = spikebridge.load("models:/spikebridge@champion")
    assert model.metadata["model"] == "random_forest"
    assert model.metadata["outer"]["balanced_accuracy_ci_low"] == pytest.approx(0.41)
    with pytest.raises(RegistryError, match=r"registered in sqlite:///.*: models:/spikebridge@champion") as caught:
        spikebridge.load("models:/spikebrigde@champion")
    assert "\n" not in str(caught.value)


def test_registering_again_makes_no_second_version(project: Path) -> None:
    first = tracking.publish(settings(), project)
    assert tracking.publish(settings(), project) == first
    assert first["uri"] == "models:/spikebridge@champion"
    assert first["outer"]["balanced_accuracy"] == pytest.approx(0.51)
    assert first["gates"]["nulls"] == {"passed": True, "word": "passed", "reason": "linear_shift"}
    assert len(client(project).search_model_versions("name = 'spikebridge'")) == 1


def test_a_failed_gate_makes_a_candidate_and_leaves_the_champion(empty: Path) -> None:
    fake_project.make(empty)
    champion = tracking.publish(settings(), empty)["version"]
    for table, columns in (("comparisons", {"p_holm": 0.3}), ("nulls", {"passed": False})):
        path = empty / f"reports/evaluation/{table}.csv"
        pd.read_csv(path).assign(**columns).to_csv(path, index=False)
    said = tracking.publish(settings(seed=2), empty)
    assert said["alias"] == "candidate"
    at = client(empty)
    assert int(at.get_model_version_by_alias("spikebridge", "champion").version) == champion
    candidate = at.get_model_version_by_alias("spikebridge", "candidate")
    assert int(candidate.version) == champion + 1
    assert candidate.tags["gates_failed"] == "above_majority, nulls"
    assert candidate.tags["gate_nulls"] == "failed: not passed: linear_shift"
    assert "| **FAILED** | not passed: linear_shift |" in candidate.description
    fake_project._evaluated(empty / "reports/again", gates=True)
    (empty / "reports/again/nulls.csv").replace(empty / "reports/evaluation/nulls.csv")
    (empty / "reports/again/comparisons.csv").replace(empty / "reports/evaluation/comparisons.csv")
    assert tracking.publish(settings(seed=2), empty)["alias"] == "champion"
    assert set(at.get_registered_model("spikebridge").aliases) == {"champion"}


def test_a_moved_project_is_published_again(project: Path) -> None:
    tracking.publish(settings(), project)
    moved = project.rename(project.with_name("moved"))
    said = tracking.publish(settings(), moved)
    assert said["version"] == 2
    version = client(moved).get_model_version_by_alias("spikebridge", "champion")
    logged = client(moved).get_logged_model(version.source.removeprefix("models:/"))
    assert logged.artifact_location.startswith(moved.as_uri())


def test_registering_needs_the_mirror_first(project: Path) -> None:
    with pytest.raises(RegistryError, match="mirror the results first"):
        registry.register(settings(), project)


def test_the_example_is_small_and_real(project: Path) -> None:
    served = spikebridge.load(project / "runs/train/random_forest/model")
    recording, counts = logged.example(served, project)
    assert recording == "rat1_day1"
    assert counts.shape == (3, 8, 5)
    served.recordings = {"another": {"source_units": [1]}}
    with pytest.raises(RegistryError, match="no labelled window of another"):
        logged.example(served, project)
