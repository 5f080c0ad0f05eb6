"""How long each stage of the pipeline took the last time that it ran: runs/seconds/<stage>.json."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

SECONDS = Path("runs") / "seconds"
"""A file for each stage, so that two stages that end at the same time do not overwrite each other."""


def record_seconds(stage: str, seconds: float, project: Path = Path()) -> None:
    """Keep the time of a stage that has ended well.

    Parameters
    ----------
    stage : str
        Its name in dvc.yaml, such as tune@dnn.
    seconds : float
        Wall-clock time.
    project : Path
        The folder of dvc.yaml.

    Notes
    -----
    The file is no output of the stage: DVC neither hashes nor restores it. An error of the system is ignored, because
    the result of the stage is worth more than its time.
    """
    path = project / SECONDS / f"{stage}.json"
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.partial")
        fresh.write_text(json.dumps({"seconds": round(seconds, 3)}) + "\n", encoding="utf-8")
        os.replace(fresh, path)


def read_seconds(project: Path = Path()) -> dict[str, float]:
    """Read the times of all stages that have run.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml.

    Returns
    -------
    dict
        Name of a stage -> wall-clock time, seconds. A file that cannot be read is left out.
    """
    times = {}
    for path in sorted((project / SECONDS).glob("[!.]*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            times[path.stem] = float(json.loads(path.read_text(encoding="utf-8"))["seconds"])
    return times
