"""The stage preprocess: windows of every recording; only recordings that changed are cut again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebridge.artifacts.recordings import IngestedRecordings, load_about, load_ingested
from spikebridge.artifacts.windows import load_report, save_quality, save_report, save_windows
from spikebridge.config import ComputeConfig, WindowSections
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding, Refusal
from spikebridge.errors.grouping import RecordingStatus, StatusPrinter
from spikebridge.preprocess.quality import quality_table
from spikebridge.preprocess.trials import classes_of
from spikebridge.preprocess.windows import make_windows
from spikebridge.runtime.hashing import digest, file_digest, same_files, source_hash
from spikebridge.runtime.parallel import Report, n_workers, run_jobs

DATA_SETTINGS = {"min_rate_hz", "source", "target"}
"""The settings of `data` that decide what a window holds."""


@dataclass(frozen=True)
class PreprocessSections(WindowSections):
    """The sections of params.yaml that the stage preprocess uses.

    Parameters
    ----------
    data, quality, trials, bins, compute : Section
        The sections of these names.
    """

    compute: ComputeConfig


@dataclass(frozen=True)
class WindowingJob:
    """One recording to be cut.

    earlier: the folder of the last result. entry: the entry of this recording in its report. code: hash of the code
    that decides what a window holds.
    """

    ingested: Path
    name: str
    sections: WindowSections
    classes: tuple[str, ...]
    out: Path
    earlier: Path | None
    entry: dict[str, Any]
    code: str


def write_windows(
    recordings: IngestedRecordings,
    sections: PreprocessSections,
    out_folder: Path,
    earlier: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Cut every recording into windows; write them, the quality tables and report.json (see artifacts.windows).

    Recordings are cut in parallel, one a process.

    Parameters
    ----------
    recordings : IngestedRecordings
        What the stage ingest wrote.
    sections : PreprocessSections
        The settings of the stage.
    out_folder : Path
        Folder of the windows, made where it is missing.
    earlier : Path, optional
        Folder of the last result. A recording whose tables, settings, classes and code are the same is copied from it.
    say : callable
        Called with one line for each recording.

    Returns
    -------
    dict
        The report; see `artifacts.windows.save_report`.

    Raises
    ------
    ConfigError, DataError
        With what is wrong in every recording; see `make_windows`.
    """
    out_folder = Path(out_folder)
    out_folder.mkdir(parents=True, exist_ok=True)
    classes = classes_of(recordings.trials(), sections.trials)
    before = _report(earlier)
    code = source_hash(__name__)
    used = WindowSections.of(sections)
    jobs = [
        WindowingJob(Path(recordings.folder), name, used, classes, out_folder, earlier, before.get(name, {}), code)
        for name in recordings.names
    ]
    printer = StatusPrinter(say, len(jobs))
    outcomes = run_jobs(window_one, jobs, n_workers(sections.compute, len(jobs)), printer)
    printer.finish()
    wrong = [error for o in outcomes if isinstance(o, Refusal) for error in o.complete]
    if wrong:
        raise DataError.about("", wrong)
    report = {"classes": list(classes), "recordings": dict(zip(recordings.names, outcomes, strict=True))}
    save_report(report, out_folder)
    return report


def window_one(job: WindowingJob, report: Report) -> dict[str, Any] | Refusal:
    """Cut one recording, or copy the last result: its entry of the report, or why it is refused."""
    made_from = _fingerprint(job)
    if job.earlier and job.entry.get("made_from") == made_from and same_files(job.earlier, job.entry.get("files", {})):
        (job.out / job.name).mkdir(exist_ok=True)
        for name in job.entry["files"]:
            shutil.copy2(job.earlier / name, job.out / name)
        report(RecordingStatus(job.name, "unchanged"))
        return job.entry
    recording = load_ingested(job.ingested / job.name)
    try:
        windows, entry = make_windows(recording, job.sections, job.classes)
    except DataError as error:
        return error.refusal
    place = save_windows(windows, job.out)
    save_quality(quality_table(recording, job.sections.data, job.sections.quality), job.out, job.name)
    files = {f"{job.name}/{path.name}": file_digest(path) for path in sorted(place.iterdir())}
    warnings = map(Finding.from_dict, entry["warnings"])
    new = tuple(w for w in warnings if w not in recording.warnings)  # ingest has printed the others
    report(RecordingStatus(job.name, f"{len(windows)} windows", new))
    return entry | {"files": files, "made_from": made_from}


def _report(folder: Path | None) -> dict[str, Any]:
    """Entries of the last report, by recording; empty where there is none."""
    try:
        return dict(load_report(folder)["recordings"]) if folder else {}
    except DataError:
        return {}


def _fingerprint(job: WindowingJob) -> str:
    about = load_about(job.ingested / job.name)
    content = {name: value for name, value in about.items() if name != "made_from"}
    settings = {
        "bins": job.sections.bins.model_dump(mode="json"),
        "data": job.sections.data.model_dump(mode="json", include=DATA_SETTINGS),
        "quality": job.sections.quality.model_dump(mode="json"),
        "trials": job.sections.trials.model_dump(mode="json"),
    }
    return digest(json.dumps([content, settings, job.classes], sort_keys=True), job.code)
