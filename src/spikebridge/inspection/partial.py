"""Recordings of which no complete proposal can be made: the checks of ingest that need nothing of what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding, split_errors
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.propose_trials import NOBODY
from spikebridge.inspection.records import Proposal
from spikebridge.io import choose, read_in_child_process
from spikebridge.io.discovery import read_source
from spikebridge.io.validation import CHECKS, Check
from spikebridge.io.validation.labels import check_labels
from spikebridge.io.validation.regions import check_regions
from spikebridge.io.validation.subject import Subject
from spikebridge.io.validation.trials import check_columns

NEEDS: dict[str, set[Check]] = {"regions": {check_regions}, "label": {check_columns, check_labels}}
"""What is missing -> checks that speak of nothing else. Those of copies need spikes alone."""
MOMENT_S = (-0.05, 0.0)
"""A window that stands in where no alignment can be proposed: whether trials lie in the observed time at all."""


def examine(opened: Sequence[Opened], proposal: Proposal) -> tuple[tuple[str, ...], dict[str, tuple[Finding, ...]]]:
    """What ingest would refuse whatever is added to the proposal, and the warnings of each recording."""
    wrong: list[str] = []
    warnings: dict[str, tuple[Finding, ...]] = {}
    for one in opened:
        try:
            findings = read_in_child_process(partial(_findings, one, proposal), one.entry, _data(proposal))
        except DataError as error:
            wrong.append(str(error))
            continue
        name = one.outline.source_file or one.look.name
        errors, warnings[one.look.name] = split_errors(findings)
        wrong += [f"{name}: {error}" for error in errors]
    return tuple(wrong), warnings


def _findings(one: Opened, proposal: Proposal) -> list[Finding]:
    return list(_found(one, proposal))


def _found(one: Opened, proposal: Proposal) -> Iterator[Finding]:
    data, trials = _data(proposal), _trials(one, proposal)
    contents = one.contents or read_source(one.entry, data)
    chosen = choose(contents, data, trials or TrialsConfig())
    subject = Subject(chosen.recording, data, trials or TrialsConfig(), chosen.unused, chosen.time_unit_options)
    told = {"regions"} & proposal.missing.keys() | ({"trials"} if "table" in proposal.missing else set())
    yield from (f for f in chosen.findings if not f.is_error or chosen.missing - told)
    parts = chosen.missing - {"regions"} | (set() if trials else {"trials"})
    silent = {check for key, checks in NEEDS.items() if key in proposal.missing for check in checks}
    for check, part in CHECKS.items():
        if part not in parts and check not in silent:
            yield from check(subject)


def _data(proposal: Proposal) -> DataConfig:
    """The proposed section, with regions of no unit in place of those that are not known."""
    sides = {role: proposal.data[role] or [NOBODY + role] for role in ("source", "target")}
    return DataConfig.model_validate({**proposal.data, **sides})


def _trials(one: Opened, proposal: Proposal) -> TrialsConfig | None:
    """The proposed section; the best of the table's times in place of an alignment; None where there is no table."""
    table = next((t for t in one.look.tables if t.name == proposal.trials["table"]), None)
    if "table" in proposal.missing or (table and not table.aligns):
        return None
    if "align" not in proposal.missing or table is None:
        return TrialsConfig.model_validate(proposal.trials)
    return TrialsConfig.model_validate({**proposal.trials, "align": table.aligns[0], "window_s": list(MOMENT_S)})
