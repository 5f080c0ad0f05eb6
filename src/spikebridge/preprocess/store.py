"""Windows on disk: one .npz a recording, and report.json; only what changed is cut again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebridge.artifacts.recordings import IngestedRecordings, load_about, load_ingested
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.grouping import RecordingStatus, StatusPrinter
from spikebridge.preprocess.quality import quality_table
from spikebridge.preprocess.trials import classes_of
from spikebridge.preprocess.windows import make_windows
from spikebridge.runtime.hashing import digest, file_digest, same_files, source_hash
from spikebridge.runtime.parallel import Report, n_workers, run_jobs
from spikebridge.runtime.stage_inputs import is_unfinished
from spikebridge.text.plain_text import write_csv
from spikebridge.types import Windows

REPORT = "report.json"
ASKED: dict[str, Any] = {"bins": True, "data": {"min_rate_hz", "source", "target"}, "quality": True, "trials": True}
"""The settings that decide what a window holds."""


@dataclass(frozen=True)
class Job:
    """One recording to be cut. earlier: the folder of the last result; entry: what its report says of this one."""

    ingested: Path
    name: str
    config: Config
    classes: tuple[str, ...]
    out: Path
    earlier: Path | None
    entry: dict[str, Any]
    code: str


def write_windows(
    recordings: IngestedRecordings,
    config: Config,
    out_folder: Path,
    earlier: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Write <recording>.npz and <recording>.quality.csv for each, and report.json: what was kept and dropped, and why.

    earlier: the folder of the last result; recordings whose tables, settings, classes and code are the same are taken
    from there. say: hears one line a recording. Recordings are cut in parallel, one a process.

    Raises ConfigError, and DataError with what is wrong in every recording; see `make_windows`.
    """
    out_folder = Path(out_folder)
    out_folder.mkdir(parents=True, exist_ok=True)
    classes = classes_of(recordings.trials(), config.trials)
    before = _report(earlier)
    code = source_hash(__name__)
    jobs = [
        Job(Path(recordings.folder), name, config, classes, out_folder, earlier, before.get(name, {}), code)
        for name in recordings.names
    ]
    printer = StatusPrinter(say, len(jobs))
    outcomes = run_jobs(window_one, jobs, n_workers(config.compute, len(jobs)), printer, torch=False)
    printer.finish()
    wrong = [o for o in outcomes if isinstance(o, str)]
    if wrong:
        raise DataError("\n".join(wrong))
    report = {"classes": list(classes), "recordings": dict(zip(recordings.names, outcomes, strict=True))}
    (out_folder / REPORT).write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return report


def window_one(job: Job, report: Report) -> dict[str, Any] | str:
    """Cut one recording, or take over what is there: its entry of the report, or what is wrong with it."""
    made_from = _fingerprint(job)
    if job.earlier and job.entry.get("made_from") == made_from and same_files(job.earlier, job.entry.get("files", {})):
        for name in job.entry["files"]:
            shutil.copy2(job.earlier / name, job.out / name)
        report(RecordingStatus(job.name, "unchanged"))
        return job.entry
    recording = load_ingested(job.ingested / job.name)
    try:
        windows, entry = make_windows(recording, job.config, job.classes)
    except DataError as error:
        return str(error)
    files = [f"{job.name}.npz", f"{job.name}.quality.csv"]
    windows.save(job.out / files[0])
    write_csv(quality_table(recording, job.config), job.out / files[1], lineterminator="\n")
    warnings = map(Finding.from_dict, entry["warnings"])
    new = tuple(w for w in warnings if w not in recording.warnings)  # ingest has printed the others
    report(RecordingStatus(job.name, f"{len(windows)} windows", new))
    return entry | {"files": {name: file_digest(job.out / name) for name in files}, "made_from": made_from}


def load_windows(folder: Path) -> list[Windows]:
    """What `write_windows` wrote, sorted by recording; counts stay on disk. Raises DataError where there is none."""
    paths = sorted(p for p in Path(folder).glob("*.npz") if not is_unfinished(p.name))
    if not paths:
        raise DataError(f"{folder}: expected windows of recordings (.npz), found none; run the stage preprocess")
    return [Windows.load(path, in_place=True) for path in paths]


def load_animals(folder: Path) -> dict[str, str]:
    """Recording -> animal, from report.json beside the windows."""
    report = json.loads((Path(folder) / REPORT).read_text(encoding="utf-8"))
    return {name: r["animal"] for name, r in report["recordings"].items()}


def _report(folder: Path | None) -> dict[str, Any]:
    """What the last report says of each recording; nothing where there is none."""
    try:
        text = (folder / REPORT).read_text(encoding="utf-8") if folder else "{}"
        return dict(json.loads(text).get("recordings", {}))
    except (OSError, ValueError):
        return {}


def _fingerprint(job: Job) -> str:
    about = load_about(job.ingested / job.name)
    content = {name: value for name, value in about.items() if name != "made_from"}
    settings = job.config.model_dump(mode="json", include=ASKED)
    return digest(json.dumps([content, settings, job.classes], sort_keys=True), job.code)
