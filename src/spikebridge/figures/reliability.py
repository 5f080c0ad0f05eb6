"""Do predicted probabilities mean what they say?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style

name = "reliability"
needs = ("calibration",)
caption = (
    "Whether predicted probabilities of a decision are honest: observed frequency of the decision on held-out trials "
    "against the mean predicted probability, in bins of equally many trials (both axes: probabilities from 0 to 1). "
    "Dashed: perfect. Bars: 95 % binomial (Clopper-Pearson) intervals, which treat trials as independent. 'Mean gap' "
    "is the mean distance from the diagonal, weighted by trials; n, the number of trials, stands in the panel."
)
how_to_read = (
    "Good: points on the diagonal that span much of the axis: the model is sure where it can be and right as often as "
    "it says. With label_information 1 of the simulator points reach from 0.1 to 0.9; with 0 all lie in the middle, "
    "as in the majority model. Points flatter than the diagonal mean that the model is too sure of itself."
)


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Observed against predicted frequency, a panel a model, with binomial intervals."""
    table = read_table(tables_folder, "calibration")
    if table.empty:
        return False
    models = list(dict.fromkeys(table["model"]))
    colour, of = style.colours(models), style.shown(table["of"].iloc[0])
    what = "the most likely class" if of == "most likely class" else f"“{of}”"
    with style.styled():
        figure = style.new(2.75 * len(models) + 0.6, 3.7)
        grid = figure.subplots(1, len(models), squeeze=False, sharex=True, sharey=True)[0]
        for axes, model in zip(grid, models, strict=True):
            model_rows = table[table["model"] == model].sort_values("predicted")
            gap = float(np.average((model_rows["predicted"] - model_rows["observed"]).abs(), weights=model_rows["n"]))
            axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle="--", zorder=0)
            error = np.abs([model_rows["observed"] - model_rows["low"], model_rows["high"] - model_rows["observed"]])
            axes.errorbar(
                model_rows["predicted"],
                model_rows["observed"],
                error,
                color=colour[model],
                marker="o",
                markersize=5,
                elinewidth=1.2,
            )
            axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
            axes.set_title(style.shown(model))
            axes.text(
                1.0, 0.0, f"mean gap {gap:.2f}\nn = {int(model_rows['n'].sum())}", ha="right", va="bottom", fontsize=10
            )
        grid[0].set_ylabel("observed frequency")
        figure.supxlabel(f"predicted probability of {what}", fontsize=11)
        style.headline(figure, "Reliability on held-out trials (dashed: perfect)")
        return style.save(figure, out_path)
