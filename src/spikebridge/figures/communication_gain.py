"""What the source adds to each target unit's prediction from the target's own past."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "communication_gain"
needs = ("communication_gain",)
caption = (
    "What the activity of the source region adds to the prediction of each target unit from the target's own past, in "
    "bits per spike on held-out windows. Dots: target units, sorted within their recording; diamonds: all units of "
    f"the recording, and at the right all recordings, with {style.INTERVALS}. Under each recording stands n, its "
    "number of target units."
)
how_to_read = (
    "Good: the diamonds and their bars lie above 0, and most dots do too. With coupling 1 of the simulator the gain "
    "is a few hundredths of a bit per spike; with coupling 0 the diamonds lie at 0 or slightly below, because the "
    "added predictors only add noise. A gain above 0 does not show that one region drives the other: a third region "
    "that drives both gives a gain as well."
)
ALL = "all"


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Gain of every unit, sorted within its recording, with the recording's pooled gain and its interval."""
    table = read_table(tables_folder, "communication_gain")
    if table.empty:
        return False
    recordings = [r for r in dict.fromkeys(table["recording"]) if r != ALL]
    regions = regions_of(tables_folder)
    pooled = table[table["unit"].astype(str) == ALL].set_index("recording")
    with style.styled():
        figure = style.new(max(6.5, 2.4 + 0.9 * len(recordings)), 4.4)
        axes = figure.subplots()
        numbers: list[int] = []
        for k, recording in enumerate([*recordings, ALL]):
            at = k + (0.4 if recording == ALL else 0.0)
            units = table[(table["recording"] == recording) & (table["unit"].astype(str) != ALL)]
            gain = np.sort(units["gain"].dropna().to_numpy(float))
            x = at + (np.linspace(-0.34, 0.34, len(gain)) if len(gain) > 1 else np.zeros(len(gain)))
            of_unit = regions.named("a target unit") if not k else ""
            axes.plot(x, gain, ".", color=style.PALETTE[0], markersize=5, alpha=0.6, zorder=2, label=of_unit)
            numbers.append(len(gain))
            row = pooled.loc[recording]
            error = np.nan_to_num(np.abs([[row["gain"] - row["ci_low"]], [row["ci_high"] - row["gain"]]]))
            axes.errorbar(
                [at], [row["gain"]], error, fmt="D", color=style.PALETTE[1], markersize=6, elinewidth=1.6, zorder=3,
                label="" if k else "all units of a recording, at the right of all recordings; 95 % interval",
            )  # fmt: skip
        axes.axhline(0, color=style.FAINT, linewidth=1, zorder=1)
        style.at_least(axes, style.LEAST_BITS / 2)
        axes.axvline(len(recordings) - 0.3, color=style.FAINT, linewidth=1, linestyle=":")
        places = [*range(len(recordings)), len(recordings) + 0.4]
        longest = max(map(len, recordings), default=0)
        turn: dict[str, Any] = {"rotation": 30, "ha": "right"} if longest > 10 else {}
        names = [f"{style.shown(r)}\nn = {n}" for r, n in zip(recordings, numbers, strict=False)]
        axes.set_xticks(places, [*names, f"{ALL}\nn = {sum(numbers)}"], **turn)
        axes.set_ylabel(regions.named("bits/spike over the target's own past"))
        style.headline(figure, regions.named("Communication gain: what source adds to the target's own past"))
        figure.legend(loc="outside lower center", ncols=2 if len(recordings) > 4 else 1)
        return style.save(figure, out_path)
