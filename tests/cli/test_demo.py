"""`spikebridge demo`: its folder, and what it says that it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from project import ROOT

from spikebridge import config
from spikebridge.cli import demo_command
from spikebridge.cli.demo_command import left_out, make_demo
from spikebridge.errors import DataError


def test_its_folder_is_a_project_and_a_second_call_keeps_results(tmp_path: Path) -> None:
    folder = tmp_path / "my demo"
    make_demo(folder)
    assert config.load(folder / "params.yaml").simulate.n_recordings == 2
    names = {p.name for p in folder.iterdir()}
    assert names == {"pipelines", "dvc.yaml", "params.yaml", ".dvc", ".dvcignore"}
    (folder / "runs").mkdir()
    (folder / "runs" / "kept.txt").write_text("a result")
    (folder / "pipelines" / "old.py").write_text("")
    make_demo(folder)
    assert (folder / "runs" / "kept.txt").read_text() == "a result"
    assert not (folder / "pipelines" / "old.py").exists(), "code of an earlier version is gone"
    assert not list(folder.glob("params.previous*")), "the same parameters again"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match="found other files"):
        make_demo(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_every_difference_from_the_whole_study_is_named() -> None:
    whole, small = (config.load(ROOT / n).model_dump(mode="json") for n in ("params.yaml", demo_command.PARAMS))
    lines = list(left_out(whole, small))
    assert "simulate.n_recordings: 2 instead of 6" in lines
    assert "models: no reduced_rank, psth, logistic" in lines
    named = {line.split(":")[0].split(".")[0] for line in lines}
    assert named == {name for name in whole if whole[name] != small[name]}
    assert list(left_out(whole, whole)) == []


def test_its_models_are_those_of_the_declared_tests() -> None:
    models = yaml.safe_load((ROOT / demo_command.PARAMS).read_text(encoding="utf-8"))["models"]
    assert set(models) == {"seq2seq", "ridge", "random_forest", "dnn", "majority"}
