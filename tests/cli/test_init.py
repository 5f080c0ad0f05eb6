"""`spikebridge init`: one command, the next ones printed, one line for a mistake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_line import Run

from spikebridge import __version__
from spikebridge.cli.init_command import warn_of_version


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_comes_next_and_refuses_a_second_time(here: Path, run: Run) -> None:
    code, out, err = run("init", "my study")
    assert (code, err) == (0, "")
    assert out.startswith(f"my study is a project of spikebridge {__version__}. Next:\n  cd 'my study'\n")
    assert "spikebridge use new.yaml && spikebridge run" in out
    before = {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}
    code, out, err = run("init", "my study")
    assert (code, out) == (2, "")
    assert err.startswith("spikebridge init: my study: expected a new or empty folder, found .dvc, ")
    assert err.count("\n") == 1
    assert {p: p.read_bytes() for p in here.rglob("*") if p.is_file()} == before
    code, out, err = run("init", "--update", "my study")
    assert (code, out, err) == (0, "my study: dvc.yaml and pipelines/ are those of this version already\n", "")


def test_plots_of_a_project_need_no_network(here: Path, run: Run) -> None:
    pytest.importorskip("vl_convert")
    run("init")
    page = here / ".dvc" / "plots" / "offline.html"
    assert "{plot_divs}" in page.read_text(encoding="utf-8")
    assert "html_template = plots/offline.html" in (here / ".dvc" / "config.local").read_text(encoding="utf-8")
    assert "/.dvc/plots/offline.html" in (here / ".gitignore").read_text(encoding="utf-8").splitlines()
    page.unlink()
    run("init", "--update")
    assert page.is_file()


def test_an_update_names_what_it_replaced(here: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init")[0] == 0
    pipeline = here / "dvc.yaml"
    pipeline.write_text(pipeline.read_text(encoding="utf-8").replace(__version__, "0.0.9"), encoding="utf-8")
    warn_of_version(here)
    assert (
        f"those of spikebridge 0.0.9, and {__version__} is installed: spikebridge init --update"
        in capsys.readouterr().err
    )
    assert "the earlier ones are in replaced" in run("init", "--update")[1]
    warn_of_version(here)
    assert capsys.readouterr().err == ""


def test_a_run_where_no_project_is_names_the_command(here: Path, run: Run) -> None:
    code, _, err = run("run")
    assert code == 2
    assert "no project is here; `spikebridge init my_study` makes one" in err
    assert err.count("\n") == 1


def test_without_permission_nothing_is_left(here: Path, run: Run) -> None:
    if os.geteuid() == 0:
        pytest.skip("the administrator may write everywhere")
    (here / "closed").mkdir(mode=0o500)
    code, _, err = run("init", "closed/study")
    assert code == 2
    assert err.count("\n") == 1
