"""Trial table, label, alignment, window and bins for recordings, such that the pipeline takes them as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from spikebridge.config import BinsConfig, DataConfig, TrialsConfig
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.inspection.candidates import is_in
from spikebridge.inspection.columns import merged_tables
from spikebridge.inspection.fitting import Rows, kept_classes, rare_classes
from spikebridge.inspection.flags import quoted
from spikebridge.inspection.names import align_rank
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.pairing import Pair, choose_pair
from spikebridge.inspection.records import Candidate, Table
from spikebridge.io import choose
from spikebridge.labels.trial_labels import label_text, spelling_variants
from spikebridge.types import Recording

ABSENT = "TO FILL IN: the file holds no such thing, this is a default"
DEFAULT_ALIGN = TrialsConfig().align
NOBODY = "\0"
"""No region's name: for a recording of which no region is asked yet."""


def propose_trials(
    opened: Sequence[Opened],
    data: Mapping[str, Any],
    asked: str | None,
    comments: dict[str, str],
    missing: dict[str, str],
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The sections trials and bins, and `data.observed`."""
    tables = merged_tables((n, f) for one in opened for n, f in one.outline.tables.items())
    table = _best_table(opened, tables, asked)
    if table is None:
        missing["table"] = _no_table(tables, asked)
        comments |= dict.fromkeys(("trials.table", "trials.align", "trials.label"), ABSENT)
        return TrialsConfig().model_dump(), BinsConfig().model_dump(), "auto"
    observed = _observed(opened, table.name, comments)
    labels = [c for c in table.candidates if all(is_in(c, f) for f in _frames(opened, table.name))]
    if not labels:
        missing["label"] = (
            f"no column of {table.name!r} looks like a label: one with 2 to 20 classes, in every recording"
        )
        comments["trials.label"] = ABSENT
    chosen = [_recording(one, data, table.name, observed) for one in opened]
    pair = choose_pair(labels, lambda label: [_rows(*one, label) for one in chosen], opened, table)
    if pair is None:
        first = labels[0].label if labels else "?"
        missing["align"] = f"no column of {table.name!r} holds times at which spikes were observed"
        if not all(DEFAULT_ALIGN in one.outline.tables.get(table.name, ()) for one in opened):
            comments["trials.align"] = ABSENT
        else:
            comments["trials.align"] = "TO CORRECT: see above why it cannot be used"
        return TrialsConfig(table=table.name, label=_plain(first)).model_dump(), BinsConfig().model_dump(), observed
    best = pair.fit
    if pair.label is not None:
        _name_others(pair.label, table, comments)
    _explain(pair, comments)
    trials = {
        "table": table.name,
        "align": best.align,
        "window_s": [best.first_s, best.last_s],
        "decision": best.decision if best.decision != best.align else None,
        "label": _label(pair, comments) if pair.label else "?",
        "include": _include(pair, comments),
    }
    return trials, {"width_s": best.bin_s}, observed


def _plain(label: str | Mapping[str, str]) -> str | dict[str, str]:
    return label if isinstance(label, str) else dict(label)


def _frames(opened: Sequence[Opened], table: str) -> list[pd.DataFrame]:
    return [one.outline.tables[table] for one in opened if table in one.outline.tables]


def _name_others(label: Candidate, table: Table, comments: dict[str, str]) -> None:
    others = [
        "{" + ", ".join(c.label) + "}" if not isinstance(c.label, str) else c.label
        for c in table.candidates
        if c is not label
    ]
    said = [label.guess] if label.guess else []
    if others:
        said.append(
            "or " + ", ".join(others[:4]) + (f" and {len(others) - 4} more, see above" if len(others) > 4 else "")
        )
    if said:
        comments["trials.label"] = "; ".join(said)


def _best_table(opened: Sequence[Opened], tables: Sequence[Table], asked: str | None) -> Table | None:
    def rank(table: Table) -> tuple[int, bool, bool, int]:
        here = sum(table.name in one.outline.tables for one in opened)
        return here, bool(table.labels and table.aligns), table.name == "trials", table.rows

    named = [t for t in tables if t.rows and (t.name == asked or asked is None)]
    return max(named, key=rank, default=None)


def _no_table(tables: Sequence[Table], asked: str | None) -> str:
    names = [t.name for t in tables]
    if asked is None or not names:
        return "no interval table holds trials: the label and the time of each decision must come from one"
    return f"--table: {asked!r} is no interval table{did_you_mean(asked, names)} Tables: {listed(names)}"


def _observed(opened: Sequence[Opened], table: str, comments: dict[str, str]) -> str:
    """`trials`, or another interval table, where spikes exist only inside it; else `auto`."""
    enclosing = {one.look.spikes.observed_from for one in opened if one.look.spikes}
    enclosing = {n for n in enclosing if all(n in one.outline.tables for one in opened)}
    if not enclosing:
        return "auto"
    name = table if table in enclosing else min(enclosing)
    comments["data.observed"] = f"spikes exist only inside {name}: time outside is missing, not silent"
    return "trials" if name == table else name


def _recording(one: Opened, data: Mapping[str, Any], table: str, observed: str) -> tuple[Recording, float]:
    sides = {role: data[role] or [NOBODY + role] for role in ("source", "target")}
    asked = DataConfig.model_validate({**data, **sides, "observed": observed})
    return choose(one.outline, asked, TrialsConfig(table=table)).recording, one.outline.resolution_s


def _rows(recording: Recording, resolution_s: float, label: Candidate | None) -> Rows:
    return Rows.of(recording.trials, recording.observed, label.label if label else None, resolution_s)


def _explain(pair: Pair, comments: dict[str, str]) -> None:
    best = pair.fit
    if pair.passed_over and pair.label is not None:
        classes = listed(pair.lost, 5)
        comments["trials.align"] = (
            f"not {pair.passed_over}, which has no time in most trials of the class {classes} of "
            f"{label_text(pair.label.label)}"
        )
    if align_rank(best.align) == 0:
        return
    if best.decision == best.align:
        comments.setdefault("trials.align", "a guess: no column looks like the time of the decision")
    elif pair.passed_over or best.before:
        comments["trials.decision"] = "a guess: not every trial has a time of its decision; the window ends before this"
    else:
        comments["trials.decision"] = (
            "a guess: no column looks like the time of the decision; the window ends before this"
        )


def _label(pair: Pair, comments: dict[str, str]) -> str | dict[str, str]:
    """The label; of several columns without the classes that are too rare to learn."""
    assert pair.label is not None
    label = pair.label.label
    if isinstance(label, str):
        return label
    kept, rare = kept_classes(pair.rows, pair.fit), rare_classes(pair.rows, pair.fit)
    if rare:
        said = f"too rare to learn: {', '.join(f'{n} ({k} trials)' for n, k in rare.items())}"
        comments["trials.label"] = "; ".join([t for t in (comments.get("trials.label"), said) if t])
    return {name: text for name, text in label.items() if name not in rare and kept[name]}


def _include(pair: Pair, comments: dict[str, str]) -> str | None:
    """Leaves out trials whose window would pass the decision, and classes too rare to learn."""
    said, why = [], []
    best, rows, label = pair.fit, pair.rows, pair.label.label if pair.label else None
    if best.late:
        said.append(f"{quoted(best.decision)} - {quoted(best.align)} >= {best.last_s - 1e-6:.6f}")
        why.append(f"in {best.late} trials the window would end after the decision")
    for name, n in best.passing.items():
        if n:
            said.append(f"not 0 < {quoted(name)} - {quoted(best.align)} < {best.last_s - 1e-6:.6f}")
            why.append(f"in {n} trials the window would end after {name}")
    if isinstance(label, str) and (rare := rare_classes(rows, best)):
        kept = sorted({v for r in rows for v in r.classes(label, without=rare)}, key=str)
        said.append(f"{quoted(label)} in {kept!r}")
        rarely = f"too rare to learn: {', '.join(f'{n} ({k} trials)' for n, k in rare.items())}"
        names = {str(n) for r in rows for n in r.label.tolist() if n}
        if slips := [group for group in spelling_variants(names) if rare.keys() & set(group)]:
            same = "; ".join(" and ".join(map(repr, group)) for group in slips)
            rarely += f"; {same} differ in spelling alone: correct the file instead"
        why.append(rarely)
    if why:
        comments["trials.include"] = "; ".join(why)
    return " and ".join(said) or None
