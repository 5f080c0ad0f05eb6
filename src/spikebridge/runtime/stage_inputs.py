"""The inputs of a stage, checked for changes while the stage runs.

DVC records the state of the dependencies after the command of a stage has ended. If a file was replaced while the stage
read it, DVC would record the new file as the source of the result, and would never recompute the wrong result. A stage
therefore records the state of its inputs before it reads them, and compares them before it stores anything.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from spikebridge.errors import DataError
from spikebridge.errors.messages import listed
from spikebridge.runtime.model_code import MODEL_CODE, PACKAGE_CODE, STAGE_CODE, read_model_code
from spikebridge.runtime.source_code import package_of

CODE = {".py"}
"""Files compared by content: tools rewrite code without changing it. A rewritten data file counts as changed."""
MAX_CODE_BYTES = 10_000_000
"""Size limit (bytes) of code that is compared by content. Named pipes and devices are never opened."""
UNFINISHED = ".partial"
"""Suffix of a result that is still being written."""
SHOWN = 5


class InputsChangedError(DataError):
    """A file or setting changed after the stage began.

    Parameters
    ----------
    message : str
        What is printed.
    refusal : Refusal, optional
        The same as records.
    warnings : sequence of Finding
        Other findings.
    """


@dataclass(frozen=True)
class Mark:
    """The state of a file.

    Parameters
    ----------
    size : int
        Bytes.
    modified_ns, changed_ns : int
        Times of the last change of the content, and of the content or attributes, nanoseconds since 1970.
    node : int
        Its inode.
    attributes : tuple of int
        Number of links, mode, user and group.
    content : str
        SHA-256 of a file of code; "" for any other.
    """

    size: int
    modified_ns: int
    changed_ns: int
    node: int
    attributes: tuple[int, ...]
    content: str = ""

    def differs(self, other: Mark) -> bool:
        """Whether the content of the file may have changed. A new link or permission alone does not count.

        Parameters
        ----------
        other : Mark
            The state of the same file at another time.

        Returns
        -------
        bool
            Decided by the digests where there is one, else by size, times and inode.
        """
        if self.content or other.content:
            return self.content != other.content
        if (self.size, self.modified_ns) != (other.size, other.modified_ns):
            return True
        if self.changed_ns == other.changed_ns:
            return False
        return self.node != other.node or self.attributes == other.attributes


@dataclass(frozen=True)
class StageInputs:
    """The state of files and settings at one time.

    Parameters
    ----------
    paths : tuple of Path
        Files and folders.
    marks : mapping of str to Mark or None
        Every file of `paths` -> its state; None where it does not exist.
    parameters : Path, optional
        The parameter file.
    settings : mapping
        Key ("a.b") of the parameter file -> its value.
    without : Path, optional
        A folder to ignore, because the stage writes to it; it may lie among the inputs.
    """

    paths: tuple[Path, ...] = ()
    marks: Mapping[str, Mark | None] = field(default_factory=dict)
    parameters: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    without: Path | None = None

    @classmethod
    def of(
        cls,
        paths: Iterable[Path | str],
        parameters: Path | None = None,
        keys: Sequence[str] = (),
        without: Path | None = None,
    ) -> StageInputs:
        """Record the state of files and settings as it is now.

        Parameters
        ----------
        paths : iterable of Path or str
            Files, and folders with all their files.
        parameters : Path, optional
            The parameter file.
        keys : sequence of str
            Settings ("a.b") of the parameter file.
        without : Path, optional
            A folder to ignore.

        Returns
        -------
        StageInputs
            To be compared later; see `check`.
        """
        kept = tuple(Path(p) for p in paths)
        return cls(kept, _marks(kept, without), parameters, _settings(parameters, keys), without)

    def check(self) -> None:
        """Compare files and settings with the state that was recorded.

        Raises
        ------
        InputsChangedError
            If anything changed; it names the files or settings.
        """
        now = _marks(self.paths, self.without)
        changed = [n for n, mark in self.marks.items() if mark and (new := now.get(n)) and mark.differs(new)]
        changed += [n for n in now.keys() & self.marks.keys() if (now[n] is None) != (self.marks[n] is None)]
        kinds = {
            "changed": changed,
            "new": sorted(now.keys() - self.marks.keys()),
            "gone": sorted(self.marks.keys() - now.keys()),
        }
        if wrong := [f"{kind}: {listed(sorted(names), SHOWN)}" for kind, names in kinds.items() if names]:
            raise InputsChangedError(
                f"files were written while they were read ({'; '.join(wrong)}): the result may be made from the old "
                "files, the new ones or parts of both. Nothing was stored. Wait until nothing writes there, then run "
                "it again"
            )
        settings = _settings(self.parameters, tuple(self.settings))
        if lines := [key for key, value in self.settings.items() if settings[key] != value]:
            raise InputsChangedError(
                f"{self.parameters}: {listed(lines, SHOWN)} changed while the stage ran, which began with the earlier "
                "settings. Nothing was stored. Run it again"
            )


def stage_inputs(stage: str, project: Path = Path()) -> StageInputs:
    """The inputs of a stage in dvc.yaml: its dependencies, and its sections of params.yaml.

    The code files of a model are those that the stage model_code listed; where the package is installed, those of a
    stage are those that package_code listed.

    Parameters
    ----------
    stage : str
        "ingest", "tune@dnn".
    project : Path
        Folder of dvc.yaml and params.yaml.

    Returns
    -------
    StageInputs
        Empty if dvc.yaml or params.yaml cannot be read; the code that needs these files reports the error.

    Raises
    ------
    InputsChangedError
        If the code differs from the list.
    """
    parameters = project / "params.yaml"
    name, _, key = stage.partition("@")
    pipeline, values = _mapping(project / "dvc.yaml"), _mapping(parameters)
    entry = (pipeline.get("stages") or {}).get(name) or {}
    each = entry.get("foreach")
    values = values | {"item": each.get(key)} if isinstance(each, Mapping) else values
    entry = entry.get("do", entry)
    deps = [_filled(d, key, values) for d in entry.get("deps", ()) if isinstance(d, str)]
    keys = [_filled(k, key, values) for k in entry.get("params", ()) if isinstance(k, str)]
    lists = [d for d in deps if Path(d).parent in (MODEL_CODE, STAGE_CODE, PACKAGE_CODE)]
    above = package_of(project).parent
    code = {above / file: sha for d in lists for file, sha in read_model_code(project / d).items()}
    inputs = StageInputs.of([*(project / d for d in deps if d), *code], parameters, [k for k in keys if k])
    if changed := [file for file, sha in code.items() if _digest(file) != sha]:
        names = listed([file.relative_to(above).as_posix() for file in changed], SHOWN)
        by = " and ".join(dict.fromkeys(Path(d).parts[1] for d in lists))
        raise InputsChangedError(f"{names} changed after {by} listed the code of {stage}: run dvc repro again")
    return inputs


def is_unfinished(name: str) -> bool:
    """Whether a file or folder with this name is hidden or incomplete.

    Parameters
    ----------
    name : str
        Without the folders above it.

    Returns
    -------
    bool
        True for a leading dot, and for the suffix UNFINISHED.
    """
    return name.startswith(".") or name.endswith(UNFINISHED)


def _digest(file: Path) -> str:
    """SHA-256 of a file of code; "" where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _filled(text: str, key: str, values: Mapping[str, Any]) -> str:
    """A text of dvc.yaml with the values of ${key}, ${item.name} and ${section.name}; empty if a value is unknown."""
    filled = re.sub(
        r"\$\{([^}]+)\}",
        lambda m: key if m[1].strip() == "key" else str(_at(values, m[1].strip()) or "\0"),
        text,
    )
    return "" if "\0" in filled else filled


def _mapping(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _settings(parameters: Path | None, keys: Sequence[str]) -> dict[str, Any]:
    values = _mapping(parameters) if parameters and keys else {}
    return {key: _at(values, key) for key in keys}


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _marks(paths: Iterable[Path], without: Path | None) -> dict[str, Mark | None]:
    return {str(f): _mark(f) for path in paths for f in _files(path, without)}


def _files(path: Path, without: Path | None) -> Iterator[Path]:
    """The file itself, or all files in a folder except hidden and unfinished ones. Links are followed once.

    Links to a parent folder are not followed: readers never open them, and `/` contains the whole file system.
    """
    if not os.path.isdir(path):  # noqa: PTH112  (Path.is_dir raises where a folder above is closed)
        yield path
        return
    root = os.path.realpath(path)
    seen = {os.path.realpath(without)} - {root} if without is not None else set()
    for folder, folders, files in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen or (real != root and root.startswith(f"{real.rstrip('/')}/")):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [f for f in folders if not is_unfinished(f) and f != "__pycache__"]
        yield from (Path(folder, f) for f in files if not is_unfinished(f))


def _mark(path: Path) -> Mark | None:
    """The state of a file; None if it does not exist."""
    try:
        about = path.stat()
        is_code = path.suffix in CODE and stat.S_ISREG(about.st_mode) and about.st_size <= MAX_CODE_BYTES
        content = hashlib.sha256(path.read_bytes()).hexdigest() if is_code else ""
    except OSError:
        return None
    attributes = about.st_nlink, about.st_mode, about.st_uid, about.st_gid
    return Mark(about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, attributes, content)
