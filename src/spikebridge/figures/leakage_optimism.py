"""What leakage would have given: blocked scores, and the same models in random folds without a gap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spikebridge.artifacts.evaluation import read_table
from spikebridge.figures import style

name = "leakage_optimism"
needs = ("optimism",)
caption = (
    "A check, not a result: how much higher scores would be if training and test data leaked into each other. The "
    "same settings are fitted again, shortly, in blocked folds with a gap (squares) and in random folds without a gap "
    "(crosses, leaky) of equally many windows. The reported score of the model (circles) and the mean score in the "
    "inner folds of the tuner (diamonds) are from the full fits. Axes: balanced accuracy, and bits per spike over the "
    f"mean rate; dotted: chance. Bars: {style.INTERVALS}; n is under the axis. Circles are over the same trials as "
    "squares where the tables have them."
)
how_to_read = (
    "The reported score is the circle; it comes from blocked folds with a gap, and no leaky score enters any result. "
    "Crosses far above squares mean that random folds would flatter this data set, for example because of drift or "
    "runs of equal decisions, and that the gap is needed; crosses near squares mean that it matters little here. "
    "Circles and squares differ because the check fits shortly and, where it says so, in fewer folds."
)
CHANCE = {"bits_per_spike": 0.0}
LOOK = {
    "inner": ("inner folds of the tuner", "D", style.FAINT),
    "blocked": ("blocked folds with a gap (bar: SD over seeds)", "s", style.PALETTE[0]),
    "leaky": ("LEAKY random folds, no gap: no result", "X", style.PALETTE[1]),
}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """A panel a metric; for every model its inner, blocked and leaky score, blocked and leaky joined by a line."""
    table = read_table(tables_folder, "optimism")
    if table.empty:
        return False
    metrics = list(dict.fromkeys(table["metric"]))
    with style.styled():
        figure = style.new(4.4 * len(metrics) + 0.4, 4.4)
        for axes, metric in zip(np.ravel(figure.subplots(1, len(metrics))), metrics, strict=True):
            _panel(axes, table[table["metric"] == metric].reset_index(drop=True), metric)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        style.headline(figure, "What leakage would have given: not results")
        figure.legend(handles, labels, loc="outside lower center", ncols=1)
        return style.save(figure, out_path)


def _panel(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    x = np.arange(len(table), dtype=float)
    for k, at in enumerate(x):
        pair = table.loc[k, ["blocked", "leaky"]].to_numpy(float)
        axes.plot([at, at + 0.22], pair, color=style.FAINT, linewidth=1.2, zorder=1)
    for shift, (column, (said, marker, colour)) in zip((-0.22, 0.0, 0.22), LOOK.items(), strict=True):
        value = table[column].to_numpy(float)
        spread = np.nan_to_num(table["seeds_sd"].to_numpy(float)) if column == "blocked" else np.zeros(len(table))
        axes.errorbar(
            x + shift, value, spread, fmt=marker, color=colour, markersize=7, elinewidth=1.4, label=said, linestyle=""
        )
    if metric in CHANCE:
        axes.axhline(CHANCE[metric], color=style.FAINT, linewidth=1, linestyle=":")
    axes.set_xticks(x, [style.shown(m).replace(" ", "\n") for m in table["model"]])
    axes.set_xlim(-0.6, len(x) - 0.4)
    axes.set_ylabel(style.METRICS.get(metric, metric))
