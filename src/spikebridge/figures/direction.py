"""Translation both ways: source to target, and target to source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "direction"
needs = ("direction",)
caption = (
    "The same translator fitted in both directions between the two regions: bits per spike that the other region adds "
    "to mean course and drift, in held-out windows. A symbol is a recording; at the right, behind the dotted line, "
    f"all recordings together. Bars: {style.INTERVALS}; a recording of which one block was scored has none."
)
how_to_read = (
    "Good: the declared direction lies above 0. With coupling 1 of the simulator both directions lie above 0, "
    "although only the source drives the target, because each region then carries information about the other; with "
    "coupling 0 both lie at 0. A higher symbol does not show which region drives the other: scores also depend on how "
    "many units each region has and how much they fire."
)
ALL = "all"
METRIC = "source_bits_per_spike"
WAYS = {"forward": "source to target", "reverse": "target to source"}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Bits/spike that the other region adds to window-locked mean and drift, recording by recording, and all."""
    table = read_table(tables_folder, "direction")
    table = table[table["metric"] == METRIC] if len(table) else table
    if table.empty:
        return False
    recordings = [r for r in dict.fromkeys(table["recording"]) if r != ALL]
    places = {r: float(k) for k, r in enumerate(recordings)} | {ALL: len(recordings) + 0.5}
    with style.styled():
        figure = style.new(max(6.5, 1.6 + 0.95 * len(places)), 4.4)
        axes = figure.subplots()
        regions = regions_of(tables_folder)
        for k, (way, label) in enumerate(WAYS.items()):
            direction_rows = table[table["direction"] == way]
            x = direction_rows["recording"].map(places).to_numpy(float) + 0.22 * (k - 0.5)
            value = direction_rows["value"].to_numpy(float)
            error = np.nan_to_num(np.abs([value - direction_rows["ci_low"], direction_rows["ci_high"] - value]))
            axes.errorbar(
                x,
                value,
                error,
                fmt=style.MARKERS[k],
                color=style.PALETTE[k],
                markersize=6,
                elinewidth=1.4,
                label=regions.named(label),
            )
        axes.axhline(0, color=style.FAINT, linewidth=1)
        style.at_least(axes, style.LEAST_BITS)
        axes.axvline(len(recordings) - 0.25, color=style.FAINT, linewidth=1, linestyle=":")
        names = [style.shown(r) for r in recordings]
        turn: dict[str, Any] = {"rotation": 30, "ha": "right"} if max(map(len, names)) > 10 else {}
        axes.set_xticks(list(places.values()), [*names, ALL], **turn)
        axes.set_ylabel("bits/spike from the other region")
        style.headline(figure, "The same translator fitted in both directions, held-out windows")
        figure.legend(loc="outside lower center", ncols=2)
        return style.save(figure, out_path)
