"""All models' scores with their intervals, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import n_decisions

name = "scores"
needs = ("scores",)
caption = (
    "How well each model predicts decisions on held-out trials, by four scores: balanced accuracy and area under the "
    "ROC curve (higher is better), log loss in nats and Brier score (lower is better). Points: all recordings "
    f"together; dashed: the majority model, which ignores the spikes. Bars: {style.INTERVALS}. n, the number of "
    "trials, is in the title."
)
how_to_read = (
    "Good: seq2seq right of the dashed line in the left panels and left of it in the right ones, with bars that do "
    "not reach it. With coupling and label_information 1 of the simulator its balanced accuracy is about 0.8; where "
    "the choice is independent of the spikes all models lie at the dashed line. Overlapping bars of two models do not "
    "show that they are equal: the paired differences are in the figure declared_tests."
)
METRICS = ("balanced_accuracy", "auc", "log_loss", "brier")
REFERENCE = "majority"
BETTER = {"balanced_accuracy": "higher", "auc": "higher", "log_loss": "lower", "brier": "lower"}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """One panel a score of the decisions, one dot and interval a model."""
    table = read_table(tables_folder, "scores")
    metrics = [m for m in METRICS if (table["metric"] == m).any()]
    if not metrics:
        return False
    models = list(dict.fromkeys(table[table["metric"].isin(metrics)]["model"]))
    colour = style.colours(models)
    with style.styled():
        figure = style.new(3.0 * len(metrics) + 1.2, 1.5 + 0.5 * len(models))
        grid = figure.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
        for axes, metric in zip(grid, metrics, strict=True):
            metric_rows = table[table["metric"] == metric].set_index("model")
            for k, model in enumerate(models):
                value, low, high = (float(metric_rows.loc[model, c]) for c in ("value", "ci_low", "ci_high"))
                error = np.nan_to_num([[value - low], [high - value]])
                axes.errorbar(value, k, xerr=np.abs(error), fmt="o", color=colour[model], markersize=7, elinewidth=2)
            if REFERENCE in metric_rows.index:
                axes.axvline(
                    float(metric_rows.loc[REFERENCE, "value"]), color=style.FAINT, linestyle="--", linewidth=1, zorder=0
                )
            axes.set_yticks(range(len(models)), [style.shown(m) for m in models])
            axes.set_ylim(len(models) - 0.5, -0.5)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x", color="#E6E6E6")
            axes.set_axisbelow(True)
            axes.set_xlabel(style.METRICS[metric])
            axes.set_title(f"{BETTER[metric]} is better", fontsize=10, fontweight="normal")
        n = n_decisions(tables_folder)
        trials = f"{n} held-out trials" if n else "held-out trials"
        style.headline(figure, f"Decisions of {trials}: scores with 95 % intervals (dashed: {REFERENCE})")
        return style.save(figure, out_path)
