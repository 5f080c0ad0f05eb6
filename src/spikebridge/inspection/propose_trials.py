"""Trial table, label, alignment, window and bins for recordings, such that the pipeline takes them as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from keyword import iskeyword
from typing import Any

from spikebridge.config import BinsConfig, DataConfig, TrialsConfig
from spikebridge.inspection.columns import merged_tables
from spikebridge.inspection.fitting import Fit, Rows, fit, rare_classes
from spikebridge.inspection.names import align_rank
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.records import Table
from spikebridge.io import choose
from spikebridge.suggest import did_you_mean, listed
from spikebridge.trial_table import spellings

LENGTHS_S = (2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
WIDTHS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
NEARLY = 0.9
"""A longer window may cost this share of the trials that a shorter one would keep."""
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
    label = _first_everywhere(opened, table.name, table.labels)
    if label is None:
        missing["label"] = (
            f"no column of {table.name!r} looks like a label: one with 2 to 20 classes, in every recording"
        )
        comments["trials.label"] = ABSENT
    elif len(table.labels) > 1:
        comments["trials.label"] = "or " + ", ".join([n for n in table.labels if n != label][:4])
    rows = [_rows(one, data, table.name, observed, label) for one in opened]
    best = _best_window(rows, opened, table)
    if best is None:
        missing["align"] = f"no column of {table.name!r} holds times at which spikes were observed"
        if not all(DEFAULT_ALIGN in one.outline.tables.get(table.name, ()) for one in opened):
            comments["trials.align"] = ABSENT
        else:
            comments["trials.align"] = "TO CORRECT: see above why it cannot be used"
        return TrialsConfig(table=table.name, label=label or "?").model_dump(), BinsConfig().model_dump(), observed
    _explain(best, comments)
    trials = {
        "table": table.name,
        "align": best.align,
        "window_s": [best.first_s, best.last_s],
        "decision": best.decision if best.decision != best.align else None,
        "label": label or "?",
        "include": _include(best, rows, label, comments),
    }
    return trials, {"width_s": best.bin_s}, observed


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


def _first_everywhere(opened: Sequence[Opened], table: str, names: Sequence[str]) -> str | None:
    frames = [one.outline.tables[table] for one in opened if table in one.outline.tables]
    return next((n for n in names if all(n in f and f[n].notna().any() for f in frames)), None)


def _observed(opened: Sequence[Opened], table: str, comments: dict[str, str]) -> str:
    """`trials`, or another interval table, where spikes exist only inside it; else `auto`."""
    enclosing = {one.look.spikes.observed_from for one in opened if one.look.spikes}
    enclosing = {n for n in enclosing if all(n in one.outline.tables for one in opened)}
    if not enclosing:
        return "auto"
    name = table if table in enclosing else min(enclosing)
    comments["data.observed"] = f"spikes exist only inside {name}: time outside is missing, not silent"
    return "trials" if name == table else name


def _rows(one: Opened, data: Mapping[str, Any], table: str, observed: str, label: str | None) -> Rows:
    sides = {role: data[role] or [NOBODY + role] for role in ("source", "target")}
    asked = DataConfig.model_validate({**data, **sides, "observed": observed})
    chosen = choose(one.outline, asked, TrialsConfig(table=table)).recording
    return Rows.of(chosen.trials, chosen.observed, label, one.outline.resolution_s)


def _best_window(rows: Sequence[Rows], opened: Sequence[Opened], table: Table) -> Fit | None:
    """The first alignment, by name, under which at least half as many trials can be used as under the best."""
    names = [n for n in table.aligns if all(n in r.table for r in rows)]
    coarse = max((one.look.spikes.resolution_s for one in opened if one.look.spikes), default=0.0)
    binned = max((one.outline.resolution_s for one in opened), default=0.0)
    fits = [found for name in names if (found := _window(rows, name, names, coarse, binned)) is not None]
    most = max((f.usable for f in fits), default=0)
    return next((f for f in fits if f.usable and 2 * f.usable >= most), None)


def _window(rows: Sequence[Rows], align: str, names: Sequence[str], coarse: float, binned: float) -> Fit | None:
    """The longest window for one alignment: before a decision, or after whatever comes before one."""
    before = align_rank(align) in (0, 3, 5)
    decision = align if before else _decision(rows, align, names)
    if decision is None:
        return None
    fits = []
    for length in LENGTHS_S:
        bin_s = _bin_s(length, coarse, binned)
        n_bins = int(length / bin_s + 1e-6)
        if n_bins >= 2:
            length = round(n_bins * bin_s, 9)
            first, last = (-length, 0.0) if before else (0.0, length)
            fits.append(fit(rows, align, decision, first, last, bin_s))
    clear = max((f.clear for f in fits), default=0)
    usable = max((f.usable for f in fits), default=0)
    return next((f for f in fits if (f.clear >= NEARLY * clear if clear else f.usable >= NEARLY * usable)), None)


def _decision(rows: Sequence[Rows], align: str, names: Sequence[str]) -> str | None:
    """What comes after `align` in nearly every trial: first what follows the decision, else the trial's end."""
    later = [n for n in names if align_rank(n) in (3, 5) and n != align]
    later = [n for n in sorted(later, key=align_rank) if sum(r.in_order(align, n) for r in rows) >= NEARLY * len(rows)]
    return next(iter(later), None)


def _bin_s(length_s: float, coarse_s: float, binned_s: float) -> float:
    """Fifty milliseconds in long windows, less in short ones; at least two steps of a grid, whole bins of a file."""
    usual = 0.05 if length_s >= 1 else 0.02 if length_s >= 0.2 else 0.01
    if binned_s:
        return round(max(round(usual / binned_s), 1) * binned_s, 9)
    return next((w for w in WIDTHS_S if w >= max(usual, 2 * coarse_s)), WIDTHS_S[-1])


def _explain(best: Fit, comments: dict[str, str]) -> None:
    if align_rank(best.align) == 0:
        return
    if best.decision == best.align:
        comments["trials.align"] = "a guess: no column looks like the time of the decision"
    else:
        comments["trials.decision"] = (
            "a guess: no column looks like the time of the decision; the window ends before this"
        )


def _include(best: Fit, rows: Sequence[Rows], label: str | None, comments: dict[str, str]) -> str | None:
    """Leaves out trials whose window would pass the decision, and classes too rare to learn."""
    said = []
    if best.late:
        said.append(f"{_quoted(best.decision)} - {_quoted(best.align)} >= {best.last_s - 1e-6:.6f}")
        comments["trials.include"] = f"in {best.late} trials the window would end after the decision"
    if label is not None and (rare := rare_classes(rows, best)):
        kept = sorted({v for r in rows for v in r.classes(label, without=rare)}, key=str)
        said.append(f"{_quoted(label)} in {kept!r}")
        comments["trials.include"] = f"too rare to learn: {', '.join(f'{n} ({k} trials)' for n, k in rare.items())}"
        names = {str(n) for r in rows for n in r.label.tolist() if n}
        if slips := [group for group in spellings(names) if rare.keys() & set(group)]:
            same = "; ".join(" and ".join(map(repr, group)) for group in slips)
            comments["trials.include"] += f"; {same} differ in spelling alone: correct the file instead"
    return " and ".join(said) or None


def _quoted(name: str) -> str:
    return name if name.isidentifier() and not iskeyword(name) else f"`{name}`"
