"""Manifests: the jobs of one array of a batch system as JSON, and the work on one of them.

{"format": ..., "jobs": [{"stage", "job", "list", "number", "fingerprint": {...}}, ...]}: a job is named by its stage
and its place in the stage's lists. Whoever works on it lists the stage again from the files of the project, and refuses
where the fingerprint is another one: no result is made from other data, parameters, code or packages than were listed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikebridge import config
from spikebridge.errors import ConfigError, DataError
from spikebridge.fan_out.one_job import Entry, entry, failure_line, run_and_store
from spikebridge.fan_out.stages import LISTS, FanOutSections, jobs_of
from spikebridge.runtime import job_store
from spikebridge.runtime.job_lists import JOBS_FOLDER
from spikebridge.runtime.job_store import Fingerprint
from spikebridge.runtime.parallel import load_on_one_thread
from spikebridge.runtime.stage import one_thread, say

ARRAYS = JOBS_FOLDER / "slurm"
"""A folder for each wave that was listed."""
MANIFESTS = "manifest-*.json"
FORMAT = "spikebridge manifest 1"


def write_manifest(path: Path, jobs: Sequence[Entry], sections: FanOutSections) -> None:
    """Write the jobs of an array.

    Parameters
    ----------
    path : Path
        The new file.
    jobs : sequence of Entry
        Of one or several stages.
    sections : FanOutSections
        The settings that they were listed with.
    """
    places = {
        (stage, name): (k, number)
        for stage in dict.fromkeys(job.stage for job in jobs)
        for k, listed in enumerate(jobs_of(stage, sections))
        for number, name in enumerate(listed.names)
    }
    rows = [
        {
            "stage": job.stage,
            "job": job.name,
            "list": places[job.stage, job.name][0],
            "number": places[job.stage, job.name][1],
            "fingerprint": asdict(job.fingerprint),
        }
        for job in jobs
    ]
    path.write_text(json.dumps({"format": FORMAT, "jobs": rows}, indent=1) + "\n", encoding="utf-8")


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """Read the jobs of an array.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of dict
        As they were written.

    Raises
    ------
    DataError
        Where it is no manifest.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such manifest; `spikebridge fan-out --slurm` writes one") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a manifest of `spikebridge fan-out --slurm`, got {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"{path}: expected a manifest of `spikebridge fan-out --slurm` ({FORMAT!r})")
    return list(content["jobs"])


def work(path: Path, index: int) -> int:
    """Run one job of a manifest in the working folder, unless its result is stored.

    Parameters
    ----------
    path : Path
        The manifest.
    index : int
        Place of the job, from 0.

    Returns
    -------
    int
        0: its result is stored; 1: the job failed, with one line on standard error.

    Raises
    ------
    DataError
        Where the manifest cannot be read, or the project is no longer as it was listed.
    ConfigError
        Where the manifest has no such job.
    """
    rows = read_manifest(path)
    if not 0 <= index < len(rows):
        raise ConfigError(f"--index: {path} has the jobs 0 to {len(rows) - 1}, got {index}")
    row = rows[index]
    wanted = Fingerprint(**row["fingerprint"])
    if row["stage"].partition("@")[0] not in LISTS:
        raise DataError(f"{path}: expected a stage that is fanned out, got {row['stage']}")
    if job_store.stored(wanted.key):
        say(f"{row['stage']}, {row['job']}: its result is stored")
        return 0
    with one_thread():
        lists = jobs_of(row["stage"], FanOutSections.of(config.load()))
        if row["list"] >= len(lists) or row["number"] >= len(lists[row["list"]].jobs):
            raise DataError(_stale(path, row, "the jobs of the stage"))
        listed = lists[row["list"]]
        load_on_one_thread(listed.modules)
        job = entry(listed, row["number"])
        if wrong := job.fingerprint.differences(wanted):
            raise DataError(_stale(path, row, " and ".join(wrong)))
        ok = run_and_store(job, lambda event: None)
    say(f"{job.title}: result stored" if ok else failure_line(job))
    return 0 if ok else 1


def _stale(path: Path, row: dict[str, Any], what: str) -> str:
    return f"{path}: {row['stage']}, {row['job']}: {what} changed after it was listed; run spikebridge fan-out again"
