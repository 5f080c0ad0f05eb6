"""The recordings of a folder -> checked tables, one folder a recording; only what changed is read again.

Each recording carries the fingerprint of what it was made from: the bytes of its files, the settings and the code that
read them. Where an earlier result has the same fingerprint and its tables are untouched, it is taken over.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from spikebridge.config import Config
from spikebridge.digest import digest, files_digest, likeness, same_files, source_hash
from spikebridge.errors import DataError
from spikebridge.ingested import load_about, save_ingested
from spikebridge.io.choose import choose
from spikebridge.io.discovery import Found, discover, read_apart
from spikebridge.io.registry import files_of, get_reader, read_contents
from spikebridge.io.validation import check
from spikebridge.parallel import Report, n_workers, run_jobs
from spikebridge.suggest import listed
from spikebridge.types import Recording

SHARED = 0.1
"""Share of spikes that two recordings may not have in common. By chance they have none."""
ROOMS = ("config", "digest", "ingested", "intervals", "io", "suggest", "trial_table", "types")
"""Code that has a say in what an ingested recording holds."""


@dataclass(frozen=True)
class Job:
    """One recording to be read. earlier: its folder in the last result, which may not exist."""

    found: Found
    config: Config
    out: Path
    earlier: Path | None
    code: str


@dataclass(frozen=True)
class Outcome:
    """What became of a job. wrong: why it cannot be used, or empty. spikes: digest of its spikes, and their sketch."""

    name: str
    unchanged: bool = False
    warnings: tuple[str, ...] = ()
    wrong: str = ""
    spikes: str = ""
    sketch: tuple[int, ...] = ()


def ingest(
    config: Config, out_folder: Path, earlier: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Read, check and write every recording of `config.data.path`; the names of the recordings.

    earlier: the folder of the last result; recordings that did not change are taken from there. say: hears one line a
    recording, with its warnings. Recordings are read in parallel, one a process, so memory does not grow with their
    number.

    Raises DataError with everything wrong in all of them; ConfigError for an unknown reader or option.
    """
    jobs = _jobs(config, Path(out_folder), earlier, say)
    Path(out_folder).mkdir(parents=True, exist_ok=True)
    outcomes = run_jobs(ingest_one, jobs, n_workers(config.compute, len(jobs)), say, torch=False)
    wrong = [o.wrong for o in outcomes if o.wrong] or _twins(outcomes)
    if wrong:
        raise DataError("\n".join(wrong))
    return [o.name for o in outcomes]


def _jobs(config: Config, out: Path, earlier: Path | None, say: Callable[[str], None]) -> list[Job]:
    here = discover(config.data)
    if here.not_read:
        say(f"{Path(config.data.path)}: not read, since no reader takes them: {listed(here.not_read, 10)}")
    code = source_hash(*ROOMS)
    return [Job(f, config, out / f.name, earlier and Path(earlier) / f.name, code) for f in here.recordings]


def read_recording(path: Path, config: Config, name: str = "") -> Recording:
    """Read and check one recording. name: as `read_contents`.

    Raises DataError naming the file and everything wrong in it.
    """
    chosen = choose(read_contents(path, config.data, name), config.data, config.trials)
    warnings = check(
        chosen.recording, config.data, config.trials, chosen.findings, chosen.missing, chosen.units_of_time
    )
    return replace(chosen.recording, warnings=warnings)


def ingest_one(job: Job, report: Report) -> Outcome:
    """Read and write one recording, or take over what is there, in a child process.

    A user's mistake is an outcome, not an error.
    """
    name = job.found.name
    try:
        outcome, said = read_apart(partial(_ingest_one, job), job.found, job.config.data)
    except DataError as error:
        outcome, said = Outcome(name, wrong=str(error)), ""
    if said:
        report(said)
    return outcome


def _ingest_one(job: Job) -> tuple[Outcome, str]:
    """The outcome, and what is said of it."""
    name = job.found.name
    try:
        made_from = _fingerprint(job)
        if job.earlier is not None and _is_current(job.earlier, made_from):
            shutil.copytree(job.earlier, job.out)
            about = load_about(job.out)
            return _done(name, True, about), f"{name}: unchanged"
        recording = read_recording(job.found.path, job.config, name)
        save_ingested(recording, job.out, made_from)
    except DataError as error:
        said = _said(f"{name}: refused, see below", error.warnings) if error.warnings else ""
        return Outcome(name, wrong=str(error)), said
    return _done(name, False, load_about(job.out)), _said(f"{name}: read", recording.warnings)


def _said(what: str, warnings: Sequence[str]) -> str:
    return "\n".join([what, *(f"  warning: {w}" for w in warnings)])


def _done(name: str, unchanged: bool, about: dict[str, Any]) -> Outcome:
    return Outcome(
        name, unchanged, tuple(about["warnings"]), spikes=about["spike_times"], sketch=tuple(about["sketch"])
    )


def _fingerprint(job: Job) -> str:
    path = job.found.path
    try:
        content = files_digest(files_of(path, get_reader(job.found.reader)), path.parent)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    settings = job.config.model_dump(mode="json", include={"data": ASKED, "trials": True})
    return digest(content, json.dumps(settings, sort_keys=True), job.code)


ASKED = {"follow_links", "observed", "options", "reader", "region_from", "source", "target"}
"""The settings of `data` that have a say in what is read."""


def _is_current(folder: Path, made_from: str) -> bool:
    try:
        about = load_about(folder)
    except DataError:
        return False
    return about.get("made_from") == made_from and same_files(folder, about.get("files", {}))


def _twins(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for each recording that holds the spikes of an earlier one, all of them or many."""
    lines = []
    for k, one in enumerate(outcomes):
        for other in outcomes[:k]:
            share = 1.0 if one.spikes == other.spikes else likeness(one.sketch, other.sketch)
            if share >= SHARED:
                what = "the same spikes" if one.spikes == other.spikes else f"about {100 * share:.0f} % the same spikes"
                lines.append(
                    f"{other.name} and {one.name} hold {what}: one recording under two names would be in training and "
                    "test at once; remove one of them"
                )
                break
    return lines
