"""The registry: one version a result, an alias that the gates decide, and loading in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
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
from spikebridge.artifacts.windows import WINDOWS_FOLDER, load_windows
from spikebridge.errors import RegistryError
from spikebridge.runtime.hashing import file_digest
from spikebridge.tracking import model_card, model_files, registered_models, store, store_location
from spikebridge.tracking.markdown import markdown_table


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


def test_the_card_tells_what_the_data_could_have_shown() -> None:
    effect = {"cluster": "recording", "metric": "balanced_accuracy_within_blocks", "n_trials": 36, "design_effect": 1.5}
    effect |= {"effective_trials": 24.3, "detectable": 0.08, "n_clusters": 3, "clusters_still_needed": 4}
    power = {"above_majority": {"dnn_minus_majority": effect, "seq2seq_minus_majority": effect | {"detectable": 0.2}}}
    lines = markdown_table(model_card.power_rows(power, "dnn"), ["pair"] * 7)
    assert "| dnn − majority | balanced_accuracy_within_blocks | 0.080 | 36 | 24 | 3 recordings | 4 |" in lines
    assert "seq2seq" not in lines
    unknown = effect | {"effective_trials": None, "detectable": None, "clusters_still_needed": None}
    lines = markdown_table(
        model_card.power_rows({"translation": {"seq2seq_minus_ridge": unknown}}, "ridge"), ["pair"] * 7
    )
    assert "| – | 36 | – | 3 recordings | – |" in lines
    assert model_card.power_rows({}, "dnn") == []


def test_signature_and_example_are_logged(seen: Any, finished: Path) -> None:
    import mlflow

    info = mlflow.models.get_model_info("models:/spikebridge@champion")
    assert str(info.signature.inputs) == "[Tensor('float32', (-1, -1, -1))]"
    assert {p.name: p.default for p in info.signature.params} == {"output": "label", "recording": ""}
    folder = Path(mlflow.artifacts.download_artifacts("models:/spikebridge@champion"))
    names = {p.name for p in (folder / "artifacts" / "model").iterdir()}
    assert names == {"model.json", "served.json", "manifest.json", "forests.safetensors"}
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


@pytest.mark.slow
def test_it_loads_in_a_new_process_without_pickle(finished: Path) -> None:
    uri = store_location.tracking_uri(None, finished)
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
    monkeypatch.setattr("spikebridge.tracking.load.default_uri", lambda _: store_location.tracking_uri(None, finished))
    model = spikebridge.load("models:/spikebridge@champion")
    assert model.metadata["model"] == "random_forest"
    assert model.metadata["outer"]["balanced_accuracy_ci_low"] == pytest.approx(0.41)
    assert set(model.fitted_on.recordings) == set(fake_project.UNITS)
    assert model.fitted_on.settings["bins"] == {"width_s": fake_project.BIN_S}
    (w,) = (w for w in load_windows(finished / WINDOWS_FOLDER) if w.recording == "rat1_day1")
    assert model.fitted_on.recordings["rat1_day1"].covers(w, "").all()
    with pytest.raises(RegistryError, match=r"registered in sqlite:///.*: models:/spikebridge@champion") as caught:
        spikebridge.load("models:/spikebrigde@champion")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_registering_again_makes_no_second_version(project: Path) -> None:
    first = tracking.publish(settings(), project)
    assert tracking.publish(settings(), project) == first
    assert first["uri"] == "models:/spikebridge@champion"
    assert first["outer"]["balanced_accuracy"] == pytest.approx(0.51)
    assert first["gates"]["nulls"] == {"passed": True, "outcome": "passed", "reason": "linear_shift"}
    assert len(client(project).search_model_versions("name = 'spikebridge'")) == 1


@pytest.mark.slow
def test_a_failed_gate_makes_a_candidate_and_leaves_the_champion(empty: Path) -> None:
    fake_project.make(empty)
    champion = tracking.publish(settings(), empty)["version"]
    for table, columns in (("comparisons", {"p_holm": 0.3}), ("nulls", {"passed": False})):
        path = empty / f"reports/evaluation/{table}.csv"
        pd.read_csv(path).assign(**columns).to_csv(path, index=False)
    registration = tracking.publish(settings(seed=2), empty)
    assert registration["alias"] == "candidate"
    at = client(empty)
    assert int(at.get_model_version_by_alias("spikebridge", "champion").version) == champion
    candidate = at.get_model_version_by_alias("spikebridge", "candidate")
    assert int(candidate.version) == champion + 1
    assert candidate.tags["gates_failed"] == "above_majority, nulls"
    assert (candidate.tags["gate_nulls"], candidate.tags["gate_reason_nulls"]) == ("failed", "not passed: linear_shift")
    assert "| **FAILED** | not passed: linear_shift |" in candidate.description
    fake_project.write_evaluation(empty)
    assert tracking.publish(settings(seed=2), empty)["alias"] == "champion"
    assert set(at.get_registered_model("spikebridge").aliases) == {"champion"}


@pytest.mark.slow
def test_a_moved_project_is_published_again(project: Path) -> None:
    tracking.publish(settings(), project)
    moved = project.rename(project.with_name("moved"))
    registration = tracking.publish(settings(), moved)
    assert registration["version"] == 2
    version = client(moved).get_model_version_by_alias("spikebridge", "champion")
    logged = client(moved).get_logged_model(version.source.removeprefix("models:/"))
    assert logged.artifact_location.startswith(moved.as_uri())


def test_registering_needs_the_mirror_first(project: Path) -> None:
    with pytest.raises(RegistryError, match="mirror the results first"):
        registered_models.register(settings(), project)


def test_the_example_is_small_and_real(project: Path) -> None:
    served = spikebridge.load(project / "runs/train/random_forest/model")
    recording, counts = model_files.example(served, project)
    assert recording == "rat1_day1"
    assert counts.shape == (3, 8, 5)
    served.recordings = {"another": {"source_units": [1]}}
    with pytest.raises(RegistryError, match="no labelled window of another"):
        model_files.example(served, project)


EVIDENCE = {"comparisons.csv", "nulls.csv", "metrics.json", "leakage.json", "gates.json", "predictions.parquet"}


def test_the_evidence_travels_with_the_version(seen: Any, finished: Path) -> None:
    import mlflow

    mlflow.set_tracking_uri(store_location.tracking_uri(None, finished))
    mlflow.set_registry_uri(store_location.tracking_uri(None, finished))
    folder = Path(mlflow.artifacts.download_artifacts("models:/spikebridge@champion/evidence"))
    assert {p.name for p in folder.iterdir()} >= EVIDENCE
    assert not [p for p in folder.iterdir() if p.suffix not in {".json", ".csv", ".parquet"}]
    trained = finished / "runs/train/random_forest/predictions.parquet"
    assert (folder / "predictions.parquet").read_bytes() == trained.read_bytes()
    tags = seen.get_model_version_by_alias("spikebridge", "champion").tags
    assert tags["predictions_hash"] == file_digest(trained)
    assert tags["champion_before"] == "none"
    gates = json.loads((folder / "gates.json").read_text())
    assert gates["present_champion"] == {"passed": True, "reason": "there is no champion yet", "decisive": True}


def predicted(project: Path, right: bool) -> None:
    """The forest's predictions, made all right or all wrong."""
    path = project / "runs/train/random_forest/predictions.parquet"
    table = pd.read_parquet(path)
    other = table["label"].map({"skip": "stay", "stay": "skip"})
    table.assign(predicted=table["label"] if right else other).to_parquet(path)


@pytest.mark.slow
def test_a_worse_model_on_the_same_split_does_not_take_the_champions_place(project: Path) -> None:
    predicted(project, right=True)
    tracking.publish(settings(), project)
    predicted(project, right=False)
    registration = tracking.publish(settings(seed=2), project)
    assert registration["alias"] == "candidate"
    gate = registration["gates"]["present_champion"]
    assert gate["reason"].startswith("random_forest - version 1 (random_forest) = -1.000 balanced accuracy within")
    assert gate["reason"].endswith("worse")
    assert tracking.publish(settings(seed=2), project) == registration
    # the same trials cut in another way cannot be compared: the newer one takes its place, and says so
    fake_project.write_split_hash(project, "split1")
    for path in (project / "runs/train").rglob("predictions.parquet"):
        pd.read_parquet(path).assign(split_hash="split1").to_parquet(path)
    registration = tracking.publish(settings(seed=2), project)
    assert registration["alias"] == "champion"
    assert (
        "not comparable: version 1 (random_forest) was made on another split"
        in registration["gates"]["present_champion"]["reason"]
    )
    tags = client(project).get_model_version_by_alias("spikebridge", "champion").tags
    assert tags["champion_before"] == "version 1 (random_forest)"
    assert tags["gate_present_champion"] == "passed"
    assert tags["gate_reason_present_champion"].startswith("not comparable")


@pytest.mark.slow
def test_a_champion_whose_predictions_were_changed_is_not_believed(project: Path) -> None:
    predicted(project, right=True)
    version = tracking.publish(settings(), project)["version"]
    logged = client(project).get_model_version("spikebridge", str(version)).source.removeprefix("models:/")
    (kept,) = (project / "mlruns/artifacts").rglob(f"{logged}/artifacts/evidence/predictions.parquet")
    table = pd.read_parquet(kept)
    table.assign(predicted="skip").to_parquet(kept)
    registration = tracking.publish(settings(seed=2), project)
    assert registration["alias"] == "candidate"
    assert (
        "its predictions are not those that it was registered with"
        in registration["gates"]["present_champion"]["reason"]
    )


@pytest.mark.slow
def test_a_champion_from_before_evidence_is_compared_by_its_runs_predictions(project: Path) -> None:
    predicted(project, right=True)
    tracking.publish(settings(), project)
    at = client(project)
    logged = at.get_model_version("spikebridge", "1").source.removeprefix("models:/")
    (folder,) = (project / "mlruns/artifacts").rglob(f"{logged}/artifacts/evidence")
    shutil.rmtree(folder)
    at.delete_model_version_tag("spikebridge", "1", "predictions_hash")
    registration = tracking.publish(settings(seed=2), project)
    assert registration["gates"]["present_champion"]["reason"].endswith("equivalent, TOST p = 0")


@pytest.mark.slow
def test_a_champion_whose_gates_fail_after_another_evaluation_is_none(project: Path) -> None:
    first = tracking.publish(settings(), project)
    path = project / "reports/evaluation/nulls.csv"
    pd.read_csv(path).assign(passed=False).to_csv(path, index=False)
    registration = tracking.publish(settings(), project)
    assert (registration["version"], registration["alias"]) == (first["version"], "candidate")
    assert set(client(project).get_registered_model("spikebridge").aliases) == {"candidate"}
