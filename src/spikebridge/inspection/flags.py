"""Sets of yes-or-no columns of which one is true in each trial, and the labels that they make together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.expressions import equals, parse, truth
from spikebridge.inspection.names import words

MAX_FLAGS, MAX_SETS, MAX_STEPS = 24, 4, 5_000
DOUBLED = 0.01
"""Share of the trials in which two flags of a set may both be true: slips."""
COVERED, COVERED_BY_TWO = 0.75, 0.9
"""Share of the trials in which exactly one flag of a set is true, at least."""
RIGHT, LEFT = re.compile("r|right"), re.compile("l|left")
HIT, ERROR = re.compile("hit|hits|correct|corr"), re.compile("err|error|errors|incorrect|wrong")
Flags = Mapping[str, NDArray[np.bool_]]


def quoted(name: str) -> str:
    """A column's name as expressions hold it."""
    return name if name.isidentifier() and not iskeyword(name) else f"`{name}`"


def flag_sets(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Names of columns of which nearly always exactly one is true, the sets that cover most trials first."""
    flags = flags_of(frame)
    apart = {a: {b for b in flags if b != a and (flags[a] & flags[b]).sum() <= DOUBLED * len(frame)} for a in flags}
    found = []
    for names in _cliques(apart):
        ordered = tuple(n for n in flags if n in names)
        one = float((np.sum([flags[n] for n in ordered], axis=0) == 1).mean())
        if len(ordered) >= 2 and one >= (COVERED_BY_TWO if len(ordered) == 2 else COVERED):
            found.append((-one, -len(ordered), ordered))
    return [names for _, _, names in sorted(found)[:MAX_SETS]]


def flags_of(frame: pd.DataFrame) -> Flags:
    """Columns of yes and no, or of 0 and 1, that hold both: (trial,), where each is true."""
    found: dict[str, NDArray[np.bool_]] = {}
    for column in frame.columns:
        name = str(column)
        if "`" in name or len(found) == MAX_FLAGS or len(frame) == 0:
            continue
        said = truth(parse(f"`{name}`").over(frame)) if list(frame.columns).count(column) == 1 else None
        if said is not None and equals(said, True).any() and equals(said, False).any():
            found[name] = equals(said, True)
    return found


def _cliques(apart: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """Largest sets of flags that are all apart from each other (Bron and Kerbosch 1973); `MAX_STEPS` are tried."""
    steps = 0
    stack = [(set[str](), set(apart), set[str]())]
    while stack and steps < MAX_STEPS:
        steps += 1
        chosen, open_, done = stack.pop()
        if not open_ and not done:
            yield chosen
            continue
        pivot = max(sorted(open_ | done), key=lambda n: len(apart[n] & open_))
        for name in sorted(open_ - apart[pivot]):
            stack.append((chosen | {name}, open_ & apart[name], done & apart[name]))
            open_, done = open_ - {name}, done | {name}


def combined(names: Sequence[str], frame: pd.DataFrame) -> Iterator[tuple[dict[str, str], int | None, str]]:
    """Labels that a set of flags makes: class -> expression, the group of its name (None: that of its columns), and
    what is a guess in it."""
    flags = flags_of(frame)
    doubled = bool((np.sum([flags[n] for n in names], axis=0) > 1).any())
    guard = f" and {' + '.join(map(quoted, names))} == 1" if doubled else ""

    def either(*several: str) -> str:
        text = " or ".join(map(quoted, several))
        return f"({text}){guard}" if guard else text

    at = {part: name for name in names if (part := _outcome_and_side(name))}
    if {("hit", "right"), ("hit", "left"), ("error", "right"), ("error", "left")} <= at.keys():
        hit_r, hit_l, err_r, err_l = (at[o, s] for o in ("hit", "error") for s in ("right", "left"))
        other = f"{{right: {either(hit_r, err_r)}, left: {either(hit_l, err_l)}}}"
        guess = (
            "a guess: right and left in the columns' names are the side that was asked for, so an error is a choice of "
            f"the other side; if they are the side that the animal took, write {other}"
        )
        yield {"right": either(hit_r, err_l), "left": either(hit_l, err_r)}, 0, guess
        yield {"correct": either(hit_r, hit_l), "error": either(err_r, err_l)}, 1, ""
        yield {"right": either(hit_r, err_r), "left": either(hit_l, err_l)}, 2, "the side in the columns' names"
    yield {name: either(name) for name in names}, None, ""


def _outcome_and_side(name: str) -> tuple[str, str] | None:
    """("hit", "right") of HitR, hit_right, rightCorrect, ...; None of any other name."""
    said = words(name)
    sides = [side for side, what in (("right", RIGHT), ("left", LEFT)) if any(map(what.fullmatch, said))]
    outcomes = [outcome for outcome, what in (("hit", HIT), ("error", ERROR)) if any(map(what.fullmatch, said))]
    return (outcomes[0], sides[0]) if len(said) == 2 and len(sides) == len(outcomes) == 1 else None
