"""A small project that has run once undisturbed, and children under limits of time and memory."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from project import ROOT, copy_project, environment, parameters

TINY: dict[str, Any] = {
    "simulate": {"n_recordings": 2, "n_trials": 30, "n_source_units": [8, 8], "n_target_units": [6, 6]},
    "split": {"n_outer_folds": 2},
    "models": {
        "seq2seq": {"max_epochs": 2, "hidden_size": 8, "batch_size": 64, "n_members": 1, "n_readout_trees": 5},
        "ridge": {},
        "majority": {},
    },
    "tune": {"n_trials": 2, "n_startup_trials": 1, "max_epochs": 1},
    "statistics": {"n_resamples": 100},
    "analysis": {"n_folds": 1, "max_epochs": 1, "analyses": ["direction"]},
    "compute": {"workers": 1, "device": "cpu"},
}
"""The smallest project in which every stage has something to do."""
LIMIT_S, LIMIT_BYTES = 60.0, 2 << 30
STAGE_LIMIT_S = 300.0
CLEAR, WORKED, TRACEBACK, SIGNAL, HANG, MEMORY = "one clear line", "worked", "traceback", "signal", "hang", "memory"
OTHER = "neither result nor error"


@dataclass(frozen=True)
class Result:
    """One case: held says whether it ended as it should."""

    case: str
    outcome: str
    held: bool
    detail: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Ended:
    """A child that has ended: outcome is one of the words above."""

    outcome: str
    code: int
    text: str
    seconds: float


@dataclass(frozen=True)
class Unit:
    """One stage of the small project. target: its result; left_out: files that hold times or paths of the run."""

    script: str
    argument: str
    target: str
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.script}@{self.argument}" if self.argument else self.script

    def command(self) -> list[str]:
        return [sys.executable, f"pipelines/{self.script}.py", *([self.argument] if self.argument else [])]


UNITS = [
    Unit("simulate", "", "data/simulated", (".nwb",)),  # NWB files hold random object ids
    Unit("ingest", "", "data/ingested"),
    Unit("preprocess", "", "data/windows"),
    Unit("split", "", "data/splits.json"),
    Unit("model_code", "", "runs/model_code"),
    *(Unit("tune", m, f"runs/tune/{m}", (".db",)) for m in TINY["models"]),
    *(Unit("train", m, f"runs/train/{m}") for m in TINY["models"]),
    Unit("analyze", "", "runs/analysis"),
    Unit("nested_models", "", "runs/nested_models"),
    Unit("evaluate", "", "reports/evaluation"),
    Unit("figures", "", "reports/figures"),
    Unit("report", "", "reports/report", (".html",)),  # pages have the times of stages
    Unit("register", "", "reports/registration.json"),
]
KEPT = {"ingest", "preprocess"}
"""Stages whose last result DVC leaves in place when they run again."""


class Lab:
    """The small project, made when first asked for, with a copy of its results.

    goal: the last stage of a shorter pipeline; empty: all stages.
    """

    def __init__(self, work: Path, seed: int, say: Callable[[str], None], goal: str = "") -> None:
        self.work, self.seed, self.say, self.goal = Path(work), seed, say, goal
        names = [unit.script for unit in UNITS]
        self.units = UNITS[: names.index(goal) + 1] if goal else UNITS
        self.repro = [sys.executable, "-m", "dvc", "repro", *([goal] if goal else [])]

    @cached_property
    def project(self) -> Path:
        """The project after one undisturbed run."""
        target = self.work / "project"
        if not target.is_dir():
            begin = time.monotonic()
            copy_project(target, parameters(ROOT / "params.yaml", **TINY))
            self.must(target, *self.repro)
            self.say(f"small project: {time.monotonic() - begin:.0f} s")
        return target

    @cached_property
    def calm(self) -> Path:
        """A copy of the undisturbed results."""
        target = self.work / "calm"
        if not target.is_dir():
            for name in ("data", "runs", "reports", "mlruns"):
                if (self.project / name).is_dir():
                    shutil.copytree(self.project / name, target / name)
        return target

    @cached_property
    def durations(self) -> dict[str, float]:
        """Seconds of every stage, undisturbed."""
        seconds = {}
        for unit in self.units:
            self.clear(unit)
            seconds[unit.name] = child(unit.command(), self.project, STAGE_LIMIT_S).seconds
            self.restore(unit)
        return seconds

    def must(self, project: Path, *command: str) -> None:
        done = subprocess.run(
            command, cwd=project, env=environment(project), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")

    def clear(self, unit: Unit, project: Path | None = None) -> None:
        """What DVC does before it runs a stage: the last result goes."""
        if unit.script not in KEPT:
            remove((project or self.project) / unit.target)

    def restore(self, unit: Unit, project: Path | None = None) -> None:
        target, kept = (project or self.project) / unit.target, self.calm / unit.target
        remove(target)
        (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, target)

    def differing(self, unit: Unit, project: Path | None = None) -> list[str]:
        """Files of a stage's result that are not as in the undisturbed run."""
        now, then = content((project or self.project) / unit.target, unit), content(self.calm / unit.target, unit)
        return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))


def content(path: Path, unit: Unit) -> dict[str, str]:
    """Digest of every file by its name; of those that hold times or ids, only that they are there."""
    if unit.script == "register":
        about = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        return {key: json.dumps(about.get(key), sort_keys=True) for key in ("model", "name", "gates", "fingerprint")}
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {p.relative_to(path.parent).as_posix(): "" if p.name.endswith(unit.left_out) else digest(p) for p in files}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unfinished(project: Path) -> list[str]:
    """Results that were left half written."""
    return sorted(
        p.relative_to(project).as_posix()
        for top in ("data", "runs", "reports", "mlruns")
        for p in (project / top).rglob("*.partial")
    )


def child(
    command: Sequence[str],
    folder: Path,
    limit_s: float = LIMIT_S,
    memory: int | None = None,
    variables: Mapping[str, str] | None = None,
    **options: Any,
) -> Ended:
    """Run a command with limits; how it ended.

    limit_s: of processor time, and three times as much of the clock's, since other programs may take the processor.
    memory: bytes. Both are of all its processes together.
    """
    begin = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env={**environment(folder), **(variables or {})}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **options,
    )  # fmt: skip
    chunks: list[bytes] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: chunks.append(process.stdout.read()), daemon=True)  # type: ignore[union-attr]
    reader.start()
    stopped = _watch(process, limit_s, memory)
    reader.join(timeout=10)
    text = b"".join(chunks).decode(errors="replace")
    return Ended(
        stopped or outcome_of(process.returncode, text), process.returncode, text[-4000:], time.monotonic() - begin
    )


def _watch(process: subprocess.Popen[bytes], limit_s: float, memory: int | None) -> str:
    """Wait for the end; end it where it passes a limit, and say which."""
    end = time.monotonic() + 3 * limit_s
    while True:
        try:
            process.wait(timeout=0.2)
            return ""
        except subprocess.TimeoutExpired:
            seconds, held = used(process.pid)
            late = seconds > limit_s or time.monotonic() > end
            over = HANG if late else MEMORY if memory and held > memory else ""
            if over:
                kill_group(process)
                return over


def used(pid: int) -> tuple[float, int]:
    """Processor time (s) that a process and its children took, and bytes of memory that they hold."""
    seconds, held = 0.0, 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        ended = parent.cpu_times()
        seconds += ended.children_user + ended.children_system
        for process in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                seconds, held = seconds + times.user + times.system, held + process.memory_info().rss
    return seconds, held


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a child that leads a group, and to everything in the group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def outcome_of(code: int, text: str) -> str:
    if code < 0:
        return SIGNAL
    if "Traceback (most recent call last)" in text:
        return TRACEBACK
    if code == 0:
        return WORKED
    return CLEAR if code == 2 and text.strip() else OTHER


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
