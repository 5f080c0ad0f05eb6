"""The JSON files of a saved model: model.json, which describes it, and manifest.json, which lists its files.

Both are read so that nothing in them is passed over in silence.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spikebridge.artifacts.json_files import read_strict_json
from spikebridge.errors import DataError
from spikebridge.errors.validation_errors import own_message
from spikebridge.runtime.hashing import file_digest

MODEL_FILE, MANIFEST_FILE = "model.json", "manifest.json"
MANIFEST_SCHEMA = 1
MAX_BINS = 100_000
MIN_BIN_S, MAX_BIN_S = 1.0e-5, 1.0e4
Unit = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class SavedUnits(BaseModel):
    """Unit ids of a recording, in the order of the last axis of its counts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source_units: list[Unit]
    target_units: list[Unit]


class SavedModel(BaseModel):
    """The content of model.json. class_shares: recording -> (class,), shares of the training labels."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str
    classes: list[str] = Field(min_length=1, max_length=10_000)
    bin_s: float = Field(ge=MIN_BIN_S, le=MAX_BIN_S)
    n_bins: int = Field(ge=1, le=MAX_BINS)
    recordings: dict[str, SavedUnits] = Field(min_length=1)
    class_shares: dict[str, list[float]]
    params: dict[str, Any]

    @model_validator(mode="after")
    def _fits_together(self) -> SavedModel:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("expected classes that differ from one another")
        if set(self.class_shares) != set(self.recordings):
            raise ValueError("expected class_shares of the recordings and of no other")
        for name, shares in self.class_shares.items():
            if len(shares) != len(self.classes) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
                raise ValueError(f"expected class_shares of {name!r} for each class, greater than 0, with the sum 1")
        for name, units in self.recordings.items():
            for ids in (units.source_units, units.target_units):
                if len(set(ids)) < len(ids):
                    raise ValueError(f"expected unit ids of {name!r} that differ from one another")
        return self


def read_saved_model(folder: Path) -> SavedModel:
    """The checked model.json of a folder. Raises DataError that names the file and the field."""
    path = folder / MODEL_FILE
    content = read_strict_json(path)
    for field in SavedModel.model_fields:
        if field not in content:
            raise DataError(f"{path}: {MODEL_FILE} lacks {field!r}")
    try:
        return SavedModel(**content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"])[:80]
        reason = own_message(first)
        got = "" if not where else f", got {str(first['input'])[:60]}"
        raise DataError(f"{path}: {where + ': ' if where else ''}{reason}{got}") from None


def write_manifest(folder: Path, ignored: Collection[str] = ()) -> Path:
    """Write manifest.json over every file below the folder; its path. ignored: names at the top that are left out."""
    files = {
        name: {"bytes": path.stat().st_size, "sha256": file_digest(path)} for name, path in _files(folder, ignored)
    }
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps({"schema": MANIFEST_SCHEMA, "files": files}, indent=1, sort_keys=True), encoding="utf-8")
    return path


def check_manifest(folder: Path, ignored: Collection[str] = ()) -> None:
    """Compare the files below a folder with its manifest.json: names, sizes, SHA-256.

    Raises DataError that names the first file that is missing, not listed, a link, or has other bytes.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise DataError(
            f"{path}: expected the list of the model's files with their SHA-256, found none. A model that an earlier "
            "version of spikebridge saved has none either: train and register it again (make repro)"
        )
    listed = _listed(path)
    present = dict(_files(folder, ignored))
    if missing := sorted(listed.keys() - present.keys()):
        raise DataError(f"{folder / missing[0]}: listed in {MANIFEST_FILE}, but not there")
    if strange := sorted(present.keys() - listed.keys()):
        raise DataError(f"{folder / strange[0]}: not listed in {MANIFEST_FILE}: it does not belong to the saved model")
    for name, (size, sha256) in listed.items():
        got = present[name].stat().st_size
        if got != size:
            raise DataError(
                f"{present[name]}: expected {size} bytes as {MANIFEST_FILE} says, got {got}: the file was changed"
            )
        if file_digest(present[name]) != sha256:
            raise DataError(f"{present[name]}: its SHA-256 is not that of {MANIFEST_FILE}: the file was changed")


def _listed(path: Path) -> dict[str, tuple[int, str]]:
    """File name -> bytes and SHA-256, as a manifest lists them."""
    content = read_strict_json(path)
    if content.get("schema") != MANIFEST_SCHEMA or isinstance(content.get("schema"), bool):
        raise DataError(
            f"{path}: expected schema {MANIFEST_SCHEMA}, got {str(content.get('schema'))[:40]}: it was written by "
            "another version of spikebridge"
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
            if name in names and relative not in {MANIFEST_FILE, *ignored}:
                yield relative, path
