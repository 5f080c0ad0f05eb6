"""The stage preprocess: windows of every recording; only recordings that changed are cut again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebridge.artifacts.recordings import IngestedRecordings, digested_tables, load_about, load_ingested
from spikebridge.artifacts.windows import load_report, load_windows, save_quality, save_report, save_windows
from spikebridge.config import AnalysisConfig, ComputeConfig, WindowSections
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding, Refusal
from spikebridge.errors.grouping import RecordingStatus, StatusPrinter
from spikebridge.errors.messages import listed
from spikebridge.preprocess.quality import quality_table
from spikebridge.preprocess.states import Timeline, find_states
from spikebridge.preprocess.trials import classes_of
from spikebridge.preprocess.windows import make_windows
from spikebridge.runtime.hashing import digest, file_digest, same_files, source_hash
from spikebridge.runtime.parallel import Report, run_jobs, workers_for

DATA_SETTINGS = {"min_rate_hz", "source", "target"}
"""The settings of `data` that decide what a window holds."""


@dataclass(frozen=True)
class PreprocessSections(WindowSections):
    """The sections of params.yaml that the stage preprocess uses.

    Parameters
    ----------
    data, quality, trials, bins, analysis, compute : Section
        The sections of these names; of analysis only the states, which are checked and change no window.
    """

    analysis: AnalysisConfig
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
        With what is wrong in every recording; see `make_windows`, and `find_states` for `analysis.states`.
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
    outcomes = run_jobs(window_one, jobs, workers_for(sections.compute, len(jobs)), printer)
    printer.finish()
    wrong = [error for o in outcomes if isinstance(o, Refusal) for error in o.complete]
    if wrong:
        raise DataError.about("", wrong)
    report = {"classes": list(classes), "recordings": dict(zip(recordings.names, outcomes, strict=True))}
    save_report(report, out_folder)
    for line in state_lines(sections, Path(recordings.folder), out_folder):
        say(line)
    return report


def state_lines(sections: PreprocessSections, ingested: Path, windows_folder: Path) -> Iterator[str]:
    """One line for each state of `analysis.states`: which share of the bins it has. The states are read again by
    evaluate; here they are checked, before models are fitted. Raises as `find_states`."""
    if sections.analysis.states is None:
        return
    windows = {w.recording: w for w in load_windows(windows_folder)}
    timelines = (Timeline.load(ingested, name) for name in windows)
    for name, recordings in find_states(sections.analysis.states, sections.trials, timelines, windows).items():
        known = [b.inside for b in recordings.values() if not b.missing]
        share = 100 * sum(int(b.sum()) for b in known) / sum(b.size for b in known)
        absent = [f"{recording} has {bins.missing}" for recording, bins in recordings.items() if bins.missing]
        without = f" of the other recordings; {listed(absent, 3)}" if absent else ""
        yield f"state {name}: {share:.2g} % of the bins{without}"


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
    content = digested_tables(load_about(job.ingested / job.name))
    settings = {
        "bins": job.sections.bins.model_dump(mode="json"),
        "data": job.sections.data.model_dump(mode="json", include=DATA_SETTINGS),
        "quality": job.sections.quality.model_dump(mode="json"),
        "trials": job.sections.trials.model_dump(mode="json"),
    }
    return digest(json.dumps([content, settings, job.classes], sort_keys=True), job.code)
