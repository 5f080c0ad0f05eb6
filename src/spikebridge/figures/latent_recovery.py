"""Simulated recordings: what was put in, and what came out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "latent_recovery"
needs = ("recovery", "lag", "dimension")
caption = (
    "Simulated recordings only: what was put into the simulation, and what came out. Left: share of variance (R², "
    "without unit) of each true shared latent that a linear map of the translator's latents explains on held-out "
    "trials. Middle: estimated lag (ms). Right: estimated dimension. Dots: recordings; thick bars: mean R², pooled "
    "lag, median dimension; dashed: the truth. There are no intervals; the dots show the spread over n recordings."
)
how_to_read = (
    "Good: R² of 0.7 or more for position, and lag and dimension at the dashed lines. With coupling 1 of the "
    "simulator position is recovered best and the weaker latents (deliberation, arousal) less; an estimated dimension "
    "below the truth means that the data do not resolve the weakest one. With coupling 0 nothing is shared, R² drops, "
    "and the figure says that no link was found."
)
TRUE = style.PALETTE[1]


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Latent R2 on held-out trials; each recording's estimates of lag and dimension beside their true values.

    How lag and dimension were found is the figure `coupling`.
    """
    tables = [read_table(tables_folder, table) for table in needs]
    panels = [p for p in zip((_latents, _lag, _dimension), tables, strict=True) if not p[1].empty]
    if not panels:
        return False
    regions = regions_of(tables_folder)
    widths = [2.2 if plot is _latents else 1.0 for plot, _ in panels]
    with style.styled():
        figure = style.new(2.5 * sum(widths) + 0.5, 4.4)
        grid = figure.subplots(1, len(panels), squeeze=False, width_ratios=widths)[0]
        for axes, (plot, table) in zip(grid, panels, strict=True):
            plot(axes, table)
            axes.set_ylabel(regions.named(axes.get_ylabel()))
        handles = [grid[0].plot([], [], "o", color=style.INK, alpha=0.55, markersize=6)[0]]
        handles.append(grid[0].plot([], [], color=style.INK, linewidth=3)[0])
        handles.append(grid[0].plot([], [], color=TRUE, linestyle="--", linewidth=1.8)[0])
        names = ["a recording", "all (mean; pooled lag; median dimension)", "truth"]
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        style.headline(figure, "Recovery of the simulation's truth")
        return style.save(figure, out_path)


def _latents(axes: style.Axes, table: pd.DataFrame) -> None:
    names, models = list(dict.fromkeys(table["latent"])), list(dict.fromkeys(table["model"]))
    colour = style.colours(models)
    for m, model in enumerate(models):
        for k, latent in enumerate(names):
            values = table[(table["model"] == model) & (table["latent"] == latent)]["r2"].to_numpy(float)
            at = k + 0.3 * (m - (len(models) - 1) / 2)
            _dots(axes, values, at, colour[model])
            axes.plot([at - 0.16, at + 0.16], [np.nanmean(values)] * 2, color=colour[model], linewidth=3)
    axes.set_xticks(range(len(names)), [style.shown(n) for n in names], rotation=20, ha="right")
    axes.set_ylim(min(0.0, float(np.nanmin(table["r2"])) - 0.05), 1.02)
    axes.set_ylabel("R² on held-out trials")
    axes.set_title(f"shared latents, {', '.join(map(style.shown, models))}")


def _lag(axes: style.Axes, table: pd.DataFrame) -> None:
    each = 1000 * table.groupby("recording")["estimate_s"].first().to_numpy(float)
    pooled, true = 1000 * float(table["pooled_s"].median()), 1000 * float(table["true_s"].median())
    _against(axes, each, pooled, true, " ms")
    axes.set_ylabel("target follows by (ms)")
    axes.set_title("lag")


def _dimension(axes: style.Axes, table: pd.DataFrame) -> None:
    each = table.groupby("recording")["estimate"].first().to_numpy(float)
    _against(axes, each, float(np.median(each)), float(table["true"].median()), "")
    axes.set_ylabel("dimensions")
    axes.set_title("dimension")


def _against(axes: style.Axes, each: NDArray[np.float64], together: float, true: float, unit: str) -> None:
    """Estimates as dots, that of all as a bar, the truth as a dashed line, from zero on."""
    _dots(axes, each, 0.0, style.PALETTE[0])
    axes.plot([-0.16, 0.16], [together] * 2, color=style.PALETTE[0], linewidth=3)
    if np.isfinite(true):
        axes.axhline(true, color=TRUE, linestyle="--", linewidth=1.8, zorder=0)
    known = [v for v in (*each, together, true, 0.0) if np.isfinite(v)]
    axes.set_ylim(min(known) * 1.15, max(1.0, max(known) * 1.25))
    axes.set_xlim(-0.5, 0.5)
    texts = [f"{what} {v:.3g}{unit}" for what, v in (("estimate", together), ("true", true)) if np.isfinite(v)]
    axes.set_xticks([0], ["\n".join(texts) or "no link"])


def _dots(axes: style.Axes, values: NDArray[np.float64], at: float, colour: str) -> None:
    axes.plot(at + np.linspace(-0.1, 0.1, len(values)), values, "o", color=colour, alpha=0.55, markersize=6)
