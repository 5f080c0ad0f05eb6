"""Observed and predicted PSTHs of target units, by decision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "psth"
needs = ("psth",)
caption = (
    "Peri-stimulus time histograms (PSTH) of target units by decision, over held-out trials (Hz). Bands: observed mean "
    "with its standard error over trials (SEM); lines: mean of the rates that the translator predicts for the same "
    "trials from the source. In the figure of one recording the units are chosen by the rank of their bits per spike, "
    "from the best to the worst; in that of all recordings each panel is one recording's median unit. n is the number "
    "of trials of each decision; the title of a panel has the unit and its bits per spike."
)
how_to_read = (
    "Good: each line lies inside the band of its colour, and the lines separate where the bands separate. In the "
    "simulator with coupling 1 this holds for about half of the units. With coupling 0 the lines of both decisions are "
    "equal: the mean course of the unit. A PSTH averages trials; bits_per_spike and rasters show how well the "
    "translator predicts single trials."
)
ALL = "all"
MOST = 8
"""Panels of the figure of all recordings."""
LONGEST = 22


def pages(tables_folder: Path) -> list[str]:
    """All recordings together, where there are several, and each recording."""
    recordings = list(dict.fromkeys(read_table(tables_folder, "psth")["recording"]))
    return [ALL, *recordings] if len(recordings) > 1 else recordings


def group_page(tables_folder: Path) -> str:
    """The page on all recordings."""
    return next(iter(pages(tables_folder)), "")


def draw(tables_folder: Path, out_path: Path, page: str = "") -> bool:
    """A panel a unit: the bands are observed, the lines predicted."""
    table = read_table(tables_folder, "psth")
    if table.empty:
        return False
    page = page or group_page(tables_folder)
    together = page == ALL
    rows = table[table["typical"]] if together else table[table["recording"] == page]
    if rows.empty:
        return False
    keys = list(rows.groupby("recording" if together else "place", sort=False))[:MOST]
    colour = style.class_colours(sorted(dict.fromkeys(table["label"])))
    across = min(len(keys), 3 if len(keys) in (5, 6) else 4)
    down = -(-len(keys) // across)
    regions = regions_of(tables_folder)
    with style.styled():
        figure = style.new(3.2 * across + 0.6, 2.75 * down + 1.1)
        grid = figure.subplots(down, across, squeeze=False, sharex=True)
        for axes, (key, of) in zip(grid.ravel(), keys, strict=False):
            _panel(axes, of, colour)
            unit = f"unit {of['unit'].iloc[0]}, {of['bits_per_spike'].iloc[0]:.2f} bits/spike"
            head = style.shown(key) if len(str(key)) <= LONGEST else f"{style.shown(key)[: LONGEST - 2]}.."
            axes.set_title(f"{head}\n{unit}", fontsize=10)
        for axes in grid.ravel()[len(keys) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel("rate (Hz)")
        for axes in grid.ravel()[max(len(keys) - across, 0) : len(keys)]:  # the lowest of each column
            axes.set_xlabel(style.event_label(rows["event"].iloc[0]))
            axes.tick_params(labelbottom=True)
        _legend(figure, rows, colour, together)
        what = "the median target unit of each recording" if together else f"target units of {style.shown(page)}"
        about = f"PSTHs by decision, held-out trials: {what} ({style.shown(rows['model'].iloc[0])})"
        style.headline(figure, regions.named(about))
        return style.save(figure, out_path)


def _panel(axes: style.Axes, table: pd.DataFrame, colour: dict[str, str]) -> None:
    top = 0.0
    for label, rows in table.groupby("label", sort=True):
        low, high = rows["observed_hz"] - rows["sem_hz"], rows["observed_hz"] + rows["sem_hz"]
        axes.fill_between(rows["time_s"], low, high, color=colour[str(label)], alpha=0.3, linewidth=0)
        axes.plot(rows["time_s"], rows["predicted_hz"], color=colour[str(label)], linewidth=2.2)
        top = max(top, float(np.nanmax(high)), float(np.nanmax(rows["predicted_hz"])))
    style.time_zero(axes)
    axes.set_ylim(0, 1.08 * max(top, 1e-3))
    axes.xaxis.set_major_locator(style.few_ticks())


def _legend(figure: style.Figure, rows: pd.DataFrame, colour: dict[str, str], together: bool) -> None:
    handles: list[Line2D | Patch] = []
    names = []
    for label, of in rows.groupby("label", sort=True):
        n = sorted(set(of["n"].astype(int)))
        count = f"{n[0]} to {n[-1]}" if len(n) > 1 else f"{n[0]}"
        handles.append(Line2D([], [], color=colour[str(label)], linewidth=4))
        names.append(f"{style.shown(str(label))}: n = {count} trials{' a recording' if together else ''}")
    handles += [Patch(color=style.INK, alpha=0.25), Line2D([], [], color=style.INK, linewidth=2.2)]
    names += ["observed, mean ± SEM", "predicted, mean"]
    fits = sum(map(len, names)) + 6 * len(names) < 11 * figure.get_figwidth()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names) if fits else 2)
