"""Which decisions each model confuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style

name = "confusion"
needs = ("confusion",)
caption = (
    "Which decisions each model confuses on held-out trials. A row is a true decision, a column a predicted one; a "
    "cell holds the share of the true decision's trials (percent and colour), and in brackets the number of trials; "
    "the numbers of a matrix add up to n, all held-out trials. The majority model predicts the most frequent decision "
    "of the training trials of each fold and recording: where that decision differs between folds or recordings, it "
    "predicts more than one. There are no intervals: the figure scores has them."
)
how_to_read = (
    "Good: high shares on the diagonal in every row, not only in the row of the frequent decision. With coupling 1 of "
    "the simulator about 80 % of both decisions are right; where the choice is independent of the spikes "
    "(label_information 0) the rows look alike, as in the majority model. A model with one dark column ignores its "
    "input and predicts the frequent decision."
)


MAJORITY = "majority"
MAJORITY_NOTE = (
    "majority predicts the most frequent decision of the training trials,\n"
    "which is not the same in all folds and recordings: {}"
)


def draw(tables_folder: Path, out_path: Path) -> bool:
    """One matrix a deciding model: share of each true decision that was predicted as what."""
    table = read_table(tables_folder, "confusion")
    if table.empty:
        return False
    models, classes = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["label"]))
    k = len(classes)
    predicted = _predicted(table, MAJORITY)
    n_trials = int(table[table["model"] == models[0]]["n"].sum())
    with style.styled():
        side = max(2.3, 0.75 * k)
        names = [style.shown(c) for c in classes]
        turn = 30 if max(map(len, names)) >= 8 else 0
        figure = style.new(
            side * len(models) + 1.4, side + (1.7 if turn else 1.1) + (0.7 if len(predicted) > 1 else 0.0)
        )
        figure.set_layout_engine("compressed")  # squares: no room left between title and panels
        grid = figure.subplots(1, len(models), squeeze=False)[0]
        for axes, model in zip(grid, models, strict=True):
            model_rows = table[table["model"] == model]
            share = model_rows["share"].to_numpy(float).reshape(k, k)
            n = model_rows["n"].to_numpy(int).reshape(k, k)
            image = axes.imshow(share, vmin=0, vmax=1, cmap="Blues")
            for i, j in np.ndindex(k, k):
                ink = "white" if share[i, j] > 0.55 else style.INK
                text = f"{100 * share[i, j]:.0f} %\n({n[i, j]})" if np.isfinite(share[i, j]) else "–"
                axes.text(j, i, text, ha="center", va="center", color=ink, fontsize=10 if k < 4 else 8)
            axes.set_xticks(range(k), names, rotation=turn)
            axes.set_yticks(range(k), names if axes is grid[0] else [])
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.set_title(style.shown(model))
            axes.set_xlabel("predicted decision")
        grid[0].set_ylabel("true decision")
        figure.colorbar(image, ax=list(grid), label="share of true decision", shrink=0.85, ticks=[0, 0.5, 1])
        style.headline(figure, f"Predicted and true decisions, n = {n_trials} held-out trials")
        if len(predicted) > 1:
            style.note(figure, MAJORITY_NOTE.format(" and ".join(style.shown(p) for p in predicted)))
        return style.save(figure, out_path)


def _predicted(table: pd.DataFrame, model: str) -> list[str]:
    """The decisions that a model predicts at all."""
    model_rows = table[table["model"] == model]
    n = model_rows.groupby("predicted", sort=False)["n"].sum()
    return [str(name) for name in n.index[n > 0]]
