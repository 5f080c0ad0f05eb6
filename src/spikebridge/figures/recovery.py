"""Simulated recordings: what was put in, and what came out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.figures import style
from spikebridge.figures.coupling import dimension_panel, lag_panel

name = "recovery"
needs = ("recovery", "lag", "dimension")


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Latent R2 on held-out trials, the score of each lag and of each rank, with the truth marked (dashed)."""
    tables = [style.read(tables_folder, table) for table in needs]
    panels = [p for p in zip((_latents, lag_panel, dimension_panel), tables, strict=True) if not p[1].empty]
    if not panels:
        return False
    with style.styled():
        figure = style.new(4.3 * len(panels) + 0.3, 4.2)
        for axes, (plot, table) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            plot(axes, table)
        style.headline(figure, "Recovery of the simulation's truth (one dot or line per recording, dashed: truth)")
        return style.save(figure, out_path)


def _latents(axes: style.Axes, table: pd.DataFrame) -> None:
    names, models = list(dict.fromkeys(table["latent"])), list(dict.fromkeys(table["model"]))
    colour = style.colours(models)
    for m, model in enumerate(models):
        for k, latent in enumerate(names):
            values = table[(table["model"] == model) & (table["latent"] == latent)]["r2"].to_numpy(float)
            at = k + 0.3 * (m - (len(models) - 1) / 2)
            x = at + np.linspace(-0.1, 0.1, len(values))
            axes.plot(x, values, "o", color=colour[model], alpha=0.55, markersize=5)
            axes.plot([at - 0.16, at + 0.16], [np.nanmean(values)] * 2, color=colour[model], linewidth=3)
    axes.set_xticks(range(len(names)), [style.shown(n) for n in names], rotation=25, ha="right")
    axes.set_ylim(min(0.0, float(np.nanmin(table["r2"])) - 0.05), 1.02)
    axes.set_ylabel("R² on held-out trials")
    axes.set_title(f"shared latents, {', '.join(map(style.shown, models))}")
