"""A project with an evaluation, in a folder with a space in its name, and the command line in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import fake_project
import pytest
from command_line import PARAMS, Run, called
from memory_sessions import inspected

__all__ = ["inspected", "made", "project", "run"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_project.make(tmp_path_factory.mktemp("cli") / "project", trials=4)


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "my project"
    shutil.copytree(made, folder)
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return called(capsys)
