"""Run of ingest, preprocess and split with a proposal. Nothing stays on disk.

Each recording is read, checked and cut in a child process, and its windows lie in a temporary folder, so memory does
not grow with the number of recordings. Where the proposal is not complete, only the checks that need nothing of what is
missing are run.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from spikebridge.artifacts.windows import load_recording_windows, save_windows
from spikebridge.config import DataConfig, SplitConfig, TrialsConfig, WindowSections
from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.errors.findings import REFUSED, Finding, split_errors
from spikebridge.inspection.propose_trials import with_placeholder_regions
from spikebridge.inspection.reading import OpenedRecording
from spikebridge.inspection.records import DryRun, Proposal
from spikebridge.io import choose, read_in_child_process
from spikebridge.io.discovery import read_paths
from spikebridge.io.ingest import checked_recording
from spikebridge.io.validation import CHECKS, Check
from spikebridge.io.validation.checked_recording import CheckedRecording
from spikebridge.io.validation.names import check_labels, check_regions
from spikebridge.io.validation.trials import check_columns
from spikebridge.preprocess import classes_of, filter_lines, make_windows, select_trials, total_filters
from spikebridge.splits import make_splits
from spikebridge.types import Recording

MAX_SPIKES = 50_000_000
"""Over all recordings. Of more spikes no windows are cut; only the trials are counted."""
SKIPPED_CHECKS: dict[str, set[Check]] = {"regions": {check_regions}, "label": {check_columns, check_labels}}
"""What is missing in a proposal -> checks of that alone."""
PLACEHOLDER_WINDOW_S = (-0.05, 0.0)
"""A window where no alignment can be proposed, to check whether trials lie in the observed time at all."""


@dataclass(frozen=True)
class RecordingDryRun:
    """Result for one recording. recording: with its first and last spike alone. unit_counts: (role, "kept" or "all").

    filters: counts of each filter of units, as preprocess reports them. refused: why there are no windows; else empty.
    """

    recording: Recording
    warnings: tuple[Finding, ...]
    unit_counts: Counter[tuple[str, str]]
    filters: Sequence[Mapping[str, Any]] = ()
    refused: tuple[Finding, ...] = ()


def dry_run(
    recordings: Sequence[OpenedRecording], sections: WindowSections, split: SplitConfig
) -> tuple[DryRun, dict[str, tuple[Finding, ...]]]:
    """Run the first stages on all recordings; the result, and the warnings of each recording by name."""
    problems: list[Finding] = []
    warnings: dict[str, tuple[Finding, ...]] = {}
    cuts = sum(opened.summary.spikes.count for opened in recordings if opened.summary.spikes) <= MAX_SPIKES
    classes = _classes(recordings, sections) if cuts else ()
    with tempfile.TemporaryDirectory() as folder:
        results: list[RecordingDryRun] = []
        for opened in recordings:
            try:
                work = partial(_run_recording, opened, sections, classes, Path(folder))
                results.append(read_in_child_process(work, opened.entry, sections.data))
                warnings[opened.summary.name] = results[-1].warnings
            except SpikebridgeError as error:
                problems += _refused(opened.summary.name, error)
                if isinstance(error, DataError):
                    warnings[opened.summary.name] = error.warnings
        if problems:
            return DryRun(False, ("ingest",), tuple(problems)), warnings
        if refused := next((part.refused for part in results if part.refused), ()):
            return DryRun(False, ("ingest", "preprocess"), refused), warnings
        try:
            counted = _count_trials([part.recording for part in results], sections.trials)
            return (_split(results, counted, split, classes, Path(folder)) if cuts else counted), warnings
        except SpikebridgeError as error:
            return DryRun(False, ("ingest", "preprocess"), _refused("recordings", error)), warnings


def _classes(recordings: Sequence[OpenedRecording], sections: WindowSections) -> tuple[str, ...]:
    """Classes of the trials; none where the trials are refused, which is reported later."""
    try:
        chosen = (choose(opened.outline, sections.data, sections.trials).recording for opened in recordings)
        return classes_of(list(chosen), sections.trials)
    except SpikebridgeError:
        return ()


def _run_recording(
    opened: OpenedRecording, sections: WindowSections, classes: tuple[str, ...], folder: Path
) -> RecordingDryRun:
    """Read, check, and write windows to the folder where classes are known. Raises what ingest would raise."""
    contents = opened.contents or read_paths(opened.entry, sections.data, sections.trials.times)
    recording = checked_recording(contents, sections)
    small = replace(recording, spikes=opened.outline.spikes, behavior=opened.outline.behavior)
    result = RecordingDryRun(small, recording.warnings, Counter())
    if not classes:
        return result
    try:
        windows, report = make_windows(recording, sections, classes)
    except SpikebridgeError as error:
        return replace(result, refused=_refused(recording.name, error))
    save_windows(windows, folder)
    unit_counts: Counter[tuple[str, str]] = Counter()
    for role, regions in report["units"].items():
        for counts in regions.values():
            unit_counts[role, "kept"] += counts["kept"]
            unit_counts[role, "all"] += counts["kept"] + counts["dropped"]
    return replace(
        result,
        warnings=(*recording.warnings, *map(Finding.from_dict, report["quality"]["warnings"])),
        unit_counts=unit_counts,
        filters=report["quality"]["filters"],
    )


def _count_trials(recordings: Sequence[Recording], trials: TrialsConfig) -> DryRun:
    """Trials and classes alone, without windows."""
    classes_of(recordings, trials)
    selected = {r.name: select_trials(r, trials) for r in recordings}
    used = {name: (len(selection.trial), selection.total) for name, selection in selected.items()}
    class_counts = Counter(label for selection in selected.values() for label in selection.label.tolist())
    return DryRun(True, ("ingest",), trials_used=used, class_counts=class_counts)


def _split(
    results: Sequence[RecordingDryRun], counted: DryRun, split: SplitConfig, classes: tuple[str, ...], folder: Path
) -> DryRun:
    """The results of preprocess, and whether the trials can be split."""
    windows = [load_recording_windows(folder, part.recording.name) for part in results]
    units = sum((part.unit_counts for part in results), Counter())
    result = DryRun(
        runs=True,
        stages=("ingest", "preprocess"),
        trials_used=counted.trials_used,
        class_counts={name: counted.class_counts.get(name, 0) for name in classes},
        filters=tuple(filter_lines(total_filters([part.filters for part in results]))),
        units_used={role: (units[role, "kept"], units[role, "all"]) for role in ("source", "target")},
    )
    stages = (*result.stages, "split")
    try:
        animals = {part.recording.name: part.recording.animal for part in results}
        make_splits(windows, split, animals=animals)
    except SpikebridgeError as error:
        return replace(result, runs=False, stages=stages, problems=_refused("split", error))
    return replace(result, stages=stages)


def check_incomplete(
    recordings: Sequence[OpenedRecording], proposal: Proposal
) -> tuple[tuple[Finding, ...], dict[str, tuple[Finding, ...]]]:
    """What ingest would refuse whatever the user adds to the proposal, and the warnings of each recording by name."""
    problems: list[Finding] = []
    warnings: dict[str, tuple[Finding, ...]] = {}
    for opened in recordings:
        try:
            findings = read_in_child_process(
                partial(_check_recording, opened, proposal), opened.entry, _data_section(proposal)
            )
        except DataError as error:
            problems += _refused(opened.summary.name, error)
            continue
        name = opened.outline.source_file or opened.summary.name
        errors, warnings[opened.summary.name] = split_errors(findings)
        problems += [replace(error, text=f"{name}: {error.text}") for error in errors]
    return tuple(problems), warnings


def _refused(subject: str, error: SpikebridgeError) -> tuple[Finding, ...]:
    """The findings of an error. subject: of an error that has no code."""
    if isinstance(error, DataError) and not error.refusal.is_uncoded:
        return error.refusal.complete
    return (Finding.error(REFUSED, subject, str(error)),)


def _check_recording(opened: OpenedRecording, proposal: Proposal) -> list[Finding]:
    return list(_findings(opened, proposal))


def _findings(opened: OpenedRecording, proposal: Proposal) -> Iterator[Finding]:
    data, trials = _data_section(proposal), _trials_section(opened, proposal)
    contents = opened.contents or read_paths(opened.entry, data)
    chosen = choose(contents, data, trials or TrialsConfig())
    checked = CheckedRecording(
        chosen.recording, data, trials or TrialsConfig(), chosen.unused, chosen.time_unit_options
    )
    reported = {"regions"} & proposal.missing.keys() | ({"trials"} if "table" in proposal.missing else set())
    yield from (f for f in chosen.findings if not f.is_error or chosen.missing - reported)
    absent = chosen.missing - {"regions"} | (set() if trials else {"trials"})
    skipped = {check for key, checks in SKIPPED_CHECKS.items() if key in proposal.missing for check in checks}
    for check, part in CHECKS.items():
        if part not in absent and check not in skipped:
            yield from check(checked)


def _data_section(proposal: Proposal) -> DataConfig:
    """The proposed section, with placeholders for regions that are not known."""
    return DataConfig.model_validate(with_placeholder_regions(proposal.data))


def _trials_section(opened: OpenedRecording, proposal: Proposal) -> TrialsConfig | None:
    """The proposed section; the best of the table's times where no alignment is proposed; None where no table is."""
    table = next((t for t in opened.summary.tables if t.name == proposal.trials["table"]), None)
    if "table" in proposal.missing or (table and not table.align_columns):
        return None
    if "align" not in proposal.missing or table is None:
        return TrialsConfig.model_validate(proposal.trials)
    placeholder = {"align": table.align_columns[0], "window_s": list(PLACEHOLDER_WINDOW_S)}
    return TrialsConfig.model_validate({**proposal.trials, **placeholder})
