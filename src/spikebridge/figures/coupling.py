"""How late and in how many dimensions the target follows the source, from counts alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.figures import style

name = "coupling"
needs = ("lag", "dimension")


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Held-out score of each lag and of each rank, one line a recording; the truth is marked where it is known."""
    lag, dimension = (style.read(tables_folder, table) for table in needs)
    if lag.empty or dimension.empty:
        return False
    with style.styled():
        figure = style.new(8.9, 4.2)
        left, right = figure.subplots(1, 2)
        lag_panel(left, lag)
        dimension_panel(right, dimension)
        style.headline(figure, "Target activity explained by the source (one line per recording)")
        return style.save(figure, out_path)


def lag_panel(axes: style.Axes, table: pd.DataFrame) -> None:
    """Held-out R2 of the regression at each lag; the solid mark is the lag of all recordings."""
    for _, rows in table.groupby("recording"):
        axes.plot(1000 * rows["lag_s"], rows["score"], color=style.PALETTE[0], linewidth=1.2, alpha=0.7)
    pooled, true = 1000 * float(table["pooled_s"].median()), 1000 * float(table["true_s"].median())
    if np.isfinite(pooled):
        axes.axvline(pooled, color=style.PALETTE[0], linewidth=1.6)
    if np.isfinite(true):
        axes.axvline(true, color=style.PALETTE[1], linewidth=1.6, linestyle="--")
    found = f"{pooled:.0f} ms" if np.isfinite(pooled) else "no link"
    axes.set_title(f"lag: {found}" + (f" (true {true:.0f} ms)" if np.isfinite(true) else ""))
    axes.set_xlabel("target follows source by (ms)")
    axes.set_ylabel("held-out R² of the regression")


def dimension_panel(axes: style.Axes, table: pd.DataFrame) -> None:
    """Held-out R2 of each rank; dots mark each recording's estimate (smallest within one SEM of the best)."""
    for _, rows in table.groupby("recording"):
        axes.plot(rows["rank"], rows["score"], color=style.PALETTE[0], linewidth=1.2, alpha=0.7)
        chosen = rows[rows["rank"] == rows["estimate"]]
        axes.plot(chosen["rank"], chosen["score"], "o", color=style.PALETTE[0], markersize=6)
    estimate, true = table.groupby("recording")["estimate"].first().median(), float(table["true"].median())
    if np.isfinite(true) and true > 0:
        axes.axvline(true, color=style.PALETTE[1], linewidth=1.6, linestyle="--")
    axes.set_title(f"dimension: {estimate:g}" + (f" (true {true:g})" if np.isfinite(true) else ""))
    axes.set_xlabel("rank of the regression")
    axes.set_ylabel("held-out R² of the regression")
