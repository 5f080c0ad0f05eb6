"""A folder of recordings that were fetched: fetch.json, LICENSE.txt and CITATION.txt beside them.

fetch.json records for each file where it came from, its digests in the archive, its size there and here, the bytes that
were transferred, what was left out, and the SHA-256 of the copy, by which an unchanged copy is recognised.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spikebridge.artifacts.json_files import read_strict_json, write_json
from spikebridge.errors import DataError
from spikebridge.runtime.hashing import file_digest, files_digest

FETCH_RECORD, LICENSE_TEXT, CITATION_TEXT = "fetch.json", "LICENSE.txt", "CITATION.txt"
FETCHED_FOLDER = Path("data")
"""Of folders of fetched sets, in the folder of a project."""
REMOTE_FOLDER = FETCHED_FOLDER / "remote"
"""Of compact copies of what `data.path` names by its address."""
BESIDE = (FETCH_RECORD, LICENSE_TEXT, CITATION_TEXT)
"""Names of the files beside fetched recordings."""


@dataclass(frozen=True)
class FetchedFile:
    """One file, or one Zarr folder, as it was fetched.

    Parameters
    ----------
    url, asset_id : str
        What was read; asset_id is "" outside of an archive.
    identity : dict
        Digests of the archive, or ETag and last change of the object.
    full_size : int
        Bytes of the whole file; -1 where it is not known.
    size : int
        Bytes of the copy.
    transferred : int
        Bytes that were received for it.
    sha256 : str
        Of the copy.
    fetched : str
        Date and time, ISO 8601, UTC.
    left_out : list of dict
        name, kind, shape and n_bytes of each array whose values the copy does not hold.
    """

    url: str
    asset_id: str
    identity: dict[str, str]
    full_size: int
    size: int
    transferred: int
    sha256: str
    fetched: str
    left_out: list[dict[str, Any]]


@dataclass(frozen=True)
class FetchRecord:
    """What fetch.json holds.

    Parameters
    ----------
    source, version, archive : str
        Where the recordings came from; version and archive are "" for an address.
    license : list of str
        As the archive states it.
    citation, doi, name : str
        Of the version of the set.
    made_by : str
        The program that fetched.
    files : dict of str to FetchedFile
        Path in the folder -> file.
    """

    source: str
    version: str
    archive: str
    license: list[str] = field(default_factory=list)
    citation: str = ""
    doi: str = ""
    name: str = ""
    made_by: str = ""
    files: dict[str, FetchedFile] = field(default_factory=dict)


def load_fetch_record(folder: Path) -> FetchRecord | None:
    """Read the record of a folder.

    Parameters
    ----------
    folder : Path
        The folder of fetched recordings.

    Returns
    -------
    FetchRecord or None
        None where the folder has none.

    Raises
    ------
    DataError
        Where it cannot be read.
    """
    path = folder / FETCH_RECORD
    if not path.is_file():
        return None
    content = read_strict_json(path)
    try:
        files = {name: FetchedFile(**entry) for name, entry in content.pop("files").items()}
        return FetchRecord(files=files, **content)
    except (KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: not a record of `spikebridge fetch`: move it away, or name another folder") from None


def save_fetch_record(record: FetchRecord, folder: Path) -> None:
    """Write the record of a folder, in one step.

    Parameters
    ----------
    record : FetchRecord
        What was fetched so far.
    folder : Path
        The folder of fetched recordings.
    """
    _replace(folder / FETCH_RECORD, lambda path: write_json(path, asdict(record)))


def save_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write text files of a folder, each in one step.

    Parameters
    ----------
    folder : Path
        The folder of fetched recordings.
    texts : mapping of str to str
        Name -> text.
    """
    for name, text in texts.items():
        _replace(folder / name, lambda path, text=text: path.write_text(text, encoding="utf-8"))


def _replace(path: Path, write: Any) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    write(temporary)
    os.replace(temporary, path)


def copy_digest(path: Path) -> str:
    """SHA-256 of a file, or over the names and bytes of the files of a folder.

    Parameters
    ----------
    path : Path
        A fetched file or Zarr folder.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    if path.is_dir():
        return files_digest(sorted(p for p in path.rglob("*") if p.is_file()), path)
    return file_digest(path)
