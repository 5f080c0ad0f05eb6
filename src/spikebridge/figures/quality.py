"""How well the units of a recording were recorded, and where the limits lie; an image a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.figures import style

name = "quality"
needs = ("quality", "quality_limits")
# column: title, axis label, logarithmic
PANELS = {
    "rate_hz": ("mean rate", "rate (Hz)", True),
    "isi_violations_ratio": ("refractory violations", "ISI violations ratio", True),
    "presence_ratio": ("presence", "presence ratio", False),
    "rate_change": ("drift of rate", "rate, last / first third", True),
    "amplitude_cutoff": ("missed spikes", "amplitude cutoff", False),
}
OPTIONAL = {"amplitude_cutoff"}
"""Drawn only where the file has it."""
KEPT, DROPPED = style.PALETTE[0], style.PALETTE[1]


def pages(tables_folder: Path) -> list[str]:
    """The recordings."""
    return list(dict.fromkeys(style.read(tables_folder, "quality")["recording"]))


def draw(tables_folder: Path, out_path: Path, page: str = "") -> bool:
    """A panel a measure, a row a region, a dot a unit: kept or dropped, with the limits; counts at the right."""
    table, ends = (style.read(tables_folder, table) for table in needs)
    if table.empty:
        return False
    page = page or str(table["recording"].iloc[0])
    table = table[table["recording"] == page]
    limits = ends[ends["recording"] == page].set_index("column")
    columns = [c for c in PANELS if c not in OPTIONAL or table[c].notna().any()]
    regions = list(table[["role", "region"]].drop_duplicates().itertuples(index=False, name=None))
    with style.styled():
        figure = style.new(2.75 * len(columns) + 2.2, 2.1 + 0.55 * len(regions))
        grid = figure.subplots(1, len(columns), squeeze=False, sharey=True)[0]
        for axes, column in zip(grid, columns, strict=True):
            _panel(axes, table, column, regions, limits.loc[column] if column in limits.index else None)
        grid[0].set_yticks(range(len(regions)), [_counted(table, *r) for r in regions])
        grid[0].set_ylim(len(regions) - 0.5, -0.5)
        kept = table["kept"].to_numpy(bool)
        handles = [grid[0].scatter([], [], s=26, color=KEPT), grid[0].scatter([], [], s=26, color=DROPPED, marker="x")]
        handles.append(grid[0].plot([], [], color=style.INK, linestyle="--", linewidth=1.3)[0])
        figure.legend(handles, ["kept", "dropped", "limit"], loc="outside lower center", ncols=3)
        style.headline(figure, f"Units of {page}: {kept.sum()} of {len(kept)} kept (bar: median)")
        return style.save(figure, out_path)


def _counted(table: pd.DataFrame, role: str, region: str) -> str:
    kept = table[(table["role"] == role) & (table["region"] == region)]["kept"].to_numpy(bool)
    return f"{region} ({role})\n{kept.sum()} of {len(kept)} kept"


def _panel(
    axes: style.Axes, table: pd.DataFrame, column: str, regions: list[tuple[str, str]], limit: pd.Series | None
) -> None:
    title, label, logarithmic = PANELS[column]
    axes.set_title(title)
    axes.set_xlabel(label)
    axes.tick_params(axis="y", length=0)
    values = table[column].to_numpy(float)
    if not np.isfinite(values).any():
        axes.text(0.5, 0.5, "not judged", transform=axes.transAxes, ha="center", va="center", color=style.FAINT)
        axes.set_xticks([])
        return
    marks = [] if limit is None else [float(v) for v in (limit["low"], limit["high"]) if np.isfinite(v)]
    x, low = _shown(values, marks, logarithmic)
    for row, (role, region) in enumerate(regions):
        here = ((table["role"] == role) & (table["region"] == region)).to_numpy()
        _dots(axes, x[here], table["kept"].to_numpy(bool)[here], row)
    for mark in marks:
        axes.axvline(mark, color=style.INK, linestyle="--", linewidth=1.3, zorder=0)
    _scale(axes, x, marks, low, logarithmic, column)


def _shown(values: NDArray[np.float64], marks: list[float], logarithmic: bool) -> tuple[NDArray[np.float64], float]:
    """Values to plot, and on a logarithmic axis the place where zeros are drawn (NaN without zeros)."""
    if not logarithmic or not (values == 0).any():
        return values, float("nan")
    positive = [*values[values > 0], *(m for m in marks if m > 0)]
    zero = 10 ** (np.floor(np.log10(min(positive, default=1.0))) - 0.5)
    return np.where(values == 0, zero, values), float(zero)


def _dots(axes: style.Axes, x: NDArray[np.float64], kept: NDArray[np.bool_], row: int) -> None:
    """Dots in a band about the row, spread by their order so that equal tables give equal figures."""
    spread = (np.arange(len(x)) * 0.618034) % 1 - 0.5
    axes.axhline(row, color="#EFEFEF", linewidth=1, zorder=0)
    looks: tuple[dict[str, Any], dict[str, Any]] = (
        {"color": KEPT, "marker": "o", "alpha": 0.55, "linewidths": 0},
        {"color": DROPPED, "marker": "x", "alpha": 0.9, "linewidths": 1.2},
    )
    for mine, look in zip((kept, ~kept), looks, strict=True):
        axes.scatter(x[mine], row + 0.6 * spread[mine], s=18, **look)
    if np.isfinite(x).any():
        axes.plot([np.nanmedian(x)] * 2, [row - 0.36, row + 0.36], color=style.INK, linewidth=2)


def _scale(
    axes: style.Axes, x: NDArray[np.float64], marks: list[float], zero: float, logarithmic: bool, column: str
) -> None:
    """Limits that hold all dots and marks; on a logarithmic axis few, plain ticks, and one for zero."""
    everything = np.array([*x[np.isfinite(x)], *marks])
    if not logarithmic:
        top = 1.0 if column == "presence_ratio" else everything.max()
        axes.set_xlim(-0.04 * top, 1.04 * top)
        return
    axes.set_xscale("log")
    low, high = everything.min(), everything.max()
    if column == "rate_change":
        low, high = min(low, 1 / high, 0.4), max(high, 1 / low, 2.5)
        axes.axvline(1, color=style.FAINT, linewidth=1, linestyle=":", zorder=0)
    low, high = low / 1.5, max(high * 1.5, low * 4)
    axes.set_xlim(low, high)
    decades = np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1)
    if np.isfinite(zero):
        decades = decades[10.0**decades > 4 * zero]
    ticks = [10.0**d for d in decades[:: max(1, int(np.ceil(len(decades) / 4)))]]
    if len(ticks) < 2 and column == "rate_change":
        ticks = [0.5, 1.0, 2.0]
    names = [f"{t:g}" for t in ticks]
    if np.isfinite(zero):
        ticks, names = [zero, *ticks], ["0", *names]
    axes.set_xticks(ticks, names)
    axes.minorticks_off()
