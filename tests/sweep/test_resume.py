"""The whole command with DVC: killed in the second pair, called again, then after changes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from project import dvc, environment
from three_regions import PARAMS

from spikebridge.artifacts.sweep import SweepResults
from spikebridge.errors import StorageError
from spikebridge.sweep.pipeline import reproduce

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
KEYS = ["A_B", "A_C", "B_A", "B_C", "C_A", "C_B"]


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "spikebridge.cli", "sweep", "--out", str(folder), "--no-log", *words]


def call(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a user calls it in the folder of the project; every pair that DVC starts is in stderr."""
    done = subprocess.run(
        command(Path("sweep"), *words), cwd=project, env=own_environment(), capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def own_environment() -> dict[str, str]:
    return environment(ROOT)


def started(text: str) -> list[str]:
    return [line.split("'")[1] for line in text.splitlines() if line.startswith("Running stage")]


def kill_in_second_pair(project: Path) -> None:
    """SIGKILL to the command, DVC and the stage, once the second pair has begun."""
    child = subprocess.Popen(
        command(Path("sweep"), "--params", "params.yaml"), cwd=project, env=own_environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert child.stderr is not None
    for line in child.stderr:
        if f"Running stage 'pair@{KEYS[1]}'" in line:
            time.sleep(1.0)
            break
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    """Pair -> inode and time of its table: what a second run would change."""
    paths = {path.name: path / "trials.parquet" for path in sorted((folder / "pairs").iterdir())}
    return {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in paths.items() if path.is_file()}


@pytest.fixture(scope="module")
def project(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that was killed in its second pair, inside a separate DVC project with Git."""
    folder = tmp_path_factory.mktemp("my projects") / "a study"
    shutil.copytree(raw, folder / "recordings")
    params = PARAMS | {"split": PARAMS["split"] | {"gap_s": 5.0}}  # the same gap for any choice of regions
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    dvc(folder, "init", "-q")
    (folder / "dvc.yaml").write_text("stages:\n  one: {cmd: echo 1}\n", encoding="utf-8")
    kill_in_second_pair(folder)
    return folder


def test_what_was_finished_is_not_run_again(project: Path) -> None:
    before = marks(project / "sweep")
    assert list(before) == [KEYS[0]]
    done = call(project)
    assert started(done.stderr) == [*(f"pair@{key}" for key in KEYS[1:]), "collect"]
    assert marks(project / "sweep")[KEYS[0]] == before[KEYS[0]]
    table = SweepResults(project / "sweep" / "results").read_pairs()
    claims = table[table["verdict_code"] == "source_predicts_target"]
    assert sorted(zip(claims["source"], claims["target"], strict=True)) == [("A", "B"), ("B", "A")]
    assert "The source predicts the target in 2 of 6 pairs" in done.stdout
    assert "Region D not used: at most 3 units in a recording" in done.stdout
    assert (project / "sweep" / "results" / "sweep.png").stat().st_size > 10_000
    assert started(call(project).stderr) == []


def test_only_what_depends_on_a_change_runs_again(project: Path) -> None:
    """Before and after, the other tests of this file find a finished sweep."""
    before = marks(project / "sweep")
    done = call(project, "--set", "statistics.alpha=0.001")
    assert started(done.stderr) == ["collect"]
    done = call(project, "--set", "statistics.alpha=0.05", "--regions", "A", "B")
    assert [stage for stage in started(done.stderr) if stage.startswith("pair")] == []
    assert {key: marks(project / "sweep")[key] for key in ("A_B", "B_A")} == {k: before[k] for k in ("A_B", "B_A")}
    assert sorted(marks(project / "sweep")) == ["A_B", "B_A"]
    table = SweepResults(project / "sweep" / "results").read_pairs()
    assert list(zip(table["source"], table["target"], strict=True)) == [("A", "B"), ("B", "A")]


def test_the_project_around_it_is_not_touched(project: Path) -> None:
    assert list(json.loads(dvc(project, "status", "--json").stdout)) in ([], ["one"])
    words = ["git", "ls-files", "-o", "--exclude-standard", "sweep"]
    names = subprocess.run(words, cwd=project, capture_output=True, text=True, check=True)
    kept = {name.partition("/")[2] for name in names.stdout.split()}
    assert {"dvc.yaml", "dvc.lock", "params.yaml", "results/sweep.csv", "results/sweep.png"} <= kept
    assert not [name for name in kept if name.startswith(("pairs", "prepared", "ingested", ".dvc/cache"))]


def test_a_failed_pair_leaves_the_others(tmp_path: Path) -> None:
    """Stages that only write or fail, run as those of a sweep are."""
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  pair:\n    foreach: [a, b, c]\n    do:\n      cmd: test ${item} != b && echo 1 > ${item}.txt\n"
        "      outs: ['${item}.txt']\n  collect:\n    cmd: echo 1 > all.txt\n    deps: [a.txt, b.txt]\n"
        "    outs: [all.txt]\n"
    )
    with pytest.raises(StorageError, match="a stage failed, see above"):
        reproduce(tmp_path, [], lambda _: None)
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["a.txt", "c.txt"]
