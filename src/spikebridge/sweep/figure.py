"""The matrix of a sweep: sources in rows, targets in columns, with lag and communication gain in small beside it.

A lag is shown where the source is claimed to predict the target: without a link its estimate means nothing, and drift
that two regions share can produce one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize, TwoSlopeNorm
from numpy.typing import NDArray

from spikebridge.figures import style
from spikebridge.sweep.plan import NOT_TOGETHER, TOO_FEW_UNITS
from spikebridge.sweep.scores import SIGN_FLIP
from spikebridge.types.verdicts import Verdict

LEFT_OUT = {TOO_FEW_UNITS: ("u", "too few units"), NOT_TOGETHER: ("r", "in too few recordings together")}
"""Code of a pair that is left out -> its letter in the matrix, and its words in the legend."""
GREY, EDGE = "#DDDDDD", "#F4F4F4"
MAX_NUMBERS = 12
"""Regions up to which the value of each pair stands in its cell."""
SMALL = {
    "lag_s": ("lag of the target", "s", "RdBu_r"),
    "communication_gain": ("communication gain", "bits/spike over the past", "Purples"),
}
Array = NDArray[np.float64]


def draw_sweep(table: pd.DataFrame, regions: Sequence[str], alpha: float, path: Path) -> bool:
    """Draw the matrix of source bits/spike with a mark for every claim, and small matrices of lag and gain.

    Parameters
    ----------
    table : DataFrame
        sweep.csv.
    regions : sequence of str
        In the order of the matrix.
    alpha : float
        Level of the false discovery rate, for the legend.
    path : Path
        The PNG file.

    Returns
    -------
    bool
        True: it is drawn.
    """
    n = len(regions)
    side = min(max(3.2, 0.62 * n), 12.0)
    with style.styled():
        figure = style.new(1.62 * side + 3.4, side + 1.9)
        grid = figure.add_gridspec(2, 2, width_ratios=[1.0, 0.42], hspace=0.12)
        main = figure.add_subplot(grid[:, 0])
        _panel(main, table, regions, "source_bits_per_spike", "bits/spike from the source", "Blues")
        _marks(main, table, regions)
        main.set_ylabel("source")
        main.set_xlabel("target")
        for k, (column, (title, unit, colours)) in enumerate(SMALL.items()):
            axes = figure.add_subplot(grid[k, 1])
            _panel(axes, with_lags_of_claims(table), regions, column, unit, colours, small=True)
            axes.set_title(title, fontsize=10)
        _legend(figure, main, table, alpha)
        style.headline(figure, "What the spikes of each region add to the prediction of another region's")
        return style.save(figure, path)


def matrix_of(table: pd.DataFrame, regions: Sequence[str], column: str) -> Array:
    """(source, target), values of a column; NaN on the diagonal and where there is none."""
    wide = table.pivot(index="source", columns="target", values=column)
    return wide.reindex(index=list(regions), columns=list(regions)).to_numpy(np.float64)


def with_lags_of_claims(table: pd.DataFrame) -> pd.DataFrame:
    """The table, without the lags of pairs that are no claim."""
    claims = table["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code
    return table.assign(lag_s=table["lag_s"].where(claims))


def _panel(
    axes: style.Axes, table: pd.DataFrame, regions: Sequence[str], column: str, unit: str, colours: str,
    small: bool = False,
) -> None:  # fmt: skip
    values = matrix_of(table, regions, column)
    n, norm = len(regions), _norm(values, column)
    axes.set_facecolor(EDGE)
    image = axes.imshow(values, cmap=colours, norm=norm, zorder=1)
    if not small and n <= MAX_NUMBERS:
        for i, j in np.argwhere(np.isfinite(values)):
            dark = norm(values[i, j]) > 0.6
            axes.text(j, i + 0.22, f"{values[i, j]:.3f}", ha="center", va="center", fontsize=8,
                      color="white" if dark else style.INK, zorder=3)  # fmt: skip
    _grey_cells(axes, table, regions, small)
    if column == "lag_s":
        _no_link(axes, table, regions)
    size = 9.0 if small and n <= MAX_NUMBERS else 6.0 if small else 10.0
    names = [style.shown(name) for name in regions]
    axes.set_xticks(range(n), names, rotation=90 if max(map(len, names)) > (2 if small else 4) else 0, fontsize=size)
    axes.set_yticks(range(n), names, fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
    bar.set_label(unit, fontsize=size + 1)
    bar.ax.tick_params(labelsize=size - 1)
    bar.outline.set_visible(False)


def _norm(values: Array, column: str) -> Normalize:
    """From zero to the largest value; of a lag, both ways from zero. What is below zero has the colour of zero."""
    largest = (
        float(np.nanmax(np.abs(values), initial=0.0)) if column == "lag_s" else float(np.nanmax(values, initial=0))
    )
    largest = largest or 1.0e-3
    return TwoSlopeNorm(0.0, -largest, largest) if column == "lag_s" else Normalize(0.0, largest)


def _grey_cells(axes: style.Axes, table: pd.DataFrame, regions: Sequence[str], small: bool) -> None:
    """Pairs that were not run, each with the letter of its reason."""
    place = {region: k for k, region in enumerate(regions)}
    for row in table[table["verdict_code"] == Verdict.LEFT_OUT.code].to_dict("records"):
        i, j = place[row["source"]], place[row["target"]]
        axes.add_patch(_square(i, j, GREY))
        if not small:
            letter = LEFT_OUT[row["left_out_code"]][0]
            axes.text(j, i, letter, ha="center", va="center", fontsize=8, color="#777777", zorder=3)


def _no_link(axes: style.Axes, table: pd.DataFrame, regions: Sequence[str]) -> None:
    """A dash where no lag is shown."""
    place = {region: k for k, region in enumerate(regions)}
    ran = table[table["left_out_code"].isna() & table["lag_s"].isna()]
    for row in ran.to_dict("records"):
        axes.text(
            place[row["target"]], place[row["source"]], "–", ha="center", va="center", fontsize=8, color="#777777"
        )


def _square(i: int, j: int, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.5, zorder=2)


def _marks(axes: style.Axes, table: pd.DataFrame, regions: Sequence[str]) -> None:
    """A disc for a claim over recordings, a ring for one that holds for these recordings."""
    place = {region: k for k, region in enumerate(regions)}
    claims = table[table["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code]
    for row in claims.to_dict("records"):
        filled = row["test"] == SIGN_FLIP
        axes.plot(place[row["target"]], place[row["source"]] - 0.2, "o", markersize=7, markeredgewidth=1.5, zorder=4,
                  color=style.PALETTE[1], markerfacecolor=style.PALETTE[1] if filled else "white")  # fmt: skip


def _legend(figure: style.Figure, axes: style.Axes, table: pd.DataFrame, alpha: float) -> None:
    claims = table[table["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code]
    look: dict[str, Any] = {"marker": "o", "linestyle": "", "color": style.PALETTE[1], "markersize": 7}
    handles, names = [], []
    for filled, scope in ((True, "over recordings"), (False, "in these recordings")):
        if ((claims["test"] == SIGN_FLIP) == filled).any():
            face = style.PALETTE[1] if filled else "white"
            handles.append(axes.plot([], [], markerfacecolor=face, markeredgewidth=1.5, **look)[0])
            names.append(f"q ≤ {alpha:g} {scope}")
    for code, (letter, words) in LEFT_OUT.items():
        if (table["left_out_code"] == code).any():
            handles.append(axes.plot([], [], marker="s", linestyle="", color=GREY, markersize=9)[0])
            names.append(f"{letter}: not run, {words}")
    if handles:
        figure.legend(handles, names, loc="outside lower left", ncols=min(4, len(names)))
