"""Translation, communication gain, lag and dimension in each state, and how much they differ between states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of
from spikebridge.types.verdicts import Verdict

name = "states"
needs = ("states", "state_differences")
caption = (
    "What the source region passes to the target region in each state of the animal (analysis.states). Above: "
    "translation and communication gain (bits per spike), a regression fitted in the state (bits per spike), lag (ms) "
    f"and dimension. Small dots: recordings; diamonds: all recordings with {style.INTERVALS}. Below: differences "
    "between states; squares: all bins; diamonds: bins matched in rate and number, which are tested (p after Holm). "
    "n, the bins and spikes of each state, is in states.csv."
)
how_to_read = (
    "Good: a difference whose matched diamond lies clear of 0 with p ≤ alpha. A square away from 0 with a diamond at "
    "0 means that the states differ in firing rate or amount of data and not in coupling. In the simulator coupling "
    "is the same all the time, so matched differences lie at 0; with coupling 0 all values do."
)
ALL = "all"
PREFERRED = "seq2seq"
MEASURES = {
    "source_bits_per_spike": ("translation", "bits/spike from the source", 1.0),
    "communication_bits_per_spike": ("communication gain", "bits/spike over own past", 1.0),
    "fitted_bits_per_spike": ("fitted in the state", "bits/spike of a regression", 1.0),
    "lag_s": ("lag", "target follows by (ms)", 1000.0),
    "dimension": ("dimension", "dimensions", 1.0),
}
"""Measure -> title, label of the axis, and factor of the unit shown."""
MOST_PAIRS = 6
"""Pairs of states that are drawn; the table has all."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Above, every state: a dot a recording, a diamond all of them. Below, differences of states, all bins and matched.

    A panel a measure that has a value; of several translators seq2seq is shown, or the first.
    """
    states, pairs = (read_table(tables_folder, table) for table in needs)
    if states.empty:
        return False
    translators = list(dict.fromkeys(states.loc[states["measure"] == "source_bits_per_spike", "model"].dropna()))
    shown = PREFERRED if PREFERRED in translators else (translators or [""])[0]
    states, pairs = (_of_translator(table, shown) for table in (states, pairs))
    names = list(dict.fromkeys(states["state"]))
    both = list(dict.fromkeys(zip(pairs["state_a"], pairs["state_b"], strict=True)))[:MOST_PAIRS]
    known = set(states.loc[states["value"].notna(), "measure"])
    shown_measures = {key: of for key, of in MEASURES.items() if key in known} or MEASURES
    regions = regions_of(tables_folder)
    with style.styled():
        figure = style.new(max(8.0, 2.2 + 2.7 * len(shown_measures)), 2.6 + 0.45 * len(names) + 0.75 * len(both))
        heights = [max(len(names), 2) * 0.45, max(len(both), 1) * 0.75]
        axes = figure.subplots(2, len(shown_measures), squeeze=False, height_ratios=heights)
        for column, (measure, (title, label, factor)) in enumerate(shown_measures.items()):
            top, bottom = axes[:, column]
            _values(top, states[states["measure"] == measure], names, factor)
            _differences(bottom, pairs[pairs["measure"] == measure], both, factor)
            top.set_title(title)
            top.set_xlabel(regions.named(label))
            bottom.set_xlabel("difference")
            for panel in (top, bottom):
                if measure.endswith("bits_per_spike"):
                    _widen(panel, style.LEAST_BITS)
                panel.xaxis.set_major_locator(style.few_ticks())
                if column:
                    panel.set_yticklabels([])
        _legend(figure, axes[1, 0])
        of = f", {style.shown(shown)}" if shown else ""
        about = regions.named("what the source passes to the target")
        style.headline(figure, f"States: {about} in each{of}")
        return style.save(figure, out_path)


def _of_translator(table: pd.DataFrame, model: str) -> pd.DataFrame:
    return table[(table["measure"] != "source_bits_per_spike") | (table["model"].fillna("") == model)]


def _values(axes: style.Axes, table: pd.DataFrame, names: list[str], factor: float) -> None:
    for k, state in enumerate(names):
        rows = table[table["state"] == state]
        each = factor * rows.loc[rows["recording"] != ALL, "value"].to_numpy(float)
        axes.plot(each, np.full(len(each), k), "o", color=style.PALETTE[0], markersize=4, alpha=0.35, zorder=2)
        pooled = rows[rows["recording"] == ALL]
        known = len(pooled) and np.isfinite(pooled.iloc[0]["value"])
        if known:
            _dot(axes, k, factor * pooled.iloc[0][["value", "ci_low", "ci_high"]].astype(float), style.PALETTE[0], "D")
        else:
            _no_value(axes, k)
    axes.set_yticks(range(len(names)), [_short(state) for state in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _differences(axes: style.Axes, table: pd.DataFrame, both: list[tuple[str, str]], factor: float) -> None:
    axes.axvline(0, color=style.FAINT, linewidth=1, zorder=0)
    for k, (first, second) in enumerate(both):
        rows = table[(table["state_a"] == first) & (table["state_b"] == second)]
        drawn = False
        for row in rows.to_dict("records"):
            if not np.isfinite(row["difference"]):
                continue
            values = factor * pd.Series(row)[["difference", "ci_low", "ci_high"]].astype(float)
            matched, drawn = bool(row["matched"]), True
            _dot(axes, k + (0.16 if matched else -0.16), values, _colour(matched), "D" if matched else "s")
            if matched and np.isfinite(row["p_holm"]):
                _p(axes, k, row)
        if not drawn:
            _no_value(axes, k)
    axes.set_yticks(range(len(both)), [f"{_short(a)}\nminus {_short(b)}" for a, b in both])
    axes.set_ylim(max(len(both), 1) - 0.4, -0.6)


def _widen(axes: style.Axes, span: float) -> None:
    """Give the horizontal axis this span at least: next to nothing must not fill a panel."""
    low, high = axes.get_xlim()
    missing = max(span - (high - low), 0.0) / 2
    axes.set_xlim(low - missing, high + missing)


def _dot(axes: style.Axes, y: float, values: pd.Series, colour: str, marker: str) -> None:
    """values: value, low and high end; NaN where there is no interval."""
    value, low, high = values.to_numpy(float)
    error = np.nan_to_num(np.abs([[value - low], [high - value]]))
    axes.errorbar([value], [y], xerr=error, fmt=marker, color=colour, markersize=6, elinewidth=1.6, zorder=3)


def _p(axes: style.Axes, k: int, row: dict[str, Any]) -> None:
    clear = Verdict.of_row(row) is Verdict.LARGER
    axes.annotate(
        f"p = {row['p_holm']:.2g}", (1, k + 0.46), xycoords=("axes fraction", "data"), ha="right", va="center",
        fontsize=8, color=style.INK if clear else style.FAINT,
    )  # fmt: skip


def _no_value(axes: style.Axes, k: int) -> None:
    """The table says why."""
    axes.annotate("no value", (0.5, k), xycoords=("axes fraction", "data"), ha="center", va="center", fontsize=8,
                  color=style.FAINT)  # fmt: skip


def _colour(matched: bool) -> str:
    return style.PALETTE[1] if matched else style.FAINT


def _legend(figure: Any, axes: style.Axes) -> None:
    handles = [
        axes.plot([], [], "o", color=style.PALETTE[0], markersize=4, alpha=0.35)[0],
        axes.plot([], [], "D", color=style.PALETTE[0], markersize=6)[0],
        axes.plot([], [], "s", color=_colour(False), markersize=6)[0],
        axes.plot([], [], "D", color=_colour(True), markersize=6)[0],
    ]
    names = ["a recording", "all recordings", "difference, all bins", "difference, matched bins (tested)"]
    figure.legend(handles, names, loc="outside lower center", ncols=4)


def _short(state: str) -> str:
    return state if len(state) <= 24 else f"{state[:22]}.."
