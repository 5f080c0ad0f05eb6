"""What a killed DVC command leaves: mended, named, and nothing else touched. Held against DVC itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from project import environment

from spikebridge.errors import StorageError
from spikebridge.runtime import repair as module
from spikebridge.runtime.repair import repair

PIPELINE = """
stages:
  one:
    cmd: python -c "open('out.txt', 'w').write(open('in.txt').read())"
    deps: [in.txt]
    outs: [out.txt]
"""


def dvc(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=project, env=environment(project), capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC project whose one stage has run."""
    project = tmp_path_factory.mktemp("a project") / "my project"
    project.mkdir()
    (project / "dvc.yaml").write_text(PIPELINE)
    (project / "in.txt").write_text("1")
    assert dvc(project, "init", "--no-scm", "-q").returncode == 0
    done = dvc(project, "repro")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "a copy"))


def test_a_sound_project_is_left_alone(project: Path, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}
    assert repair(project) == []
    assert {p: p.read_bytes() for p in project.rglob("*") if p.is_file()} == before
    assert repair(tmp_path) == [], "no DVC project"


WHOLE = json.dumps({"write": {"/a": {"pid": 999_999_999, "cmd": "dvc repro"}}, "read": {}})


@pytest.mark.parametrize("text", [WHOLE[:k] for k in range(0, len(WHOLE), 9)] + ["[]", '{"write": 3}', "\x00\x00"])
def test_a_cut_lock_is_removed(project: Path, text: str) -> None:
    (project / module.LOCK).write_text(text)
    (line,) = repair(project)
    assert line == ".dvc/tmp/rwlock was cut off when a DVC command was killed: removed; DVC makes it again"
    assert not (project / module.LOCK).exists()
    assert repair(project) == []


@pytest.mark.slow
def test_dvc_fails_on_a_cut_lock_and_not_after_repair(project: Path) -> None:
    (project / "in.txt").write_text("2")
    (project / module.LOCK).write_text("")
    failed = dvc(project, "repro")
    assert failed.returncode != 0 and "corrupted" in failed.stderr
    repair(project)
    assert dvc(project, "repro").returncode == 0
    assert (project / "out.txt").read_text() == "2"


def test_claims_of_the_dead_are_removed_and_of_the_living_kept(project: Path) -> None:
    me, dead, other = os.getpid(), 999_999_999, psutil.Process().parent()
    assert other is not None
    claims = {
        "write": {"/a": {"pid": dead, "cmd": "dvc repro"}, "/b": {"pid": me, "cmd": "dvc repro"}},
        "read": {"/c": [{"pid": dead, "cmd": "x"}, {"pid": other.pid, "cmd": "x"}], "/d": [{"pid": dead, "cmd": "x"}]},
    }
    (project / module.LOCK).write_text(json.dumps(claims))
    assert repair(project) == [".dvc/tmp/rwlock: locks of DVC commands that were killed are removed"]
    kept = json.loads((project / module.LOCK).read_text())
    assert kept == {"write": {"/b": claims["write"]["/b"]}, "read": {"/c": [{"pid": other.pid, "cmd": "x"}]}}
    assert repair(project) == []


def test_a_process_that_only_has_the_number_of_a_dead_one(project: Path) -> None:
    """In containers numbers come again: DVC would wait for a process that never heard of it."""
    (project / module.LOCK).write_text(json.dumps({"write": {"/a": {"pid": os.getpid(), "cmd": "dvc repro"}}}))
    long_ago = psutil.Process().create_time() - 3600
    os.utime(project / module.LOCK, (long_ago, long_ago))
    assert len(repair(project)) == 1
    assert json.loads((project / module.LOCK).read_text()) == {"write": {}, "read": {}}


def test_a_cut_lock_of_a_running_command_stays(project: Path, tmp_path: Path) -> None:
    (tmp_path / "dvc").write_text("import time; time.sleep(60)")
    running = subprocess.Popen([sys.executable, str(tmp_path / "dvc"), "repro"], cwd=project)
    try:
        (project / module.LOCK).write_text('{"wri')
        (project / "dvc.lock").write_text("schema: [")
        while not module.is_dvc_process(running.pid):
            time.sleep(0.02)
        with pytest.raises(
            StorageError, match=rf"rwlock is damaged, and DVC is still running here \(process {running.pid}\)"
        ):
            repair(project)
        assert (project / module.LOCK).read_text() == '{"wri'
    finally:
        running.kill()
        running.wait()
    assert len(repair(project)) == 2


@pytest.mark.parametrize("content", [b"", b'{"pid": 1'], ids=["empty", "half an entry"])
@pytest.mark.quick_cases(1)
def test_an_empty_folder_of_the_run_cache(project: Path, content: bytes) -> None:
    """DVC makes the folder, then the entry. It crashes where it finds the folder alone."""
    (entry,) = (project / ".dvc" / "cache" / "runs").glob("*/*/*")
    entry.unlink()
    if content:
        (entry.parent / ".half.tmp").write_bytes(content)
    (project / "dvc.lock").unlink()
    if not content:
        assert dvc(project, "repro").returncode != 0, "DVC bears it now: repair need not look any more"
    (line,) = repair(project)
    assert line.endswith("runs: an empty folder of a DVC command that was killed removed")
    assert dvc(project, "repro").returncode == 0


def test_a_shared_cache_is_mended_only_where_nobody_can_be_writing(project: Path, tmp_path: Path) -> None:
    (project / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {tmp_path}/cache\n")
    fresh, old = (tmp_path / "cache" / "runs" / "ab" / ("ab" * 31 + k) for k in ("00", "11"))
    fresh.mkdir(parents=True)
    old.mkdir()
    long_ago = time.time() - 2 * module.SHARED_S
    os.utime(old, (long_ago, long_ago))
    assert len(repair(project)) == 1
    assert fresh.is_dir() and not old.exists()


@pytest.mark.slow
def test_a_cut_dvc_lock_is_set_aside_where_dvc_cannot_read_it(project: Path) -> None:
    whole = (project / "dvc.lock").read_text()
    aside = project / "dvc.lock.damaged"
    for at in range(len(whole)):
        (project / "dvc.lock").write_text(whole[:at])
        if lines := repair(project):
            assert "dvc.lock could not be read: set aside as dvc.lock.damaged" in lines[0]
            assert aside.read_text() == whole[:at]
            aside.unlink()
    for at in (0, whole.index("deps") + 2, whole.index("hash") + 5):
        (project / "dvc.lock").write_text(whole[:at])
        assert dvc(project, "repro").returncode != 0
        assert len(repair(project)) == 1
        assert dvc(project, "repro").returncode == 0
        assert (project / "dvc.lock").read_text() == whole


def test_the_command_says_what_it_did(project: Path) -> None:
    command = [sys.executable, "-m", "spikebridge.cli", "repair"]
    (project / module.LOCK).write_text("{")
    env = environment(project) | {"PYTHONPATH": str(Path(module.__file__).parents[2])}
    first, second = (
        subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False) for _ in range(2)
    )
    assert (first.returncode, first.stdout) == (0, "")
    assert first.stderr.startswith("spikebridge repair: .dvc/tmp/rwlock was cut off")
    assert (second.returncode, second.stderr) == (0, "")
