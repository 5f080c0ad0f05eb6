"""Did training converge, and where was it stopped?"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikebridge.figures import style

name = "learning_curves"
needs = ("learning_curves",)
LOSSES = {"train_loss": ("training", style.FAINT), "valid_loss": ("validation", None)}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Training and validation loss of every fold, a panel a model; dots mark the best validation epoch."""
    table = style.read(tables_folder, "learning_curves")
    losses = [c for c in LOSSES if c in table and table[c].notna().any()]
    table = table[table["fold"] != "full"]
    if table.empty or not losses:
        return False
    models = list(dict.fromkeys(table["model"]))
    colour = style.colours(models)
    with style.styled():
        figure = style.new(4.2 * len(models) + 0.4, 3.8)
        grid = figure.subplots(1, len(models), squeeze=False)[0]
        for axes, model in zip(grid, models, strict=True):
            folds = table[table["model"] == model].groupby("fold", sort=True)
            for number, (_, rows) in enumerate(folds):
                for loss in losses:
                    _curve(axes, rows.sort_values("epoch"), loss, colour[model], number == 0)
            axes.set_title(style.shown(model))
            axes.set_xlabel("epoch")
            axes.legend(loc="upper right")
        grid[0].set_ylabel("loss (nats, as trained)")
        style.headline(figure, "Learning curves, one line per outer fold (dot: best validation)")
        return style.save(figure, out_path)


def _curve(axes: style.Axes, rows: pd.DataFrame, loss: str, colour: str, first: bool) -> None:
    said, fixed = LOSSES[loss]
    rows = rows[rows[loss].notna()]
    if rows.empty:  # a model without early stopping has no validation loss
        return
    axes.plot(rows["epoch"], rows[loss], color=fixed or colour, linewidth=1.2, alpha=0.8, label=said if first else None)
    if loss == "valid_loss":
        best = rows.loc[rows[loss].idxmin()]
        axes.plot(best["epoch"], best[loss], "o", color=colour, markersize=5)
