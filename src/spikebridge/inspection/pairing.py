"""Label, alignment and window of the trials, chosen together: the label keeps its classes under the alignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spikebridge.inspection.fitting import RARE, Fit, Rows, fit, kept_classes
from spikebridge.inspection.names import align_rank
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.records import Candidate, Table

LENGTHS_S = (2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
WIDTHS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
NEARLY = 0.9
"""A longer window may cost this share of the trials that a shorter one would keep."""
MAX_TRIED = 12
"""Labels that are tried with every alignment, the best first."""


@dataclass(frozen=True)
class Pair:
    """A label and the window that goes with it. rows: the trials of each recording under this label.

    passed_over: an alignment that its name ranks higher, and the classes that have too few trials there.
    """

    label: Candidate | None
    rows: Sequence[Rows]
    fit: Fit
    passed_over: str = ""
    lost: tuple[str, ...] = ()


def choose_pair(
    labels: Sequence[Candidate],
    rows_of: Callable[[Candidate | None], Sequence[Rows]],
    opened: Sequence[Opened],
    table: Table,
) -> Pair | None:
    """The first label, by rank, that keeps its classes under an alignment, with the first such alignment; where none
    does, the first that keeps two classes. None where no alignment has a usable trial."""
    tried = [(one, rows, _fits(rows, opened, table)) for one in labels[:MAX_TRIED] for rows in [rows_of(one)]]
    for keeps in (_all_classes, _two_classes, _two_at_all):
        for label, rows, fits in tried:
            good = [f for f in fits if keeps(f, rows, fits)]
            if good:
                best = max(good, key=lambda f: len(_common(f, rows))) if keeps is not _all_classes else good[0]
                return _pair(label, rows, best, fits)
    rows = rows_of(labels[0] if labels else None)
    first = _first(_fits(rows, opened, table))
    return Pair(labels[0] if labels else None, rows, first) if first else None


def _pair(label: Candidate, rows: Sequence[Rows], best: Fit, fits: Sequence[Fit]) -> Pair:
    """With what the alignment would be by its name alone, if that is another one."""
    first = fits[0]
    kept, total = kept_classes(rows, first), _total(rows)
    lost = tuple(name for name in sorted(total) if 2 * kept[name] < total[name])
    return Pair(label, rows, best) if first is best or not lost else Pair(label, rows, best, first.align, lost)


def _first(fits: Sequence[Fit]) -> Fit | None:
    """The first alignment, by name, under which at least half as many trials can be used as under the best."""
    most = max((f.usable for f in fits), default=0)
    return next((f for f in fits if f.usable and 2 * f.usable >= most), None)


def _total(rows: Sequence[Rows]) -> Counter[str]:
    return Counter(name for r in rows for name in r.label.tolist() if name)


def _common(one: Fit, rows: Sequence[Rows]) -> set[str]:
    return {name for name, n in kept_classes(rows, one).items() if n >= RARE}


def _all_classes(one: Fit, rows: Sequence[Rows], fits: Sequence[Fit]) -> bool:
    """Every class that is common in the table has enough trials, and half as many as under any other alignment."""
    common = [name for name, n in _total(rows).items() if n >= RARE]
    kept, several = kept_classes(rows, one), [kept_classes(rows, f) for f in fits]
    most = {name: max(k[name] for k in several) for name in common}
    whole = all(kept[name] >= RARE and 2 * kept[name] >= most[name] for name in common)
    return len(common) >= 2 and whole and 2 * one.usable >= max(f.usable for f in fits)


def _two_classes(one: Fit, rows: Sequence[Rows], fits: Sequence[Fit]) -> bool:
    return len(_common(one, rows)) >= 2


def _two_at_all(one: Fit, rows: Sequence[Rows], fits: Sequence[Fit]) -> bool:
    return len(kept_classes(rows, one)) >= 2 and 2 * one.usable >= max(f.usable for f in fits)


def _fits(rows: Sequence[Rows], opened: Sequence[Opened], table: Table) -> list[Fit]:
    """The best window for each alignment, in the order of their names."""
    names = [n for n in table.aligns if all(n in r.table for r in rows)]
    coarse = max((one.look.spikes.resolution_s for one in opened if one.look.spikes), default=0.0)
    binned = max((one.outline.resolution_s for one in opened), default=0.0)
    return [found for name in names if (found := _window(rows, name, names, coarse, binned)) is not None]


def _window(rows: Sequence[Rows], align: str, names: Sequence[str], coarse: float, binned: float) -> Fit | None:
    """The longest window for one alignment: before a decision, or after whatever comes before one."""
    before = align_rank(align) in (0, 3, 5)
    decision = align if before else _decision(rows, align, names)
    if decision is None:
        return None
    deciding = () if before else tuple(n for n in names if align_rank(n) == 0 and n not in (align, decision))
    fits = []
    for length in LENGTHS_S:
        bin_s = _bin_s(length, coarse, binned)
        n_bins = int(length / bin_s + 1e-6)
        if n_bins >= 2:
            length = round(n_bins * bin_s, 9)
            first, last = (-length, 0.0) if before else (0.0, length)
            fits.append(fit(rows, align, decision, first, last, bin_s, deciding))
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
