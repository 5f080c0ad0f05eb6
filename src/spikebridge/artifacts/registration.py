"""What the stage register writes beside the MLflow store.

reports/registration.json    the registered version, its gates, the champion, and the digests of the versions
mlruns/published.json        the fingerprint of that version; where it is missing, DVC knows that the store was emptied
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikebridge.artifacts.json_files import read_json
from spikebridge.runtime.stage import output

REGISTRATION_FILE = Path("reports") / "registration.json"
PUBLISHED_FILE = Path("mlruns") / "published.json"
"""Of the stage, in the folder of a project."""


def write_registration(project: Path, about: Mapping[str, Any]) -> None:
    """Replace registration.json as a whole.

    Parameters
    ----------
    project : Path
        Folder of the project.
    about : mapping
        The registered version, its gates, the champion, and the digests of the versions.
    """
    with output(project / REGISTRATION_FILE) as path:
        path.write_text(json.dumps(about, indent=1), encoding="utf-8")


def write_published(project: Path, fingerprint: str) -> None:
    """Replace published.json as a whole.

    Parameters
    ----------
    project : Path
        Folder of the project.
    fingerprint : str
        Of the registered version.
    """
    with output(project / PUBLISHED_FILE) as path:
        path.write_text(json.dumps({"fingerprint": fingerprint}), encoding="utf-8")


def read_registration(project: Path) -> dict[str, Any]:
    """Read registration.json.

    Parameters
    ----------
    project : Path
        Folder of the project.

    Returns
    -------
    dict
        Empty where nothing was registered yet.

    Raises
    ------
    DataError
        Where the file cannot be read.
    """
    path = project / REGISTRATION_FILE
    return read_json(path) if path.is_file() else {}
