"""Recordings of a notebook - paths, Recording objects, pynapple objects - as a folder that the stage ingest reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spikebridge.artifacts.recordings import RECORDINGS_FOLDER
from spikebridge.errors import DataError
from spikebridge.runtime.stage import remove
from spikebridge.text.keys import name_problem
from spikebridge.types import Recording

EXPECTED = "a path, a Recording, or pynapple objects (units, trials) or (units, trials, behavior)"


def data_settings(recordings: Any, project: Path) -> dict[str, Any]:
    """Put the recordings where the stage ingest finds them.

    A single path stays where it is. Several paths are linked, and objects are written as tables, in data/recordings.

    Parameters
    ----------
    recordings : path, Recording, iterable or mapping
        A file, a folder of recordings, or several recordings; a mapping gives names to pynapple objects. Pynapple
        objects are (units, trials) or (units, trials, behavior), or what `to_pynapple` returns.
    project : Path
        The folder of the project.

    Returns
    -------
    dict
        Of the section `data`: path, and whether links are followed.

    Raises
    ------
    DataError
        Where there is none, where one is of another kind or two have one name.
    """
    if isinstance(recordings, str | Path):
        return {"path": str(_existing(Path(recordings)))}
    folder = project / RECORDINGS_FOLDER
    remove(folder)
    folder.mkdir(parents=True)
    written: set[str] = set()
    for name, recording in _named(recordings):
        if isinstance(recording, str | Path):
            _link(_existing(Path(recording)), folder)
        else:
            _write(_as_recording(name, recording), folder, written)
    if not any(folder.iterdir()):
        raise DataError(f"recordings: expected at least one, {EXPECTED}; got none")
    return {"path": RECORDINGS_FOLDER.as_posix(), "follow_links": True}


def _named(recordings: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(recordings, Recording):
        return [(recordings.name, recordings)]
    if isinstance(recordings, Mapping):
        return [(str(name), recording) for name, recording in recordings.items()]
    if isinstance(recordings, Iterable):
        return [("", recording) for recording in recordings]
    raise DataError(f"recordings: expected {EXPECTED}, got {type(recordings).__name__}")


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"recordings: {path} does not exist")
    return path.resolve()


def _link(path: Path, folder: Path) -> None:
    """A link to a recording and, of a single file, to the tables beside it that begin with its name."""
    beside = [] if path.is_dir() else sorted(path.parent.glob(f"{_literal(path.stem)}.*"))
    place = folder if not (folder / path.name).exists() else folder / path.parent.name
    if (place / path.name).exists():
        raise DataError(f"recordings: {path} is given twice, or two recordings have this name in folders of one name")
    place.mkdir(exist_ok=True)
    for file in {path, *beside}:
        (place / file.name).symlink_to(file, target_is_directory=file.is_dir())


def _literal(text: str) -> str:
    """A text for `glob` whose signs mean themselves."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in text)


def _as_recording(name: str, recording: Any) -> Recording:
    from spikebridge.io.pynapple import from_pynapple

    if isinstance(recording, Recording):
        return recording
    if all(hasattr(recording, part) for part in ("units", "trials", "behavior", "observed")):  # of to_pynapple
        parts: tuple[Any, ...] = (recording.units, recording.trials, recording.behavior)
    elif isinstance(recording, tuple) and len(recording) in (2, 3):
        parts = recording
    else:
        raise DataError(f"recordings: {name or 'an element'}: expected {EXPECTED}, got {type(recording).__name__}")
    if not name:
        raise DataError('recordings: pynapple objects need a name: {"rat1_day1": (units, trials)}')
    return from_pynapple(*parts, name=name)


def _write(recording: Recording, folder: Path, written: set[str]) -> None:
    from spikebridge.io.readers import tables

    if problem := name_problem(recording.name):
        raise DataError(f"recordings: {recording.name!r}: the name of a recording {problem}")
    if recording.name in written:
        raise DataError(f"recordings: expected names that differ, got {recording.name!r} twice")
    written.add(recording.name)
    tables.write(recording, folder)
