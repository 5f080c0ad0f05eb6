"""What leakage would have given: the reported score, and short fits in blocked and in leaky random folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style

name = "leakage_optimism"
needs = ("optimism_folds",)
caption = (
    "A check, not a result: how much higher scores would be if training and test data leaked into each other. "
    "Circles: the reported score, from the full fits in blocked folds with a gap, over the trials of the outer folds "
    "that the check uses. Squares and crosses: the same settings fitted again, shortly, in the same blocked folds "
    "with a gap, and in random folds without a gap (leaky) of equally many windows. Axes: balanced accuracy from 0 to "
    f"1, and bits per spike over the mean rate from 0; dotted: chance. Bars: {style.INTERVALS}; n, the number of test "
    "trials, is under the axis."
)
how_to_read = (
    "The reported score is the circle; no leaky score enters any result, and a cross is no alternative to it. Good: "
    "crosses near squares, which means that a leak would matter little in these data. Crosses far above squares mean "
    "that random folds would flatter this data set, as in a simulator with strong drift or runs of equal decisions: "
    "without a gap its decisions reach 0.75 where nothing is to be found. Circles above squares are no sign of a leak: "
    "the squares are short fits."
)
BOUNDED = "balanced_accuracy"
"""The score that lies between 0 and 1: its axis has both."""
LOOK = {
    "reported": ("the reported score: blocked folds with a gap", "o", style.PALETTE[0]),
    "blocked": ("check: short fit, blocked folds with a gap", "s", style.PALETTE[5]),
    "leaky": ("check: short fit, LEAKY random folds without a gap (not a result)", "X", style.PALETTE[1]),
}
NOTE = (
    "The reported scores contain no leak; the crosses show what one would have added.\n"
    "All are over the same outer folds."
)
STEP = 0.24


def draw(tables_folder: Path, out_path: Path) -> bool:
    """A panel a metric; for every model its reported, blocked and leaky score with intervals, on an uncut axis."""
    table = read_table(tables_folder, "optimism_folds")
    if table.empty:
        return False
    metrics = list(dict.fromkeys(table["metric"]))
    models = [table.loc[table["metric"] == m, "model"].nunique() for m in metrics]
    with style.styled():
        figure = style.new(max(1.5 * sum(models) + 1.2 * len(metrics), 8.0), 5.2)
        grid = figure.subplots(1, len(metrics), squeeze=False, width_ratios=models)[0]
        for axes, metric in zip(grid, metrics, strict=True):
            _panel(axes, table[table["metric"] == metric], metric)
        folds = int(table["n_folds"].max())
        style.headline(figure, f"What a leak would add ({folds} outer fold{'s' if folds > 1 else ''}, 95 % intervals)")
        handles = [grid[0].plot([], [], marker, color=colour, markersize=7)[0] for _, marker, colour in LOOK.values()]
        names = [text for text, _, _ in LOOK.values()]
        figure.legend(handles, names, loc="outside lower left", ncols=1, title=NOTE, alignment="left")
        return style.save(figure, out_path)


def _panel(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    models = list(dict.fromkeys(table["model"]))
    for k, (folds, (_, marker, colour)) in enumerate(LOOK.items()):
        rows = table[table["folds"] == folds]
        x = rows["model"].map(models.index).to_numpy(float) + STEP * (k - 1)
        value = rows["value"].to_numpy(float)
        error = np.nan_to_num(np.abs([value - rows["ci_low"], rows["ci_high"] - value]))
        axes.errorbar(x, value, error, fmt=marker, color=colour, markersize=7, elinewidth=1.6)
    axes.axhline(float(table["chance"].iloc[0]), color=style.FAINT, linewidth=1, linestyle=":")
    ends = table[["value", "ci_low", "ci_high"]].to_numpy(float)
    low, high = min(0.0, float(np.nanmin(ends))), max(1e-3, float(np.nanmax(ends)))
    axes.set_ylim((0.0, 1.0) if metric == BOUNDED else (1.1 * low, 1.1 * high))
    n = table.groupby("model")["n_trials"].max()
    named = [f"{style.shown(m)}\nn = {int(n[m])}" for m in models]
    axes.set_xticks(range(len(models)), named)
    axes.set_xlim(-0.6, len(models) - 0.4)
    axes.set_ylabel(style.METRICS.get(metric, metric))
