"""Held-out bits/spike of every target unit over the three yardsticks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import YARDSTICKS, read_table
from spikebridge.figures import style
from spikebridge.figures.study import Regions, regions_of

name = "unit_scores"
needs = ("unit_scores",)
caption = (
    "How well the translator predicts each target unit in held-out windows, in bits per spike, over three yardsticks: "
    "the unit's mean rate; the mean, course over the trial and drift that are known without the source; and the rates "
    "that the translator predicts for neighbouring trials (trial-shift contrast). Dots: target units, sorted within "
    "their recording; diamonds: all units of a recording, with 95 % intervals (1 − statistics.alpha) from a bootstrap "
    "of its test blocks. n is the number of target units. Dots beyond the axis are drawn at its end."
)
how_to_read = (
    "Good: diamonds and most dots lie above 0 in all three panels. With coupling 1 of the simulator they do; with "
    "coupling 0 the second and third panel lie at 0, whatever the first one shows: bits over the mean rate may come "
    "from the course of the trial or from drift. Units with few spikes scatter widely, and a single dot is no result."
)
ALL = "all"
PREFERRED = "seq2seq"
TITLES = ("over the mean rate", "what the source adds", "trial-shift contrast")
MOST_BESIDE = 3
"""Recordings with which the panels lie side by side; with more they lie below each other."""
ENDS = (1, 99)
"""Percentiles of the dots that the axis holds: units with a handful of spikes would flatten the rest."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """A panel a yardstick; the units of each recording as sorted dots, the recording as a diamond with its interval."""
    table = read_table(tables_folder, "unit_scores")
    if table.empty:
        return False
    models = list(dict.fromkeys(table["model"]))
    model = PREFERRED if PREFERRED in models else models[0]
    table = table[table["model"] == model]
    shown = [key for key in YARDSTICKS if table[key].notna().any()]
    if not shown:
        return False
    recordings = list(dict.fromkeys(table["recording"]))
    regions = regions_of(tables_folder)
    with style.styled():
        beside = len(recordings) <= MOST_BESIDE
        size = (
            (1.6 + 3.0 * len(shown), 4.4)
            if beside
            else (max(7.0, 2.0 + 0.75 * len(recordings)), 1.6 + 2.4 * len(shown))
        )
        figure = style.new(*size)
        places = (1, len(shown)) if beside else (len(shown), 1)
        grid = figure.subplots(*places, squeeze=False, sharex=not beside).ravel()
        for axes, key in zip(grid, shown, strict=True):
            _panel(axes, table, key, recordings)
            axes.set_title(regions.named(TITLES[YARDSTICKS.index(key)]))
        for axes in grid[:1] if beside else grid:
            axes.set_ylabel("bits/spike")
        _legend(figure, grid[0], regions)
        n = int((table["unit"].astype(str) != ALL).sum())
        about = regions.named(f"{n} target units one by one, {style.shown(model)}, held-out windows")
        style.headline(figure, about)
        return style.save(figure, out_path)


def _panel(axes: style.Axes, table: pd.DataFrame, key: str, recordings: list[str]) -> None:
    of_unit = table["unit"].astype(str) != ALL
    low, high = _ends(table, of_unit, key)
    for k, recording in enumerate(recordings):
        rows = table[table["recording"] == recording]
        units = of_unit.loc[rows.index]
        values = np.sort(rows.loc[units, key].dropna().to_numpy(float))
        x = k + (np.linspace(-0.34, 0.34, len(values)) if len(values) > 1 else np.zeros(len(values)))
        axes.plot(x, np.clip(values, low, high), ".", color=style.PALETTE[0], markersize=5, alpha=0.6, zorder=2)
        for row in rows[~units].to_dict("records"):
            error = np.nan_to_num(np.abs([[row[key] - row[f"{key}_low"]], [row[f"{key}_high"] - row[key]]]))
            axes.errorbar(
                [k], [row[key]], error, fmt="D", color=style.PALETTE[1], markersize=6, elinewidth=1.6, zorder=3
            )
    axes.axhline(0, color=style.FAINT, linewidth=1, zorder=1)
    names = [f"{style.shown(r)}\nn = {int((table['recording'] == r)[of_unit].sum())}" for r in recordings]
    turn: dict[str, Any] = {"rotation": 30, "ha": "right"} if max(map(len, recordings)) > 10 else {}
    axes.set_xticks(range(len(recordings)), names, fontsize=9, **turn)
    axes.set_xlim(-0.6, len(recordings) - 0.4)
    room = 0.05 * max(high - low, 1e-6)
    axes.set_ylim(low - room, high + room)


def _ends(table: pd.DataFrame, of_unit: pd.Series, key: str) -> tuple[float, float]:
    dots = table.loc[of_unit, key].dropna().to_numpy(float)
    low, high = np.percentile(dots, ENDS) if len(dots) else (0.0, 0.0)
    together = table.loc[~of_unit, [key, f"{key}_low", f"{key}_high"]].to_numpy(float)
    known = together[np.isfinite(together)]
    least = style.LEAST_BITS
    return float(min([low, -least, *known])), float(max([high, least, *known]))


def _legend(figure: Any, axes: style.Axes, regions: Regions) -> None:
    handles = [
        axes.plot([], [], ".", color=style.PALETTE[0], markersize=7)[0],
        axes.plot([], [], "D", color=style.PALETTE[1], markersize=6)[0],
    ]
    names = [regions.named("a target unit"), "all units of a recording, 95 % interval"]
    figure.legend(handles, names, loc="outside lower center", ncols=2)
