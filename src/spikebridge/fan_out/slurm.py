"""Job arrays of SLURM for one wave of jobs, where no Dask may run.

An array has one task a job, and at most as many as the site allows. The jobs of the next wave can be listed when these
have ended: a small batch job that depends on all arrays (`afterok`) collects their results, and submits the next wave
by the same command.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spikebridge.config import ClusterConfig, ComputeConfig
from spikebridge.errors import ConfigError
from spikebridge.fan_out.manifest import ARRAYS, write_manifest
from spikebridge.fan_out.one_job import Entry
from spikebridge.fan_out.stages import FanOutSections

DEFAULT_MAX_ARRAY = 1000
"""Tasks of an array: SLURM's own default limit is 1001."""
SBATCH = "sbatch"
NEXT = "next.sh"


@dataclass(frozen=True)
class Arrays:
    """The files of one wave.

    Parameters
    ----------
    folder : Path
        Where they lie, with the output of the batch jobs.
    scripts : list of Path
        One for each array.
    following : Path or None
        The script that goes on with the next wave; None after the last one.
    """

    folder: Path
    scripts: list[Path]
    following: Path | None

    def commands(self) -> Iterator[str]:
        """What submits them.

        Yields
        ------
        str
            Lines for a shell.
        """
        names = [f"array{k}" for k in range(1, len(self.scripts) + 1)]
        for name, script in zip(names, self.scripts, strict=True):
            yield f"{name}=$({SBATCH} --parsable {shlex.quote(str(script))})"
        if self.following is not None:
            yield f"{SBATCH} {_dependency([f'${name}' for name in names])} {shlex.quote(str(self.following))}"


def write_arrays(
    jobs: Sequence[Entry], sections: FanOutSections, max_array: int = DEFAULT_MAX_ARRAY, again: Sequence[str] = ()
) -> Arrays:
    """Write manifests and batch scripts.

    Parameters
    ----------
    jobs : sequence of Entry
        The jobs of a wave.
    sections : FanOutSections
        Of `compute.cluster` the options of batch jobs are taken, where its kind is slurm.
    max_array : int
        Most tasks of an array.
    again : sequence of str
        Words of the command that goes on with the next wave; none after the last wave.

    Returns
    -------
    Arrays
        In a new folder of runs/jobs/slurm.
    """
    if max_array < 1:
        raise ConfigError(f"--max-array: expected at least 1, got {max_array}")
    folder = ARRAYS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.mkdir(parents=True)
    scripts = []
    for number, start in enumerate(range(0, len(jobs), max_array), 1):
        part = jobs[start : start + max_array]
        manifest = folder / f"manifest-{number}.json"
        write_manifest(manifest, part, sections)
        word = ["work", str(manifest), "--index"]
        lines = [f"#SBATCH --array=0-{len(part) - 1}", f"#SBATCH --output={_place(folder)}/array-{number}-%a.out"]
        command = f'{_command(sections.compute, word)} "$SLURM_ARRAY_TASK_ID"'
        scripts.append(_write(folder / f"array-{number}.sh", sections.compute, lines, command))
    following = None
    if again:
        lines = [f"#SBATCH --output={_place(folder)}/next.out"]
        following = _write(folder / NEXT, sections.compute, lines, _command(sections.compute, again))
    return Arrays(folder, scripts, following)


def submit(arrays: Arrays) -> list[str]:
    """Submit the arrays of a wave, and the job that goes on after them.

    Parameters
    ----------
    arrays : Arrays
        The files.

    Returns
    -------
    list of str
        Numbers of the batch jobs, in the order of their submission.

    Raises
    ------
    ConfigError
        Where there is no SLURM, or where it refuses a job.
    """
    numbers = [_submitted(script) for script in arrays.scripts]
    if arrays.following is not None:
        numbers.append(_submitted(arrays.following, *_dependency(numbers).split()))
    return numbers


def _dependency(numbers: Sequence[str]) -> str:
    return f"--dependency=afterok:{':'.join(numbers)} --kill-on-invalid-dep=yes"


def _submitted(script: Path, *options: str) -> str:
    if shutil.which(SBATCH) is None:
        raise ConfigError(f"--submit needs the command {SBATCH}, which is not here: run it where jobs are submitted")
    command = [SBATCH, "--parsable", *options, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    number = done.stdout.strip().partition(";")[0]
    if done.returncode or not re.fullmatch(r"\d+", number):
        lines = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()
        raise ConfigError(f"{SBATCH} refused {script}: {lines[-1]}; look at compute.cluster and --max-array")
    return number


def _write(path: Path, compute: ComputeConfig, lines: Sequence[str], command: str) -> Path:
    cluster = compute.cluster if compute.cluster is not None and compute.cluster.kind == "slurm" else None
    head = ["#!/bin/sh", f"#SBATCH --job-name=spikebridge-{path.stem}", "#SBATCH --ntasks=1 --cpus-per-task=1"]
    options = list(_options(cluster)) if cluster else []
    prologue = list(cluster.prologue) if cluster else []
    text = [*head, *lines, *options, *prologue, f"cd {shlex.quote(str(Path.cwd()))} || exit 1", f"exec {command}"]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def _options(cluster: ClusterConfig) -> Iterator[str]:
    """Lines of a batch script: a task has one worker, so that it gets a worker's share of the memory."""
    for name, value in (("partition", cluster.queue), ("account", cluster.account), ("time", cluster.walltime)):
        if value:
            yield f"#SBATCH --{name}={value}"
    if cluster.memory:
        yield f"#SBATCH --mem={_memory(cluster.memory, cluster.cores)}"
    for directive in cluster.directives:
        yield f"#SBATCH {directive}"


def _memory(text: str, cores: int) -> str:
    """Such as 4000M of "32GB" and 8 cores."""
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if match is None:
        return text
    factor = {"": 1e-6, "K": 1e-3, "M": 1.0, "G": 1e3, "T": 1e6}[match[2].upper()]
    return f"{max(int(float(match[1]) * factor / cores), 1)}M"


def _command(compute: ComputeConfig, words: Sequence[str]) -> str:
    python = compute.cluster.python if compute.cluster is not None and compute.cluster.python else sys.executable
    return shlex.join([python, "-m", "spikebridge.cli", *words])


def _place(folder: Path) -> str:
    return str(folder.absolute()).replace("%", "%%")
