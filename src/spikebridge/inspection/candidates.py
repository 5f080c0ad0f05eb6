"""What may be the label of a trial table: every plausible column, and labels of several columns, ranked.

A column is judged by its values: few classes that come back over the trials. Its name only ranks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from spikebridge.inspection.flags import combined, flag_sets, flags_of
from spikebridge.inspection.names import label_group
from spikebridge.inspection.records import Candidate, Column
from spikebridge.labels.trial_labels import MAX_CLASSES, label_names, trial_labels

ENOUGH = 10
"""Trials of a class that is common enough to be in every fold."""
MIN_ROWS, MIN_CHANGES = 20, 3
"""In a table of so many rows, a label that changes less often is a block's, not a trial's."""
Rank = tuple[bool, float, bool, int]


def candidates(columns: Sequence[Column], frame: pd.DataFrame, parts: Sequence[pd.DataFrame]) -> tuple[Candidate, ...]:
    """Best first. frame: the trials of all recordings; parts: those of each."""
    found = [*_columns(columns, parts), *_combinations(frame, parts)]
    inside = {n for _, c in found for n in c.columns if len(c.columns) > 1 and not _complements(c)}
    ranked = []
    for rank, one in found:
        lonely = one.columns[0] in inside and len(one.columns) == 1
        ranked.append((((rank[0], max(rank[1], 2.5), *rank[2:]) if lonely else rank), one))
    return tuple(one for _, one in sorted(ranked, key=lambda pair: pair[0]))


def _complements(one: Candidate) -> bool:
    """Two flags that are each other's opposite: either says as much as both."""
    return len(one.columns) == 2 and one.missing == 0


def _columns(columns: Sequence[Column], parts: Sequence[pd.DataFrame]) -> Iterator[tuple[Rank, Candidate]]:
    for column in columns:
        counts = column.classes.values()
        if column.kind not in ("text", "flag", "number") or len(counts) < 2 or max(counts) < 2:
            continue
        mine = [part[column.name] for part in parts if column.name in part]
        changes = sum(map(_changes, mine))
        if not changes or (column.kind == "number" and all(map(counts_up, mine))):
            continue
        one = Candidate(column.name, column.classes, (column.name,), column.missing)
        yield _rank(label_group(column.name), column.classes, changes, sum(map(len, mine))), one


def _combinations(frame: pd.DataFrame, parts: Sequence[pd.DataFrame]) -> Iterator[tuple[Rank, Candidate]]:
    several = list(parts)
    if any(set(part.columns) != set(frame.columns) for part in several):
        frame = frame[[c for c in frame.columns if all(c in part for part in several)]]
    for names in flag_sets(frame):
        for label, group, guess in combined(names, frame):
            if len(label) > MAX_CLASSES:
                continue
            said = trial_labels(frame, label, "")
            classes = {name: n for name in label if (n := int((said == name).sum()))}
            one = Candidate(label, classes, tuple(names), int((said == "").sum()), guess)
            group = min(map(label_group, names)) if group is None else group
            later = 0.5 if _complements(one) else 0.0
            if len(classes) >= 2:
                yield _rank(group + later, classes, _changes(pd.Series(said)), len(said)), one


def _rank(group: float, classes: Mapping[str, int], changes: int, rows: int) -> Rank:
    """Classes with enough trials first; then by what the name says, two classes before many, and the rarest class."""
    enough = sum(n >= ENOUGH for n in classes.values()) >= 2
    blocked = rows >= MIN_ROWS and changes < MIN_CHANGES
    return not enough, max(group, 3.0) if blocked else float(group), len(classes) > 2, -min(classes.values())


def _changes(values: pd.Series) -> int:
    """How often a column changes from one trial to the next that has a value."""
    names = label_names(values)
    known = names[names != ""]
    return int((known[1:] != known[:-1]).sum())


def counts_up(values: pd.Series) -> bool:
    """Whether numbers count the trials, or the trials of each block: they rise by one, stay, or begin anew."""
    known = values.dropna().to_numpy(dtype=np.float64)
    different = len(np.unique(known))
    if different < 3:
        return different < 2
    step, anew = np.diff(known), known[1:] == known.min()
    steady = bool(np.isin(step, [0.0, 1.0]).all()) or bool(np.isin(step, [0.0, -1.0]).all())
    return steady or (different > 4 and bool((np.isin(step, [0.0, 1.0]) | anew).all()))


def is_in(one: Candidate, frame: pd.DataFrame) -> bool:
    """Whether a recording's table has the columns of a candidate, with values."""
    return all(n in frame and frame[n].notna().any() for n in one.columns)


__all__ = ["Candidate", "candidates", "counts_up", "flags_of", "is_in"]
