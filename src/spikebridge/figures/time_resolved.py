"""When the decision can be decoded: balanced accuracy from one part of the window at a time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of
from spikebridge.types.verdicts import Verdict

name = "time_resolved"
needs = ("decision_course",)
caption = (
    "When the decision can be decoded: balanced accuracy within test blocks on held-out trials, from one part of the "
    "window at a time, against time from the event (s). One curve is from counts of the source region, the other from "
    f"the translator's latents. Shaded: pointwise {style.INTERVALS}. Grey line: chance. Bars below the curves mark "
    "times with p ≤ alpha, corrected for all times (largest t); the legend says where there are too few clusters to "
    "decide. n, the number of trials, is in the title."
)
how_to_read = (
    "Good: curves near chance early, a rise towards time 0, and bars below where they are clear of chance. With "
    "label_information 1 of the simulator decoding rises during the last second; with 0 it stays at chance and there "
    "are no bars. Decoding that is high from the first bin on comes from something known before the trial, such as "
    "the choice history."
)
BARS = "bars below: p ≤ alpha, corrected for all times"
CALLED = {"source_region": "source's counts", "translated_latents": "latents"}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """A curve each of source and latents with pointwise intervals; bars below mark times that beat the largest t."""
    table = read_table(tables_folder, "decision_course")
    table = table[table["value"].notna()] if len(table) else table
    if table.empty:
        return False
    verdicts = pd.Series([Verdict.of_row(row) for row in table.to_dict("records")], index=table.index)
    with style.styled():
        figure = style.new(7.0, 4.4)
        axes = figure.subplots()
        regions = regions_of(tables_folder)
        low, high = float(table["ci_low"].min()), float(table["ci_high"].max())
        step = 0.04 * max(high - low, 0.05)
        for k, (of, rows) in enumerate(table.groupby("of", sort=False)):
            colour = style.PALETTE[k]
            axes.plot(
                rows["time_s"], rows["value"], marker=style.MARKERS[k], color=colour, markersize=5,
                label=regions.named(CALLED.get(str(of), str(of))),
            )  # fmt: skip
            axes.fill_between(rows["time_s"], rows["ci_low"], rows["ci_high"], color=colour, alpha=0.2, linewidth=0)
            for row in rows[verdicts[rows.index] == Verdict.PREDICTS_DECISION].itertuples():
                axes.plot(
                    [row.start_s, row.stop_s], [low - (k + 1) * step] * 2, color=colour, linewidth=4,
                    solid_capstyle="butt",
                )  # fmt: skip
        axes.axhline(table["chance"].iloc[0], color=style.FAINT, linewidth=1)
        style.time_zero(axes)
        axes.set_xlabel(style.event_label(table["event"].iloc[0]))
        axes.set_ylabel("balanced accuracy\n(within test blocks)")
        few = next(iter(sorted(table.loc[verdicts == Verdict.TOO_FEW_CLUSTERS, "verdict"])), "")
        n = int(table["n"].max())
        style.headline(figure, f"Decision decoded over time, n = {n} held-out trials")
        figure.legend(loc="outside lower left", ncols=2, title=few or BARS, alignment="left")
        return style.save(figure, out_path)
