"""`make demo`, as README has it: from the installed environment to a report on disk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, copy_project, run


@pytest.mark.slow
def test_make_demo(tmp_path: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    project = copy_project(tmp_path / "clone", params)
    done = run(project, "make", "-o", ".venv/.installed", f"BIN={Path(sys.executable).parent}", "demo")
    assert "it leaves out or changes:" in done.stdout
    report = Path(next(line for line in done.stdout.splitlines() if line.startswith("Report: "))[8:])
    assert report.is_file()
    assert report.is_relative_to(project / "demo")
