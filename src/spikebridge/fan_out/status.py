"""How far the jobs of job arrays are, read from what they have written: nothing is asked of the batch system."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from spikebridge.fan_out.manifest import ARRAYS, MANIFESTS, read_manifest
from spikebridge.fan_out.one_job import DONE, FAILED, Entry, Event, run_and_store
from spikebridge.fan_out.progress import JobsProgress
from spikebridge.runtime.job_lists import JobList
from spikebridge.runtime.job_store import Fingerprint, result_path

ENDED = re.compile(r": (?:result stored|failed) after ([\d.]+) s$")


def progress_of_arrays() -> JobsProgress:
    """The jobs of all manifests in the working folder.

    Returns
    -------
    JobsProgress
        A job whose log has no end runs, or was killed.
    """
    jobs = {job.fingerprint.key: job for job in _jobs()}
    progress = JobsProgress(list(jobs.values()))
    for key, job in jobs.items():
        lines = job.log.read_text(encoding="utf-8", errors="replace").splitlines() if job.log.is_file() else []
        end = next((match for line in reversed(lines[-1:]) if (match := ENDED.search(line))), None)
        if result_path(key).is_file():
            progress.ended[key] = Event(key, DONE, float(end[1]) if end else 0.0)
        elif job.failure.exists():
            progress.ended[key] = Event(key, FAILED)
        elif lines:
            progress.begun[key] = time.monotonic()
    return progress


def _jobs() -> Iterator[Entry]:
    for path in sorted(ARRAYS.glob(f"*/{MANIFESTS}")):
        for row in read_manifest(path):
            listed = JobList(row["stage"], run_and_store, [], [])
            yield Entry(row["stage"], row["job"], listed, Fingerprint(**row["fingerprint"]))
