"""How well the units of a recording were recorded, and where the limits lie; an image a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.style import broken_axis

name = "quality"
needs = ("quality", "quality_limits", "quality_filters")
caption = (
    "How well the units of one recording were recorded. A row is a region. First panel: number of units kept, and "
    "dropped by which criterion; each further panel: a measure (mean rate (Hz); ratio of violations of the "
    "refractory period; share of time bins with spikes; rate in the last third over that in the first) as histogram "
    "(bars) and units (dots; crosses: dropped). Thick line: median of the units kept; dashed: limit that drops units. "
    "Below: what could not be judged, and why. The title has n, kept and all units. There are no intervals."
)
how_to_read = (
    "Good: most units are kept, violations lie near 0 and well below the limit, presence near 1, and drift around 1. "
    "Many units near a limit mean that results may depend on it: change it and compare. In the simulator all units "
    "pass; a rate change over twofold in many units means drift, and the nulls that drift breaks are then not to be "
    "trusted."
)


@dataclass(frozen=True)
class Measure:
    """A column of the table. floor: the axis reaches down to it. optional: drawn only where the file has it."""

    title: str
    label: str
    logarithmic: bool = False
    unit: str = ""
    floor: float = 0.0
    optional: bool = False


MEASURES = {
    "rate_hz": Measure("mean rate", "rate (Hz)", logarithmic=True, unit=" Hz"),
    "isi_violations_ratio": Measure("refractory period", "ISI violations ratio", logarithmic=True),
    "presence_ratio": Measure("presence", "bins with spikes (share)", floor=0.8),
    "rate_change": Measure("drift", "rate, last / first third", logarithmic=True),
    "amplitude_cutoff": Measure("missed spikes", "amplitude cutoff (share)", optional=True),
}
ROLES = {"source": 0, "target": 1}
KEPT = style.PALETTE[0]
CRITERIA = {
    "data.observed": "#4D4D4D",
    "quality.sorter_labels": "#CC79A7",
    "quality.max_rate_change": "#E69F00",
    "data.min_rate_hz": "#D55E00",
    "quality.max_isi_violations": "#009E73",
    "quality.min_presence_ratio": "#56B4E9",
    "quality.max_amplitude_cutoff": "#882255",
}
"""The setting that drops a unit -> its colour, the same in every recording."""
BY_COLUMNS = {"quality.sorter_labels": "Sorter labels", "quality.max_amplitude_cutoff": "amplitude cutoff"}
"""Filters that rest on columns of the file."""
NOT_USED = "not used"
BINS = 24
DOT: dict[str, Any] = {"marker": "o", "linewidths": 0, "alpha": 0.6}
PAD = 20
"""Points between a panel and its title; the limit's value stands there."""
HEIGHT, BAND = 0.5, 0.22
"""Of the bars above a row's line, and of the dots below it; rows are one apart."""


def pages(tables_folder: Path) -> list[str]:
    """The recordings."""
    return list(dict.fromkeys(read_table(tables_folder, "quality")["recording"]))


def draw(tables_folder: Path, out_path: Path, page: str = "") -> bool:
    """A row a region: how many units are kept and dropped for what, then a panel a measure that could be judged.

    In each a histogram of the units (bars, highest the same in each row), every unit (dots), the median of those kept,
    and the limits. A unit has the colour of the first criterion to drop it. Below: what was not judged, and why.
    """
    table, ends, filters = (read_table(tables_folder, table) for table in needs)
    if table.empty:
        return False
    page = page or str(table["recording"].iloc[0])
    table = table[table["recording"] == page]
    first = table["criterion"].astype(object).fillna("").astype(str).replace("", NOT_USED)
    table = table.assign(
        why=first.where(~table["kept"].to_numpy(bool), ""), role=table["role"].astype(object).fillna(NOT_USED)
    )
    limits = ends[ends["recording"] == page].set_index("column")
    columns = [c for c in MEASURES if np.isfinite(table[c].to_numpy(float)).any()]
    rows = _rows(table)
    colour = {"": KEPT} | _colours(table)
    with style.styled():
        figure = style.new(13.3, 2.5 + 0.62 * max(len(rows), 2))
        grid = figure.subplots(1, len(columns) + 1, squeeze=False, sharey=True)[0]
        _counts(grid[0], rows, colour)
        for axes, column in zip(grid[1:], columns, strict=True):
            _panel(axes, rows, column, colour, limits.loc[column] if column in limits.index else None)
        grid[0].set_yticks(range(len(rows)), list(rows))
        grid[0].set_ylim(len(rows) - 0.65, -0.65)
        missing = [c for c in MEASURES if c not in columns and not MEASURES[c].optional]
        below = [_not_judged(limits, missing), _by_columns(filters[filters["recording"] == page])]
        _legend(figure, grid[0], table, colour, [text for text in below if text])
        kept = table["kept"].to_numpy(bool)
        style.headline(figure, f"Units of {page}: {kept.sum()} of {len(kept)} kept")
        return style.save(figure, out_path)


def _rows(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Label -> units of a region: source, target, then what is not used; by name in each."""
    table = table.assign(region=table["region"].astype(object).fillna("").astype(str))
    parts = {(str(role), str(region)): part for (role, region), part in table.groupby(["role", "region"])}
    ordered = sorted(parts, key=lambda pair: (ROLES.get(pair[0], len(ROLES)), pair[1]))
    return {f"{region} ({role})": parts[role, region] for role, region in ordered}


def _colours(table: pd.DataFrame) -> dict[str, str]:
    """Criterion that drops units -> its colour, the commonest first."""
    return {str(w): CRITERIA.get(str(w), style.FAINT) for w in table["why"].value_counts().index if w}


def _counts(axes: style.Axes, rows: dict[str, pd.DataFrame], colour: dict[str, str]) -> None:
    """Kept, and dropped by criterion, end to end; beside them the numbers."""
    for row, part in enumerate(rows.values()):
        left = 0
        for why, n in part["why"].value_counts().reindex(list(colour), fill_value=0).items():
            axes.barh(row, n, left=left, height=0.55, color=colour[str(why)])
            left += int(n)
        kept_text = f"{int(part['kept'].sum())} of {len(part)}"
        axes.annotate(kept_text, (left, row), (4, 0), textcoords="offset points", va="center", fontsize=10)
    axes.set_xlim(0, 1.55 * max(len(part) for part in rows.values()))
    axes.set_title("units kept", pad=PAD)
    axes.set_xlabel("number of units")
    axes.tick_params(axis="y", length=0)


def _panel(
    axes: style.Axes, rows: dict[str, pd.DataFrame], column: str, colour: dict[str, str], limit: pd.Series | None
) -> None:
    measure = MEASURES[column]
    marks = [] if limit is None else [float(v) for v in (limit["low"], limit["high"]) if np.isfinite(v)]
    values = np.concatenate([part[column].to_numpy(float) for part in rows.values()])
    edges, zero = _scale(axes, values[np.isfinite(values)], marks, column)
    for row, part in enumerate(rows.values()):
        axes.axhline(row, color="#DDDDDD", linewidth=1, zorder=0)
        x = part[column].to_numpy(float)
        x = np.where(x == 0, zero, x) if np.isfinite(zero) else x
        _units(axes, x, part["why"].to_numpy(str), row, edges, colour)
    for mark in marks:
        axes.axvline(mark, color=style.INK, linestyle="--", linewidth=1.3, zorder=0)
    axes.set_title(measure.title, pad=PAD)
    if marks:
        limit_text = f"limit{'s' if len(marks) > 1 else ''} {' and '.join(f'{m:.3g}' for m in marks)}{measure.unit}"
        middle = marks[0] if len(marks) == 1 else float(np.sqrt(marks[0] * marks[1]))
        axes.annotate(limit_text, (middle, 1), (0, 3), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
                      ha=_side(axes, middle), fontsize=10)  # fmt: skip
    axes.set_xlabel(f"{measure.label}\n{_summary(rows, column)}".rstrip())
    axes.tick_params(axis="y", length=0)


def _side(axes: style.Axes, x: float) -> str:
    """How a text at x is aligned so that it stays over its panel."""
    share = axes.transAxes.inverted().transform(axes.transData.transform((x, 0)))[0]
    return "left" if share < 0.25 else "right" if share > 0.75 else "center"


def _summary(rows: dict[str, pd.DataFrame], column: str) -> str:
    """What the dots do not show: that all lie on one point; of the units kept, how many change their rate twofold."""
    every = pd.concat(rows.values())
    values = every[column].dropna()
    if len(values) > 1 and values.nunique() == 1:
        return f"all {len(values)} units: {values.iloc[0]:.3g}"
    if column != "rate_change":
        return ""
    change = every[every["kept"].to_numpy(bool)]["rate_change"].to_numpy(float)
    far = int(((change > 2) | (change < 0.5)).sum())
    return f"over twofold: {far} of {len(change)}"


def _units(
    axes: style.Axes,
    x: NDArray[np.float64],
    why: NDArray[np.str_],
    row: int,
    edges: NDArray[np.float64],
    colour: dict[str, str],
) -> None:
    """Bars above the row's line, dots below it, spread by their order so that equal tables give equal figures."""
    n = np.array([np.histogram(x[(why == w) & np.isfinite(x)], edges)[0] for w in colour])
    tall = HEIGHT / max(int(n.sum(axis=0).max()), 1)
    foot = np.zeros(len(edges) - 1)
    spread = (np.arange(len(x)) * 0.618034) % 1
    for each, (criterion, shade) in zip(n, colour.items(), strict=True):
        axes.bar(edges[:-1], -tall * each, np.diff(edges), row - foot, align="edge", color=shade, alpha=0.8)
        foot += tall * each
        of_criterion = why == criterion
        look: dict[str, Any] = {"marker": "x", "linewidths": 1} if criterion else DOT
        axes.scatter(x[of_criterion], row + 0.06 + BAND * spread[of_criterion], s=13, color=shade, **look)
    kept = x[(why == "") & np.isfinite(x)]
    if len(kept):
        axes.plot([_median(kept)] * 2, [row - HEIGHT - 0.04, row + BAND + 0.1], color=style.INK, linewidth=2)


def _median(x: NDArray[np.float64]) -> float:
    """Of an even number the lower middle: between a unit at zero and one above it the axis is broken."""
    return float(np.quantile(x, 0.5, method="inverted_cdf"))


def _scale(
    axes: style.Axes, values: NDArray[np.float64], marks: list[float], column: str
) -> tuple[NDArray[np.float64], float]:
    """Limits that hold all units and marks, ticks; returns edges of bars, and where zeros lie (NaN: at zero).

    A logarithmic axis has zeros at its left end, behind a break. Without any value above zero it is linear.
    """
    measure = MEASURES[column]
    known = np.array([*values, *marks])
    above = known[known > 0]
    if not measure.logarithmic or not (values > 0).any():
        low, high = min(measure.floor, known.min()), max(known.max(), measure.floor, 1e-3)
        room = 0.05 * (high - low)
        axes.set_xlim(low - room, high + 2 * room)
        axes.xaxis.set_major_locator(style.few_ticks())
        return _edges(low - room / 2, high + room / 2, marks), float("nan")
    axes.set_xscale("log")
    low, high = above.min(), above.max()
    if column == "rate_change":
        low, high = min(low, 1 / high, 0.4), max(high, 1 / low, 2.5)
        axes.axvline(1, color=style.FAINT, linewidth=1, linestyle=":", zorder=0)
    low, high = low / 1.5, high * 1.5
    edges = np.exp(_edges(np.log(low), np.log(high), [np.log(m) for m in marks if m > 0]))
    ticks = style.log_ticks(low, high)
    names, zero = [f"{t:g}" for t in ticks], float("nan")
    if (values == 0).any():
        # Zeros have a column of their own, a fifth of the axis, left of the break
        zero = low / (high / low) ** 0.14
        axes.set_xlim(zero / (high / low) ** 0.06, high)
        edges = np.array([zero / (edges[1] / edges[0]) ** 0.5, zero * (edges[1] / edges[0]) ** 0.5, *edges])
        ticks, names = [zero, *ticks], ["0", *names]
        broken_axis(axes, float(np.sqrt(zero * low)))
    else:
        axes.set_xlim(low, high)
    axes.set_xticks(ticks, names)
    axes.minorticks_off()
    return edges, zero


def _edges(low: float, high: float, marks: list[float]) -> NDArray[np.float64]:
    """Edges of bars from low to high or a little beyond, one of them at the first limit: no bar lies on both sides."""
    step = (high - low) / BINS
    start = marks[0] - step * np.ceil((marks[0] - low) / step - 1e-9) if marks else low
    return np.asarray(start + step * np.arange(int(np.ceil((high - start) / step - 1e-9)) + 1))


def _legend(
    figure: style.Figure, axes: style.Axes, table: pd.DataFrame, colour: dict[str, str], below: list[str]
) -> None:
    n = table["why"].value_counts()
    reason = table.drop_duplicates("why").set_index("why")["reason"]
    handles: list[Any] = [axes.scatter([], [], s=26, color=KEPT)]
    handles += [axes.scatter([], [], s=26, color=colour[w], marker="x") for w in colour if w]
    handles.append(axes.plot([], [], color=style.INK, linewidth=2)[0])
    handles.append(axes.plot([], [], color=style.INK, linewidth=1.3, linestyle="--")[0])
    names = [f"kept: {n.get('', 0)}"]
    names += [f"{w}: {n[w]}" if w == NOT_USED else f"dropped, {reason[w]}: {n[w]}" for w in colour if w]
    names += ["median of those kept", "limit"]
    title = "\n".join(line for text in below for line in wrap(text, 160)) or None
    figure.legend(
        handles, names, loc="outside lower left", ncols=4 if len(names) < 6 else 3, title=title, alignment="left"
    )


def _not_judged(limits: pd.DataFrame, columns: list[str]) -> str:
    """The measures that no unit has, and why."""
    notes = {c: str(limits["note"].get(c) or "") if c in limits.index else "" for c in columns}
    notes = {c: "" if note == "nan" else note for c, note in notes.items()}
    return "; ".join(
        f"{'not' if k else 'Not'} judged: {MEASURES[c].title}" + (f" ({note})" if note else "")
        for k, (c, note) in enumerate(notes.items())
    )


def _by_columns(filters: pd.DataFrame) -> str:
    """What the filters did that rest on columns of the file, which no panel shows."""
    texts = []
    for key, title in BY_COLUMNS.items():
        for _, row in filters[filters["filter"] == key].iterrows():
            what = f"{row['judged']} of {row['units']} units judged, {row['dropped']} dropped"
            note = f" ({row['note']})" if isinstance(row["note"], str) and row["note"] else ""
            texts.append(f"{title}: {what if row['judged'] else 'no unit judged'}{note}")
    return "; ".join(texts)
