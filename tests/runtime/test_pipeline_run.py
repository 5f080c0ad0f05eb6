"""A run of the pipeline: its stages by name, the line of progress, and the end after Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from project import ROOT, environment

from spikebridge.errors import ConfigError
from spikebridge.runtime import pipeline_run
from spikebridge.runtime.pipeline_run import Progress, reproduce, stage_names
from spikebridge.runtime.stage_times import read_seconds, record_seconds

STAGES = {
    "simulate": {"cmd": "mkdir raw", "outs": ["raw"]},
    "first": {"cmd": "sleep 0.2 && touch a", "outs": ["a"]},
    "fit": {"foreach": "${models}", "do": {"cmd": "cp a ${key}", "deps": ["a"], "outs": ["${key}"]}},
    "last": {"cmd": "sleep 600", "deps": ["one", "two"]},
}


def project(folder: Path, **stages: object) -> Path:
    """A small DVC project without Git."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES | stages}, sort_keys=False))
    (folder / "params.yaml").write_text(yaml.safe_dump({"models": {"one": {}, "two": {}}, "data": {"path": "mine"}}))
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=folder, env=environment(folder), check=True
    )
    return folder


def test_stages_are_those_of_dvc(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    assert stage_names(folder) == ["first", "fit@one", "fit@two", "last"]
    (folder / "params.yaml").write_text(yaml.safe_dump({"models": {"one": {}}, "data": {"path": "raw/"}}))
    assert stage_names(folder) == ["simulate", "first", "fit@one", "last"]


def test_stages_of_this_project_are_those_that_dvc_lists() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"],
        cwd=ROOT, env=environment(ROOT), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert stage_names(ROOT) == listed.stdout.split()


@pytest.mark.parametrize("text", ["stages: [", "- a list", None])
def test_a_pipeline_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "dvc.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"dvc\.yaml"):
        stage_names(tmp_path)


def test_time_left_is_that_of_earlier_runs() -> None:
    progress = Progress(["a", "b", "c"], {"a": 100.0, "b": 200.0, "c": 60.0})
    assert progress.begins("a", 0.0) == "stage 1 of 3, a, about 6 min left"
    assert progress.begins("b", 90.0) == "stage 2 of 3, b, about 4 min left"
    assert progress.begins("c", 190.0) == "stage 3 of 3, c, about 60 s left"


def test_without_earlier_runs_the_rest_is_the_mean_of_this_one() -> None:
    progress = Progress(["a", "b", "c", "d"], {})
    assert progress.begins("a", 0.0) == "stage 1 of 4, a"
    assert progress.begins("b", 60.0) == "stage 2 of 4, b, about 3 min left"
    progress.unchanged.add("c")
    assert progress.begins("d", 60.0) == "stage 4 of 4, d, about 60 s left"


def test_seconds_are_kept_and_a_spoilt_file_is_left_out(tmp_path: Path) -> None:
    record_seconds("tune@dnn", 12.3456, tmp_path)
    record_seconds("split", 2.0, tmp_path)
    (tmp_path / "runs/seconds/split.json").write_text("{")
    assert read_seconds(tmp_path) == {"tune@dnn": 12.346}


@pytest.mark.slow
def test_a_run_says_which_stage_begins(tmp_path: Path) -> None:
    folder = project(tmp_path / "my project", last={"cmd": "echo done", "deps": ["one", "two"]})
    lines: list[str] = []
    assert reproduce(folder, lines.append) == 0
    shown = [line for line in lines if line.startswith("stage ")]
    assert [line.split(",")[:2] for line in shown] == [
        [f"stage {k} of 4", f" {name}"] for k, name in enumerate(("first", "fit@one", "fit@two", "last"), 1)
    ]
    assert not (folder / "raw").exists(), "data.path is elsewhere: nothing is simulated"
    (folder / "dvc.yaml").write_text((folder / "dvc.yaml").read_text().replace("cp a", "cp -f a"))
    lines.clear()
    assert reproduce(folder, lines.append) == 0
    again = [line.split(", about")[0] for line in lines if line.startswith("stage ")]
    assert again == ["stage 2 of 4, fit@one", "stage 3 of 4, fit@two"], "what did not change counts as done"


@pytest.mark.slow
def test_after_ctrl_c_everything_ends_and_one_line_says_how_to_go_on(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    process = subprocess.Popen(
        [sys.executable, "-m", "spikebridge.cli", "run", "--folder", str(folder)],
        cwd=tmp_path, env=environment(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    while "stage 4 of 4" not in process.stdout.readline():
        assert process.poll() is None
    deadline = time.monotonic() + 20
    while not (below := [p for p in psutil.Process(process.pid).children(recursive=True) if "sleep" in p.cmdline()]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "interrupted in the stage last; what had ended is kept. Go on with: make repro"
    psutil.wait_procs(below, timeout=5)
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in below)
    assert (folder / "two").is_file()
    assert pipeline_run.GRACE_S < 5
