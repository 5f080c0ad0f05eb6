"""The function `inspect`: read, summarise, propose, try."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError

from spikebridge import config
from spikebridge.config import DataConfig, Section
from spikebridge.errors import ConfigError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.errors.validation_errors import describe_errors
from spikebridge.inspection import params_yaml, warnings
from spikebridge.inspection.dry_run import check_incomplete, dry_run
from spikebridge.inspection.propose import propose
from spikebridge.inspection.reading import OpenedRecording, read_all
from spikebridge.inspection.records import (
    INCOMPLETE_PROPOSAL,
    UNREADABLE_RECORDINGS,
    DryRun,
    Inspection,
    Proposal,
    RecordingSummary,
    RegionSummary,
)
from spikebridge.inspection.regions import summarize_regions
from spikebridge.inspection.tables import summarize_tables
from spikebridge.io.validation.names import REGION_WITHOUT_UNITS
from spikebridge.io.validation.time_spans import SILENT_PAUSE
from spikebridge.labels.trial_labels import label_text

PLACEHOLDER_REGIONS = {"source": ["\0"], "target": ["\0\0"]}
"""Names of no region, for a section `data` whose regions are not known yet."""


class InspectOptions(Section):
    """What a user may set before the inspection.

    Parameters
    ----------
    reader : str
        Name of the reader; "auto" chooses it by the content.
    options : dict
        Options of the reader, as in `data.options`.
    table : str, optional
        Interval table of the trials; the most likely one where it is not given.
    region_from : str
        As `data.region_from`.
    offset_s : float or mapping
        Seconds added to all times, or to those of each recording or stream, as in `data.offset_s`.
    clock : str
        As `data.clock`: "checked" or "trusted".
    """

    reader: str = "auto"
    options: dict[str, Any] = {}
    table: str | None = None
    region_from: str = "auto"
    offset_s: Any = 0.0
    clock: str = "checked"


def inspect(
    path: Path,
    options: InspectOptions | None = None,
    base: Mapping[str, Any] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Inspection:
    """Summarise every recording at a path, propose parameters for them, and run the first stages with the proposal.

    Parameters
    ----------
    path : Path
        One recording, or a folder of recordings.
    options : InspectOptions, optional
        What the user knows already.
    base : Mapping, optional
        The content of a params.yaml; its sections other than data, trials and bins are used when the proposal is run.
    report : Callable
        Called with the name of each recording before it is read.

    Returns
    -------
    Inspection
        The summaries, the warnings, the proposal and the result of running it.

    Raises
    ------
    DataError
        Where there is no recording, or none that can be read.
    ConfigError
        For an unknown reader or a wrong option.
    """
    options, base = options or InspectOptions(), base or {}
    read = read_all(_data_section(path, options, base.get("data") or {}), report)
    recordings = read.recordings
    proposal = propose(recordings, read.data, options.table)
    proposed_yaml = params_yaml.params_sections(proposal)
    tried, checked = _try(recordings, proposal, proposed_yaml, base)
    tried = _with_unreadable(tried, read.summaries)
    folder = [*read.remarks, *warnings.folder_warnings(read.summaries, recordings, proposal, read.not_read)]
    return Inspection(
        path=str(path),
        recordings=tuple(_with_warnings(s, recordings, proposal, checked.get(s.name, ())) for s in read.summaries),
        regions=_all_regions(recordings, proposal),
        tables=summarize_tables((n, f) for opened in recordings for n, f in opened.outline.tables.items()),
        not_read=read.not_read,
        warnings=(*folder, *warnings.dry_run_warnings(tried, label_text(proposal.trials["label"]))),
        proposal=proposal,
        dry_run=tried,
        proposed_yaml=proposed_yaml,
    )


def _data_section(path: Path, options: InspectOptions, base: Mapping[str, Any]) -> DataConfig:
    """base: the section data of the parameter file; its limits and its rule on links are used here too."""
    given = options.model_dump(exclude={"table"}) | {"path": str(path)}
    given |= {key: base[key] for key in ("follow_links", "limits") if key in base}
    try:
        return DataConfig.model_validate(given | PLACEHOLDER_REGIONS)
    except ValidationError as error:
        raise ConfigError(f"inspect: {describe_errors(error, DataConfig)}") from None


def _try(
    recordings: Sequence[OpenedRecording], proposal: Proposal, proposed_yaml: str, base: Mapping[str, Any]
) -> tuple[DryRun, Mapping[str, tuple[Finding, ...]]]:
    """Run the text that the user sees, not the records that it was made from."""
    if proposal.missing:
        problems, warnings_of = check_incomplete(recordings, proposal)
        missing = [Finding.error(INCOMPLETE_PROPOSAL, part, text) for part, text in proposal.missing.items()]
        return DryRun(False, problems=(*missing, *problems)), warnings_of
    settings = config.parse({"models": {}, **base, **yaml.safe_load(proposed_yaml)}, "the proposal")
    return dry_run(recordings, config.WindowSections.of(settings), settings.split)


def _with_unreadable(tried: DryRun, summaries: Sequence[RecordingSummary]) -> DryRun:
    """The pipeline takes all recordings of a folder or none."""
    unreadable = tuple(s.name for s in summaries if s.error)
    if not unreadable:
        return tried
    text = (
        f"{len(unreadable)} of {counted(len(summaries), 'recording')} cannot be read: {listed(unreadable, 10)}; the "
        f"pipeline refuses the folder until {'it is' if len(unreadable) == 1 else 'they are'} repaired or removed"
    )
    problem = Finding.error(UNREADABLE_RECORDINGS, "recordings", text)
    return replace(tried, runs=False, problems=(problem, *tried.problems), unreadable=unreadable)


def _with_warnings(
    summary: RecordingSummary, recordings: Sequence[OpenedRecording], proposal: Proposal, checked: Sequence[Finding]
) -> RecordingSummary:
    """checked: the warnings of the stages about this recording."""
    opened = next((r for r in recordings if r.summary is summary), None)
    if opened is None:
        return summary
    findings = [*summary.warnings, *checked, *warnings.recording_warnings(opened, proposal)]
    left_out = {warnings.SILENT_INTERVALS} if any(f.code == SILENT_PAUSE for f in findings) else set()
    if len(recordings) > 1:  # the proposal names the regions of all recordings: one need not have all of them
        left_out.add(REGION_WITHOUT_UNITS)
    return replace(summary, warnings=tuple(dict.fromkeys(f for f in findings if f.code not in left_out)))


def _all_regions(recordings: Sequence[OpenedRecording], proposal: Proposal) -> tuple[RegionSummary, ...]:
    """Regions over all recordings, each read as the proposal reads it."""
    if not proposal.region_column:
        return ()
    names = [name for opened in recordings for name in opened.unit_regions[proposal.region_column[opened.summary.name]]]
    return summarize_regions(pd.concat([opened.units for opened in recordings], ignore_index=True), names)
