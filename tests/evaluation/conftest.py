"""One fake study of known effects and its evaluation, and copies of it to spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_ladder import make_ladder
from fake_runs import Plan, Study, make_study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.evaluation import EvaluationSections, evaluate

Run = Callable[..., Path]


@pytest.fixture(scope="session")
def run() -> Run:
    """Evaluate a study; the folder that this wrote."""

    def make(study: Study, out: str = "out") -> Path:
        evaluate(EvaluationSections.of(study.config), *study.places, study.root / out)
        return study.root / out

    return make


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One study of known effects a session; tests only read it, and may add folders out_*."""
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def out(study: Study, run: Run) -> Path:
    """Its evaluation; tests only read it."""
    return run(study)


@pytest.fixture(scope="session")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study with a ladder and a course over time; tests only read it, and may add folders."""
    study = make_study(tmp_path_factory.mktemp("climbed"), Plan(trials=40))
    make_ladder(study)
    return study


@pytest.fixture(scope="session")
def evaluated(climbed: Study) -> Path:
    """Its evaluation; tests only read it."""
    evaluate(
        EvaluationSections.of(climbed.config), *climbed.places, climbed.root / "out", None, climbed.root / "ladder"
    )
    return climbed.root / "out"


@pytest.fixture
def copy(study: Study, tmp_path: Path) -> Study:
    """A study to spoil."""
    shutil.copytree(study.root, tmp_path / "copy", ignore=shutil.ignore_patterns("out*"))
    return replace(study, root=tmp_path / "copy")


@pytest.fixture(scope="session")
def scores(out: Path) -> dict[str, Any]:
    content = EvaluationRun(out).read_metrics()
    assert isinstance(content, dict)
    return content
