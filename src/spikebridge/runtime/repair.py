"""Repair DVC's own files after a process was killed, so that the next `dvc` command works.

DVC rewrites some files in place. A kill during this leaves a file truncated, and every later command fails. A file is
repaired only if no running DVC process of the project can be using it, and the repair is reported. Only files that can
be recreated are deleted. The file layout is that of DVC 3.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml

from spikebridge.errors import StorageError

LOCK, GUARD = Path(".dvc") / "tmp" / "rwlock", Path(".dvc") / "tmp" / "rwlock.lock"
RESULTS = Path("dvc.lock")
DAMAGED = ".damaged"
SHARED_S = 3600.0
"""Age (s) after which an empty folder in a cache outside the project is removed. Other projects write there too."""
WAIT_S = 10.0


def repair(folder: Path) -> list[str]:
    """Repair the files of DVC in the project that contains a folder.

    Parameters
    ----------
    folder : Path
        Any folder of the project.

    Returns
    -------
    list of str
        One line for each repair; empty if nothing was damaged, or if the folder lies in no project.

    Raises
    ------
    StorageError
        If a running DVC process still uses a damaged file.
    """
    project = next((p for p in (folder, *folder.absolute().parents) if (p / ".dvc").is_dir()), None)
    if project is None:
        return []
    return [*_lock(project), *_results(project), *_run_cache(project)]


def _lock(project: Path) -> list[str]:
    """DVC's list of files in use by processes: remove it if truncated, else remove the entries of dead processes."""
    path = project / LOCK
    if not path.is_file():
        return []
    with _guarded(project):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        claims = _claims(text)
        if claims is None:
            _nobody_runs(project, LOCK, text)
            path.unlink()
            return [f"{LOCK.as_posix()} was cut off when a DVC command was killed: removed; DVC makes it again"]
        written = path.stat().st_mtime
        reading = {p: [c for c in all_ if _lives(c["pid"], written)] for p, all_ in claims["read"].items()}
        kept = {
            "write": {p: claim for p, claim in claims["write"].items() if _lives(claim["pid"], written)},
            "read": {p: left for p, left in reading.items() if left},
        }
        if kept == claims:
            return []
        fresh = path.with_name(f".{path.name}.partial")
        fresh.write_text(json.dumps(kept), encoding="utf-8")
        fresh.replace(path)
        return [f"{LOCK.as_posix()}: locks of DVC commands that were killed are removed"]


def _claims(text: str) -> dict[str, Any] | None:
    """The entries of DVC's list; None if DVC cannot read the text."""
    try:
        claims = json.loads(text)
        reading = {p: list(several) for p, several in claims.get("read", {}).items()}
        checked = {"write": dict(claims.get("write", {})), "read": reading}
        if claims.keys() - checked.keys():
            return None
        for claim in [*checked["write"].values(), *(c for several in checked["read"].values() for c in several)]:
            if not isinstance(claim["pid"], int) or not isinstance(claim["cmd"], str):
                return None
    except (ValueError, AttributeError, TypeError, KeyError):
        return None
    return checked


def _results(project: Path) -> list[str]:
    """Move dvc.lock away if it cannot be read. DVC finds the results in its cache again."""
    path = project / RESULTS
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        text = "\0"
    if _is_lock_file(text):
        return []
    _nobody_runs(project, RESULTS, "")
    aside = _free(path)
    path.replace(aside)
    return [
        f"{RESULTS} could not be read: set aside as {aside.name}. DVC makes it again with the next run and takes "
        f"results from its cache where it can. Where Git has {RESULTS}: git checkout {RESULTS} takes less time"
    ]


def _is_lock_file(text: str) -> bool:
    """Whether DVC can read a dvc.lock. DVC's parser and schema take a second to load and are used only if needed."""
    if _is_whole(text):
        return True
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, RESULTS))
    except (YAMLFileCorruptedError, Invalid):
        return False
    return True


def _is_whole(text: str) -> bool:
    """Whether every stage has its command, and every file its path and digest, in the form that DVC writes."""
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        stages = content["stages"].values()
        files = [f for s in stages if s["cmd"] for f in [*s.get("deps", ()), *s.get("outs", ())]]
        digests = all(isinstance(f["path"], str) and re.fullmatch(r"[0-9a-f]{32}(\.dir)?", f["md5"]) for f in files)
        return digests and content["schema"] == "2.0" and text.endswith("\n") and all(s["cmd"] for s in stages)
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError):
        return False


def _run_cache(project: Path) -> list[str]:
    """Remove empty folders of DVC's run cache, because DVC commands fail on them."""
    cache, shared = _cache(project)
    empty = [f for f in sorted((cache / "runs").glob("??/*")) if f.is_dir() and not _entries(f)]
    if shared:
        empty = [f for f in empty if time.time() - f.stat().st_mtime > SHARED_S]
    elif empty and _running(project):
        return []  # the running process may be about to write there
    for folder in empty:
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()
    many = f"{len(empty)} empty folders" if len(empty) > 1 else "an empty folder"
    return [f"{cache / 'runs'}: {many} of a DVC command that was killed removed"] if empty else []


def _entries(folder: Path) -> list[Path]:
    """Complete entries of a folder of the run cache. They are named by their hash; DVC writes to another name first."""
    return [p for p in folder.iterdir() if re.fullmatch(r"[0-9a-f]{64}", p.name) and p.stat().st_size]


def _cache(project: Path) -> tuple[Path, bool]:
    """DVC's cache folder, and whether it lies outside the project."""
    for name in ("config.local", "config"):
        settings = configparser.ConfigParser(interpolation=None)
        try:
            settings.read(project / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, ValueError):
            continue
        if settings.has_option("cache", "dir"):
            cache = project / ".dvc" / settings.get("cache", "dir")
            return cache, not cache.resolve().is_relative_to(project.resolve())
    return project / ".dvc" / "cache", False


@contextmanager
def _guarded(project: Path) -> Iterator[None]:
    """Hold the lock under which DVC edits its list. Raises StorageError if another process does not release it."""
    with (project / GUARD).open("a+", encoding="utf-8") as handle:
        if not _held(handle):
            raise StorageError(
                f"{GUARD.as_posix()} has been held by another process for {WAIT_S:.0f} s{_named(_running(project))}. "
                "Wait until it has ended, then run it again"
            )
        yield


def _held(handle: IO[str]) -> bool:
    """Whether the lock was obtained. flock ends with its process. Without flock (Windows), DVC checks itself."""
    try:
        import fcntl
    except ImportError:
        return True
    end = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)


def _nobody_runs(project: Path, damaged: Path, text: str) -> None:
    """Raise StorageError if DVC still runs here. text: the rest of the damaged list, which may contain process ids."""
    running = _running(project) | {int(p) for p in re.findall(r'"pid": (\d+)[,}]', text) if is_dvc_process(int(p))}
    if running:
        raise StorageError(
            f"{damaged.as_posix()} is damaged, and DVC is still running here{_named(running)}. Wait until it has "
            "ended, or end it, then run it again"
        )


def _named(pids: set[int]) -> str:
    return f" (process {', '.join(map(str, sorted(pids)))})" if pids else ""


def _lives(pid: int, written: float) -> bool:
    """Whether the process of an entry may still run. One that started after `written` (s) only reuses the id."""
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() <= written + 1)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _running(project: Path) -> set[int]:
    """Process ids of the DVC commands that run in the project."""
    import psutil

    root, pids = project.resolve(), set()
    for process in psutil.process_iter():
        try:
            here = Path(process.cwd())
        except (psutil.Error, OSError):
            continue
        if (here == root or root in here.parents) and is_dvc_process(process.pid):
            pids.add(process.pid)
    return pids


def is_dvc_process(pid: int) -> bool:
    """Whether a process is a DVC command: `dvc ...`, or Python with DVC's script or module.

    Parameters
    ----------
    pid : int
        Number of the process.

    Returns
    -------
    bool
        False for this process, and for one that cannot be looked at.
    """
    import psutil

    if pid == os.getpid():
        return False
    try:
        words = psutil.Process(pid).cmdline()
    except (psutil.Error, OSError):
        return False
    return any(Path(w).name in {"dvc", "dvc.exe"} for w in words[:2]) or words[1:3] == ["-m", "dvc"]


def _free(path: Path) -> Path:
    numbers = ("", *(f".{k}" for k in range(1, 10_000)))
    names = (path.with_name(f"{path.name}{DAMAGED}{k}") for k in numbers)
    return next(name for name in names if not name.exists())
