"""Stages: one writer, nothing half-written, errors in one line."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from spikebridge.errors import DataError
from spikebridge.runtime.stage import THREADS, lock, output, remove, stage_main


def test_output_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with output(target) as path:
        path.write_text("first")
        assert not target.exists()
    with pytest.raises(ZeroDivisionError), output(target) as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "first"
    assert list(target.parent.iterdir()) == [target]


def test_output_replaces_a_folder_and_leftovers(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    (tmp_path / ".folder.partial").mkdir()
    (tmp_path / ".folder.partial" / "left over").touch()
    for name in ("old", "new"):
        with output(target) as path:
            path.mkdir()
            (path / name).touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_remove(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    remove(tmp_path / "link")
    assert (tmp_path / "a" / "b").exists()
    remove(tmp_path / "a")
    remove(tmp_path / "not there")
    assert not list(tmp_path.iterdir())


def test_lock_waits_for_the_other_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = []

    def other() -> None:
        with lock(tmp_path / "l"):
            held.set()
            time.sleep(0.3)
            order.append("other")

    held = threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    with lock(tmp_path / "l"):
        order.append("this")
    thread.join()
    assert order == ["other", "this"]
    assert "waiting for another process" in capsys.readouterr().err


def test_stage_main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pipelines/tune.py", "dnn"])
    seen: list[list[str]] = []
    stage_main(seen.append)
    assert seen == [["dnn"]]
    assert (tmp_path / "runs" / "locks" / "tune@dnn.lock").exists()

    def mistake(_: list[str]) -> None:
        raise DataError("a.nwb: expected trials, got none")

    with pytest.raises(SystemExit) as stop:
        stage_main(mistake)
    assert stop.value.code == 2
    assert capsys.readouterr().err == "tune@dnn: a.nwb: expected trials, got none\n"
    with pytest.raises(ZeroDivisionError):
        stage_main(lambda _: 1 / 0)  # type: ignore[arg-type,return-value]


def test_linear_algebra_runs_on_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another number of threads gives other last digits."""
    import numpy as np
    from threadpoolctl import threadpool_info, threadpool_limits

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["evaluate.py"])
    for name in THREADS:
        monkeypatch.setenv(name, "2")
    np.linalg.eigh(np.eye(3))
    seen = []
    with threadpool_limits(limits=2):
        stage_main(
            lambda _: seen.extend([[i["num_threads"] for i in threadpool_info()], os.environ["OMP_NUM_THREADS"]])
        )
    assert set(seen[0]) == {1} and seen[1] == "1"


def test_a_lock_is_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path / "l", tmp_path / "held"))
    child.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.02)
    child.kill()
    child.join()
    with lock(tmp_path / "l"):
        pass


def hold(path: Path, flag: Path) -> None:
    with lock(path):
        flag.touch()
        time.sleep(60)
