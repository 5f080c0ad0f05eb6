"""The jobs of one call: submitted, watched, their reports passed on and their results fetched."""

from __future__ import annotations

import queue
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

from spikebridge.errors import ConfigError, SpikebridgeError
from spikebridge.runtime.dask_engine.connection import Scheduler
from spikebridge.runtime.dask_engine.worker import BEGIN, DIED, GONE, MOST_BEGINS, call
from spikebridge.runtime.job_process import ERROR, REFUSED, unpacked
from spikebridge.runtime.parallel import JobDiedError, Report
from spikebridge.runtime.stage import say

TICK_S = 0.5
"""How often reports are passed on, at least."""
LOOK_S = 2.5
"""How often it is looked whether there are workers."""
QUIET_S = 10.0
"""After so long without a worker a line says so."""
LAST_REPORTS_S = 10.0
PACKAGE = "spikebridge"
NAMES = ("model", "fold", "name", "number")
"""Attributes of jobs by which an error names one."""


class Run:
    """The jobs of one call.

    Parameters
    ----------
    scheduler : Scheduler
        Where they run.
    setup : mapping
        Of `worker.call`.
    jobs : sequence
        The jobs.
    report : callable
        Called with each object that a job reports.
    wait_s : float
        How long there may be no worker.
    """

    def __init__(
        self, scheduler: Scheduler, setup: Mapping[str, Any], jobs: Sequence[Any], report: Report, wait_s: float
    ) -> None:
        self.scheduler, self.setup, self.jobs, self.report, self.wait_s = scheduler, setup, jobs, report, wait_s
        self.topic = f"spikebridge-{secrets.token_hex(8)}"
        self.events: queue.SimpleQueue[tuple[int, int, bytes]] = queue.SimpleQueue()
        self.submitted: Counter[int] = Counter()
        self.begun: Counter[int] = Counter()
        self.heard: Counter[int] = Counter()
        self.made: dict[int, int] = {}
        self.looked = self.alone_since = time.monotonic()
        self.told = False

    def results(self, work: Callable[[Any, Report], Any]) -> list[Any]:
        """Run all jobs.

        Parameters
        ----------
        work : callable
            Called with a job and with `report`.

        Returns
        -------
        list
            What it returned for each job.
        """
        from distributed.protocol.pickle import dumps  # a function of a script goes by value: workers do not have it

        client = self.scheduler.client
        self._check_package()
        client.subscribe_topic(self.topic, lambda event: self.events.put(tuple(event[1])))
        packed = [dumps((work, job)) for job in self.jobs]
        futures = [self._submitted(number, job) for number, job in enumerate(packed)]
        try:
            with client.as_current():
                answers = self._answers(futures, packed)
            self._hear_the_last()
            return [unpacked(content) for content in answers]
        except CancelledError:
            raise self._lost() from None
        except BaseException:
            with suppress(Exception):
                client.cancel(futures, force=True)
            raise
        finally:
            with suppress(Exception):
                client.unsubscribe_topic(self.topic)

    def _check_package(self) -> None:
        """Scheduler and workers look jobs up in the package; without it a worker would end without a word."""
        versions = self.scheduler.client.get_versions(packages=[PACKAGE])
        places = {self.scheduler.address: versions["scheduler"], **versions["workers"]}
        lacking = [place for place, known in places.items() if known["packages"].get(PACKAGE) is None]
        if lacking and versions["client"]["packages"].get(PACKAGE) is not None:  # it may run without being installed
            raise ConfigError(
                f"{', '.join(lacking[:3])}: the package {PACKAGE} is not installed there: start scheduler and "
                "workers from an environment with spikebridge[dask]"
            )

    def _submitted(self, number: int, packed: bytes) -> Any:
        self.submitted[number] += 1
        key = f"{self.topic}-{number}-{self.submitted[number]}"
        return self.scheduler.client.submit(call, self.setup, self.topic, number, packed, key=key, pure=False)

    def _answers(self, futures: list[Any], packed: Sequence[bytes]) -> list[bytes]:
        """The packed result of each job."""
        from distributed import wait

        waiting = dict(enumerate(futures))
        done: dict[int, tuple[str, bytes]] = {}
        while waiting:
            with suppress(TimeoutError):
                wait(list(waiting.values()), timeout=TICK_S, return_when="FIRST_COMPLETED")
            for number in [number for number, future in waiting.items() if future.done()]:
                done[number] = self._answer(number, waiting.pop(number))
            self._hear()
            for number in [number for number, (kind, _) in done.items() if kind == GONE]:
                del done[number]
                futures[number] = waiting[number] = self._submitted(number, packed[number])
            # of several errors the first is raised, as on one machine
            for number in range(min(waiting, default=len(futures))):
                if done[number][0] == ERROR:
                    raise unpacked(done[number][1])
            self._check(waiting)
        return [done[number][1] for number in range(len(futures))]

    def _answer(self, number: int, future: Any) -> tuple[str, bytes]:
        """Fetch what came of a job, so that the worker need not keep it."""
        from distributed.scheduler import KilledWorker

        try:
            kind, made, content = future.result()
        except KilledWorker:
            raise self._dead(number) from None
        future.release()
        if kind == REFUSED:
            raise ConfigError(content.decode())
        if kind == DIED:
            raise self._dead(number, content.decode())
        self.made[number] = made
        return kind, content

    def _hear(self) -> None:
        """Pass reports on. A job that runs again reports the same once more: what was heard is left out."""
        with suppress(queue.Empty):
            while True:
                number, index, content = self.events.get_nowait()
                if index == BEGIN:
                    self.begun[number] += 1
                elif index == self.heard[number]:
                    self.heard[number] += 1
                    self.report(unpacked(content))

    def _hear_the_last(self) -> None:
        until = time.monotonic() + LAST_REPORTS_S
        while any(self.heard[number] < made for number, made in self.made.items()) and time.monotonic() < until:
            self._hear()
            time.sleep(0.01)

    def _check(self, waiting: Mapping[int, Any]) -> None:
        """Raise an error where a job's workers died too often, the scheduler is gone, or no worker comes."""
        for number in waiting:
            if self.begun[number] > MOST_BEGINS:
                raise self._dead(number)
        now = time.monotonic()
        if now - self.looked < LOOK_S or not waiting:
            return
        self.looked = now
        try:
            workers = self.scheduler.client.nthreads()
        except (OSError, RuntimeError, TypeError):
            raise self._lost() from None
        if workers:
            self.alone_since = now
            return
        alone = now - self.alone_since
        if alone > QUIET_S and (line := self.scheduler.find_help()):
            raise SpikebridgeError(f"no worker has come: {line}")
        if alone > self.wait_s:
            raise SpikebridgeError(
                f"no worker has come to {self.scheduler.address} within {self.wait_s:g} s (compute.wait_s): are any "
                "started, or do they wait in the queue of the batch system?"
            )
        if alone > QUIET_S and not self.told:
            self.told = True
            say(f"waiting for workers of {self.scheduler.address}")

    def _lost(self) -> SpikebridgeError:
        return SpikebridgeError(
            f"the connection to the scheduler at {self.scheduler.address} was lost; run the same again when there is a "
            "scheduler: what is stored is taken over"
        )

    def _dead(self, number: int, how: str = "") -> JobDiedError:
        return JobDiedError(
            f"{_named(self.jobs, number)} was begun {MOST_BEGINS} times, and each time its worker died"
            f"{f' ({how})' if how else ''}: does it get the memory and the time that it needs?",
            number,
        )


def _named(jobs: Sequence[Any], number: int) -> str:
    """Such as "job 3 of 6 (model dnn, fold 2)"."""
    job = jobs[number]
    parts = [f"{name} {value}" for name in NAMES if isinstance(value := getattr(job, name, None), str | int)]
    if isinstance(job, str | int):
        parts = [str(job)]
    return f"job {number + 1} of {len(jobs)}" + (f" ({', '.join(parts)})" if parts else "")
