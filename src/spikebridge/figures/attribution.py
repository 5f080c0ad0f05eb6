"""Which source units drive the latents, and where the truth is known, whether they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import NullLocator

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "attribution"
needs = ("attribution_units",)
caption = (
    "Which units of the source region drive the latents. Left: the share of the latents' variance that a unit "
    "contributes, summed over units from the largest share down (both axes: shares without unit); the dotted diagonal "
    "is an equal share of every unit. Right, simulated recordings only: a unit's share, relative to an equal one, "
    "against the information that the simulation gave it (rate times squared weight, relative to the mean, "
    "logarithmic axis). A line and a colour is a recording, a dot a unit; n is the number of source units. There are "
    "no intervals."
)
how_to_read = (
    "A curve a little above the diagonal means that many units carry the latents; a curve that rises at once to 1 "
    "means that a few units do, and the result then rests on how well these are sorted. With coupling 1 of the "
    "simulator the dots on the right rise from left to right: units with more information have larger shares. With "
    "coupling 0 the latents do not vary, no unit has a share, and the figure is not drawn."
)


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Cumulative share of the latents' variance over units, largest first; beside it the share against the truth."""
    table = read_table(tables_folder, "attribution_units")
    if table.empty:
        return False
    table = table[
        table.groupby("recording")["share"].transform("sum") > 0
    ]  # without shared latents no unit has a share
    if table.empty:
        return False
    known = table.dropna(subset=["true_information"])
    colour = style.colours(table["recording"])
    with style.styled():
        figure = style.new(10.5 if len(known) else 6.5, 4.6)
        axes = figure.subplots(1, 2 if len(known) else 1, squeeze=False)[0]
        for recording, rows in table.groupby("recording"):
            share = np.sort(rows["share"].to_numpy(float))[::-1]
            x = np.arange(len(share) + 1) / len(share)
            axes[0].plot(x, np.concatenate([[0.0], np.cumsum(share)]), color=colour[str(recording)])
        axes[0].plot([0, 1], [0, 1], color=style.FAINT, linestyle=":", linewidth=1)
        axes[0].set_xlabel(regions_of(tables_folder).named("part of the source units, largest share first"))
        axes[0].set_ylabel("share of the latents' variance")
        axes[0].set_title("how many units drive the latents")
        if len(known):
            _against_truth(axes[1], known, colour)
        handles = [axes[0].plot([], [], color=c, marker="o")[0] for c in colour.values()]
        figure.legend(handles, [style.shown(r) for r in colour], loc="outside lower center", ncols=3)
        style.headline(figure, regions_of(tables_folder).named("Source units behind the latents"))
        return style.save(figure, out_path)


def _against_truth(axes: style.Axes, known: pd.DataFrame, colour: dict[str, str]) -> None:
    """Share relative to an equal one, so that recordings of different size compare."""
    for recording, rows in known.groupby("recording"):
        relative, told = (rows[k] / rows[k].mean() for k in ("share", "true_information"))
        axes.plot(told, relative, "o", color=colour[str(recording)], markersize=4, alpha=0.6)
    axes.axhline(1, color=style.FAINT, linestyle=":", linewidth=1)
    axes.set_title("shares against the simulation")
    axes.set_xscale("log")
    ticks = style.log_ticks(*axes.get_xlim())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("true information: rate × weight², relative to the mean")
    axes.set_ylabel("share, relative to an equal one")
