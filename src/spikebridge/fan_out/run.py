"""All waves of jobs, on this machine or on Dask workers."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from spikebridge.errors import ConfigError, SpikebridgeError, StorageError
from spikebridge.fan_out.one_job import (
    FAILED,
    Entry,
    Event,
    entries,
    failure_line,
    record_failure,
    remove_left_behind,
    run_and_store,
)
from spikebridge.fan_out.progress import Progress
from spikebridge.fan_out.stages import NEEDS, FanOutSections, before_waves, is_blocked, jobs_of, out_of_date, waves
from spikebridge.runtime import job_store, parallel
from spikebridge.runtime.hashing import source_hash
from spikebridge.runtime.job_lists import RESULTS
from spikebridge.runtime.parallel import JobDiedError
from spikebridge.runtime.pipeline_run import reproduce
from spikebridge.runtime.stage import one_thread

COLLECTED = {stage for needed in NEEDS.values() for stage in needed}
"""Stages that a later wave reads; the others are collected by `dvc repro`."""
SHOWN = re.compile(r"stage \d+ of \d+, ")
KILLED = "its process was killed: was the machine out of memory?"


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
            self.failed += [job for job in left if job.failure.exists()]
            incomplete = {job.stage for job in left}
            unfinished += [stage for stage in changed if stage not in ready or stage in incomplete]
            self._reproduce([s for s in changed if s not in unfinished and s.partition("@")[0] in COLLECTED])

    def run(self, jobs: Sequence[Entry], progress: Progress) -> None:
        """Run jobs together, where `compute.engine` says. A job that fails does not stop the others.

        Parameters
        ----------
        jobs : sequence of Entry
            The jobs.
        progress : Progress
            Hears their events.
        """
        workers = parallel.workers_for(self.sections.compute, len(jobs))
        modules = tuple(dict.fromkeys(module for job in jobs for module in job.listed.modules))
        waiting, suspects = list(jobs), list[Entry]()
        with one_thread(), ending_children(isinstance(workers, int)), progress.shown():
            while waiting or suspects:
                alone = not waiting
                batch = [suspects.pop()] if alone else waiting
                try:
                    # a suspect runs in a process of a pool, so that its death is not that of this process
                    parallel.run_jobs(run_and_store, batch, 2 if alone else workers, progress.hear, modules)
                    waiting = []
                except BrokenProcessPool:  # one of the jobs that ran has killed its process; nobody knows which
                    running = progress.running()
                    if not running:
                        raise
                    if alone:
                        self._died(batch[0], progress)
                    else:
                        suspects += running
                        progress.begun.clear()
                    waiting = [job for job in progress.left() if job not in suspects]
                except JobDiedError as error:
                    self._died(batch[error.number], progress, str(error))
                    progress.begun.clear()
                    waiting = progress.left()
        remove_left_behind()

    def _died(self, job: Entry, progress: Progress, how: str = KILLED) -> None:
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with job.log.open("a", encoding="utf-8") as log:
            record_failure(job, SpikebridgeError(how), log)
        progress.hear(Event(job.fingerprint.key, FAILED))

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
        return [line for job in self.failed if (line := failure_line(job))]


def prune(kept: set[str]) -> int:
    """Delete the stored results, logs and records of failures that no unfinished stage asks for.

    Parameters
    ----------
    kept : set of str
        Fingerprints of the jobs of unfinished stages.

    Returns
    -------
    int
        How many results were deleted.
    """
    from spikebridge.fan_out.one_job import FAILURES, LOGS

    old = [path for path in RESULTS.glob("*") if path.name not in kept]
    starts = {key[:8] for key in kept}
    old_logs = [path for path in LOGS.glob("*/*.log") if path.stem.rpartition("-")[2] not in starts]
    for path in [*old, *old_logs, *(path for path in FAILURES.glob("*.json") if path.stem not in kept)]:
        path.unlink(missing_ok=True)
    return len(old)


@contextmanager
def ending_children(of_this_machine: bool) -> Iterator[None]:
    """End the processes of jobs at once at Ctrl-C, where they are children of this process, and at SIGTERM.

    Parameters
    ----------
    of_this_machine : bool
        Otherwise the engine ends its jobs itself.

    Yields
    ------
    None
        Nothing.
    """
    import psutil

    def end(number: int, frame: Any) -> None:
        children = psutil.Process().children(recursive=True) if of_this_machine else []
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
