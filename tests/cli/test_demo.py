"""`spikebridge demo`: its folder, and what it says that it leaves out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from project import ROOT

from spikebridge import config
from spikebridge.cli import demo_command, main
from spikebridge.cli.demo_command import left_out, make_project
from spikebridge.errors import DataError


def test_its_folder_is_a_project_and_a_second_call_keeps_results(tmp_path: Path) -> None:
    folder = tmp_path / "my demo"
    make_project(ROOT, folder)
    assert config.load(folder / "params.yaml").simulate.n_recordings == 2
    assert {p.name for p in folder.iterdir()} >= {"src", "pipelines", "dvc.yaml", "params.yaml", ".dvc", ".dvcignore"}
    (folder / "runs").mkdir()
    (folder / "runs" / "kept.txt").write_text("a result")
    (folder / "src" / "old.py").write_text("")
    make_project(ROOT, folder)
    assert (folder / "runs" / "kept.txt").read_text() == "a result"
    assert not (folder / "src" / "old.py").exists(), "code of an earlier version is gone"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match="found other files"):
        make_project(ROOT, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_elsewhere_it_says_what_it_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["demo"])
    assert ended.value.code == 2
    assert "expected the folder of spikebridge, which has no src, pipelines, dvc.yaml" in capsys.readouterr().err


def test_every_difference_from_the_whole_study_is_named(tmp_path: Path) -> None:
    for name in ("params.yaml", str(demo_command.PARAMS)):
        shutil.copy(ROOT / name, tmp_path / name.replace("/", "_"))
    whole, small = (
        config.load(tmp_path / n).model_dump(mode="json") for n in ("params.yaml", "examples_demo_params.yaml")
    )
    lines = list(left_out(whole, small))
    assert "simulate.n_recordings: 2 instead of 6" in lines
    assert "models: no reduced_rank, psth, logistic" in lines
    named = {line.split(":")[0].split(".")[0] for line in lines}
    assert named == {name for name in whole if whole[name] != small[name]}
    assert list(left_out(whole, whole)) == []


def test_its_models_are_those_of_the_declared_tests() -> None:
    models = yaml.safe_load((ROOT / demo_command.PARAMS).read_text(encoding="utf-8"))["models"]
    assert set(models) == {"seq2seq", "ridge", "random_forest", "dnn", "majority"}
