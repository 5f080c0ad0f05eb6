"""Possible labels of a trial table, ranked: single columns, and labels made of several yes-or-no columns (flags).

A column is judged by its values: few classes that change over the trials. Its name only ranks it. Flags make a label
where exactly one of them is true in nearly every trial.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.expressions import equals, parse, truth
from spikebridge.inspection.column_names import label_rank, words
from spikebridge.inspection.records import ColumnSummary, LabelCandidate
from spikebridge.labels.trial_labels import MAX_CLASSES, label_names, trial_labels

MIN_CLASS_TRIALS = 10
"""A class with fewer trials is too rare to be in every fold."""
MIN_ROWS, MIN_CHANGES = 20, 3
"""In a table of at least so many rows, a label that changes less often belongs to blocks of trials."""
MAX_FLAGS, MAX_FLAG_SETS, MAX_STEPS = 24, 4, 5_000
MAX_DOUBLE_SHARE = 0.01
"""Share of the trials in which two flags of a set may both be true by mistake."""
MIN_COVERED, MIN_COVERED_BY_TWO = 0.75, 0.9
"""Minimal share of the trials in which exactly one flag of a set is true; for sets of two flags."""
RIGHT, LEFT = re.compile("r|right"), re.compile("l|left")
HIT, ERROR = re.compile("hit|hits|correct|corr"), re.compile("err|error|errors|incorrect|wrong")
Rank = tuple[bool, float, bool, int]
Flags = Mapping[str, NDArray[np.bool_]]


def label_candidates(
    columns: Sequence[ColumnSummary], frame: pd.DataFrame, parts: Sequence[pd.DataFrame]
) -> tuple[LabelCandidate, ...]:
    """Best first. frame: the trials of all recordings; parts: those of each."""
    ranked = [*_single_columns(columns, parts), *_flag_labels(frame, parts)]
    in_sets = {n for _, c in ranked for n in c.columns if len(c.columns) > 1 and not _are_complements(c)}
    adjusted = []
    for rank, candidate in ranked:
        is_part = len(candidate.columns) == 1 and candidate.columns[0] in in_sets
        adjusted.append(((rank[0], max(rank[1], 2.5), *rank[2:]) if is_part else rank, candidate))
    return tuple(candidate for _, candidate in sorted(adjusted, key=lambda pair: pair[0]))


def is_in(candidate: LabelCandidate, frame: pd.DataFrame) -> bool:
    """Whether a recording's table has the columns of a candidate, with values."""
    return all(n in frame and frame[n].notna().any() for n in candidate.columns)


def quoted(name: str) -> str:
    """The name of a column as it is written in expressions."""
    return name if name.isidentifier() and not iskeyword(name) else f"`{name}`"


def _are_complements(candidate: LabelCandidate) -> bool:
    """Whether a candidate has two flags of which one is the opposite of the other: one of them would be enough."""
    return len(candidate.columns) == 2 and candidate.missing == 0


def _single_columns(
    columns: Sequence[ColumnSummary], parts: Sequence[pd.DataFrame]
) -> Iterator[tuple[Rank, LabelCandidate]]:
    for column in columns:
        counts = column.classes.values()
        if column.kind not in ("text", "flag", "number") or len(counts) < 2 or max(counts) < 2:
            continue
        values = [part[column.name] for part in parts if column.name in part]
        changes = sum(map(_n_changes, values))
        if not changes or (column.kind == "number" and all(map(_counts_up, values))):
            continue
        candidate = LabelCandidate(column.name, column.classes, (column.name,), column.missing)
        yield _rank(label_rank(column.name), column.classes, changes, sum(map(len, values))), candidate


def _flag_labels(frame: pd.DataFrame, parts: Sequence[pd.DataFrame]) -> Iterator[tuple[Rank, LabelCandidate]]:
    if any(set(part.columns) != set(frame.columns) for part in parts):
        frame = frame[[c for c in frame.columns if all(c in part for part in parts)]]
    flags = _flags_of(frame)
    for names in _flag_sets(flags, len(frame)):
        for label, named_rank, guess in _labels_of_flags({name: flags[name] for name in names}):
            if len(label) > MAX_CLASSES:
                continue
            labels = trial_labels(frame, label, "")
            classes = {name: n for name in label if (n := int((labels == name).sum()))}
            candidate = LabelCandidate(label, classes, tuple(names), int((labels == "").sum()), guess)
            by_name = min(map(label_rank, names)) if named_rank is None else named_rank
            penalty = 0.5 if _are_complements(candidate) else 0.0
            if len(classes) >= 2:
                yield _rank(by_name + penalty, classes, _n_changes(pd.Series(labels)), len(labels)), candidate


def _rank(by_name: float, classes: Mapping[str, int], changes: int, rows: int) -> Rank:
    """Classes with enough trials first; then by the name, two classes before many, and the rarest class."""
    enough = sum(n >= MIN_CLASS_TRIALS for n in classes.values()) >= 2
    in_blocks = rows >= MIN_ROWS and changes < MIN_CHANGES
    return not enough, max(by_name, 3.0) if in_blocks else float(by_name), len(classes) > 2, -min(classes.values())


def _n_changes(values: pd.Series) -> int:
    """How often a column changes from one trial to the next that has a value."""
    names = label_names(values)
    known = names[names != ""]
    return int((known[1:] != known[:-1]).sum())


def _counts_up(values: pd.Series) -> bool:
    """Whether numbers count the trials, or the trials of each block: they rise by one, stay, or begin again."""
    known = values.dropna().to_numpy(dtype=np.float64)
    n_different = len(np.unique(known))
    if n_different < 3:
        return n_different < 2
    step, restarts = np.diff(known), known[1:] == known.min()
    steady = bool(np.isin(step, [0.0, 1.0]).all()) or bool(np.isin(step, [0.0, -1.0]).all())
    return steady or (n_different > 4 and bool((np.isin(step, [0.0, 1.0]) | restarts).all()))


def _flags_of(frame: pd.DataFrame) -> Flags:
    """Columns of yes and no, or of 0 and 1, that contain both -> shape (trial,), where each is true."""
    flags: dict[str, NDArray[np.bool_]] = {}
    for column in frame.columns:
        name = str(column)
        if "`" in name or len(flags) == MAX_FLAGS or len(frame) == 0:
            continue
        values = truth(parse(f"`{name}`").over(frame)) if list(frame.columns).count(column) == 1 else None
        if values is not None and equals(values, True).any() and equals(values, False).any():
            flags[name] = equals(values, True)
    return flags


def _flag_sets(flags: Flags, n_trials: int) -> list[tuple[str, ...]]:
    """Sets of flags of which nearly always exactly one is true; the sets that cover most trials first."""
    disjoint = {
        a: {b for b in flags if b != a and (flags[a] & flags[b]).sum() <= MAX_DOUBLE_SHARE * n_trials} for a in flags
    }
    ranked = []
    for names in _cliques(disjoint):
        ordered = tuple(n for n in flags if n in names)
        if len(ordered) >= 2:
            covered = float((np.sum([flags[n] for n in ordered], axis=0) == 1).mean())
            if covered >= (MIN_COVERED_BY_TWO if len(ordered) == 2 else MIN_COVERED):
                ranked.append((-covered, -len(ordered), ordered))
    return [names for _, _, names in sorted(ranked)[:MAX_FLAG_SETS]]


def _cliques(disjoint: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """Maximal sets of flags that are pairwise disjoint (Bron and Kerbosch 1973), within `MAX_STEPS` steps.

    Kept by hand: networkx, which has the algorithm, would be a dependency for this alone.
    """
    steps = 0
    stack = [(set[str](), set(disjoint), set[str]())]
    while stack and steps < MAX_STEPS:
        steps += 1
        chosen, open_, done = stack.pop()
        if not open_ and not done:
            yield chosen
            continue
        pivot = max(sorted(open_ | done), key=lambda n: len(disjoint[n] & open_))
        for name in sorted(open_ - disjoint[pivot]):
            stack.append((chosen | {name}, open_ & disjoint[name], done & disjoint[name]))
            open_, done = open_ - {name}, done | {name}


def _labels_of_flags(flags: Flags) -> Iterator[tuple[dict[str, str], int | None, str]]:
    """Labels that a set of flags makes: class -> expression, the rank by name (None: that of the columns), the guess.

    Four flags of hit or error on the right or left make three more labels: the choice, the outcome, the side.
    """
    doubled = bool((np.sum(list(flags.values()), axis=0) > 1).any())
    guard = f" and {' + '.join(map(quoted, flags))} == 1" if doubled else ""

    def either(*names: str) -> str:
        text = " or ".join(map(quoted, names))
        return f"({text}){guard}" if guard else text

    by_meaning = {meaning: name for name in flags if (meaning := _outcome_and_side(name))}
    if {("hit", "right"), ("hit", "left"), ("error", "right"), ("error", "left")} <= by_meaning.keys():
        hit_r, hit_l, err_r, err_l = (by_meaning[o, s] for o in ("hit", "error") for s in ("right", "left"))
        other = f"{{right: {either(hit_r, err_r)}, left: {either(hit_l, err_l)}}}"
        guess = (
            "a guess: right and left in the columns' names are the side that was asked for, so an error is a choice of "
            f"the other side; if they are the side that the animal took, write {other}"
        )
        yield {"right": either(hit_r, err_l), "left": either(hit_l, err_r)}, 0, guess
        yield {"correct": either(hit_r, hit_l), "error": either(err_r, err_l)}, 1, ""
        yield {"right": either(hit_r, err_r), "left": either(hit_l, err_l)}, 2, "the side in the columns' names"
    yield {name: either(name) for name in flags}, None, ""


def _outcome_and_side(name: str) -> tuple[str, str] | None:
    """("hit", "right") of HitR, hit_right, rightCorrect, ...; None of any other name."""
    parts = words(name)
    sides = [side for side, pattern in (("right", RIGHT), ("left", LEFT)) if any(map(pattern.fullmatch, parts))]
    outcomes = [outcome for outcome, pattern in (("hit", HIT), ("error", ERROR)) if any(map(pattern.fullmatch, parts))]
    return (outcomes[0], sides[0]) if len(parts) == 2 and len(sides) == len(outcomes) == 1 else None
