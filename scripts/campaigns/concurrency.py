"""Several processes at once: on a fresh store, in one stage, promoting, and from two clones."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import yaml
from project import environment

from campaigns.common import STAGE_LIMIT_S, WORKED, Lab, Result, outcome_of, remove

PUBLISH = [sys.executable, "-m", "spikebridge.cli", "publish"]


def concurrency(lab: Lab, count: int) -> Iterator[Result]:
    """The first `count` of the cases, each with what has to be true afterwards."""
    assert lab.calm.is_dir()
    cases: list[tuple[str, Callable[[Lab], list[str]]]] = [
        ("8 processes publish to a fresh store", _fresh_store),
        ("4 processes promote versions", _promotes),
        ("2 processes run each stage", _same_stage),
        ("2 clones publish to one store", _two_clones),
    ]
    for name, case in cases[: count or None]:
        begin = time.monotonic()
        wrong = case(lab)
        outcome = "nothing lost" if not wrong else "not as it should be"
        yield Result(name, outcome, not wrong, "; ".join(wrong), time.monotonic() - begin)


def _fresh_store(lab: Lab) -> list[str]:
    remove(lab.project / "mlruns" / "mlflow.db")
    remove(lab.project / "mlruns" / "artifacts")
    wrong = _at_once([(PUBLISH, lab.project)] * 8)
    return wrong + _store(lab.project / "mlruns" / "mlflow.db", executions=1, versions=1)


def _promotes(lab: Lab) -> list[str]:
    command = [sys.executable, "-m", "spikebridge.cli", "promote", "--version", "1", "--by", "A. Name", "--reason"]
    wrong = _at_once([([*command, f"test {k}"], lab.project) for k in range(4)], fine="is the champion already")
    wrong += _store(lab.project / "mlruns" / "mlflow.db", executions=1, versions=1)
    (alias,) = _rows(
        lab.project / "mlruns" / "mlflow.db", "select count(*) from registered_model_aliases where alias = 'champion'"
    )
    return wrong + ([] if alias == (1,) else [f"expected one champion, found {alias[0]}"])


def _same_stage(lab: Lab) -> list[str]:
    wrong = []
    for unit in lab.units[1:]:
        lab.clear(unit)
        wrong += _at_once([(unit.command(), lab.project)] * 2)
        wrong += [f"{unit.name} differs: {name}" for name in lab.differing(unit)]
        lab.restore(unit)
    return wrong


def _two_clones(lab: Lab) -> list[str]:
    shared = lab.work / "shared store"
    clones = []
    for k in range(2):
        clone = lab.work / f"clone{k}"
        remove(clone)
        shutil.copytree(lab.project, clone, symlinks=True)
        params = yaml.safe_load((clone / "params.yaml").read_text("utf-8"))
        params["tracking"]["uri"] = f"sqlite:///{shared / 'mlflow.db'}"
        (clone / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
        clones.append(clone)
    remove(shared)
    wrong = _at_once([(PUBLISH, clone) for clone in clones for _ in range(2)])
    return wrong + _store(shared / "mlflow.db", executions=1, versions=1)


def _at_once(commands: list[tuple[list[str], Path]], fine: str = "") -> list[str]:
    """Run commands at the same time; one line for each that did not work. fine: words of a refusal that is right."""
    running = [
        subprocess.Popen(
            command, cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )
        for command, folder in commands
    ]  # fmt: skip
    wrong = []
    for process in running:
        text = process.communicate(timeout=2 * STAGE_LIMIT_S)[0]
        outcome = outcome_of(process.returncode, text)
        held = outcome == WORKED or (fine and fine in text)
        wrong += [] if held else [f"{outcome}, exit code {process.returncode}: {text[:300]} ... {text[-300:]}"]
    return wrong


def _store(database: Path, executions: int, versions: int) -> list[str]:
    """What a store should hold: runs of the pipeline without a parent, registered versions, nothing still running."""
    asked = {
        "executions": (
            "select count(*) from runs where lifecycle_stage = 'active' and run_uuid not in (select run_uuid from tags "
            "where key = 'mlflow.parentRunId')",
            executions,
        ),
        "versions": ("select count(*) from model_versions", versions),
        "running": ("select count(*) from runs where status = 'RUNNING'", 0),
    }
    counts = {name: _rows(database, query)[0][0] for name, (query, _) in asked.items()}
    return [f"expected {n} {name}, found {counts[name]}" for name, (_, n) in asked.items() if counts[name] != n]


def _rows(database: Path, query: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()
