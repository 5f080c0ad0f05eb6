"""One held-out trial: what the source did, what the target did, and what was predicted of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "rasters"
needs = ("raster",)
caption = (
    "One typical held-out trial (the one of median bits per spike in the recording of median bits per spike): spikes "
    "of the source region, spikes of the target region, and the predicted rates of the target units relative to each "
    "unit's mean (logarithmic colours: red above, blue below its mean). Bars at the right: mean predicted rate of "
    "each unit (Hz). A row is a unit; grey tick: one spike in a bin; black: two or more. The order of rows is not "
    "from this trial: target units are sorted by the first principal component of all held-out predictions, source "
    "units by their correlation with it. The title has the trial and its score (n = 1 trial). There are no intervals. "
    "Unit ids are in tables/raster.csv."
)
how_to_read = (
    "Good: target rows have more ticks where the prediction is red and fewer where it is blue; one trial is noisy, so "
    "judge the model by the figure bits_per_spike. Rows at the top and rows at the bottom are predicted to change in "
    "opposite directions: whether the top is red or blue depends on the trial. With coupling 0 of the simulator the "
    "prediction is pale and hardly changes over time: what is left is drift."
)
TITLES = {"source": "source spikes", "target": "target spikes", "predicted": "predicted target rate"}
ONE, MORE = style.FAINT, style.INK
MAP = "RdBu_r"
ORDER = (
    "Rows: units, sorted by how all held-out trials are predicted. Upper and lower rows change in opposite directions; "
    "which of them rise differs\nfrom trial to trial, and the colours show this trial."
)
FOLDS = (2.0, 4.0, 8.0, 16.0)
"""Ends of the colour scale that are tried: it holds 95 % of the values, and points beyond its ends to the others."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Source raster, target raster, predicted rates relative to each unit's mean, and those means as bars.

    Units in the order of the table: by the first principal component of the prediction. Their ids are in the table.
    """
    table = read_table(tables_folder, "raster")
    if table.empty:
        return False
    about = table.iloc[0]
    with style.styled():
        figure = style.new(13.3, 6.0)
        grid = figure.subplots(1, 4, width_ratios=[1, 1, 1, 0.25])
        regions, bin_s = regions_of(tables_folder), 0.0
        for axes, (panel, title) in zip(grid, TITLES.items(), strict=False):
            rows = table[table["panel"] == panel]
            values, time = _matrix(rows)
            bin_s = float(time[1] - time[0])
            edges = np.append(time, time[-1] + bin_s) - bin_s / 2
            units = rows.drop_duplicates("row").sort_values("row")
            if panel == "predicted":
                _modulation(figure, grid[2:], values / units["mean_hz"].to_numpy(float)[:, None], edges)
                _means(grid[3], units)
            else:
                _ticks(axes, values, time)
            axes.set_xlim(edges[0], edges[-1])
            axes.xaxis.set_major_locator(style.few_ticks())
            axes.set_yticks([])
            axes.set_ylim(len(units) - 0.5, -0.5)
            axes.set_title(regions.named(title))
            axes.set_xlabel(style.event_label(about["event"]))
            axes.set_ylabel(regions.named(f"{len(units)} {'source' if panel == 'source' else 'target'} units"))
        handles = [grid[0].plot([], [], "|", color=c, markersize=11, markeredgewidth=2)[0] for c in (ONE, MORE)]
        names = [f"1 spike in a bin of {1000 * bin_s:g} ms", "2 spikes or more"]
        figure.legend(handles, names, loc="outside lower left", ncols=2, title=ORDER, alignment="left")
        where = f"{about['recording']}, trial {about['trial']} ({style.shown(about['label'])})"
        score = f"{about['bits_per_spike']:.2f} bits/spike, {style.shown(about['model'])}"
        style.headline(figure, f"A typical held-out trial: {where}: {score}")
        return style.save(figure, out_path)


def _matrix(panel: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(unit, bin) and (bin,) of a long table."""
    wide = panel.pivot(index="row", columns="time_s", values="value")
    return wide.to_numpy(float), wide.columns.to_numpy(float)


def _ticks(axes: style.Axes, counts: NDArray[np.float64], time: NDArray[np.float64]) -> None:
    """One tick a bin with spikes, black for more than one: counts do not say where in the bin a spike was."""
    for colour, wanted in ((ONE, counts == 1), (MORE, counts > 1)):
        unit, at = np.nonzero(wanted)
        axes.vlines(time[at], unit - 0.42, unit + 0.42, color=colour, linewidth=1.6)


def _modulation(figure: Figure, grid: Sequence[style.Axes], ratio: NDArray[np.float64], edges: Any) -> None:
    """Predicted rate over the unit's mean, red above and blue below: baselines would else hide the prediction."""
    ratio = np.maximum(ratio, 1e-9)
    reached = 2 ** np.quantile(np.abs(np.log2(ratio)), 0.95)
    fold = next((f for f in FOLDS if f >= reached), FOLDS[-1])
    rows = np.arange(len(ratio) + 1) - 0.5
    mesh = grid[0].pcolormesh(edges, rows, ratio, cmap=MAP, norm=LogNorm(1 / fold, fold))
    above = [f for f in (2.0, 4.0, 8.0, 16.0) if f <= fold] or [fold]
    bar = figure.colorbar(mesh, ax=list(grid), extend="both", shrink=0.85)
    names = [*(f"1/{f:g}" for f in above[::-1]), "1", *(f"{f:g}" for f in above)]
    bar.set_ticks([*(1 / f for f in above[::-1]), 1.0, *above], labels=names)
    bar.ax.minorticks_off()
    bar.set_label("predicted rate / mean rate of the unit (log scale)")


def _means(axes: style.Axes, units: pd.DataFrame) -> None:
    axes.barh(units["row"], units["mean_hz"], color=style.FAINT, height=0.8)
    axes.set_title("mean rate")
    axes.set_xlabel("rate (Hz)")
    axes.set_ylim(len(units) - 0.5, -0.5)
    axes.set_yticks([])
