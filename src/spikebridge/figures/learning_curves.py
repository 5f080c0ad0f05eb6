"""Did training converge, and where was it stopped?"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style

name = "learning_curves"
needs = ("learning_curves",)
caption = (
    "Loss of each network over the epochs of its training (nats, as trained: values of different models do not "
    "compare). Grey: training windows; coloured: validation windows, which are part of the outer training data and "
    "never of the test blocks. Thin lines: outer folds; thick: their mean while every fold trains; dots: the epoch "
    "whose weights each fold kept. The title has n, the number of outer folds. There are no intervals."
)
how_to_read = (
    "Good: both losses fall and then flatten, the validation loss does not rise much, and the dots lie before the "
    "last epoch. Dots at the last epoch mean that training was stopped by max_epochs and could go on. A validation "
    "loss that rises while the training loss falls means overfitting; with coupling 0 of the simulator the validation "
    "loss hardly falls at all."
)
LOSSES = {"train_loss": ("training", "#6B6B6B"), "valid_loss": ("validation", None)}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Training and validation loss, a panel a model: thin a fold, bold their mean; dots: best validation epoch."""
    table = read_table(tables_folder, "learning_curves")
    losses = [c for c in LOSSES if c in table and table[c].notna().any()]
    table = table[table["fold"] != "full"]
    if table.empty or not losses:
        return False
    models = list(dict.fromkeys(table["model"]))
    colour = style.colours(models)
    with style.styled():
        figure = style.new(max(4.6 * len(models) + 0.4, 6.4), 4.6)
        grid = figure.subplots(1, len(models), squeeze=False)[0]
        for axes, model in zip(grid, models, strict=True):
            rows = table[table["model"] == model].sort_values("epoch")
            for loss in losses:
                _curves(axes, rows, loss, LOSSES[loss][1] or colour[model])
            title = style.shown(model)
            axes.set_title(title if _has(rows, "valid_loss") else f"{title}: no validation loss recorded")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # there is no half epoch
            axes.legend(loc="upper right")
        grid[0].set_ylabel("loss (nats, as trained)")
        handles = [Line2D([], [], color=style.INK, linewidth=w, alpha=a) for w, a in ((1, 0.5), (3, 1))]
        handles.append(Line2D([], [], color=style.INK, marker="o", markersize=6, linestyle=""))
        names = ["an outer fold", "mean, while every fold trains", "a fold's best validation epoch"]
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        style.headline(figure, f"Learning curves of {table['fold'].nunique()} outer folds")
        return style.save(figure, out_path)


def _has(rows: pd.DataFrame, loss: str) -> bool:
    return loss in rows and bool(rows[loss].notna().any())


def _curves(axes: style.Axes, rows: pd.DataFrame, loss: str, colour: str) -> None:
    if not _has(rows, loss):  # a model without early stopping has no validation loss
        return
    wide = rows.pivot(index="epoch", columns="fold", values=loss)
    for fold in wide:
        curve = wide[fold].dropna()
        axes.plot(curve.index, curve, color=colour, linewidth=1, alpha=0.5)
        if loss == "valid_loss" and len(curve):
            axes.plot(curve.idxmin(), curve.min(), "o", color=colour, markersize=6)
    whole = wide.dropna()  # folds that stopped early would make the mean jump
    axes.plot(whole.index, whole.mean(axis=1), color=colour, linewidth=3, label=LOSSES[loss][0])
