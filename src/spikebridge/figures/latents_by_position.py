"""The latents by the position of the animal, and by its other behaviour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style

name = "latents_by_position"
needs = ("latents_by_position",)
caption = (
    "The latents of the translator by position and other behaviour of the animal, on held-out trials, in standard "
    "deviations (SD). A panel is a recorded series, in its own unit; a line is one of the first principal components "
    "of one recording's latents, as mean over trials in ranges of the series that hold equally many bins, with the "
    "standard error over trials (SEM) as band. The recording is the first one in which series were recorded; the "
    "title names it and has n, the largest number of trials in a range."
)
how_to_read = (
    "Good, where the regions share position: a component rises or falls with it by more than its band, in SD units. "
    "With coupling 1 of the simulator the first components follow both coordinates of the track; with coupling 0 the "
    "lines are flat or wander within their bands. The sign of a component is arbitrary, and a relation to position "
    "does not show that position is what is shared: speed, time and reward change along a track as well."
)
DASHES = ("-", "--", ":")


def draw(tables_folder: Path, out_path: Path) -> bool:
    """A panel a series of one recording; a line with a band a component."""
    table = read_table(tables_folder, "latents_by_position")
    if table.empty:
        return False
    first = table.iloc[0]
    table = table[(table["model"] == first["model"]) & (table["recording"] == first["recording"])]
    series = list(dict.fromkeys(table["series"]))
    with style.styled():
        figure = style.new(3.4 * len(series) + 0.8 if len(series) > 1 else 6.5, 4.2)
        grid = figure.subplots(1, len(series), squeeze=False, sharey=True)[0]
        for axes, key in zip(grid, series, strict=True):
            _panel(axes, table[table["series"] == key])
            axes.set_xlabel(style.shown(key))
        style.at_least(grid[0], 1.0)
        grid[0].set_ylabel("latent (SD)")
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        still = ": they do not vary" if (table["mean"].abs() < 1e-6).all() else ""
        about = f"Latents of {style.shown(first['model'])} by behaviour, held-out trials of {first['recording']}"
        style.headline(figure, f"{about} (n = {int(table['n'].max())}){still}")
        return style.save(figure, out_path)


def _panel(axes: style.Axes, table: pd.DataFrame) -> None:
    for k, (axis, rows) in enumerate(table.groupby("axis", sort=True)):
        look: Any = {"color": style.PALETTE[k], "linestyle": DASHES[k % len(DASHES)]}
        axes.fill_between(
            rows["value"], rows["mean"] - rows["sem"], rows["mean"] + rows["sem"], color=style.PALETTE[k], alpha=0.2,
            linewidth=0,
        )  # fmt: skip
        label = f"component {axis} ({100 * rows['variance_share'].iloc[0]:.0f} % of variance)"
        axes.plot(rows["value"], rows["mean"], marker="o", markersize=4, label=label, **look)
    axes.axhline(0, color=style.FAINT, linewidth=1, zorder=0)
    axes.xaxis.set_major_locator(style.few_ticks())
