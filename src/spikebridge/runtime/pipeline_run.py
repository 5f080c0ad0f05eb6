"""One run of the pipeline by DVC: a line of progress before each stage, and an end within seconds of Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from spikebridge.errors import ConfigError
from spikebridge.runtime.stage_times import read_seconds
from spikebridge.runtime.warm_processes import warm_processes

STARTED = re.compile(r"^Running stage '(?:[^']*:)?([^':]+)':")
UNCHANGED = re.compile(r"^Stage '(?:[^']*:)?([^':]+)' (?:didn't change|is cached)")
SIMULATE = "simulate"
GRACE_S = 3.0
"""Time that DVC and its stage have to end by themselves after Ctrl-C, seconds."""


class InterruptedRunError(Exception):
    """Ctrl-C ended a run of the pipeline; the text names the stage that was cut off."""


def stage_names(project: Path) -> list[str]:
    """Name the stages of dvc.yaml as DVC does: `foreach: ${models}` makes one a model.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml and params.yaml.

    Returns
    -------
    list of str
        In the order of dvc.yaml. `simulate` is left out where `data.path` is not what it writes.

    Raises
    ------
    ConfigError
        Where one of the two files cannot be read.
    """
    pipeline, params = _yaml(project / "dvc.yaml"), _yaml(project / "params.yaml")
    names: list[str] = []
    for name, stage in pipeline.get("stages", {}).items():
        if section := str(stage.get("foreach", "")).removeprefix("${").removesuffix("}"):
            names += [f"{name}@{key}" for key in params.get(section) or {}]
        else:
            names.append(name)
    written = [str(out) for out in pipeline.get("stages", {}).get(SIMULATE, {}).get("outs", [])]
    path = str((params.get("data") or {}).get("path", "")).rstrip("/")
    return [name for name in names if name != SIMULATE or path in written]


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file, so no project is here; `spikebridge init my_study` makes one"
        ) from None
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected sections, found {type(content).__name__}")
    return content


@dataclass
class Progress:
    """Which stage runs, and how long the rest will take.

    Parameters
    ----------
    names : sequence of str
        All stages of the run.
    earlier : mapping
        Stage -> seconds that it took in an earlier run. A stage that has no earlier time is expected to take as long
        as the mean of those that have ended in this run.
    unchanged : set of str
        Stages that DVC left alone in this run.
    ended : dict
        Stage -> seconds that it took in this run.
    running : str
        The stage that runs; empty between two stages.
    """

    names: Sequence[str]
    earlier: Mapping[str, float]
    unchanged: set[str] = field(default_factory=set)
    ended: dict[str, float] = field(default_factory=dict)
    running: str = ""

    def begins(self, stage: str, seconds: float) -> str:
        """Note that a stage begins and that the one before has ended.

        Parameters
        ----------
        stage : str
            The stage that begins.
        seconds : float
            Time of the stage before.

        Returns
        -------
        str
            The line to show; see `line`.
        """
        self.ends(seconds)
        self.running = stage
        return self.line()

    def ends(self, seconds: float) -> None:
        """Note that the running stage, if there is one, has ended.

        Parameters
        ----------
        seconds : float
            Its time.
        """
        if self.running:
            self.ended[self.running] = seconds
        self.running = ""

    def line(self) -> str:
        """Say which stage runs.

        Returns
        -------
        str
            For example: stage 6 of 23, tune@dnn, about 4 min left.
        """
        number = len(self.ended) + len(self.unchanged) + 1
        return f"stage {number} of {max(len(self.names), number)}, {self.running}{self._left()}"

    def _left(self) -> str:
        rest = [n for n in self.names if n not in self.ended and n not in self.unchanged]
        known = list(self.ended.values()) or list(self.earlier.values())
        if not known or not rest:
            return ""
        mean = sum(known) / len(known)
        seconds = sum(self.earlier.get(name, mean) for name in rest)
        return f", about {_rounded(seconds)} left"


def _rounded(seconds: float) -> str:
    return f"{max(10 * round(seconds / 10), 10):.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def reproduce(project: Path, say: Callable[[str], None], stages: Sequence[str] = ()) -> int:
    """Run `dvc repro` with a line of progress before each stage.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml. `simulate` is left out where `data.path` is not what it writes.
    say : callable
        Called with each line: those of DVC and of its stages, and the lines of progress.
    stages : sequence of str
        The stages that are wanted, with those that they depend on; none: all.

    Returns
    -------
    int
        The exit code of DVC.

    Raises
    ------
    ConfigError
        Where dvc.yaml or params.yaml cannot be read.
    InterruptedRunError
        After Ctrl-C. DVC and all processes below it have ended.
    """
    names = list(stages) or stage_names(project)
    progress = Progress(names, read_seconds(project))
    targets = [] if SIMULATE in names and not stages else names
    with warm_processes(project, stage_environment()) as (environment, servers):
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "dvc", "repro", *targets],
            cwd=project, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        begun = time.monotonic()
        try:
            for line in process.stdout or ():
                if (match := UNCHANGED.match(line)) and match[1] in names:
                    progress.unchanged.add(match[1])
                elif match := STARTED.match(line):
                    say(progress.begins(match[1], time.monotonic() - begun))
                    begun = time.monotonic()
                say(line.rstrip("\n"))
            return process.wait()
        except KeyboardInterrupt:
            end_processes(process, *servers)
            cut = f"in the stage {progress.running}" if progress.running else "between two stages"
            raise InterruptedRunError(f"interrupted {cut}; what had ended is kept") from None


def stage_environment() -> dict[str, str]:
    """Take the environment of this process, with its interpreter first on the path, so that the stages find it.

    Returns
    -------
    dict of str to str
        For a new process.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1"}


def end_processes(*processes: subprocess.Popen[str]) -> None:
    """Interrupt processes and those below them, wait GRACE_S, then kill those that are left.

    Parameters
    ----------
    *processes : Popen
        DVC, a stage, or the server of warm processes.
    """
    import psutil

    family = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(process.pid)
            family += [*top.children(recursive=True), top]
    for signal_number in (signal.SIGINT, signal.SIGKILL):
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(signal_number)
        _, family = psutil.wait_procs(family, timeout=GRACE_S)
