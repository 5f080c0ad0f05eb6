"""One held-out trial: what the source did, what the target did, and what was predicted of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm
from numpy.typing import NDArray

from spikebridge.figures import style

name = "rasters"
needs = ("raster",)
TITLES = {"source": "source spikes", "target": "target spikes", "predicted": "predicted target rates"}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Three panels over the same time: source raster, target raster, predicted rates, units in the same order."""
    table = style.read(tables_folder, "raster")
    if table.empty:
        return False
    about = table.iloc[0]
    with style.styled():
        figure = style.new(12, 4.8)
        grid = figure.subplots(1, 3, sharex=True)
        for axes, (panel, title) in zip(grid, TITLES.items(), strict=True):
            values, time = _matrix(table[table["panel"] == panel])
            if panel == "predicted":
                edges = np.append(time, 2 * time[-1] - time[-2]) - (time[1] - time[0]) / 2
                # Square roots, as of counts of equal noise: a few busy units would else hide all others
                scale = PowerNorm(0.5, vmin=0, vmax=max(float(values.max()), 1e-9))
                mesh = axes.pcolormesh(edges, np.arange(len(values) + 1) - 0.5, values, cmap="magma", norm=scale)
                figure.colorbar(mesh, ax=axes, label="rate (Hz, square-root scale)", shrink=0.85)
            else:
                _ticks(axes, values, time)
            axes.set_ylim(len(values) - 0.5, -0.5)
            axes.set_title(title)
            axes.set_xlabel(style.event_label(about["event"]))
            axes.set_ylabel("source unit" if panel == "source" else "target unit")
        where = f"{about['recording']}, trial {about['trial']} ({style.shown(about['label'])})"
        score = f"{about['bits_per_spike']:.2f} bits/spike, {style.shown(about['model'])}"
        style.headline(figure, f"A typical held-out trial: {where}: {score}")
        return style.save(figure, out_path)


def _matrix(panel: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(unit, bin) and (bin,) of a long table."""
    wide = panel.pivot(index="row", columns="time_s", values="value")
    return wide.to_numpy(float), wide.columns.to_numpy(float)


def _ticks(axes: style.Axes, counts: NDArray[np.float64], time: NDArray[np.float64]) -> None:
    """One tick a bin with spikes, darker for more of them: counts do not say where in the bin a spike was."""
    unit, at = np.nonzero(counts)
    alpha = np.clip(0.65 + 0.35 * (counts[unit, at] - 1), 0, 1)
    axes.vlines(time[at], unit - 0.42, unit + 0.42, color=style.INK, linewidth=1.4, alpha=alpha)
    half = (time[1] - time[0]) / 2
    axes.set_xlim(time[0] - half, time[-1] + half)
