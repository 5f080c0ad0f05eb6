"""SIGKILL at random times, of stages and of `dvc repro` with nothing to do."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from project import environment

from campaigns.common import STAGE_LIMIT_S, WORKED, Lab, Result, Unit, child, kill_group, unfinished

REPAIR = [sys.executable, "-m", "spikebridge.cli", "repair"]


def kills(lab: Lab, count: int) -> Iterator[Result]:
    """Kill stages, one after the other, half of them without their worker processes, and run each again."""
    rng = random.Random(lab.seed)
    calm, durations = lab.calm, lab.durations
    assert calm.is_dir()
    for k in range(count):
        yield _kill(lab, lab.units[k % len(lab.units)], durations, rng, whole=k // len(lab.units) % 2 == 0)


def _kill(lab: Lab, unit: Unit, durations: dict[str, float], rng: random.Random, whole: bool) -> Result:
    begin = time.monotonic()
    killed, at = False, 0.0
    while not killed:  # a stage that had ended already was not killed: its time is corrected, and it begins again
        lab.clear(unit)
        at = rng.uniform(0.02, 1.0) * durations[unit.name]
        killed = killed_after(unit.command(), lab.project, at, whole)
        if not killed:
            durations[unit.name] = at
    case = f"{unit.name} after {at:.2f} s, {'its group' if whole else 'it alone'}"
    half = (lab.project / unit.target).exists() and lab.differing(unit)
    again = child(unit.command(), lab.project, STAGE_LIMIT_S)
    different = lab.differing(unit)
    left = unfinished(lab.project)
    seconds = time.monotonic() - begin
    if not (half or different or left) and again.outcome == WORKED:
        return Result(case, "resumed byte for byte", True, "", seconds)
    lab.restore(unit)
    for name in left:
        (lab.project / name).rename(lab.work / f"left-{time.time_ns()}")
    what = "half written" if half else f"not resumed: {again.outcome}" if again.outcome != WORKED else "differs"
    return Result(case, what, False, f"{half or different or left} {again.text[-1500:]}", seconds)


def idle_kills(lab: Lab, count: int) -> Iterator[Result]:
    """Kill `dvc repro` when all is up to date; then mend, then run it again."""
    rng = random.Random(lab.seed)
    first = child(lab.repro, lab.project, STAGE_LIMIT_S)
    kept = (lab.project / "dvc.lock").read_bytes()
    for _ in range(count):
        at = rng.uniform(0.1, 1.0) * first.seconds
        begin = time.monotonic()
        killed_after(lab.repro, lab.project, at, whole=True)
        mended = child(REPAIR, lab.project)
        again = child(lab.repro, lab.project, STAGE_LIMIT_S)
        same = (lab.project / "dvc.lock").read_bytes() == kept
        held = mended.outcome == again.outcome == WORKED and same
        outcome = "mended, then as before" if mended.text.strip() else "as before"
        if not held:
            outcome = "dvc.lock differs" if not same else f"repair: {mended.outcome}, dvc repro: {again.outcome}"
        detail = mended.text + ("" if held else again.text)
        yield Result(f"dvc repro after {at:.2f} s", outcome, held, detail, time.monotonic() - begin)


def killed_after(command: list[str], folder: Path, seconds: float, whole: bool) -> bool:
    """Run a command and kill it after some time, with its group or alone; whether it was still running."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        if whole:
            kill_group(process)
        else:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        return True
