"""The tests that were declared beforehand, and what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import Regions, regions_of
from spikebridge.types.verdicts import Verdict

name = "declared_tests"
needs = ("forest",)
caption = (
    "The tests that were declared before any data: paired differences in score between two models, in the units of "
    f"each axis, right of 0 where the first model is better. Points: estimates; bars: {style.INTERVALS}. At the right: "
    "p of a sign-flip test over clusters after Holm's correction within the family (in italics), and the verdict. "
    "Filled: the first model is better at p ≤ alpha after Holm. n, the number of trials and clusters of a test, is in "
    "comparisons.csv."
)
how_to_read = (
    "Good: filled points whose bars lie right of 0. With coupling 1 of the simulator and six recordings, seq2seq is "
    "better than majority and better with the source than without; with coupling 0 the translation tests lie at 0 "
    "with open points. An open point with the words 'too few' is no evidence against a difference: so few clusters "
    "cannot reach alpha, however large the difference is."
)
LEAST_DIFFERENCE = 0.05
"""Of other scores, what an axis holds on both sides of 0."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Paired differences with intervals, corrected p and verdict; a panel a metric, one line a test."""
    table = read_table(tables_folder, "forest")
    if table.empty:
        return False
    metrics = list(dict.fromkeys(table["metric"]))
    sizes = [len(table[table["metric"] == m]) + table[table["metric"] == m]["family"].nunique() for m in metrics]
    with style.styled():
        figure = style.new(11.5, 0.9 + 0.34 * sum(sizes) + 0.75 * len(metrics))
        grid = figure.subplots(len(metrics), 1, squeeze=False, height_ratios=sizes)[:, 0]
        regions = regions_of(tables_folder)
        for axes, metric in zip(grid, metrics, strict=True):
            _panel(axes, table[table["metric"] == metric], metric, regions)
        style.headline(figure, "Declared tests: paired differences, 95 % intervals, p after Holm (filled: p ≤ alpha)")
        return style.save(figure, out_path)


def _panel(axes: style.Axes, table: pd.DataFrame, metric: str, regions: Regions) -> None:
    colour = style.colours(table["model_a"])
    line, ticks, names = 0, [], []
    for family, rows in table.groupby("family", sort=False):
        title = regions.named(style.shown(str(family)))
        axes.text(-0.01, line, title, transform=axes.get_yaxis_transform(), ha="right", va="center",
                  fontsize=10, fontstyle="italic", color=style.INK)  # fmt: skip
        line += 1
        for row in rows.to_dict("records"):
            _test(axes, line, row, colour[row["model_a"]])
            ticks.append(line)
            names.append(regions.named(f"{style.shown(row['model_a'])} − {style.shown(row['model_b'])}"))
            line += 1
    axes.axvline(0, color=style.FAINT, linewidth=1)
    axes.set_yticks(ticks, names)
    axes.set_ylim(line - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    low, high = _limits(table, style.LEAST_BITS if "bits" in metric else LEAST_DIFFERENCE)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(style.few_ticks())
    within = " within test blocks" if metric.endswith("within_blocks") else ""
    axes.set_xlabel(
        regions.named(f"difference in {style.METRICS.get(metric, metric)}{within} (right of 0: first model better)")
    )


def _test(axes: style.Axes, line: int, row: dict, colour: str) -> None:
    clear = Verdict.of_row(row) is Verdict.A_BETTER
    axes.plot([row["ci_low"], row["ci_high"]], [line, line], color=colour, linewidth=2)
    axes.plot(row["estimate"], line, "o", color=colour, markersize=8, markerfacecolor=colour if clear else "white")
    p = row["p_holm"]
    text = "p –" if not np.isfinite(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    axes.text(1.01, line, f"{text}   {style.shown(row['verdict'])}", transform=axes.get_yaxis_transform(), va="center",
              fontsize=10)  # fmt: skip


def _limits(table: pd.DataFrame, least: float) -> tuple[float, float]:
    """least: what the axis holds on both sides of 0."""
    values = table[["estimate", "ci_low", "ci_high"]].to_numpy(float).ravel()
    low, high = np.nanmin([*values, -least]), np.nanmax([*values, least])
    room = 0.06 * max(high - low, 1e-3)
    return low - room, high + room
