"""Simulated recordings: what was put in, and what came out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.figures import style

name = "recovery"
needs = ("recovery", "lag", "dimension")


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Latent R2 on held-out trials, the lag's score curve, and the score of each rank, with the truth marked."""
    r2, lag, rank = (style.read(tables_folder, table) for table in needs)
    panels = [(_latents, r2), (_lag, lag), (_dimension, rank)]
    panels = [(plot, table) for plot, table in panels if not table.empty]
    if not panels:
        return False
    with style.styled():
        figure = style.new(4.3 * len(panels) + 0.3, 4.2)
        for axes, (plot, table) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            plot(axes, table)
        style.headline(figure, "Recovery of the simulation's truth (one line or dot per recording)")
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


def _lag(axes: style.Axes, table: pd.DataFrame) -> None:
    for _, rows in table.groupby("recording"):
        axes.plot(1000 * rows["lag_s"], rows["score"], color=style.PALETTE[0], linewidth=1.2, alpha=0.7)
    estimate = 1000 * table.groupby("recording")["estimate_s"].first()
    true = 1000 * float(table["true_s"].median())
    if np.isfinite(true):
        axes.axvline(true, color=style.PALETTE[1], linewidth=1.6, linestyle="--")
    known = estimate.dropna()
    found = f"{known.median():.0f} ms" if len(known) else "no link"
    axes.set_title(f"lag: {found}, true {true:.0f} ms")
    axes.set_xlabel("target follows source by (ms)")
    axes.set_ylabel("held-out R² of the regression")


def _dimension(axes: style.Axes, table: pd.DataFrame) -> None:
    for _, rows in table.groupby("recording"):
        axes.plot(rows["rank"], rows["score"], color=style.PALETTE[0], linewidth=1.2, alpha=0.7)
        chosen = rows[rows["rank"] == rows["estimate"]]
        axes.plot(chosen["rank"], chosen["score"], "o", color=style.PALETTE[0], markersize=6)
    estimate = table.groupby("recording")["estimate"].first().median()
    true = float(table["true"].median())
    if np.isfinite(true) and true > 0:
        axes.axvline(true, color=style.PALETTE[1], linewidth=1.6, linestyle="--")
    axes.set_title(f"dimension: {estimate:g}, true {true:g}")
    axes.set_xlabel("rank of the regression")
    axes.set_ylabel("held-out R² of the regression")
