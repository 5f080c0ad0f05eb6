"""Results of jobs, kept under the fingerprint of all that they depend on: runs/jobs/results/<fingerprint>.

A file is one line with the SHA-256 of the rest, and the rest is a NumPy archive: the value as JSON (`stored_values`),
its arrays, and the files that the job wrote. It is written under another name, flushed to the disk and renamed, so that
no reader sees a part of it; several machines may write the same result, whose content is equal. A file whose content
does not have its SHA-256 counts as missing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.runtime import same_software
from spikebridge.runtime.hashing import digest, file_digest
from spikebridge.runtime.job_lists import RESULTS, WRITTEN, JobList
from spikebridge.runtime.source_code import OWN, own_source
from spikebridge.runtime.stage import say
from spikebridge.runtime.stage_inputs import UNFINISHED, is_unfinished
from spikebridge.runtime.stored_values import Arrays, decode, encode

FORMAT = "spikebridge job result 1"
"""First words of a file, and part of every fingerprint: another form of the files takes none of this one."""
MISSING = "missing"
_digests: dict[tuple[str, int, int, int, int], str] = {}
"""Path, size, times and inode of a file -> SHA-256 of its content: large data are read once a process."""


@dataclass(frozen=True)
class Fingerprint:
    """Digests of all that the result of a job depends on.

    Parameters
    ----------
    work : str
        Dotted name of the function.
    arguments : str
        Of the job, with the content of the files and folders that its paths lead to.
    code : str
        Of every file of spikebridge that the function may run.
    software : str
        Of Python, the packages and the kind of machine.
    """

    work: str
    arguments: str
    code: str
    software: str

    @property
    def key(self) -> str:
        """One digest of all, 32 hexadecimal digits: the name of the stored result."""
        return digest(FORMAT, self.work, self.arguments, self.code, self.software)[:32]

    def differences(self, other: Fingerprint) -> list[str]:
        """What differs.

        Parameters
        ----------
        other : Fingerprint
            Of the same job at another time or place.

        Returns
        -------
        list of str
            Names of parts, in words.
        """
        words = {
            "arguments": "parameters or data",
            "code": "the code of spikebridge",
            "software": "Python or its packages",
            "work": "the function",
        }
        return [text for name, text in words.items() if getattr(self, name) != getattr(other, name)]


def fingerprint(listed: JobList, number: int) -> Fingerprint:
    """The fingerprint of one job, as files and code are now.

    Parameters
    ----------
    listed : JobList
        The jobs.
    number : int
        Place of the job in the list.

    Returns
    -------
    Fingerprint
        Paths themselves do not count, only what they lead to, so that a project may be moved.
    """
    arrays: Arrays = []
    tree = encode(listed.jobs[number], arrays, content_digest)
    parts = [_array_digest(array) for array in arrays]
    work = f"{listed.work.__module__}.{listed.work.__qualname__}"
    return Fingerprint(work, digest(json.dumps(tree), *parts), _code(listed), _software())


def _code(listed: JobList) -> str:
    """Of a function of the package all that it may run; of another one its file and the whole package."""
    module = listed.work.__module__
    if module.partition(".")[0] == OWN.name:
        files = _reached(module, tuple(listed.models))
    else:
        files = [*own_source().modules.values(), Path(str(sys.modules[module].__file__))]
    return digest(*(f"{_shown(path)}={_file_digest(path)}" for path in files))


def _shown(path: Path) -> str:
    """Without the folder of the package, so that its place does not count."""
    return path.relative_to(OWN).as_posix() if path.is_relative_to(OWN) else path.name


@cache
def _reached(module: str, models: tuple[str, ...]) -> list[Path]:
    """Files that a module may run; a file that imports another one than before has itself changed."""
    return sorted(own_source().reached([module], models))


def _array_digest(array: NDArray[Any]) -> str:
    made = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    made.update(array.tobytes())
    return made.hexdigest()


@cache
def _software() -> str:
    """Of this process, which cannot change its packages."""
    return digest(*(f"{name} {version}" for name, version in same_software.libraries().items()))


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files.

    Parameters
    ----------
    path : Path
        A file or folder; hidden and unfinished files do not count.

    Returns
    -------
    str
        "missing" where there is none.
    """
    if path.is_file():
        return _file_digest(path)
    if not path.is_dir():
        return MISSING
    names = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    kept = sorted(name for name in names if not any(map(is_unfinished, Path(name).parts)))
    return digest(*(f"{name}={_file_digest(names[name])}" for name in kept))


def _file_digest(path: Path) -> str:
    about = path.stat()
    key = (str(path.resolve()), about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)
    if key not in _digests:
        _digests[key] = file_digest(path)
    return _digests[key]


def result_path(key: str) -> Path:
    """Where a result is stored.

    Parameters
    ----------
    key : str
        Of a fingerprint.

    Returns
    -------
    Path
        In the project.
    """
    return RESULTS / key


def store(key: str, value: Any, files: Mapping[str, Path]) -> None:
    """Store the result of a job.

    Parameters
    ----------
    key : str
        Of its fingerprint.
    value : Any
        What the job returned.
    files : mapping of str to Path
        Field of the job -> the file or folder that the job wrote. One that does not exist was not written.

    Raises
    ------
    TypeError
        Where the value holds something that cannot be stored.
    OSError
        Where it cannot be written.
    """
    arrays: Arrays = []
    tree = encode(value, arrays)
    written = [(name, inner, file) for name, path in files.items() for inner, file in _entries(path)]
    content = io.BytesIO()
    parts: dict[str, Any] = {f"array{k}": array for k, array in enumerate(arrays)}
    parts |= {f"file{k}": np.frombuffer(path.read_bytes(), np.uint8) for k, (_, _, path) in enumerate(written)}
    about = {"value": tree, "files": [[name, inner] for name, inner, _ in written]}
    parts["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(content, allow_pickle=False, **parts)
    body = content.getvalue()
    target = result_path(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{key}-{os.uname().nodename}-{os.getpid()}{UNFINISHED}")
    try:
        with temporary.open("wb") as file:
            file.write(f"{FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode())
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _entries(path: Path) -> Iterator[tuple[str, Path]]:
    """Every file: its name within a folder, "" for a file itself."""
    if path.is_dir():
        yield from ((file.relative_to(path).as_posix(), file) for file in sorted(path.rglob("*")) if file.is_file())
    elif path.exists():
        yield "", path


def stored(key: str) -> bool:
    """Whether there is an undamaged result. A damaged one is deleted, with one line.

    Parameters
    ----------
    key : str
        Of a fingerprint.

    Returns
    -------
    bool
        True where `load` reads it.
    """
    return _body(key) is not None


def load(key: str, targets: Mapping[str, Path]) -> tuple[Any] | None:
    """Read a result, and put the files that its job wrote where they belong.

    Parameters
    ----------
    key : str
        Of a fingerprint.
    targets : mapping of str to Path
        Field of the job -> where its file or folder belongs.

    Returns
    -------
    tuple of Any, or None
        The value; None where there is no undamaged result.
    """
    body = _body(key)
    if body is None:
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        about = json.loads(archive["about"].tobytes())
        numbers = [int(name.removeprefix("array")) for name in archive.files if name.startswith("array")]
        value = decode(about["value"], {number: archive[f"array{number}"] for number in numbers})
        for number, (field, inner) in enumerate(about["files"]):
            target = targets[field] / inner if inner else targets[field]
            if not target.resolve().is_relative_to(targets[field].resolve()):
                raise ValueError(f"{result_path(key)}: expected files of its job, got {inner}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive[f"file{number}"].tobytes())
    return (value,)


def _body(key: str) -> bytes | None:
    path = result_path(key)
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if head == f"{FORMAT} {hashlib.sha256(body).hexdigest()}".encode() and zipfile.is_zipfile(io.BytesIO(body)):
        return body
    say(f"{path}: the stored result is damaged (its SHA-256 is not that of its content): its job runs again")
    path.unlink(missing_ok=True)
    return None


def written_paths(job: Any) -> dict[str, Path]:
    """The files and folders that a job writes.

    Parameters
    ----------
    job : Any
        A dataclass.

    Returns
    -------
    dict of str to Path
        Name of the field -> path.
    """
    return {f.name: getattr(job, f.name) for f in fields(job) if f.metadata == WRITTEN}


def placed(job: Any, folder: Path) -> Any:
    """The same job with what it writes in another folder.

    Parameters
    ----------
    job : Any
        A dataclass.
    folder : Path
        Gets a folder for each field of the job that is written.

    Returns
    -------
    Any
        The changed job.
    """
    places = {name: folder / name / path.name for name, path in written_paths(job).items()}
    for place in places.values():
        place.parent.mkdir(parents=True, exist_ok=True)
    return replace(job, **places) if places else job


def collect(listed: JobList) -> dict[int, Any]:
    """The stored results of a list, with one line that says how many there are.

    Parameters
    ----------
    listed : JobList
        The jobs.

    Returns
    -------
    dict of int to Any
        Place in the list -> result.
    """
    known = {}
    for number, job in enumerate(listed.jobs):
        entry = load(fingerprint(listed, number).key, written_paths(job))
        if entry is not None:
            known[number] = entry[0]
    say(f"{listed.stage}: {len(known)} of {len(listed.jobs)} results taken from {RESULTS}")
    return known
