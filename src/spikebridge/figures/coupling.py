"""How late and in how many dimensions the target follows the source, from counts alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import Regions, regions_of

name = "coupling"
needs = ("lag", "dimension")
caption = (
    "How late, and in how many dimensions, the target region follows the source region, from counts alone without the "
    "translator. Left: held-out bits per spike of a regression at each lag (ms; positive: the target follows), above "
    "the recording's mean over lags. Right: held-out bits per spike of a reduced-rank regression at each rank. Thin "
    "lines: recordings; thick: their mean; dots: estimate of each recording. Vertical lines: estimate of all "
    "recordings, and in simulations the truth. Shaded: 95 % bootstrap interval of the lag over clusters (recordings "
    "or blocks)."
)
how_to_read = (
    "Good: a clear peak at one lag, a narrow shaded band, and scores that rise up to some rank and then stay flat. "
    "With coupling 1 of the simulator the peak lies at the true 100 ms and the dimension near the true 4; noise hides "
    "the weakest dimension first. With coupling 0 the curves are flat, the band covers most lags (the title says that "
    "the lag is not determined), and no dimension is found."
)
THIN, BOLD, TRUE = "#8DB8D6", style.PALETTE[0], style.PALETTE[1]
LEAST_BITS = 0.002
"""Bits/spike that an axis holds on both sides of 0, at least."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Held-out score of each lag and of each rank: thin a recording, bold their mean; estimate and truth are named."""
    lag, dimension = (read_table(tables_folder, table) for table in needs)
    if lag.empty or dimension.empty:
        return False
    with style.styled():
        figure = style.new(10.5, 4.8)
        left, right = figure.subplots(1, 2)
        regions = regions_of(tables_folder)
        _lag(left, lag, regions)
        _dimension(right, dimension)
        handles = [
            left.plot([], [], color=THIN, linewidth=1.2)[0],
            left.plot([], [], color=BOLD, linewidth=3)[0],
            left.plot([], [], "o", color=BOLD, markersize=6)[0],
            left.fill_between([], [], [], color=BOLD, alpha=0.12, linewidth=0),
        ]
        names = ["a recording", "mean of recordings", "estimate of a recording", "95 % interval of the lag"]
        figure.legend(handles, names, loc="outside lower center", ncols=4)
        n = max(lag["recording"].nunique(), dimension["recording"].nunique())
        about = regions.named("How late, and in how many dimensions, the target follows the source")
        style.headline(figure, f"{about}, {n} recording{'s' if n > 1 else ''}")
        return style.save(figure, out_path)


def _lag(axes: style.Axes, table: pd.DataFrame, regions: Regions) -> None:
    """Score above each recording's mean over lags: recordings differ far more than the lags of one do.

    The band is the 95 % interval of the lag of all; where it takes more than half of the lags tried, the title says so.
    """
    above = table["score"] - table.groupby("recording")["score"].transform("mean")
    wide = table.assign(above=above, ms=1000 * table["lag_s"]).pivot(index="ms", columns="recording", values="above")
    _curves(axes, wide)
    estimates = 1000 * table.groupby("recording")["estimate_s"].first().to_numpy(float)
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.06 * (high - low), high + 0.14 * (high - low))
    at = low - 0.01 * (high - low)
    axes.plot(estimates, np.full(len(estimates), at), "o", color=BOLD, markersize=6, alpha=0.5)
    pooled, true = 1000 * float(table["pooled_s"].median()), 1000 * float(table["true_s"].median())
    edges = 1000 * table[["pooled_low_s", "pooled_high_s"]].median().to_numpy(float)
    if np.isfinite(edges).all():
        axes.axvspan(edges[0], edges[1], color=BOLD, alpha=0.12, linewidth=0, zorder=0)
    _mark(axes, pooled, f"estimate {pooled:.0f} ms", BOLD, "-", right=not pooled < true)
    _mark(axes, true, f"true {true:.0f} ms", TRUE, "--", right=pooled < true)
    tried = 1000 * float(np.ptp(table["lag_s"]))
    vague = "lag: not determined" if edges[1] - edges[0] > tried / 2 else "lag"
    axes.set_title(vague if np.isfinite(pooled) else "lag: no link found")
    axes.set_xlabel(regions.named("target follows source by (ms)"))
    axes.set_ylabel("held-out bits/spike, above mean over lags")


def _dimension(axes: style.Axes, table: pd.DataFrame) -> None:
    """Score of each rank; dots mark each recording's estimate (smallest within one SEM of the best)."""
    _curves(axes, table.pivot(index="rank", columns="recording", values="score"))
    chosen = table[table["rank"] == table["estimate"]]
    axes.plot(chosen["rank"], chosen["score"], "o", color=BOLD, markersize=6, alpha=0.5)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.14 * (high - low))
    estimate, true = float(table["pooled"].median()), float(table["true"].median())
    # Both at the right, one below the other: ranks start so near the axis that a text at the left would cross it
    _mark(axes, estimate if estimate > 0 else np.nan, f"estimate {estimate:g}", BOLD, "-", right=True)
    _mark(axes, true if true > 0 else np.nan, f"true {true:g}", TRUE, "--", right=True, lower=18)
    axes.set_title("dimension" if estimate > 0 else "dimension: no link found")
    axes.set_xlabel("rank of the regression")
    axes.set_ylabel("held-out bits/spike of the regression")


def _curves(axes: style.Axes, wide: pd.DataFrame) -> None:
    axes.plot(wide.index, wide.to_numpy(), color=THIN, linewidth=1.2)
    whole = wide.dropna()  # a mean over fewer recordings would jump
    axes.plot(whole.index, whole.mean(axis=1), color=BOLD, linewidth=3)
    style.at_least(axes, LEAST_BITS)


def _mark(axes: style.Axes, x: float, text: str, colour: str, line: str, *, right: bool, lower: float = 0.0) -> None:
    """A line at x, and beside its top what it is, `lower` points below the others; nothing where x is not known."""
    if not np.isfinite(x):
        return
    axes.axvline(x, color=colour, linewidth=1.6, linestyle=line, zorder=1)
    axes.annotate(
        text,
        (x, 1),
        (5 if right else -5, -3 - lower),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="left" if right else "right",
        va="top",
        color=colour,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )
