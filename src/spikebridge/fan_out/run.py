"""The unfinished jobs of the pipeline, wave after wave, and the rule by which stored results are deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from spikebridge.errors import ConfigError, StorageError
from spikebridge.fan_out.manifest import ARRAYS, MANIFESTS, read_manifest
from spikebridge.fan_out.one_job import (
    FAILURES,
    LOGS,
    Entry,
    entries,
    failure_line,
)
from spikebridge.fan_out.stages import NEEDS, FanOutSections, before_waves, is_blocked, jobs_of, out_of_date, waves
from spikebridge.runtime import job_store
from spikebridge.runtime.hashing import source_hash
from spikebridge.runtime.job_lists import RESULTS
from spikebridge.runtime.job_store import Fingerprint
from spikebridge.runtime.pipeline_run import reproduce
from spikebridge.runtime.stage import remove

COLLECTED = {stage for needed in NEEDS.values() for stage in needed}
"""Stages that a later wave reads; the others are collected by `dvc repro`."""
SHOWN = re.compile(r"stage \d+ of \d+, ")


class FanOut:
    """The unfinished jobs of the pipeline in the working folder.

    Parameters
    ----------
    sections : FanOutSections
        The settings.
    say : callable
        Called with each line of DVC, and with what happens.
    retry : bool
        Whether jobs that have failed run again.
    code : str
        `source_hash()` when this process began; a change ends the run.
    """

    def __init__(
        self, sections: FanOutSections, say: Callable[[str], None], retry: bool = False, code: str = ""
    ) -> None:
        self.sections, self.say, self.retry = sections, say, retry
        self.code = code or source_hash()
        self.failed: list[Entry] = []
        self.last = False
        self.kept: set[str] = set()

    def waves(self) -> Iterator[list[Entry]]:
        """The jobs to run, wave after wave. What a wave needs is collected by DVC before its jobs are listed.

        Yields
        ------
        list of Entry
            Jobs without a stored result, at least one. The next wave is made when these have run.

        Raises
        ------
        StorageError
            Where DVC, or a stage that it ran, failed.
        ConfigError
            Where the code of spikebridge was changed meanwhile.
        """
        self._reproduce(before_waves(Path()))
        RESULTS.mkdir(parents=True, exist_ok=True)
        unfinished: list[str] = []
        stages_of_waves = waves(Path())
        for number, stages in enumerate(stages_of_waves):
            if source_hash() != self.code:
                raise ConfigError("the code of spikebridge was changed while jobs ran; run the same again")
            self.last = number == len(stages_of_waves) - 1
            changed = out_of_date(Path(), stages)
            ready = [stage for stage in changed if not is_blocked(stage, unfinished)]
            listed = {stage: entries(jobs_of(stage, self.sections)) for stage in ready}
            self.kept |= {job.fingerprint.key for jobs in listed.values() for job in jobs}
            missing = [job for jobs in listed.values() for job in jobs if not job_store.stored(job.fingerprint.key)]
            todo = [job for job in missing if self.retry or not job.failure.exists()]
            if todo:
                yield todo
            left = [job for job in missing if not job_store.stored(job.fingerprint.key)]
            self.failed += left
            incomplete = {job.stage for job in left}
            unfinished += [stage for stage in changed if stage not in ready or stage in incomplete]
            self._reproduce([s for s in changed if s not in unfinished and s.partition("@")[0] in COLLECTED])

    def _reproduce(self, stages: Sequence[str]) -> None:
        """Collect. Of what DVC prints only the lines about stages that run are shown, or all of it where it fails."""
        lines: list[str] = []

        def hear(line: str) -> None:
            lines.append(line)
            if SHOWN.match(line):
                self.say(line)

        if stages and reproduce(Path(), hear, stages):
            for line in lines:
                self.say(line)
            raise StorageError("dvc repro failed, see above; what is stored is kept, run the same again afterwards")

    def failure_lines(self) -> list[str]:
        """What failed.

        Returns
        -------
        list of str
            One line a job.
        """
        return [failure_line(job) or f"{job.title}: no result was stored (log: {job.log})" for job in self.failed]


def prune(kept: set[str]) -> int:
    """Delete the stored results, logs, records of failures and job arrays that no unfinished stage asks for.

    Parameters
    ----------
    kept : set of str
        Fingerprints of the jobs of unfinished stages.

    Returns
    -------
    int
        How many results were deleted.
    """
    for folder in ARRAYS.glob("*"):
        rows = [row for path in folder.glob(MANIFESTS) for row in read_manifest(path)]
        if not any(Fingerprint(**row["fingerprint"]).key in kept for row in rows):
            remove(folder)
    old = [path for path in RESULTS.glob("*") if path.name not in kept]
    starts = {key[:8] for key in kept}
    old_logs = [path for path in LOGS.glob("*/*.log") if path.stem.rpartition("-")[2] not in starts]
    for path in [*old, *old_logs, *(path for path in FAILURES.glob("*.json") if path.stem not in kept)]:
        path.unlink(missing_ok=True)
    return len(old)
