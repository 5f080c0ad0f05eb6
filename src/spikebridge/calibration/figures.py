"""Two figures of the calibration: which tests hold their level, and the power of the primary test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.calibration.false_claims import (
    ALL,
    BLOCKS,
    CONSERVATIVE,
    FAILS,
    HOLDS,
    MAX_RATE,
    SCENARIO_TITLES,
    UNCLEAR,
    test_name,
)
from spikebridge.calibration.outcomes import ALPHA
from spikebridge.calibration.power_curves import COMPETITOR, MAJORITY
from spikebridge.figures import style

MARKERS = {
    HOLDS: (style.PALETTE[0], "o"),
    CONSERVATIVE: (style.PALETTE[2], "s"),
    UNCLEAR: (style.PALETTE[4], "D"),
    FAILS: (style.PALETTE[1], "X"),
}
"""State -> colour and marker; either one identifies it."""
TITLES = {"primary": "primary tests", "ladder": "tests of nested models", "descriptive": "descriptive tests"}
"""Role -> title of its panel."""
LEFT = 0.002  # of the logarithmic axis; a rate of zero is drawn here


def draw_false_claims(table: pd.DataFrame, path: Path) -> bool:
    """One line a test: its rate of false claims with interval, on a logarithmic axis; a panel a role, primary first."""
    table = table[(table["clusters"] == ALL) & table["rate"].notna()]
    parts = [(role, table[table["role"] == role]) for role in TITLES]
    parts = [(role, rows) for role, rows in parts if len(rows)]
    sizes = [len(rows) + rows["scenario"].nunique() for _, rows in parts]
    with style.styled():
        figure = style.new(11.5, 1.2 + 0.27 * sum(sizes))
        grid = figure.subplots(len(parts), 1, squeeze=False, height_ratios=sizes, sharex=True)[:, 0]
        for axes, (role, rows) in zip(grid, parts, strict=True):
            _panel(axes, rows)
            axes.set_title(TITLES[role], fontsize=12)
        grid[-1].set_xlabel("share of simulated studies with a false claim (line: 5 %, band: up to 7 %)")
        handles = [
            grid[0].plot([], [], marker, color=colour, linestyle="", markersize=8, label=state)[0]
            for state, (colour, marker) in MARKERS.items()
        ]
        figure.legend(handles=handles, loc="outside lower right", ncols=len(MARKERS))
        style.headline(figure, f"False claims at 5 % in {_studies(table)} simulated studies with known truth")
        return style.save(figure, path)


def _studies(table: pd.DataFrame) -> int:
    return int(table.groupby("scenario")["studies"].max().sum())


def _panel(axes: style.Axes, rows: pd.DataFrame) -> None:
    line, ticks, names = 0, [], []
    axes.set_xscale("log")
    for scenario, tests in rows.groupby("scenario", sort=False):
        axes.text(-0.01, line, SCENARIO_TITLES[str(scenario)], transform=axes.get_yaxis_transform(), ha="right",
                  va="center", fontsize=10, fontstyle="italic")  # fmt: skip
        line += 1
        for row in tests.to_dict("records"):
            colour, marker = MARKERS[row["state"]]
            axes.plot([max(row["ci_low"], LEFT), max(row["ci_high"], LEFT)], [line, line], color=colour, linewidth=2)
            axes.plot(max(row["rate"], LEFT), line, marker, color=colour, markersize=7)
            axes.text(1.01, line, f"{100 * row['rate']:.1f} %", transform=axes.get_yaxis_transform(), va="center",
                      fontsize=9)  # fmt: skip
            ticks.append(line)
            names.append(test_name(row))
            line += 1
    axes.axvspan(ALPHA, MAX_RATE, color=style.FAINT, alpha=0.25, linewidth=0, zorder=0)
    axes.axvline(ALPHA, color=style.INK, linewidth=1)
    axes.set_yticks(ticks, names, fontsize=9)
    axes.set_ylim(line - 0.4, -0.7)
    axes.set_xlim(LEFT * 0.9, 1.0)
    axes.set_xticks([0.002, 0.01, 0.05, 0.2, 1.0], ["≤ 0.2 %", "1 %", "5 %", "20 %", "100 %"])
    axes.minorticks_off()
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def draw_power(table: pd.DataFrame, path: Path) -> bool:
    """A row of panels a comparison, a panel an effect: power over recordings, one curve a number of trials."""
    effects = sorted(table["effect"].unique())
    against = [a for a in (MAJORITY, COMPETITOR) if a in set(table["against"])]
    with style.styled():
        figure = style.new(11.5, 1.0 + 3.0 * len(against))
        grid = figure.subplots(len(against), len(effects), squeeze=False, sharex=True, sharey=True)
        for i, reference in enumerate(against):
            for j, effect in enumerate(effects):
                axes = grid[i, j]
                _curves(axes, table[(table["against"] == reference) & (table["effect"] == effect)])
                axes.set_title(f"+{100 * effect:.0f} points against {_AGAINST[reference]}", fontsize=11)
            grid[i, 0].set_ylabel("power")
        for axes in grid[-1]:
            axes.set_xlabel("recordings")
        grid[0, -1].legend(title="trials a recording", loc="lower right")
        style.headline(figure, "Power of the primary test after Holm (open: over the test blocks of few recordings)")
        return style.save(figure, path)


_AGAINST = {MAJORITY: "majority", COMPETITOR: "a competitor"}


def _curves(axes: style.Axes, part: pd.DataFrame) -> None:
    for k, (trials, rows) in enumerate(part.sort_values("recordings").groupby("trials")):
        colour, marker = style.PALETTE[k], style.MARKERS[k]
        blocks, rows = rows[rows["clusters"] == BLOCKS], rows[rows["clusters"] != BLOCKS]
        axes.fill_between(rows["recordings"], rows["ci_low"], rows["ci_high"], color=colour, alpha=0.15, linewidth=0)
        axes.plot(rows["recordings"], rows["power"], color=colour, marker=marker, markersize=6, label=str(trials))
        axes.plot(blocks["recordings"], blocks["power"], marker, color=colour, markerfacecolor="white", markersize=7)
    for level, line in ((0.8, "--"), (ALPHA, ":")):
        axes.axhline(level, color=style.FAINT, linewidth=1, linestyle=line, zorder=0)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xticks(np.unique(part["recordings"]))
    axes.set_yticks([0, 0.2, 0.5, 0.8, 1.0])
