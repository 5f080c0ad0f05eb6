"""`spikebridge report`: writes the pages of the project, prints where, and opens them on request."""

from __future__ import annotations

import shutil
import webbrowser
from pathlib import Path

import pytest
from command_line import Run

from spikebridge.artifacts.evaluation import EVALUATION_FOLDER
from spikebridge.artifacts.report import REPORT_FOLDER


def test_it_prints_the_path_of_the_page(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    (project / "deeper").mkdir()
    monkeypatch.chdir(project / "deeper")
    code, out, err = run("report")
    assert (code, err, opened) == (0, "", [])
    page = Path(out.strip())
    assert page == project / REPORT_FOLDER / "index.html"
    assert "The answer in five sentences" in page.read_text(encoding="utf-8")
    assert run("report", "--open")[0] == 0
    assert opened == [page.as_uri()]


def test_without_an_evaluation_it_says_so_and_writes_nothing(project: Path, run: Run) -> None:
    shutil.rmtree(project / EVALUATION_FOLDER)
    code, out, err = run("report")
    assert (code, out) == (2, "")
    assert err.startswith("spikebridge report: nothing has been evaluated yet: expected reports/evaluation/ in ")
    assert err.count("\n") == 1
    assert not (project / REPORT_FOLDER).exists()
    assert not (project / "runs" / "locks").exists()


def test_a_damaged_table_is_named_and_the_earlier_pages_stay(project: Path, run: Run) -> None:
    assert run("report")[0] == 0
    before = (project / REPORT_FOLDER / "index.html").read_bytes()
    (project / EVALUATION_FOLDER / "nulls.csv").write_text("null\n", encoding="utf-8")
    code, _, err = run("report")
    assert code == 2
    assert "nulls.csv: expected the columns" in err
    assert (project / REPORT_FOLDER / "index.html").read_bytes() == before
