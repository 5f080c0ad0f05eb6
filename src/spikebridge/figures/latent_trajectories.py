"""What the two regions share, over the time before the decision, by what was decided."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikebridge.figures import style

name = "latent_trajectories"
needs = ("latents",)
MOST = 5
LEAST_SHARE = 0.01
"""A component with less of the variance than this is not drawn: it is noise of the fits."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Mean and standard error of each latent over held-out trials in time, and the first two against each other."""
    table = style.read(tables_folder, "latents")
    if table.empty:
        return False
    table = table[table["model"] == table["model"].iloc[0]]
    share = table.groupby("latent")["variance_share"].first()
    latents = [k for k in share.index if k == 1 or share[k] >= LEAST_SHARE][:MOST]
    labels = list(dict.fromkeys(table["label"]))
    colour = style.class_colours(labels)
    panels = len(latents) + (len(latents) > 1)
    across = 2 if panels == 4 else min(3, panels)
    down = -(-panels // across)
    with style.styled():
        figure = style.new(4.1 * across + 0.2, 3.3 * down + 0.6)
        grid = figure.subplots(down, across, squeeze=False).ravel()
        for axes, latent in zip(grid, latents, strict=False):
            _in_time(axes, table[table["latent"] == latent], colour)
        for axes in grid[1 : len(latents)]:
            axes.sharey(grid[0])  # so that a component without a difference looks like one
        grid[0].autoscale(axis="y")
        if len(latents) > 1:
            _plane(grid[len(latents)], table, colour)
        for axes in grid[panels:]:
            axes.set_visible(False)
        n = {label: int(table[table["label"] == label]["n"].iloc[0]) for label in labels}
        handles = [grid[0].lines[k] for k in range(len(labels))]
        names = [f"{style.shown(label)} (n = {n[label]})" for label in labels]
        figure.legend(handles, names, loc="outside lower center", ncols=len(labels), title=None)
        model = style.shown(table["model"].iloc[0])
        title = f"Latents of {model} by decision, held-out trials (mean ± SEM over trials)"
        style.headline(figure, title)
        return style.save(figure, out_path)


def _in_time(axes: style.Axes, table: pd.DataFrame, colour: dict[str, str]) -> None:
    for label, rows in table.groupby("label", sort=False):
        axes.plot(rows["time_s"], rows["mean"], color=colour[str(label)])
    for label, rows in table.groupby("label", sort=False):
        low, high = rows["mean"] - rows["sem"], rows["mean"] + rows["sem"]
        axes.fill_between(rows["time_s"], low, high, color=colour[str(label)], alpha=0.25, linewidth=0)
    style.time_zero(axes)
    axes.set_title(f"component {table['latent'].iloc[0]} ({100 * table['variance_share'].iloc[0]:.0f} % of variance)")
    axes.set_xlabel(style.event_label(table["event"].iloc[0]))
    axes.set_ylabel("latent (SD)")


def _plane(axes: style.Axes, table: pd.DataFrame, colour: dict[str, str]) -> None:
    for label, rows in table.groupby("label", sort=False):
        wide = rows.pivot(index="time_s", columns="latent", values="mean")
        x, y = wide[1].to_numpy(), wide[2].to_numpy()
        axes.plot(x, y, color=colour[str(label)])
        axes.plot(x[0], y[0], "o", color="white", markeredgecolor=colour[str(label)], markersize=7)
        axes.plot(x[-1], y[-1], "o", color=colour[str(label)], markersize=8)
    axes.set_title("mean path (open: start, filled: end)")
    axes.set_xlabel("component 1 (SD)")
    axes.set_ylabel("component 2 (SD)")
    axes.margins(0.12)
