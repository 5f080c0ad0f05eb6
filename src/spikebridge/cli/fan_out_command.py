"""`spikebridge fan-out` and `spikebridge work`: all unfinished jobs of the pipeline at once."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spikebridge import config
from spikebridge.errors import ConfigError

if TYPE_CHECKING:
    from spikebridge.fan_out import FanOut

INTERRUPTED = 130
NEXT = "Next: dvc repro (or make repro), which collects them"


def fan_out(arguments: argparse.Namespace) -> None:
    """Run what has no stored result. Exit code: 1 where jobs failed, 130 after Ctrl-C."""
    from spikebridge.runtime.hashing import source_hash

    if arguments.submit and not arguments.slurm:
        raise ConfigError("--submit submits job arrays: it needs --slurm")
    if arguments.status:
        _show_status()
        return
    code = source_hash()  # before the code is loaded that runs: it is compared later
    from spikebridge.fan_out.run import FanOut
    from spikebridge.fan_out.stages import FanOutSections
    from spikebridge.runtime.pipeline_run import InterruptedRunError
    from spikebridge.runtime.repair import repair
    from spikebridge.runtime.stage import LOCKS, lock

    settings = config.load()
    for line in repair(Path.cwd()):
        _say(f"spikebridge repair: {line}")
    all_jobs = FanOut(FanOutSections.of(settings), _say, arguments.retry, code)
    try:
        with lock(LOCKS / "fan_out.lock"):
            if arguments.prune:
                _prune(all_jobs)
            elif arguments.slurm:
                _write_arrays(all_jobs, arguments)
            else:
                _run(all_jobs)
    except (KeyboardInterrupt, InterruptedRunError):
        _say("\ninterrupted; results that are stored stay. Go on with: spikebridge fan-out")
        if settings.compute.engine == "local":  # pools of processes that were ended may wait for them for ever
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        sys.exit(INTERRUPTED)
    _end(all_jobs)


def work(arguments: argparse.Namespace) -> None:
    """Run one job of a manifest. Exit code: 0 where its result is stored, 1 where it failed."""
    import signal

    from spikebridge import fan_out

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the temporary folder is removed
    try:
        sys.exit(fan_out.work(arguments.manifest, arguments.index))
    except KeyboardInterrupt:
        _say("interrupted; nothing was stored")
        sys.exit(INTERRUPTED)


def _run(all_jobs: FanOut) -> None:
    from spikebridge.fan_out.progress import JobsProgress
    from spikebridge.fan_out.together import run_together

    for jobs in all_jobs.waves():
        progress = JobsProgress(jobs)
        _say(
            f"{len(jobs)} jobs of {', '.join(dict.fromkeys(job.stage for job in jobs))}; logs: {jobs[0].log.parents[1]}"
        )
        run_together(jobs, all_jobs.sections.compute, progress)
        _say(progress.summary())


def _write_arrays(all_jobs: FanOut, arguments: argparse.Namespace) -> None:
    """The first wave that has jobs; the job that follows it goes on with the next one."""
    from spikebridge.fan_out import slurm

    for jobs in all_jobs.waves():
        again = ["fan-out", "--slurm", "--submit", "--max-array", str(arguments.max_array)]
        arrays = slurm.write_arrays(jobs, all_jobs.sections, arguments.max_array, () if all_jobs.last else again)
        _say(f"{len(jobs)} jobs in {len(arrays.scripts)} array(s) of SLURM: {arrays.folder}")
        if arguments.submit:
            numbers = ", ".join(slurm.submit(arrays))
            _say(f"submitted: batch jobs {numbers}; how far they are: spikebridge fan-out --status")
        else:
            _say("Submit them with:")
            print("\n".join(arrays.commands()))
        sys.exit(0)


def _show_status() -> None:
    from rich.console import Console

    from spikebridge.fan_out.status import progress_of_arrays

    progress = progress_of_arrays()
    Console().print(progress.table(with_left=False))


def _prune(all_jobs: FanOut) -> None:
    """Keep what unfinished stages ask for; no job runs."""
    from spikebridge.fan_out.run import prune

    for _ in all_jobs.waves():
        break  # a wave with jobs to run: later stages cannot be listed, and nothing is stored for them
    _say(f"{prune(all_jobs.kept)} stored results deleted; {len(all_jobs.kept)} jobs of unfinished stages")
    sys.exit(0)


def _end(all_jobs: FanOut) -> None:
    lines = all_jobs.failure_lines()
    for line in lines:
        _say(line)
    if lines:
        _say(f"{len(lines)} jobs failed; run them again with: spikebridge fan-out --retry")
        sys.exit(1)
    _say(f"All jobs have a stored result. {NEXT}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
