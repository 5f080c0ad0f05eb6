"""The list of a folder's files with their sizes and SHA-256: written with a saved model, checked before it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from spikebridge.errors import DataError
from spikebridge.models.parts.saved_json import read_object
from spikebridge.runtime.hashing import file_digest

NAME = "manifest.json"
SCHEMA = 1


def write(folder: Path, ignored: Collection[str] = ()) -> Path:
    """Write manifest.json over every file below the folder; the path of it. ignored: names at the top, left out."""
    files = {
        name: {"bytes": path.stat().st_size, "sha256": file_digest(path)} for name, path in _files(folder, ignored)
    }
    path = folder / NAME
    path.write_text(json.dumps({"schema": SCHEMA, "files": files}, indent=1, sort_keys=True), encoding="utf-8")
    return path


def check(folder: Path, ignored: Collection[str] = ()) -> None:
    """Hold every file below the folder against its manifest.json.

    Raises DataError that names the first file that is missing, not listed, a link, or has other bytes.
    """
    path = folder / NAME
    if not path.is_file():
        raise DataError(
            f"{path}: expected the list of the model's files with their SHA-256, found none. A model that an earlier "
            "version of spikebridge saved has none either: train and register it again (make repro)"
        )
    listed = _listed(path)
    found = dict(_files(folder, ignored))
    if missing := sorted(listed.keys() - found.keys()):
        raise DataError(f"{folder / missing[0]}: listed in {NAME}, but not there")
    if strange := sorted(found.keys() - listed.keys()):
        raise DataError(f"{folder / strange[0]}: not listed in {NAME}: it does not belong to the saved model")
    for name, (size, sha256) in listed.items():
        got = found[name].stat().st_size
        if got != size:
            raise DataError(f"{found[name]}: expected {size} bytes as {NAME} says, got {got}: the file was changed")
        if file_digest(found[name]) != sha256:
            raise DataError(f"{found[name]}: its SHA-256 is not that of {NAME}: the file was changed")


def _listed(path: Path) -> dict[str, tuple[int, str]]:
    content = read_object(path)
    if content.get("schema") != SCHEMA or isinstance(content.get("schema"), bool):
        raise DataError(
            f"{path}: expected schema {SCHEMA}, got {str(content.get('schema'))[:40]}: it was written by another "
            "version of spikebridge"
        )
    files: Any = content.get("files")
    if content.keys() != {"schema", "files"} or not isinstance(files, dict) or not files:
        raise DataError(f"{path}: expected schema and files, each of these with bytes and sha256")
    listed = {}
    for name, entry in files.items():
        size, sha256 = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
        if not isinstance(size, int) or not isinstance(sha256, str):
            raise DataError(f"{path}: expected bytes and sha256 of {name[:80]!r}, got {str(entry)[:80]}")
        listed[name] = (size, sha256)
    return listed


def _files(folder: Path, ignored: Collection[str]) -> Iterator[tuple[str, Path]]:
    """(name relative to the folder, path) of every file but the manifest. Raises DataError for links and the like."""
    for above, folders, names in os.walk(folder):
        here = Path(above)
        if here == folder:
            folders[:] = [name for name in folders if name not in ignored]
        for name in sorted([*folders, *names]):
            path = here / name
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise DataError(f"{path}: expected a plain file, got a link or a special file")
            relative = path.relative_to(folder).as_posix()
            if name in names and relative not in {NAME, *ignored}:
                yield relative, path
