"""`spikebridge inspect` on what is no recording: the same words as the stage, the same exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from catalogue import Project

from spikebridge.cli import main


def nothing(at: Project) -> None:
    at.raw.rmdir()


def empty(at: Project) -> None:
    pass


def text(at: Project) -> None:
    (at.raw / "a.nwb").write_text("unit,time_s\n")


@pytest.mark.parametrize(
    ("make", "path", "message"),
    [
        (nothing, "raw", "data.path: expected recordings in 'raw', which does not exist"),
        (empty, "raw", "data.path: expected recordings in 'raw', which is empty"),
        (text, "raw/a.nwb", "raw/a.nwb: no HDF5 file: it begins with the text 'unit,time_s'"),
    ],
)
def test_inspect_refuses(
    make: Callable[[Project], None], path: str, message: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.raw.mkdir()
    make(project)
    with contextlib.chdir(project.root), pytest.raises(SystemExit) as stop:
        main(["inspect", path])
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"spikebridge inspect: {message}\n"
