"""A stored result is taken where all that it depends on is the same, and nowhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from fan_out_jobs import listed, ran, tasks
from project import ROOT

from spikebridge.fan_out.one_job import run_and_store
from spikebridge.runtime import job_lists, job_store
from spikebridge.runtime.job_lists import RESULTS, JobList


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ignore(_: object) -> None:
    pass


def run(jobs: JobList) -> list[dict[str, object]]:
    """As a stage runs them."""
    Path("out").mkdir(exist_ok=True)
    return job_lists.results(jobs, 1, ignore)


def store_all(folder: Path, *texts: str) -> JobList:
    for job in listed(folder, *texts):
        assert run_and_store(job, ignore)
    return tasks(folder, *texts)


def test_without_stored_results_a_stage_runs_its_jobs(tmp_path: Path) -> None:
    assert run(tasks(tmp_path, "a", "b")) == [{"text": "a", "number": 0}, {"text": "b", "number": 1}]
    assert ran(tmp_path) == [0, 1]
    assert not RESULTS.exists()


def test_a_stage_takes_stored_results_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = store_all(tmp_path, "a", "b")
    assert run(jobs) == [{"text": "a", "number": 0}, {"text": "b", "number": 1}]
    assert ran(tmp_path) == [0, 1]
    assert (tmp_path / "out" / "1.txt").read_text() == "written by 1"
    assert "tasks: 2 of 2 results taken from runs/jobs/results" in capsys.readouterr().err


def test_a_stage_runs_what_is_missing_alone(tmp_path: Path) -> None:
    jobs = store_all(tmp_path, "a", "b", "c")
    (RESULTS / job_store.fingerprint(jobs, 1).key).unlink()
    assert [result["number"] for result in run(jobs)] == [0, 1, 2]
    assert ran(tmp_path) == [0, 1, 2, 1]


def test_a_change_of_the_data_or_of_an_argument_runs_the_job_again(tmp_path: Path) -> None:
    jobs = store_all(tmp_path, "a", "b")
    (tmp_path / "data1").write_text("c")
    assert run(jobs)[1] == {"text": "c", "number": 1}
    assert ran(tmp_path) == [0, 1, 1]
    assert run(replace(jobs, jobs=[replace(job, number=job.number + 5) for job in jobs.jobs]))[0]["number"] == 5
    assert ran(tmp_path) == [0, 1, 1, 5, 6]


def test_where_a_project_lies_and_what_a_job_writes_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    first = tasks(tmp_path / "first", "a")
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    moved = replace(first.jobs[0], data=tmp_path / "second" / "data0", out=Path("elsewhere"))
    second = replace(first, jobs=[moved])
    assert job_store.fingerprint(first, 0) == job_store.fingerprint(second, 0)
    (tmp_path / "second" / "data0").unlink()
    changed = job_store.fingerprint(second, 0)
    assert changed.differences(job_store.fingerprint(first, 0)) == ["parameters or data"]


def test_every_file_of_a_folder_counts(tmp_path: Path) -> None:
    folder = tmp_path / "data0"
    jobs = tasks(tmp_path, "a")
    folder.unlink()
    keys = {job_store.fingerprint(jobs, 0).key}
    for change in (
        lambda: (folder / "in").mkdir(parents=True),
        lambda: (folder / "in" / "x").write_text("1"),
        lambda: (folder / "in" / "x").write_text("2"),
        lambda: (folder / "in" / "x").rename(folder / "y"),
    ):
        change()
        keys.add(job_store.fingerprint(jobs, 0).key)
    assert len(keys) == 5
    (folder / ".y.partial").write_text("unfinished")
    assert job_store.fingerprint(jobs, 0).key in keys


PRINTED = """
import sys
from pathlib import Path
import fan_out_jobs
from spikebridge.fitting.tuning import run_study
from spikebridge.runtime import job_store, same_software, source_code
from spikebridge.runtime.job_lists import JobList

def key():
    for known in (source_code.own_source, source_code.parsed, job_store._reached, job_store._software):
        known.cache_clear()  # as in a new process
    task = fan_out_jobs.Task(0, Path("data"), "", Path("out"))
    return job_store.fingerprint(JobList("tune@ridge", run_study, [task], ["fold 0"], models=["ridge"]), 0).key

print(key())
for name in sys.argv[1:]:
    with (source_code.OWN / name).open("a") as file:
        file.write("\\n# another version\\n")
    print(key())
versions = same_software.libraries() | {"numpy": "0.0.1"}
same_software.libraries = lambda: versions
print(key())
"""


def test_a_change_of_code_or_packages_changes_the_fingerprint(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    path = os.pathsep.join([str(tmp_path / "src"), str(ROOT / "tests" / "support")])
    files = {
        "models/ridge.py": True,
        "runtime/seeds.py": True,  # what the function imports
        "models/dnn.py": False,  # another model
        "errors/messages.py": False,  # the wording of messages
    }
    command = [sys.executable, "-c", PRINTED, *files]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    keys = done.stdout.split()
    changes = [after != before for before, after in pairwise(keys)]
    assert changes == [*files.values(), True]


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    place = len(content) - 40
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [truncate, flip, lambda _: b"", lambda c: c[:30] + c[31:]],
                         ids=["truncated", "flipped", "empty", "head"])  # fmt: skip
def test_a_damaged_result_runs_again(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: object) -> None:
    jobs = store_all(tmp_path, "a")
    path = RESULTS / job_store.fingerprint(jobs, 0).key
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    assert run(jobs) == [{"text": "a", "number": 0}]
    assert ran(tmp_path) == [0, 0]
    assert "is damaged" in capsys.readouterr().err
    assert not path.exists()


def test_the_same_result_has_the_same_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    jobs = store_all(tmp_path, "a")
    (path,) = RESULTS.iterdir()
    before = path.read_bytes()
    path.unlink()
    store_all(tmp_path, "a")
    assert list(RESULTS.iterdir()) == [RESULTS / job_store.fingerprint(jobs, 0).key]
    assert path.read_bytes() == before


def test_a_result_that_cannot_be_stored_leaves_nothing() -> None:
    with pytest.raises(TypeError, match="cannot be stored"):
        job_store.store("0" * 32, {"value": {1, 2}}, {})
    assert not list(Path().rglob("0*"))


def test_inputs_that_change_while_a_job_runs_are_not_stored(tmp_path: Path) -> None:
    (job,) = listed(tmp_path, "change")
    assert not run_and_store(job, ignore)
    assert "parameters or data changed while the job ran" in job.log.read_text()
    assert not list(RESULTS.glob("*"))
