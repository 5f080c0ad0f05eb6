"""Stages as copies of a server with loaded libraries: they behave as new processes of Python do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from spikebridge.runtime import warm_processes as room
from spikebridge.runtime.pipeline_run import end_processes
from spikebridge.runtime.warm_processes import warm_processes

SCRIPT = """
import json, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor

import beside

def loaded(_):
    return "colorsys" in sys.modules

if __name__ == "__main__":
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool:
        of_worker = pool.submit(loaded, 0).result()
    print(json.dumps([sys.argv, os.getcwd(), os.environ.get("SETTING"), "colorsys" in sys.modules, of_worker]))
    print("a line on stderr", file=sys.stderr)
"""
WAITS = """
import sys, time
from pathlib import Path

Path("begun").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    Path("interrupted").touch()
    raise
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked from a server on Linux alone")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with scripts; the server loads one small library."""
    monkeypatch.setattr(room, "LIBRARIES", ("no_such_library", "colorsys"))
    folder = tmp_path / "my project"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "pipelines/beside.py").touch()
    (folder / "pipelines/stage.py").write_text(SCRIPT)
    (folder / "pipelines/waits.py").write_text(WAITS)
    return folder


@contextmanager
def server(folder: Path, **settings: str) -> Iterator[tuple[dict[str, str], list[subprocess.Popen[str]]]]:
    """The server, once it takes scripts."""
    with warm_processes(folder, {**os.environ, **settings}) as (environment, servers):
        wait_for(Path(environment["PATH"].partition(os.pathsep)[0]).parent / "socket")
        yield environment, servers


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def python(folder: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """As DVC runs the command of a stage."""
    return subprocess.run(
        " ".join(["python", *words]),
        cwd=folder,
        env=environment,
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_script_runs_as_in_a_new_process_but_with_libraries_loaded(project: Path) -> None:
    with server(project, SETTING="of the run") as (environment, _):
        time.sleep(0.5)
        warm = python(project, environment, "pipelines/stage.py", "one", "two")
    loaded = "false" if sys.version_info >= (3, 14) else "true"
    assert warm.stdout.strip() == (f'[["pipelines/stage.py", "one", "two"], "{project}", "of the run", true, {loaded}]')
    assert warm.stderr == "a line on stderr\n"
    assert warm.returncode == 0


@pytest.mark.parametrize(
    ("end", "code", "last_line"),
    [
        ("sys.exit(2)", 2, ""),
        ("sys.exit('a mistake')", 1, "a mistake"),
        ("sys.exit()", 0, ""),
        ("raise ValueError('a defect')", 1, "ValueError: a defect"),
        ("import atexit; atexit.register(print, 'the end', file=sys.stderr)", 0, "the end"),
    ],
)
def test_exit_codes_and_errors_are_those_of_python(project: Path, end: str, code: int, last_line: str) -> None:
    (project / "ends.py").write_text(f"import sys\n{end}\n")
    with server(project) as (environment, _):
        warm = python(project, environment, "ends.py")
    cold = python(project, {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}, "ends.py")
    assert warm.returncode == cold.returncode == code
    assert (warm.stderr.strip().splitlines() or [""])[-1] == (cold.stderr.strip().splitlines() or [""])[-1] == last_line


def test_a_stage_that_is_killed_has_failed(project: Path) -> None:
    (project / "ends.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with server(project) as (environment, _):
        assert python(project, environment, "ends.py").returncode == 128 + signal.SIGKILL


def test_every_script_reads_the_code_as_it_is_when_it_begins(project: Path) -> None:
    (project / "pipelines/reads.py").write_text("import beside\nprint(beside.value)\n")
    with server(project) as (environment, _):
        for value in (1, 22):
            (project / "pipelines/beside.py").write_text(f"value = {value}\n")
            assert python(project, environment, "pipelines/reads.py").stdout == f"{value}\n"


def test_other_commands_and_runs_without_a_server_are_those_of_python(project: Path) -> None:
    with server(project) as (environment, (process,)):
        assert python(project, environment, "-c", "'print(1)'").stdout == "1\n"
        process.kill()
        process.wait()
        cold = python(project, environment, "pipelines/stage.py")
        assert cold.returncode == 0
        assert cold.stdout.endswith(" null, false, false]\n")


def test_a_stage_ends_when_its_command_is_ended(project: Path) -> None:
    with server(project) as (environment, (process,)):
        command = subprocess.Popen(["python", "pipelines/waits.py"], cwd=project, env=environment)
        wait_for(project / "begun")
        below = psutil.Process(process.pid).children(recursive=True)
        command.kill()
        command.wait()
        _, left = psutil.wait_procs(below, timeout=20)
    assert below
    assert not left
    assert (project / "interrupted").exists()


def test_after_ctrl_c_stages_and_server_end(project: Path) -> None:
    with server(project) as (environment, (process,)):
        command = subprocess.Popen(
            "python pipelines/waits.py; true",
            shell=True,
            cwd=project,
            env=environment,
            text=True,
            start_new_session=True,
        )
        wait_for(project / "begun")
        below = psutil.Process(process.pid).children(recursive=True)
        end_processes(command, process)
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in below)
    assert (project / "interrupted").exists()


def test_the_server_ends_with_the_run(project: Path) -> None:
    with server(project) as (environment, (process,)):
        folder = Path(environment["PATH"].partition(os.pathsep)[0])
    assert process.returncode == 0
    assert not folder.exists()


def test_modules_are_compiled_once_a_run_where_python_writes_no_bytecode(project: Path) -> None:
    (project / "pipelines/reads.py").write_text("import beside\nprint(beside.__cached__)\n")
    with server(project, PYTHONDONTWRITEBYTECODE="1") as (environment, _):
        compiled = Path(python(project, environment, "pipelines/reads.py").stdout.strip())
        assert compiled.is_file()
        assert not compiled.is_relative_to(project)
    assert not compiled.exists()
    assert not list(project.rglob("*.pyc"))
