"""Hashes that say whether two things are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from spikebridge.runtime.source_code import OWN, WORDING, own_source


def digest(*parts: str) -> str:
    """SHA-256 of the parts, each with its length, so that no two lists of parts run together.

    Parameters
    ----------
    *parts : str
        Texts; their order counts.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        h.update(f"{len(raw)}:".encode())
        h.update(raw)
    return h.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of the bytes of a file, read piece by piece.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        Where the file cannot be read.
    """
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def files_digest(files: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names and bytes of files.

    Parameters
    ----------
    files : iterable of Path
        The files, in any order.
    root : Path
        Names are relative to this folder where a file lies in it, and whole paths otherwise.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        Where a file cannot be read.
    """
    names = {f: (f.relative_to(root) if f.is_relative_to(root) else f).as_posix() for f in files}
    return digest(*(f"{name}={file_digest(f)}" for f, name in sorted(names.items())))


def same_files(folder: Path, digests: Mapping[str, str]) -> bool:
    """Whether a folder holds every named file with these very bytes.

    Parameters
    ----------
    folder : Path
        The folder.
    digests : mapping of str to str
        Name of a file -> its SHA-256.

    Returns
    -------
    bool
        False where no file is named.
    """
    return bool(digests) and all((folder / n).is_file() and file_digest(folder / n) == d for n, d in digests.items())


def source_hash(*modules: str, names: Collection[str] = ()) -> str:
    """Digest of the code that a result depends on.

    Parameters
    ----------
    *modules : str
        Modules that make the result ("spikebridge.io.ingest"): they count with everything that they import. Where none
        is named, the whole package counts. The wording of messages never does.
    names : collection of str
        Of a package whose modules are imported by file name (models), those that are used; all where none is named.

    Returns
    -------
    str
        SHA-256, in hexadecimal.
    """
    tree = own_source()
    if modules:
        files = tree.reached(modules, names)
    else:
        files = {path for path in tree.modules.values() if path.relative_to(OWN).parts[0] not in WORDING}
    return files_digest(files, OWN)
