"""The folder of a sweep as a separate DVC project: one stage for each ordered pair, so that a sweep is resumable.

The project is independent of one that it may lie in: that one's `dvc repro` does not run it, and its Git repository
gets a .gitignore for everything that is large. DVC notes each finished stage in dvc.lock; what is not noted runs in the
next call. Stages depend on code/<stage>, the digest of the code that they run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from spikebridge.artifacts.sweep import CODE, INGESTED, PAIRS, PREPARED, SPLITS, WORK
from spikebridge.artifacts.sweep_plan import Pair, SweepPlan
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.errors import DataError, StorageError
from spikebridge.runtime.hashing import source_hash
from spikebridge.runtime.repair import repair
from spikebridge.runtime.stage import remove
from spikebridge.runtime.stage_inputs import is_unfinished

MODULES = {
    "ingest": "spikebridge.sweep.prepare",
    "prepare": "spikebridge.sweep.prepare",
    "pair": "spikebridge.sweep.pair",
    "collect": "spikebridge.sweep.collect",
}
"""Stage -> the module that it runs."""
GRACE_S = 20.0
"""Time that DVC has to end after Ctrl-C, seconds."""
STDERR = 2
"""File descriptor of what DVC and the stages print: the standard output is for the result."""
IGNORED = (INGESTED, PREPARED, PAIRS, WORK, CODE, TRAINING_FOLDER.parent, Path(".dvc"), Path(".sweep.lock"))
HEAD = """# Written by `spikebridge sweep`, which rewrites it; the settings are in params.yaml.
# `dvc repro` in this folder runs what is out of date. After a new version of spikebridge, or for other regions, call
# `spikebridge sweep` again.
stages:
  ingest:
    desc: recordings of any format, with all of their regions
    cmd: python -m spikebridge.sweep ingest
    deps:
      - ${data.path}
      - code/ingest
    params: [data, quality, sweep.regions, trials]
    outs:
      - ingested:
          persist: true       # a recording that did not change is taken over, not read again

  prepare:
    desc: the pairs; windows of every region; folds, the same for all pairs
    cmd: python -m spikebridge.sweep prepare
    deps: [ingested, code/prepare]
    params: [bins, data, quality, split, sweep.min_recordings, sweep.min_units, sweep.regions, trials]
    outs: [prepared]
"""
PAIR_STAGES = """
  pair:
    foreach:
{pairs}
    do:
      desc: tuned on inner folds, fitted and scored on outer ones
      cmd: python -m spikebridge.sweep pair ${{key}}
      deps:
        - prepared/{splits}
        - prepared/windows/${{item.source}}
        - prepared/windows/${{item.target}}
        - code/pair
      params: [baseline, compute.device, {model}, seed, sweep.model, tune]
      outs: ["pairs/${{key}}"]

  collect:
    desc: intervals, tests, false discovery rate, tables and figure
    cmd: python -m spikebridge.sweep collect
    deps: [pairs, prepared/plan.json, code/collect]
    params: [seed, statistics]
    outs:
      - results:
          cache: false
"""


def write_pipeline(folder: Path, model: str) -> None:
    """Write dvc.yaml, with a stage for every pair of the plan where there is a plan, and the digests of the code.

    Parameters
    ----------
    folder : Path
        The folder of the sweep; its params.yaml is there.
    model : str
        The translator.
    """
    text = HEAD
    plan = read_plan(folder)
    if plan is not None:
        entries = "\n".join(f"      {_entry(pair, plan)}" for pair in plan.pairs)
        text += PAIR_STAGES.format(pairs=entries, splits=SPLITS, model=json.dumps(f"models.{model}"))
        for old in (folder / PAIRS).glob("*"):
            if old.name not in {pair.key for pair in plan.pairs} and not is_unfinished(old.name):
                remove(old)
    _write(folder / "dvc.yaml", text)
    for stage, module in MODULES.items():
        _write(folder / CODE / stage, source_hash(module, names=[model]) + "\n")
    _write(folder / ".gitignore", "".join(f"/{path.as_posix()}\n" for path in IGNORED))
    _write(folder / ".dvcignore", "*.partial\n__pycache__\n")


def _entry(pair: Pair, plan: SweepPlan) -> str:
    """In JSON, so that no name is read as a number or a truth value."""
    folders = {"source": plan.folders[pair.source], "target": plan.folders[pair.target]}
    return f"{json.dumps(pair.key)}: {json.dumps(folders)}"


def _write(path: Path, text: str) -> None:
    """Replace the file, if its content differs."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.partial")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def read_plan(folder: Path) -> SweepPlan | None:
    """The plan of a sweep; None where the stage prepare has not run, or its result cannot be read."""
    try:
        return SweepPlan.read(folder / PREPARED)
    except DataError:
        return None


def reproduce(folder: Path, stages: Sequence[str], say: Callable[[str], None]) -> None:
    """Run what is out of date; a failed pair does not stop the others.

    Parameters
    ----------
    folder : Path
        The folder of the sweep, with its dvc.yaml.
    stages : sequence of str
        The stages that are wanted; none: all.
    say : callable
        Called with one line for each repair of a file that a killed DVC command left damaged.

    Raises
    ------
    StorageError
        Where a stage failed; its own message has been printed.
    """
    if not (folder / ".dvc").is_dir():
        _dvc(folder, "init", "--no-scm", "--quiet")
    for line in repair(folder.resolve()):
        say(f"repaired: {line}")
    if _dvc(folder, "repro", "--keep-going", *stages):
        raise StorageError(
            f"{folder}: a stage failed, see above. What has finished is kept: the same command goes on from there"
        )


def _dvc(folder: Path, *words: str) -> int:
    """The exit code of a DVC command. The interpreter that runs here is the one that the stages find."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", *words]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=STDERR)
    try:
        return process.wait()
    except KeyboardInterrupt:  # the stage and DVC have got it too: they end by themselves, and DVC frees its locks
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        raise
    finally:
        process.kill()  # nothing to do where it has ended
