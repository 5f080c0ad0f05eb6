"""`spikebridge.fit`: the numbers of the pipeline, mistakes before anything runs, and the page of the docs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from project import ROOT, SMALL, environment, parameters

import spikebridge
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.config import SimulateConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.io.readers import tables
from spikebridge.notebook import fitted_models
from spikebridge.projects import make_project
from spikebridge.runtime.without_dvc import StageFailedError
from spikebridge.simulate import simulate_session, write_nwb
from spikebridge.types import Recording

REGIONS = {"source": ["HC"], "target": ["PFC"]}
PARAMS: dict[str, Any] = {
    "data": REGIONS,
    "trials": {"covariates": ["delay_s", "restaurant"]},
    "quality": {"min_presence_ratio": None},
    **{name: SMALL[name] for name in ("bins", "split", "tune", "analysis", "statistics", "compute")},
    "models": {name: SMALL["models"][name] for name in ("seq2seq", "majority")},
}
KNOBS = SimulateConfig(n_trials=20, n_source_units=(6, 6), n_target_units=(5, 5))
PAGE = ROOT / "docs" / "notebook.md"


@pytest.fixture
def no_stage(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No stage runs; their names are collected."""
    names: list[str] = []

    def collect(project: Path, stages: list[str], say: Callable[[str], None], detail: Callable[[str], None]) -> None:
        names.extend(stages)

    monkeypatch.setattr(fitted_models, "run_stages", collect)
    return names


def test_it_runs_the_stages_of_dvc_yaml_once_each(no_stage: list[str], tmp_path: Path) -> None:
    fitted = spikebridge.fit(tmp_path, data=REGIONS, models={"ridge": {}, "majority": {}})
    fits = ["tune@ridge", "tune@majority", "train@ridge", "train@majority"]
    assert no_stage == ["package_code", "ingest", "preprocess", "split", "model_code", *fits]
    fitted.report()
    assert no_stage[9:] == ["analyze", "nested_models", "evaluate", "figures", "report"]
    fitted.report()
    assert len(no_stage) == 14, "what ran does not run again, and nothing is registered"


def test_settings_are_those_of_the_shipped_file_but_for_its_recordings(no_stage: list[str], tmp_path: Path) -> None:
    fitted = spikebridge.fit(tmp_path, data=REGIONS, trials={"label": "went_left"}, tune={"n_trials": 3})
    written = yaml.safe_load((fitted.folder / "params.yaml").read_text(encoding="utf-8"))
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert written["models"] == shipped["models"]
    assert (written["tune"]["n_trials"], written["tune"]["max_epochs"]) == (3, shipped["tune"]["max_epochs"])
    assert (written["trials"]["label"], written["trials"]["covariates"]) == ("went_left", [])
    assert written["data"]["path"] == str(tmp_path.resolve())
    folder = fitted.folder
    del fitted
    assert not folder.exists(), "a temporary folder goes with the object"


def test_a_parameter_file_and_changes_to_it(no_stage: list[str], tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(PARAMS | {"data": REGIONS | {"path": "other"}}), encoding="utf-8")
    fitted = spikebridge.fit(tmp_path, file, tmp_path / "fitted", seed=5, data={"min_rate_hz": 0.5})
    written = yaml.safe_load((tmp_path / "fitted" / "params.yaml").read_text(encoding="utf-8"))
    assert (written["seed"], written["data"]["min_rate_hz"], written["data"]["source"]) == (5, 0.5, ["HC"])
    assert written["data"]["path"] == str(tmp_path.resolve())
    assert fitted.folder == tmp_path / "fitted"


@pytest.mark.parametrize(
    ("sections", "text"),
    [
        ({"data": REGIONS, "trails": {}}, "trails"),
        ({"data": {"source": ["HC"]}}, "target"),
        ({"data": REGIONS, "trials": {"labels": "x"}}, "label"),
        ({"data": REGIONS | {"path": "x"}}, "the recordings are the first argument"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_runs(
    sections: dict[str, Any], text: str, no_stage: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        spikebridge.fit(tmp_path, folder=tmp_path / "new", **sections)
    assert "\n" not in str(caught.value)
    assert no_stage == []
    assert not (tmp_path / "new").exists()


def test_a_folder_with_other_files_is_refused(no_stage: list[str], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(DataError, match="expected a new folder or one of an earlier fit"):
        spikebridge.fit(tmp_path, folder=tmp_path, data=REGIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_earlier_fit_is_replaced_and_a_project_of_dvc_refused(no_stage: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "fitted"
    spikebridge.fit(tmp_path, folder=folder, data=REGIONS)
    old = TrainingRun(folder / TRAINING_FOLDER / "forgotten").fit
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    assert "forgotten" in spikebridge.results(folder).models
    assert spikebridge.fit(tmp_path, folder=folder, data=REGIONS).results.models == []
    make_project(tmp_path / "by dvc")
    before = (tmp_path / "by dvc" / "params.yaml").read_bytes()
    with pytest.raises(DataError, match="found a project of DVC"):
        spikebridge.fit(tmp_path, folder=tmp_path / "by dvc", data=REGIONS)
    assert (tmp_path / "by dvc" / "params.yaml").read_bytes() == before


@pytest.mark.slow
def test_a_mistake_in_the_recordings_is_that_of_the_stage(tmp_path: Path) -> None:
    paths = [tmp_path / animal / "day1.nwb" for animal in ("rat1", "rat2")]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        write_nwb(simulate_session(KNOBS, np.random.default_rng(number), path.parent.name, path.parent.name), path)
    with pytest.raises(StageFailedError, match=r"(?s)^ingest: .*CA1") as caught:
        spikebridge.fit(paths, PARAMS, data={"source": ["CA1"]})
    assert "2 recordings" in str(caught.value) or str(caught.value).count("day1") == 2


@pytest.fixture(scope="module")
def page(recordings: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the lines of the page make; only what they leave to the shipped file is smaller: bins, folds, tuning."""
    place = tmp_path_factory.mktemp("a notebook")
    for recording in recordings:
        tables.write(recording, place / "recordings")
    smaller = place / "smaller.yaml"
    smaller.write_text(yaml.safe_dump(parameters(ROOT / "params.yaml")), encoding="utf-8")
    (code, *_) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) <= 12
    names: dict[str, Any] = {"place": place}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(fitted_models, "shipped_file", lambda _: smaller)
        exec(code, names)
    return names


@pytest.mark.slow
def test_the_page_runs_as_it_stands(page: dict[str, Any]) -> None:
    assert page["page"].is_file()
    assert page["tests"]["role"].iloc[0] == "primary"
    assert {"latent_1", "time_s"} <= set(page["latents"].columns)


@pytest.mark.slow
def test_the_numbers_are_those_of_the_pipeline(page: dict[str, Any], tmp_path: Path) -> None:
    fitted = page["fitted"]
    project = tmp_path / "by dvc"
    make_project(project)
    content = yaml.safe_load((fitted.folder / "params.yaml").read_text(encoding="utf-8"))
    content["data"]["path"] = "../raw"
    (tmp_path / "raw").symlink_to(page["place"] / "recordings", target_is_directory=True)
    (project / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "dvc", "repro", "evaluate"]
    subprocess.run(command, cwd=project, env=environment(ROOT), check=True, capture_output=True)
    theirs = spikebridge.results(project)
    evaluations = [EvaluationRun(folder / EVALUATION_FOLDER) for folder in (project, fitted.folder)]
    first, second = (run.metrics.read_bytes() for run in evaluations)
    assert first == second
    pd.testing.assert_frame_equal(fitted.results.predictions, theirs.predictions, check_exact=True)
    pd.testing.assert_frame_equal(fitted.results.latents(), theirs.latents(), check_exact=True)
    assert len(page["tests"]) == len(theirs.comparisons)
    assert not (fitted.folder / ".dvc" / "cache").exists()
