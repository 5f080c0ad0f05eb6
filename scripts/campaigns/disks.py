"""Stages on disks that are full, limited, read-only or forbidden: one clear line; with space, the result as before."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from campaigns.common import CLEAR, STAGE_LIMIT_S, WORKED, Ended, Lab, Result, Unit, child, unfinished

UNPRIVILEGED = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
)
SIZE = 96 << 20
"""Bytes of the small disk."""


def full_disk(lab: Lab, count: int) -> Iterator[Result]:
    """Where this user may mount (root on Linux), on a small disk. Elsewhere only with a limit on the file size."""
    rng = random.Random(lab.seed)
    with _disk(lab) as (project, mounted):
        ways: list[tuple[str, Callable[[Unit], Ended]]] = [("file size limited", partial(_limited, project, rng))]
        if not UNPRIVILEGED or shutil.which(UNPRIVILEGED[0]):
            ways.append(("folders without permission", partial(_forbidden, project)))
        if mounted:
            ways += [
                ("disk full", partial(_full, project, rng)),
                ("disk read-only", partial(_read_only, project)),
            ]
        pairs = [(unit, way) for unit in lab.units for way in ways]
        rng.shuffle(pairs)
        for k in range(count):
            yield _case(lab, project, *pairs[k % len(pairs)])


def _case(lab: Lab, project: Path, unit: Unit, way: tuple[str, Callable[[Unit], Ended]]) -> Result:
    begin = time.monotonic()
    lab.clear(unit, project)
    ended = way[1](unit)
    left = unfinished(project)
    again = child(unit.command(), project, STAGE_LIMIT_S)
    different = lab.differing(unit, project)
    lab.restore(unit, project)
    case = f"{unit.name}, {way[0]}"
    seconds = time.monotonic() - begin
    if again.outcome != WORKED or different or left:
        what = "not recovered" if again.outcome != WORKED else "differs" if different else "half written"
        return Result(case, what, False, f"{different or left} {ended.text[-800:]} {again.text[-800:]}", seconds)
    outcome = "there was enough space" if ended.outcome == WORKED else ended.outcome
    return Result(case, outcome, ended.outcome in {CLEAR, WORKED}, ended.text[-1500:], seconds)


def _limited(project: Path, rng: random.Random, unit: Unit) -> Ended:
    most = rng.choice([0, 512, 4096, 30_000])

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return child(unit.command(), project, STAGE_LIMIT_S, preexec_fn=limit)


def _full(project: Path, rng: random.Random, unit: Unit) -> Ended:
    filler = project.parent / "filler"
    room = rng.choice([0, 4096, 20_000, 100_000])
    with filler.open("wb") as handle:
        handle.write(b"\0" * max(0, shutil.disk_usage(project).free - room))
    try:
        return child(unit.command(), project, STAGE_LIMIT_S)
    finally:
        filler.unlink()


def _read_only(project: Path, unit: Unit) -> Ended:
    _mount("-o", "remount,ro", str(project.parent))
    try:
        return child(unit.command(), project, STAGE_LIMIT_S)
    finally:
        _mount("-o", "remount,rw", str(project.parent))


def _forbidden(project: Path, unit: Unit) -> Ended:
    """Folders that this user may only read, and no home. Root runs without its right to write everywhere."""
    closed = {(project / unit.target).parent, project / "mlruns", project / "runs" / "work"}
    modes = {
        p: p.stat().st_mode for top in closed if top.is_dir() for p in (top, *top.rglob("*")) if not p.is_symlink()
    }
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        home = {"HOME": "/nonexistent"}
        return child([*UNPRIVILEGED, *unit.command()], project, STAGE_LIMIT_S, variables=home)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@contextmanager
def _disk(lab: Lab) -> Iterator[tuple[Path, bool]]:
    """A copy of the small project on a small disk, or where that cannot be, the project itself."""
    assert lab.calm.is_dir()
    place = Path(tempfile.mkdtemp(prefix="disk", dir=lab.work))
    place.chmod(0o755)
    mounted = os.name == "posix" and os.geteuid() == 0
    mounted = mounted and not _mount("-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(place), check=False)
    try:
        if mounted:
            shutil.copytree(lab.project, place / "project", symlinks=True)
        yield (place / "project" if mounted else lab.project), mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=False)
        place.rmdir()


def _mount(*arguments: str, check: bool = True) -> int:
    if shutil.which("mount") is None:
        return 1
    return subprocess.run(["mount", *arguments], check=check, capture_output=True).returncode
