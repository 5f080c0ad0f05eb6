"""The progress of all jobs in one place: a table of rich in a terminal, one line for each job that ended elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from spikebridge.fan_out.one_job import BEGUN, FAILED, Entry, Event

if TYPE_CHECKING:
    from rich.table import Table


class JobsProgress:
    """Which jobs wait, run, are done or have failed.

    Parameters
    ----------
    jobs : sequence of Entry
        All jobs that are run together.
    stream : file, optional
        Where it is shown; standard error where none is given.
    """

    def __init__(self, jobs: Sequence[Entry], stream: TextIO | None = None) -> None:
        self.jobs = {job.fingerprint.key: job for job in jobs}
        self.begun: dict[str, float] = {}
        self.ended: dict[str, Event] = {}
        self.started = time.monotonic()
        self.stream = stream or sys.stderr
        self._is_terminal = self.stream.isatty()

    def hear(self, event: Event) -> None:
        """Take an event of a job; it is shown at once where no table is.

        Parameters
        ----------
        event : Event
            Of one of the jobs.
        """
        if event.what == BEGUN:
            self.begun[event.key] = time.monotonic()
            return
        self.begun.pop(event.key, None)
        self.ended[event.key] = event
        if not self._is_terminal:
            print(f"{self.jobs[event.key].title}: {event.what} in {event.seconds:.1f} s; {self.summary()}",
                  file=self.stream, flush=True)  # fmt: skip

    def running(self) -> list[Entry]:
        """The jobs that have begun and not ended.

        Returns
        -------
        list of Entry
            In the order of their beginning.
        """
        return [self.jobs[key] for key in self.begun]

    def left(self) -> list[Entry]:
        """The jobs that have not ended, without those that run.

        Returns
        -------
        list of Entry
            In the order of the jobs.
        """
        return [job for key, job in self.jobs.items() if key not in self.ended and key not in self.begun]

    def summary(self) -> str:
        """Say how far all jobs are.

        Returns
        -------
        str
            For example: 5 of 24 done, 2 running, 1 failed, about 3 min left.
        """
        failed = sum(event.what == FAILED for event in self.ended.values())
        done = len(self.ended) - failed
        parts = [f"{done} of {len(self.jobs)} done", f"{len(self.begun)} running", f"{failed} failed"]
        seconds = self.seconds_left()
        return ", ".join([*parts, *([f"about {duration(seconds)} left"] if seconds else [])])

    def seconds_left(self) -> float:
        """Estimate when all jobs will have ended.

        Returns
        -------
        float
            From the mean time of the jobs of each stage that have ended, and from how many jobs ran at a time until
            now; 0 where none has ended, or none is left.
        """
        if not self.ended or len(self.ended) == len(self.jobs):
            return 0.0
        now, times = time.monotonic(), [event.seconds for event in self.ended.values()]
        of_stage: dict[str, list[float]] = {}
        for key, event in self.ended.items():
            of_stage.setdefault(self.jobs[key].stage, []).append(event.seconds)
        rest = 0.0
        for key, job in self.jobs.items():
            if key not in self.ended:
                known = of_stage.get(job.stage, times)
                spent = now - self.begun[key] if key in self.begun else 0.0
                rest += max(sum(known) / len(known) - spent, 0.0)
        busy = sum(times) + sum(now - begun for begun in self.begun.values())
        return rest / max(busy / max(now - self.started, 1e-9), 1e-9)

    def table(self, with_left: bool = True) -> Table:
        """Count the jobs of each stage.

        Parameters
        ----------
        with_left : bool
            Whether the caption estimates the end.

        Returns
        -------
        rich.table.Table
            One row a stage, and one for all.
        """
        from rich.table import Table

        counts: dict[str, list[int]] = {}
        for key, job in self.jobs.items():
            row = counts.setdefault(job.stage, [0, 0, 0, 0])
            end = self.ended.get(key)
            row[(3 if end.what == FAILED else 2) if end else (1 if key in self.begun else 0)] += 1
        made = Table(title="Jobs", caption=self.summary() if with_left else None)
        made.add_column("stage")
        for name in ("waiting", "running", "done", "failed"):
            made.add_column(name, justify="right")
        for stage, row in counts.items():
            made.add_row(stage, *map(str, row))
        made.add_section()
        made.add_row("all", *(str(sum(row[k] for row in counts.values())) for k in range(4)))
        return made

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table while the block runs, where it is a terminal.

        Yields
        ------
        None
            Nothing.
        """
        if not self._is_terminal:
            yield
            return
        from rich.console import Console
        from rich.live import Live

        with Live(get_renderable=self.table, console=Console(file=self.stream), refresh_per_second=2,
                  redirect_stdout=False, redirect_stderr=False):  # fmt: skip
            yield


def duration(seconds: float) -> str:
    """A length of time for people.

    Parameters
    ----------
    seconds : float
        The time.

    Returns
    -------
    str
        In seconds, minutes or hours.
    """
    if seconds < 100:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
