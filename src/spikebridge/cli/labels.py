"""What `spikebridge inspect` says of labels: all that may be one, best first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spikebridge.cli.drawing import Part
from spikebridge.errors.messages import listed
from spikebridge.inspection.records import Inspection, TableSummary

MAX_ITEMS = 8


def candidates(found: Inspection) -> Iterator[Part]:
    """What may be the label, with its classes, and what may be aligned to."""
    table = next((t for t in found.tables if t.name == found.proposal.trials["table"]), None)
    if table is None:
        return
    rows = [
        [_label_text(one.label), listed((f"{v}: {n}" for v, n in one.classes.items()), MAX_ITEMS)]
        for one in table.label_candidates
    ]
    lines = [] if rows else ["none: a label is a column with 2 to 20 values, no times"]
    lines.append("times to align to: " + listed(table.align_columns, MAX_ITEMS))
    yield Part("Label candidates, best first", ("label", "trials of each class") if rows else (), rows, lines)


def _label_text(label: str | Mapping[str, str]) -> str:
    return label if isinstance(label, str) else "{" + ", ".join(f"{name}: {text}" for name, text in label.items()) + "}"


def label_columns(table: TableSummary, found: Inspection) -> tuple[str, ...]:
    """The columns that the proposed label is made of."""
    asked = found.proposal.trials["label"]
    same = [
        c
        for c in table.label_candidates
        if c.label == asked or (set(asked) <= set(c.label) and not isinstance(asked, str))
    ]
    return same[0].columns if same else (asked,) if isinstance(asked, str) else ()
