"""Nested models: the score of each on decisions or target spikes, and what it adds to its reference model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import Regions, regions_of
from spikebridge.types.verdicts import Verdict

name = "nested_models"
needs = ("ladder",)
caption = (
    "Nested models: a sequence in which each model adds predictors to a reference. Left: score of each model out of "
    "fold (balanced accuracy within test blocks, or bits per spike; the grey line is chance or the mean rate). Right: "
    f"gain over its reference, which is named at its right. Bars: {style.INTERVALS}. Circles: gains that were "
    "declared as tests; their p is corrected after Holm, and they are filled at p ≤ alpha. Small open diamonds: all "
    "other gains; their p is not corrected, and they are descriptive. n, the number of trials and clusters, is in "
    "ladder.csv."
)
how_to_read = (
    "Good: latents add to the task variables, and the source adds to the target's own past. With coupling 1 of the "
    "simulator both gains lie right of 0; with coupling 0 the steps with the source lie at 0. A small p without "
    "correction supports no claim, and a step whose test says 'too few' could not have reached alpha."
)
TITLES = {"decision": "decisions", "translation": "target spikes"}
CHANCE = "majority"
DESCRIPTIVE = "#6E6E6E"
"""Ink of what no test supports."""
_LOOK: dict[str, Any] = {"color": style.INK, "markersize": 8}
KEY: dict[str, tuple[str, dict[str, Any]]] = {
    "gain, declared test: p ≤ alpha after Holm": ("o", _LOOK),
    "declared test: not so": ("o", _LOOK | {"markerfacecolor": "white"}),
    "descriptive: p not corrected, no claim": ("D", _LOOK | {"markerfacecolor": "white", "markersize": 5}),
}
WRAP = 46
"""Characters a line of why a step is left out."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """A row of panels a ladder: scores from top to bottom, and beside each its gain, the test's p and verdict."""
    table = read_table(tables_folder, "ladder")
    shown = [_tested_metric(rows) for _, rows in table.groupby("kind", sort=False)] if len(table) else []
    shown = [rows for rows in shown if rows["value"].notna().any()]
    if not shown:
        return False
    with style.styled():
        sizes = [len(rows) + 1.6 for rows in shown]
        figure = style.new(13.0, 1.3 + 0.44 * sum(sizes))
        grid = figure.subplots(len(shown), 2, squeeze=False, height_ratios=sizes, width_ratios=[1.0, 1.0])
        regions = regions_of(tables_folder)
        for (left, right), rows in zip(grid, shown, strict=True):
            _values(left, rows, regions)
            _gains(right, rows, regions)
        style.headline(figure, "Nested models: scores, and gains over the reference (95 % intervals)")
        handles = [Line2D([], [], marker=marker, linestyle="", **look) for marker, look in KEY.values()]
        figure.legend(handles, list(KEY), loc="outside lower center", ncols=len(KEY))
        return style.save(figure, out_path)


def _tested_metric(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a step: the metric that is tested, which comes first."""
    return rows[rows["metric"] == rows["metric"].iloc[0]].reset_index(drop=True)


def _values(axes: style.Axes, rows: pd.DataFrame, regions: Regions) -> None:
    metric, kind = str(rows["metric"].iloc[0]), str(rows["kind"].iloc[0])
    for k, row in enumerate(rows.to_dict("records")):
        if np.isfinite(row["value"]):
            _dot(axes, k, row, ("value", "ci_low", "ci_high"), _colour(row), True)
        else:
            why = axes.text(0.01, k, fill(str(row["verdict"]), WRAP), transform=axes.get_yaxis_transform(), va="center",
                            fontsize=8.5, fontstyle="italic", color="#6E6E6E")  # fmt: skip
            why.set_in_layout(False)  # it lies inside the panel, and must not make it narrower
    base = rows.loc[rows["step"] == CHANCE, "value"]
    axes.axvline(float(base.iloc[0]) if len(base) else 0.0, color=style.FAINT, linewidth=1, zorder=0)
    axes.set_yticks(range(len(rows)), [regions.named(style.shown(s)) for s in rows["step"]])
    _frame(axes, rows)
    within = " within test blocks" if metric.endswith("within_blocks") else ""
    axes.set_xlabel(regions.named(f"{style.METRICS.get(metric, metric)}{within}"))
    axes.set_title(f"{regions.named(TITLES.get(kind, style.shown(kind)))}, out of fold")


def _gains(axes: style.Axes, rows: pd.DataFrame, regions: Regions) -> None:
    metric = str(rows["metric"].iloc[0])
    for k, row in enumerate(rows.to_dict("records")):
        if not np.isfinite(row["gain"]):
            continue
        claimed, columns = Verdict.of_row(row) is Verdict.A_BETTER, ("gain", "gain_low", "gain_high")
        _dot(axes, k, row, columns, _colour(row), claimed, "o" if _tested(row) else "D")
        ink = style.INK if _tested(row) else DESCRIPTIVE
        axes.text(1.02, k, regions.named(_text(row)), transform=axes.get_yaxis_transform(), va="center", fontsize=9,
                  color=ink)  # fmt: skip
    axes.axvline(0, color=style.FAINT, linewidth=1, zorder=0)
    axes.set_yticks([])
    _frame(axes, rows)
    axes.set_xlabel(regions.named(f"gain in {style.METRICS.get(metric, metric)}"))
    axes.set_title("gain")


def _tested(row: dict[Any, Any]) -> bool:
    """Whether the gain was declared as a test."""
    return bool(np.isfinite(row["p_holm"]))


def _text(row: dict[Any, Any]) -> str:
    """Over what, p, and the verdict; where no test was declared, that p is not corrected."""
    tested = _tested(row)
    p = row["p_holm"] if tested else row["p"]
    value = "" if not np.isfinite(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    verdict = "better" if Verdict.of_row(row) is Verdict.A_BETTER else str(row["verdict"])
    parts = [f"over {style.shown(row['reference'])}", value, verdict if tested else "(not corrected)" if value else ""]
    return "   ".join(part for part in parts if part)


def _dot(
    axes: style.Axes, at: int, row: dict[Any, Any], columns: Sequence[str], colour: str, full: bool, marker: str = "o"
) -> None:
    value, low, high = (float(row[c]) for c in columns)
    axes.plot([low, high], [at, at], color=colour, linewidth=2)
    axes.plot(value, at, marker, color=colour, markersize=8 if marker == "o" else 5,
              markerfacecolor=colour if full else "white")  # fmt: skip


def _colour(row: dict[Any, Any]) -> str:
    """Latents and the translator stand out; confounds are apart."""
    step = str(row["step"])
    if "confounds" in step:
        return style.PALETTE[3]
    return style.KNOWN["seq2seq"] if "latents" in step or "seq2seq" in step else style.PALETTE[6]


def _frame(axes: style.Axes, rows: pd.DataFrame) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#E6E6E6")
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(style.few_ticks())
