"""What a file or a folder holds, before anything is configured, and a first params.yaml for it. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError

from spikebridge import config
from spikebridge.config import Config, DataConfig, Section
from spikebridge.errors import ConfigError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.errors.validation_errors import describe_errors
from spikebridge.inspection import block, warnings
from spikebridge.inspection.columns import merged_tables
from spikebridge.inspection.dry_run import rehearse
from spikebridge.inspection.opened import Opened, open_all
from spikebridge.inspection.partial import examine
from spikebridge.inspection.propose import propose
from spikebridge.inspection.records import Inspection, Look, Proposal, Region, Trial, document
from spikebridge.inspection.spiking import regions
from spikebridge.io.validation.observed import SILENT_PAUSE
from spikebridge.io.validation.regions import REGION_WITHOUT_UNITS
from spikebridge.labels.trial_labels import label_called

__all__ = ["Asked", "Inspection", "Look", "Proposal", "Region", "Trial", "complete", "document", "inspect"]

complete = block.complete


class Asked(Section):
    """What a user may say beforehand: the reader and its options, the trial table, the column of regions, the clock."""

    reader: str = "auto"
    options: dict[str, Any] = {}
    table: str | None = None
    region_from: str = "auto"
    offset_s: Any = 0.0
    clock: str = "checked"


def inspect(
    path: Path,
    asked: Asked | None = None,
    base: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Inspection:
    """Look at every recording at a path, propose parameters, and try them.

    base: the other sections of params.yaml, under which the proposal is tried. say: hears what is being read.

    Raises DataError where there is no recording or none that can be read; ConfigError for a wrong reader or option.
    """
    asked = asked or Asked()
    data = _data(path, asked, (base or {}).get("data") or {})
    everything = open_all(data, say)
    looks, opened = everything.looks, everything.opened
    proposal = propose(opened, everything.data, asked.table)
    text = block.sections(proposal)
    trial, checked = _tried(opened, proposal, text, base or {})
    trial = _with_broken(trial, looks)
    not_read = everything.not_read
    final = tuple(_with_warnings(look, opened, proposal, checked) for look in looks)
    folder = [*everything.remarks, *warnings.of_folder(looks, opened, proposal, not_read)]
    return Inspection(
        path=str(path),
        recordings=final,
        regions=_all_regions(opened, proposal),
        tables=merged_tables((n, f) for one in opened for n, f in one.outline.tables.items()),
        not_read=tuple(not_read),
        warnings=(*folder, *warnings.of_trial(trial, label_called(proposal.trials["label"]))),
        proposal=proposal,
        trial=trial,
        block=text,
    )


def _data(path: Path, asked: Asked, held: Mapping[str, Any]) -> DataConfig:
    """held: the section data of the parameter file, whose limits and rule on links hold here too."""
    given = asked.model_dump(exclude={"table"}) | {"path": str(path)}
    given |= {key: held[key] for key in ("follow_links", "limits") if key in held}
    sides = {"source": ["\0"], "target": ["\0\0"]}  # names of no region
    try:
        return DataConfig.model_validate(given | sides)
    except ValidationError as error:
        raise ConfigError(f"inspect: {describe_errors(error, DataConfig)}") from None


def _tried(
    opened: Sequence[Opened], proposal: Proposal, text: str, base: Mapping[str, Any]
) -> tuple[Trial, Mapping[str, tuple[Finding, ...]]]:
    """text: the proposal as it is printed: that, and nothing else, is what is tried."""
    if proposal.missing:
        wrong, warnings = examine(opened, proposal)
        return Trial(False, problems=(*proposal.missing.values(), *wrong)), warnings
    settings: Config = config.parse({"models": {}, **base, **yaml.safe_load(text)}, "the proposal")
    return rehearse(opened, settings)


def _with_broken(trial: Trial, looks: Sequence[Look]) -> Trial:
    """The pipeline takes all recordings of a folder or none."""
    broken = tuple(look.name for look in looks if look.error)
    if not broken:
        return trial
    text = (
        f"{len(broken)} of {counted(len(looks), 'recording')} cannot be read: {listed(broken, 10)}; the pipeline "
        f"refuses the folder until {'it is' if len(broken) == 1 else 'they are'} mended or taken out of it"
    )
    return replace(trial, runs=False, problems=(text, *trial.problems), broken=broken)


def _with_warnings(
    look: Look, opened: Sequence[Opened], proposal: Proposal, checked: Mapping[str, tuple[Finding, ...]]
) -> Look:
    one = next((o for o in opened if o.look is look), None)
    if one is None:
        return look
    findings = [*look.warnings, *checked.get(look.name, ())]
    left_out = {warnings.SILENT_STRETCHES} if any(f.code == SILENT_PAUSE for f in findings) else set()
    if len(opened) > 1:  # the proposal names the regions of all recordings: that one lacks some is no mistake in it
        left_out.add(REGION_WITHOUT_UNITS)
    findings += warnings.of_recording(one, proposal)
    return replace(look, warnings=tuple(dict.fromkeys(f for f in findings if f.code not in left_out)))


def _all_regions(opened: Sequence[Opened], proposal: Proposal) -> tuple[Region, ...]:
    """Regions over all recordings, each read as the proposal reads it."""
    if not proposal.region_column:
        return ()
    names = [name for one in opened for name in one.places[proposal.region_column[one.look.name]]]
    return regions(pd.concat([one.units for one in opened], ignore_index=True), names)
