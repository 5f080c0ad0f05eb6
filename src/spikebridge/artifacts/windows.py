"""Windows on disk: <folder>/<recording>/ holds <array>.npy, about.json and quality.csv; report.json lies beside them.

source.npy, target.npy                (window, bin, unit), the smallest unsigned integers that hold them, spikes per bin
start_s.npy, decision_s.npy           (window,), float64, seconds
trial.npy, label.npy                  (window,), int64; row of the trial table, index into the classes; -1: none
behavior.npy                          (window, bin, series), float32, in the unit of the series
covariates.npy                        (window, covariate), float64
source_units.npy, target_units.npy    (unit,), int64, unit ids
about.json                            recording, bin_s (seconds), classes, behavior_names, covariate_names
quality.csv                           one row a unit; see preprocess.quality_table
report.json                           classes; recordings: animal, what was kept and dropped, and why

Counts and behaviour are memory-mapped: the system reads what is used and may drop it again, so that recordings need not
fit into memory. A file is replaced, never changed in place: arrays that are mapped stay what they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.json_files import read_json
from spikebridge.errors import DataError
from spikebridge.runtime.hashing import digest
from spikebridge.runtime.stage_inputs import is_unfinished
from spikebridge.text.plain_text import read_csv, write_csv
from spikebridge.types import Windows

ARRAYS = (*Windows.ROWS, "source_units", "target_units")
"""Fields of Windows that are stored as <array>.npy; about.json holds the other fields."""
MAPPED = ("source", "target", "behavior")
"""The arrays that grow with the number of bins."""
NAMES = ("classes", "behavior_names", "covariate_names")
BROKEN = (ValueError, TypeError, OverflowError, EOFError, SyntaxError, TokenError)
"""What numpy raises for a .npy file whose header is damaged."""
ABOUT, QUALITY, REPORT = "about.json", "quality.csv", "report.json"
WINDOWS_FOLDER = Path("data") / "windows"
"""Of all recordings, in the folder of a project."""


def save_windows(windows: Windows, folder: Path) -> Path:
    """Write the windows of one recording.

    Parameters
    ----------
    windows : Windows
        Their arrays may be mapped from the files that are replaced.
    folder : Path
        Folder of the windows of all recordings.

    Returns
    -------
    Path
        The folder of this recording.
    """
    place = Path(folder) / windows.recording
    place.mkdir(parents=True, exist_ok=True)
    (place / ABOUT).unlink(missing_ok=True)  # written last: without it the folder is not read
    for name in ARRAYS:
        new = place / f".{name}.new"
        with open(new, "wb") as handle:
            np.save(handle, np.ascontiguousarray(getattr(windows, name)), allow_pickle=False)
        new.replace(place / f"{name}.npy")
    about: dict[str, Any] = {"recording": windows.recording, "bin_s": float(windows.bin_s)}
    about |= {name: list(getattr(windows, name)) for name in NAMES}
    (place / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return place


def load_recording_windows(folder: Path, recording: str) -> Windows:
    """Read the windows of one recording; counts and behaviour are mapped, not read.

    Parameters
    ----------
    folder : Path
        Folder of the windows of all recordings.
    recording : str
        Name of the recording.

    Returns
    -------
    Windows
        What `save_windows` wrote.

    Raises
    ------
    DataError
        Where a file is missing, cut short, or not what it was when it was written.
    """
    place = Path(folder) / recording
    about = read_json(place / ABOUT)
    arrays = {name: _load_array(place / f"{name}.npy", name in MAPPED) for name in ARRAYS}
    try:
        fields: dict[str, Any] = {name: tuple(map(str, about[name])) for name in NAMES} | arrays
        return Windows(recording=about["recording"], bin_s=float(about["bin_s"]), **fields)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{place / ABOUT}: does not describe windows; run the stage preprocess ({error!r})") from None


def load_windows(folder: Path) -> list[Windows]:
    """Read the windows of all recordings, sorted by name; counts and behaviour are mapped, not read.

    Parameters
    ----------
    folder : Path
        Folder of the windows of all recordings.

    Returns
    -------
    list of Windows
        One for each recording.

    Raises
    ------
    DataError
        Where there is none, or a file is not what it was when it was written.
    """
    names = _recordings_in(Path(folder))
    if not names:
        raise DataError(f"{folder}: expected windows of recordings, found none; run the stage preprocess")
    return [load_recording_windows(folder, name) for name in names]


def data_hash(folder: Path) -> str:
    """SHA-256 over the names of the recordings and everything in their windows, however these are stored.

    Parameters
    ----------
    folder : Path
        Folder of the windows of all recordings.

    Returns
    -------
    str
        Hexadecimal digits.
    """
    return digest(*(f"{w.recording}={w.digest()}" for w in load_windows(folder)))


def save_quality(table: pd.DataFrame, folder: Path, recording: str) -> Path:
    """Write the quality table of one recording, one row a unit.

    Parameters
    ----------
    table : DataFrame
        See `preprocess.quality_table`.
    folder : Path
        Folder of the windows of all recordings.
    recording : str
        Name of the recording, whose windows are already there.

    Returns
    -------
    Path
        The file.
    """
    path = Path(folder) / recording / QUALITY
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(table, path, lineterminator="\n")
    return path


def load_quality(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the quality tables of all recordings that have one.

    Parameters
    ----------
    folder : Path
        Folder of the windows of all recordings.

    Returns
    -------
    dict of str to DataFrame
        By recording, sorted by name.
    """
    paths = sorted(Path(folder).glob(f"*/{QUALITY}"), key=lambda p: p.parent.name)
    paths = [p for p in paths if not is_unfinished(p.parent.name)]
    return {p.parent.name: read_csv(p, keep_default_na=False, na_values=[""]) for p in paths}


def save_report(report: Mapping[str, Any], folder: Path) -> None:
    """Write report.json: the classes, and by recording the animal, what was kept and dropped, and why.

    Parameters
    ----------
    report : mapping
        Keys `classes` and `recordings`.
    folder : Path
        Folder of the windows of all recordings.
    """
    text = json.dumps(report, indent=1, sort_keys=True) + "\n"
    (Path(folder) / REPORT).write_text(text, encoding="utf-8")


def has_report(folder: Path) -> bool:
    """Whether report.json is there.

    Parameters
    ----------
    folder : Path
        Folder of the windows of all recordings.

    Returns
    -------
    bool
        Whether `load_report` finds it.
    """
    return (Path(folder) / REPORT).is_file()


def load_report(folder: Path) -> dict[str, Any]:
    """Read report.json; see `save_report`.

    Parameters
    ----------
    folder : Path
        Folder of the windows of all recordings.

    Returns
    -------
    dict
        Keys `classes` and `recordings`.

    Raises
    ------
    DataError
        Where there is none.
    """
    report = read_json(Path(folder) / REPORT)
    if not isinstance(report.get("recordings"), dict):
        raise DataError(f"{Path(folder) / REPORT}: expected the key recordings; run the stage preprocess")
    return report


def load_animals(folder: Path) -> dict[str, str]:
    """The animal of each recording, from report.json.

    Parameters
    ----------
    folder : Path
        Folder of the windows of all recordings.

    Returns
    -------
    dict of str to str
        Recording -> animal.
    """
    return {name: about["animal"] for name, about in load_report(folder)["recordings"].items()}


def _recordings_in(folder: Path) -> list[str]:
    names = (path.parent.name for path in folder.glob(f"*/{ABOUT}"))
    return sorted(name for name in names if not is_unfinished(name))


def _load_array(path: Path, mapped: bool) -> NDArray[Any]:
    """An array from a .npy file, mapped read-only or read. Raises DataError where the file is cut or longer."""
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        size = path.stat().st_size
    except (OSError, *BROKEN) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as windows; run the stage preprocess again ({reason})") from None
    if stored.offset + stored.nbytes != size:
        raise DataError(
            f"{path}: expected {stored.offset + stored.nbytes} bytes, got {size}; run the stage preprocess again"
        )
    return stored.view(np.ndarray) if mapped else np.array(stored)
