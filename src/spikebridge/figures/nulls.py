"""Observed scores against what they would be if predictions and truth had nothing to do with each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import Regions, regions_of

name = "nulls"
needs = ("nulls",)
caption = (
    "Observed scores (points) against the scores that predictions would have if they had no link to the truth (bars: "
    "5 to 95 % of the null distribution; tick: its median). A panel is a null, a row a model; axes: balanced accuracy "
    "within test blocks, bits per spike, or R² of the target from latents. Numbers: p of each null, not corrected. "
    "Filled: p ≤ alpha. Dark bars: primary nulls, whose result the registry requires; light: descriptive ones. A "
    "range is made from n draws: as many as exist, but at most statistics.n_resamples."
)
how_to_read = (
    "Good: points right of the bars and filled, above all in the primary nulls. With coupling and label_information 1 "
    "of the simulator points lie far right of the bars; with coupling 0 they lie within the bars of the translation, "
    "and with label_information 0 within those of decisions. A null with few possible draws cannot give a small p "
    "(session permutation with two recordings: 0.5), and circular shift is too liberal where rates drift."
)
METRICS = {"r2_from_latents": "R² of the target from latents"}
RANGE, PRIMARY_RANGE = "#CFCFCF", "#9A9A9A"


def draw(tables_folder: Path, out_path: Path) -> bool:
    """A panel a null, a row a model: grey the 5 to 95 % range of the null, the dot what was observed."""
    table = read_table(tables_folder, "nulls")
    table = table[np.isfinite(table["observed"].astype(float))]
    if table.empty:
        return False
    kinds = [kind for kind in (_decisions(table), _rest(table)) if len(kind)]
    columns = max(kind["null"].nunique() for kind in kinds)
    sizes = [kind["model"].nunique() + 2.2 for kind in kinds]
    regions = regions_of(tables_folder)
    with style.styled():
        width = max(2.6 + 2.25 * columns, 8.0)
        figure = style.new(width, 1.1 + 0.36 * sum(sizes))
        rows = figure.subfigures(len(kinds), 1, squeeze=False, height_ratios=sizes)[:, 0]
        for part, kind in zip(rows, kinds, strict=True):
            _row(part, kind, columns, regions)
        style.headline(figure, "Scores (dots) against what they would be if predictions and truth had no link (grey)")
        figure.legend(handles=_key(), loc="outside lower center", ncols=4 if width > 11 else 2)
        return style.save(figure, out_path)


def _decisions(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["metric"].str.startswith("balanced")]


def _rest(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["metric"].str.startswith("balanced")]


def _row(part: Any, table: pd.DataFrame, columns: int, regions: Regions) -> None:
    """The nulls of decisions, or of translations, the primary ones first. Empty panels keep the columns alike."""
    models, nulls = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["null"]))
    nulls.sort(key=lambda n: "primary" not in set(table.loc[table["null"] == n, "role"]))
    colour = style.colours(models)
    grid = part.subplots(1, columns, squeeze=False)[0]
    for k, axes in enumerate(grid):
        if k >= len(nulls):
            axes.set_axis_off()
            continue
        _panel(axes, table[table["null"] == nulls[k]], models, colour, k == 0)
        axes.set_xlabel(regions.named(axes.get_xlabel()), fontsize=10)
        axes.set_yticklabels([regions.named(label.get_text()) for label in axes.get_yticklabels()])
    for metric in dict.fromkeys(table["metric"]):
        _align([a for a, n in zip(grid, nulls, strict=False) if metric in set(table.loc[table["null"] == n, "metric"])])


def _panel(axes: style.Axes, table: pd.DataFrame, models: list[str], colour: dict[str, str], named: bool) -> None:
    for row in table.to_dict("records"):
        y, primary = models.index(row["model"]), row["role"] == "primary"
        grey = PRIMARY_RANGE if primary else RANGE
        axes.plot([row["null_low"], row["null_high"]], [y, y], color=grey, linewidth=9, solid_capstyle="butt", zorder=1)
        axes.plot([row["null_median"]], [y], "|", color=style.INK, markersize=9, markeredgewidth=1.2, zorder=2)
        model_colour = colour[row["model"]]
        face = model_colour if str(row["passed"]) == "True" else "white"
        axes.plot([row["observed"]], [y], "o", color=model_colour, markersize=8, markerfacecolor=face, zorder=3)
        axes.text(1.02, y, _p(row["p"]), transform=axes.get_yaxis_transform(), va="center", fontsize=9)
    role = "primary" if "primary" in set(table["role"]) else "descriptive"
    role += "; fails under drift" if table["null"].iloc[0] == "circular_shift" else ""
    axes.set_title(style.shown(table["null"].iloc[0]), fontsize=11, pad=22)
    axes.annotate(role, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=10,
                  fontstyle="italic", va="bottom")  # fmt: skip
    axes.set_yticks(range(len(models)), [style.shown(m) for m in models] if named else [""] * len(models))
    axes.set_ylim(len(models) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(style.few_ticks())
    metric = table["metric"].iloc[0]
    axes.set_xlabel(METRICS.get(metric) or style.METRICS.get(metric, style.shown(metric)), fontsize=10)


def _align(panels: list[style.Axes]) -> None:
    """One scale for all nulls of one score."""
    low, high = (f(edge) for f, edge in zip((min, max), zip(*(a.get_xlim() for a in panels), strict=True), strict=True))
    room = 0.06 * (high - low)  # points at an end keep clear of the numbers beside the panel
    for axes in panels:
        axes.set_xlim(low - room, high + room)


def _p(value: float) -> str:
    return "p –" if not np.isfinite(value) else "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _key() -> list[Line2D]:
    ink: Any = {"color": style.INK, "marker": "o", "linestyle": "", "markersize": 8}
    return [
        Line2D([], [], color=PRIMARY_RANGE, linewidth=9, label="5 to 95 % and median of a primary null"),
        Line2D([], [], color=RANGE, linewidth=9, label="of a descriptive one"),
        Line2D([], [], **ink, label="observed, p ≤ alpha (not corrected)"),
        Line2D([], [], **ink, markerfacecolor="white", label="observed, p > alpha"),
    ]
