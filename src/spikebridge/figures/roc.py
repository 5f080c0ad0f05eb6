"""How well each model ranks held-out trials by decision, at every threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style

name = "roc"
needs = ("roc",)
caption = (
    "Receiver operating characteristic (ROC) of every model that decides, on held-out trials: share of the trials of "
    "one decision that are recognised, against share of the trials of the other that are mistaken for it, at every "
    "threshold (both axes: shares without unit). With more than two decisions every trial counts once for each of them "
    "(micro-average). Large panel: all recordings together; the legend has the area under "
    "each curve. Small panels: single recordings, at most eight; the number is the area of the first model. Dotted: "
    "chance. n is the number of trials. There are no intervals: the figure scores has them for the area (AUC)."
)
how_to_read = (
    "Good: curves near the upper left corner, in every recording. With label_information 1 of the simulator the area "
    "of seq2seq is 0.8 to 0.9; with 0 all curves follow the diagonal, and so does the majority model always. Curves of "
    "few trials have large steps, and a difference of a step or two means nothing."
)
ALL = "all"
MOST = 8
"""Recordings that have a panel; the table has all."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """A large panel of all recordings together, with the areas, and a small one for each recording."""
    table = read_table(tables_folder, "roc")
    pooled = table[table["recording"] == ALL]
    if pooled.empty:
        return False
    models = list(dict.fromkeys(pooled["model"]))
    recordings = [r for r in dict.fromkeys(table["recording"]) if r != ALL]
    each = recordings[:MOST] if len(recordings) > 1 else []
    across = -(-len(each) // 2)
    with style.styled():
        figure = style.new(5.2 + 1.75 * across, 4.6)
        grid = figure.add_gridspec(2, 1 + across, width_ratios=[4.4, *[1.75] * across])
        axes = figure.add_subplot(grid[:, 0])
        _curves(axes, pooled, models)
        axes.set_xlabel("share mistaken for it")
        axes.set_ylabel(f"share of “{style.shown(pooled['of'].iloc[0])}” recognised")
        axes.set_title(f"all recordings, n = {int(pooled['n'].max())}")
        handles, names = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], names[::-1], loc="lower right", title="area under the curve", title_fontsize=10)
        places = [grid[k // across, 1 + k % across] for k in range(len(each))]
        _panels([figure.add_subplot(place) for place in places], table, each, models)
        style.headline(figure, f"ROC curves on held-out trials{_left_out(len(recordings))}")
        return style.save(figure, out_path)


def _left_out(n: int) -> str:
    return f" (the first {MOST} of {n} recordings)" if n > MOST else ""


def _panels(grid: list[style.Axes], table: pd.DataFrame, recordings: list[str], models: list[str]) -> None:
    across = -(-len(grid) // 2)
    for k, (axes, recording) in enumerate(zip(grid, recordings, strict=True)):
        rows = table[table["recording"] == recording]
        _curves(axes, rows, models)
        axes.tick_params(labelsize=8, labelbottom=k + across >= len(grid), labelleft=k % across == 0)
        shown = style.shown(recording)
        axes.set_title(shown if len(shown) <= 20 else f"{shown[:18]}..", fontsize=9)
        first = rows[rows["model"] == models[0]]["area"]
        area = f"{first.iloc[0]:.2f}\n" if len(first) else ""
        axes.text(0.97, 0.04, f"{area}n = {int(rows['n'].max())}", ha="right", va="bottom", fontsize=9)


def _curves(axes: style.Axes, table: pd.DataFrame, models: list[str]) -> None:
    colour = style.colours(models)
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=":")
    for model in reversed(models):  # the first one on top
        rows = table[table["model"] == model]
        if len(rows):
            label = f"{style.shown(model)} {rows['area'].iloc[0]:.2f}"
            x, y = np.clip(rows[["false_share", "true_share"]].to_numpy(float).T, 0, 1)
            axes.plot(x, y, color=colour[model], linewidth=2.4 if model == models[0] else 1.5, label=label)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
