"""A small project with an evaluation, one of whose recordings has a name that HTML would read as a tag."""

from __future__ import annotations

import shutil
from pathlib import Path

import fake_project
import pytest
import report_project

from spikebridge.report import ReportSections
from spikebridge.report.study import Study


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, without a report; tests add one and change nothing else."""
    return report_project.made_project(tmp_path_factory.mktemp("report") / "project")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of eight recordings with all figures and its report; tests change nothing.

    For slow tests of one file: each worker that asks for it draws for a minute.
    """
    return report_project.drawn_project(tmp_path_factory.mktemp("drawn") / "project")


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "project"))


@pytest.fixture
def study(project: Path) -> Study:
    return Study(ReportSections.of(fake_project.settings()), project)
