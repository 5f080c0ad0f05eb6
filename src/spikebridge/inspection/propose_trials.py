"""Proposed trial table, label, alignment, window and bins, such that the pipeline accepts the recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikebridge.config import BinsConfig, DataConfig, TrialsConfig
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.inspection.column_names import align_rank
from spikebridge.inspection.label_candidates import is_in, quoted
from spikebridge.inspection.reading import OpenedRecording
from spikebridge.inspection.records import LabelCandidate, TableSummary
from spikebridge.inspection.tables import summarize_tables
from spikebridge.inspection.trial_windows import (
    LabelAndWindow,
    LabelledTrials,
    choose_label_and_window,
    rare_classes,
    usable_classes,
)
from spikebridge.io import choose
from spikebridge.labels.trial_labels import label_text, spelling_variants
from spikebridge.types import Recording

ABSENT = "TO FILL IN: the file holds no such thing, this is a default"
DEFAULT_ALIGN = TrialsConfig().align
NO_REGION_NAME = "\0"
"""The name of no region, for a recording whose regions are not known yet."""


def with_placeholder_regions(data: Mapping[str, Any]) -> dict[str, Any]:
    """The section data, with names of no region where source or target is empty."""
    return {**data, **{role: data[role] or [NO_REGION_NAME + role] for role in ("source", "target")}}


def propose_trials(
    recordings: Sequence[OpenedRecording],
    data: Mapping[str, Any],
    asked: str | None,
    comments: dict[str, str],
    missing: dict[str, str],
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The sections trials and bins, and `data.observed`. asked: the trial table that the user named.

    comments, missing: of `Proposal`; what is found here is added to them.
    """
    tables = summarize_tables((n, f) for opened in recordings for n, f in opened.outline.tables.items())
    table = _best_table(recordings, tables, asked)
    if table is None:
        missing["table"] = _no_table(tables, asked)
        comments |= dict.fromkeys(("trials.table", "trials.align", "trials.label"), ABSENT)
        return TrialsConfig().model_dump(), BinsConfig().model_dump(), "auto"
    observed = _observed(recordings, table.name, comments)
    frames = [opened.outline.tables[table.name] for opened in recordings if table.name in opened.outline.tables]
    labels = [c for c in table.label_candidates if all(is_in(c, f) for f in frames)]
    if not labels:
        missing["label"] = (
            f"no column of {table.name!r} looks like a label: one with 2 to 20 classes, in every recording"
        )
        comments["trials.label"] = ABSENT
    chosen = [_recording(opened, data, table.name, observed) for opened in recordings]
    pair = choose_label_and_window(
        labels, lambda label: [_trials(*opened, label) for opened in chosen], recordings, table
    )
    if pair is None:
        return _without_align(recordings, table, labels, comments, missing), BinsConfig().model_dump(), observed
    if pair.label is not None:
        _name_other_labels(pair.label, table, comments)
    _explain_times(pair, comments)
    window = pair.fit.window
    trials = {
        "table": table.name,
        "align": window.align,
        "window_s": [window.first_s, window.last_s],
        "decision": window.decision if window.decision != window.align else None,
        "label": _label(pair, comments) if pair.label else "?",
        "include": _include(pair, comments),
    }
    return trials, {"width_s": window.bin_s}, observed


def _without_align(
    recordings: Sequence[OpenedRecording],
    table: TableSummary,
    labels: Sequence[LabelCandidate],
    comments: dict[str, str],
    missing: dict[str, str],
) -> dict[str, Any]:
    """The section trials where no column can be aligned to."""
    missing["align"] = f"no column of {table.name!r} holds times at which spikes were observed"
    is_there = all(DEFAULT_ALIGN in opened.outline.tables.get(table.name, ()) for opened in recordings)
    comments["trials.align"] = "TO CORRECT: see above why it cannot be used" if is_there else ABSENT
    label = labels[0].label if labels else "?"
    return TrialsConfig(table=table.name, label=label if isinstance(label, str) else dict(label)).model_dump()


def _name_other_labels(label: LabelCandidate, table: TableSummary, comments: dict[str, str]) -> None:
    others = [
        c.label if isinstance(c.label, str) else "{" + ", ".join(c.label) + "}"
        for c in table.label_candidates
        if c is not label
    ]
    parts = [label.guess] if label.guess else []
    if others:
        more = f" and {len(others) - 4} more, see above" if len(others) > 4 else ""
        parts.append("or " + ", ".join(others[:4]) + more)
    if parts:
        comments["trials.label"] = "; ".join(parts)


def _best_table(
    recordings: Sequence[OpenedRecording], tables: Sequence[TableSummary], asked: str | None
) -> TableSummary | None:
    def rank(table: TableSummary) -> tuple[int, bool, bool, int]:
        n_recordings = sum(table.name in opened.outline.tables for opened in recordings)
        return n_recordings, bool(table.label_columns and table.align_columns), table.name == "trials", table.rows

    named = [t for t in tables if t.rows and (t.name == asked or asked is None)]
    return max(named, key=rank, default=None)


def _no_table(tables: Sequence[TableSummary], asked: str | None) -> str:
    names = [t.name for t in tables]
    if asked is None or not names:
        return "no interval table holds trials: the label and the time of each decision must come from one"
    return f"--table: {asked!r} is no interval table{did_you_mean(asked, names)} Tables: {listed(names)}"


def _observed(recordings: Sequence[OpenedRecording], table: str, comments: dict[str, str]) -> str:
    """`trials`, or another interval table, where spikes exist only inside it; else `auto`."""
    enclosing = {opened.summary.spikes.observed_from for opened in recordings if opened.summary.spikes}
    enclosing = {n for n in enclosing if all(n in opened.outline.tables for opened in recordings)}
    if not enclosing:
        return "auto"
    name = table if table in enclosing else min(enclosing)
    comments["data.observed"] = f"spikes exist only inside {name}: time outside is missing, not silent"
    return "trials" if name == table else name


def _recording(opened: OpenedRecording, data: Mapping[str, Any], table: str, observed: str) -> tuple[Recording, float]:
    section = DataConfig.model_validate({**with_placeholder_regions(data), "observed": observed})
    return choose(opened.outline, section, TrialsConfig(table=table)).recording, opened.outline.resolution_s


def _trials(recording: Recording, resolution_s: float, label: LabelCandidate | None) -> LabelledTrials:
    return LabelledTrials.of(recording.trials, recording.observed, label.label if label else None, resolution_s)


def _explain_times(pair: LabelAndWindow, comments: dict[str, str]) -> None:
    window = pair.fit.window
    if pair.rejected_align and pair.label is not None:
        classes = listed(pair.lost_classes, 5)
        comments["trials.align"] = (
            f"not {pair.rejected_align}, which has no time in most trials of the class {classes} of "
            f"{label_text(pair.label.label)}"
        )
    if align_rank(window.align) == 0:
        return
    if window.decision == window.align:
        comments.setdefault("trials.align", "a guess: no column looks like the time of the decision")
        return
    reason = (
        "not every trial has a time of its decision"
        if pair.rejected_align or window.other_decisions
        else "no column looks like the time of the decision"
    )
    comments["trials.decision"] = f"a guess: {reason}; the window ends before this"


def _label(pair: LabelAndWindow, comments: dict[str, str]) -> str | dict[str, str]:
    """The label; where it is made of several columns, without the classes that are too rare to learn."""
    assert pair.label is not None
    label = pair.label.label
    if isinstance(label, str):
        return label
    kept, rare = usable_classes(pair.trials, pair.fit.window), rare_classes(pair.trials, pair.fit.window)
    if rare:
        comments["trials.label"] = "; ".join([*filter(None, [comments.get("trials.label")]), _too_rare(rare)])
    return {name: text for name, text in label.items() if name not in rare and kept[name]}


def _too_rare(rare: Mapping[str, int]) -> str:
    return f"too rare to learn: {', '.join(f'{name} ({n} trials)' for name, n in rare.items())}"


def _include(pair: LabelAndWindow, comments: dict[str, str]) -> str | None:
    """Leaves out trials whose window would pass the decision, and classes that are too rare to learn."""
    conditions, reasons = [], []
    window, label = pair.fit.window, pair.label.label if pair.label else None
    if pair.fit.late:
        conditions.append(f"{quoted(window.decision)} - {quoted(window.align)} >= {window.last_s - 1e-6:.6f}")
        reasons.append(f"in {pair.fit.late} trials the window would end after the decision")
    for name, n in pair.fit.crossing.items():
        if n:
            conditions.append(f"not 0 < {quoted(name)} - {quoted(window.align)} < {window.last_s - 1e-6:.6f}")
            reasons.append(f"in {n} trials the window would end after {name}")
    if isinstance(label, str) and (rare := rare_classes(pair.trials, window)):
        kept = sorted({v for t in pair.trials for v in t.label_values(label, without=rare)}, key=str)
        conditions.append(f"{quoted(label)} in {kept!r}")
        reasons.append(_too_rare(rare) + _spelling_slips(pair, rare))
    if reasons:
        comments["trials.include"] = "; ".join(reasons)
    return " and ".join(conditions) or None


def _spelling_slips(pair: LabelAndWindow, rare: Mapping[str, int]) -> str:
    """Rare classes that differ from others only in their spelling; empty where none does."""
    names = {str(n) for t in pair.trials for n in t.label.tolist() if n}
    slips = [group for group in spelling_variants(names) if rare.keys() & set(group)]
    same = "; ".join(" and ".join(map(repr, group)) for group in slips)
    return f"; {same} differ in spelling alone: correct the file instead" if same else ""
