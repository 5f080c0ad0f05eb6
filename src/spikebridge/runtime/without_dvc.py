"""Runs stages of dvc.yaml one after the other, as DVC would, but without DVC: nothing is noted, nothing is left out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from spikebridge.errors import SpikebridgeError
from spikebridge.runtime.pipeline_run import end_processes, stage_environment
from spikebridge.runtime.warm_processes import warm_processes

PYTHON = "python"


class StageFailedError(SpikebridgeError):
    """A stage ended with an error of the user or the system; the text is what the stage printed of it."""


def stage_command(project: Path, name: str) -> list[str]:
    """Read the command of a stage.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml.
    name : str
        As DVC names the stage: tune@dnn.

    Returns
    -------
    list of str
        The words of the command.
    """
    stage, _, key = name.partition("@")
    entry = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    return str(entry.get("do", entry)["cmd"]).replace("${key}", key).split()


def run_stages(project: Path, names: Sequence[str], say: Callable[[str], None], detail: Callable[[str], None]) -> None:
    """Run stages in the given order, each in a new process (see `warm_processes`).

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml and params.yaml.
    names : sequence of str
        As DVC names them; each after those that it reads from.
    say : callable
        Called with one line before each stage.
    detail : callable
        Called with each line that a stage prints.

    Raises
    ------
    StageFailedError
        For a mistake of the user, a full disk or a missing permission, with the text of the stage.
    RuntimeError
        For any other error, which is a defect, with the traceback of the stage.
    """
    with warm_processes(project, stage_environment()) as (environment, servers):
        python = (servers and shutil.which(PYTHON, path=environment["PATH"])) or sys.executable
        for number, name in enumerate(names, 1):
            say(f"stage {number} of {len(names)}, {name}")
            command = [python if word == PYTHON else word for word in stage_command(project, name)]
            try:
                _run_stage(command, project, name, environment, detail)
            except KeyboardInterrupt:
                end_processes(*servers)
                raise


def _run_stage(
    command: Sequence[str], project: Path, name: str, environment: Mapping[str, str], detail: Callable[[str], None]
) -> None:
    process = subprocess.Popen(
        command, cwd=project, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    lines: list[str] = []
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            detail(lines[-1])
        code = process.wait()
    except BaseException:
        end_processes(process)
        raise
    if code == SpikebridgeError.exit_code:
        raise StageFailedError(_message(lines, name))
    if code:
        raise RuntimeError(f"the stage {name} ended with exit code {code}:\n" + "\n".join(lines[-60:]))


def _message(lines: Sequence[str], name: str) -> str:
    """What the stage printed last under its name, which may take several lines."""
    starts = [k for k, line in enumerate(lines) if re.match(rf"{re.escape(name)}: ", line)]
    return "\n".join(lines[starts[-1] :] if starts else lines[-1:])
