"""The recordings of a folder -> checked tables, one folder per recording. Unchanged recordings are not read again.

Each result stores the fingerprint of its sources: the bytes of its files, the settings, and the code that read them. An
earlier result is reused if it has the same fingerprint and its tables are unchanged.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from spikebridge.artifacts.recordings import load_about, save_ingested
from spikebridge.config import ComputeConfig, DataConfig, RecordingSections
from spikebridge.duplicates import sketch_overlap
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding, Refusal
from spikebridge.errors.grouping import RecordingStatus, StatusPrinter, group_errors
from spikebridge.errors.messages import listed
from spikebridge.io.choose import choose
from spikebridge.io.contents import Contents
from spikebridge.io.discovery import (
    RecordingPaths,
    discover,
    files_of_paths,
    read_in_child_process,
    read_paths,
    search_in_child_process,
)
from spikebridge.io.excluded_units import check_excluded
from spikebridge.io.offsets import check_offset_names
from spikebridge.io.probes import as_yaml, groups_in
from spikebridge.io.reader_registry import files_of, reader_of
from spikebridge.io.validation import check
from spikebridge.runtime.hashing import digest, files_digest, same_files, source_hash
from spikebridge.runtime.parallel import Report, run_jobs, workers_for
from spikebridge.runtime.stage_inputs import StageInputs
from spikebridge.types import Recording

MAX_SHARED = 0.1
"""Share of common spikes from which two recordings are an error. By chance, two recordings share none."""


@dataclass(frozen=True)
class IngestSections(RecordingSections):
    """The sections of params.yaml that the stage ingest uses.

    Parameters
    ----------
    data, quality, trials, compute : Section
        The sections of these names.
    """

    compute: ComputeConfig


@dataclass(frozen=True)
class IngestJob:
    """One recording to be read. earlier: its folder in the previous result, which may not exist."""

    paths: RecordingPaths
    sections: RecordingSections
    out: Path
    earlier: Path | None
    code: str


@dataclass(frozen=True)
class IngestOutcome:
    """The result of a job. refusal: why it cannot be used, or None. spikes, sketch: digest and sketch of its spikes."""

    name: str
    unchanged: bool = False
    refusal: Refusal | None = None
    spikes: str = ""
    sketch: tuple[int, ...] = ()


def ingest(
    sections: IngestSections,
    out_folder: Path,
    earlier: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    data_of: Mapping[str, DataConfig] | None = None,
) -> list[str]:
    """Read, check and write every recording of `data.path`.

    Recordings are read in parallel, one per process, so that memory does not grow with their number.

    Parameters
    ----------
    sections : IngestSections
        The settings of the stage.
    out_folder : Path
        The folder to which one folder per recording is written.
    earlier : Path, optional
        The folder of the previous result; unchanged recordings are copied from there.
    say : callable
        Called with one line of text per recording, and its warnings.
    data_of : mapping of str to DataConfig, optional
        The section `data` of each recording, where source and target differ between recordings; recordings that it does
        not name are left out.

    Returns
    -------
    list of str
        The names of the recordings.

    Raises
    ------
    DataError
        With all errors in all recordings, or if a file was written while it was read (InputsChangedError).
    ConfigError
        For an unknown reader or option.
    """
    raw = _raw_files(sections.data, Path(out_folder))
    jobs = _jobs(RecordingSections.of(sections), Path(out_folder), earlier, say)
    if data_of is not None:
        jobs = [
            replace(j, sections=replace(j.sections, data=data_of[j.paths.name]))
            for j in jobs
            if j.paths.name in data_of
        ]
    hint = _not_joined([j.paths for j in jobs], sections.data)
    if hint:
        say(hint)
    Path(out_folder).mkdir(parents=True, exist_ok=True)
    printer = StatusPrinter(say, len(jobs))
    try:
        outcomes = run_jobs(ingest_one, jobs, workers_for(sections.compute, len(jobs)), printer)
    finally:
        raw.check()  # also if reading failed: the real cause may be a file that was half replaced
    printer.finish()
    refusals = [(o.name, o.refusal) for o in outcomes if o.refusal is not None]
    wrong = [error for _, refusal in refusals for error in refusal.complete] or _duplicates(outcomes)
    if wrong:
        lines = group_errors(refusals) or [str(error) for error in wrong]
        raise DataError("\n".join([*lines, *([hint] if hint else [])]), Refusal("", tuple(wrong)))
    return [o.name for o in outcomes]


def _jobs(sections: RecordingSections, out: Path, earlier: Path | None, say: Callable[[str], None]) -> list[IngestJob]:
    data = sections.data
    discovery = discover(data)
    check_excluded(data, [e.name for e in discovery.recordings])
    check_offset_names(data, [e.name for e in discovery.recordings])
    if discovery.not_read:
        say(f"{data.path}: not read, since no reader takes them: {listed(discovery.not_read, 10)}")
    code = source_hash(__name__)
    return [
        IngestJob(e, sections, out / e.name, earlier and Path(earlier) / e.name, code) for e in discovery.recordings
    ]


def _raw_files(data: DataConfig, out: Path) -> StageInputs:
    """All files at `data.path` except the results; for a single file, also other files that its reader uses."""
    path = Path(data.path)
    # os.path.isfile, because is_file raises an exception if a parent folder cannot be opened
    single = os.path.isfile(path)  # noqa: PTH113
    beside = search_in_child_process(partial(_files_beside, path, data.reader), data) if single else []
    return StageInputs.of([path, *beside], without=out)


def _files_beside(path: Path, reader: str) -> list[Path]:
    file_reader = reader_of(path, reader)
    return files_of(path, file_reader) if file_reader else []


def _not_joined(every: Sequence[RecordingPaths], data: DataConfig) -> str:
    """The setting that joins recordings that look like the probes of one session; empty if there are none."""
    root = Path(data.path)
    groups = groups_in([e.path for e in every if not e.probes], root)
    if not groups:
        return ""
    names = listed((f"{name} ({listed(group)})" for name, group in groups.items()), 5)
    return (
        f"{root}: paths that look like the probes of one session are read as recordings apart: {names}; to join them, "
        f"set data.recordings: {as_yaml(groups, root)}"
    )


def checked_recording(contents: Contents, sections: RecordingSections) -> Recording:
    """The recording selected by the settings, with its warnings.

    Raises DataError with the file and all errors in it.
    """
    chosen = choose(contents, sections.data, sections.trials, sections.quality)
    warnings = check(
        chosen.recording,
        sections.data,
        sections.trials,
        chosen.findings,
        chosen.missing,
        chosen.time_unit_options,
        chosen.unused,
    )
    return replace(chosen.recording, warnings=warnings)


def ingest_one(job: IngestJob, report: Report) -> IngestOutcome:
    """Read and write one recording, or reuse the earlier result, in a child process.

    A mistake of the user is an outcome, not an exception.
    """
    name = job.paths.name
    try:
        outcome, line = read_in_child_process(partial(_ingest_one, job), job.paths, job.sections.data)
    except DataError as error:
        return IngestOutcome(name, refusal=error.refusal)
    if line is not None:
        report(line)
    return outcome


def _ingest_one(job: IngestJob) -> tuple[IngestOutcome, RecordingStatus | None]:
    """The outcome, and the status to print."""
    name = job.paths.name
    try:
        made_from = _fingerprint(job)
        if job.earlier is not None and _is_current(job.earlier, made_from):
            shutil.copytree(job.earlier, job.out, dirs_exist_ok=True)  # a job may run again after its worker died
            about = load_about(job.out)
            return _done(name, True, about), RecordingStatus(name, "unchanged")
        contents = read_paths(job.paths, job.sections.data, job.sections.trials.times)
        recording = checked_recording(contents, job.sections)
        save_ingested(recording, job.out, made_from, contents.tables)
    except DataError as error:
        refused = RecordingStatus(name, "refused, see below", error.warnings) if error.warnings else None
        return IngestOutcome(name, refusal=error.refusal), refused
    return _done(name, False, load_about(job.out)), RecordingStatus(name, "read", recording.warnings)


def _done(name: str, unchanged: bool, about: dict[str, Any]) -> IngestOutcome:
    return IngestOutcome(name, unchanged, spikes=about["spike_times"], sketch=tuple(about["sketch"]))


def _fingerprint(job: IngestJob) -> str:
    paths, sections = job.paths, job.sections
    try:
        content = files_digest(files_of_paths(paths, sections.data), paths.path if paths.probes else paths.path.parent)
    except OSError as error:
        raise DataError.of("source-files-not-read", paths.path, f"cannot be read: {error.strerror}") from None
    settings = {
        "data": sections.data.model_dump(mode="json", include=DATA_SETTINGS),
        "quality": sections.quality.model_dump(mode="json", include=QUALITY_SETTINGS),
        "trials": sections.trials.model_dump(mode="json"),
    }
    return digest(content, json.dumps(settings, sort_keys=True), job.code)


DATA_SETTINGS = {
    "clock",
    "duplicates",
    "exclude_units",
    "follow_links",
    "observed",
    "offset_s",
    "options",
    "reader",
    "recordings",
    "region_from",
    "source",
    "target",
}
"""The settings of `data` on which the ingested recordings depend."""
QUALITY_SETTINGS = {"sorter_label_from", "sorter_labels"}
"""The settings of `quality` that define which units are used. Faulty unused units are left out."""


def _is_current(folder: Path, made_from: str) -> bool:
    try:
        about = load_about(folder)
    except DataError:
        return False
    return about.get("made_from") == made_from and same_files(folder, about.get("files", {}))


def _duplicates(outcomes: Sequence[IngestOutcome]) -> list[Finding]:
    """One error for each recording that has all or many spikes in common with an earlier one."""
    errors = []
    for k, later in enumerate(outcomes):
        for other in outcomes[:k]:
            share = 1.0 if later.spikes == other.spikes else sketch_overlap(later.sketch, other.sketch)
            if share >= MAX_SHARED:
                what = (
                    "the same spikes" if later.spikes == other.spikes else f"about {100 * share:.0f} % the same spikes"
                )
                text = (
                    f"{other.name} and {later.name} hold {what}: one recording under two names would be in training "
                    "and test at once;"
                )
                errors.append(Finding.error("duplicate-recordings", later.name, text, "remove one of them"))
                break
    return errors
