"""Held-out bits/spike of each translator, recording by recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "bits_per_spike"
needs = ("bits_per_spike",)
caption = (
    "How well each translator predicts the spikes of the target region in held-out windows, in bits per spike over "
    "the mean rate of each unit (0: no better than the mean rate). A symbol is a model in one recording; at the "
    f"right, behind the dotted line, all recordings together. Bars: {style.INTERVALS}; within a recording they "
    "resample its test blocks."
)
how_to_read = (
    "Good: every recording lies clearly above 0, and seq2seq lies at or above the linear models. With coupling 1 of "
    "the simulator scores are 0.3 to 0.4; with coupling 0 they are near 0, or as high as the mean course and the "
    "drift of rates explain. Bits per spike over the mean rate include what the target's own mean course predicts: "
    "the figures communication_gain and nested_models show what the source adds."
)
ALL = "all"


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Bits/spike with intervals, one dot a recording and model; all recordings together on the right."""
    table = read_table(tables_folder, "bits_per_spike")
    if table.empty:
        return False
    models = list(dict.fromkeys(table["model"]))
    recordings = [r for r in dict.fromkeys(table["recording"]) if r != ALL]
    places = {r: float(k) for k, r in enumerate(recordings)} | {ALL: len(recordings) + 0.5}
    colour = style.colours(models)
    regions = regions_of(tables_folder)
    with style.styled():
        figure = style.new(max(6.5, 1.6 + 0.95 * len(places)), 4.2)
        axes = figure.subplots()
        for k, model in enumerate(models):
            model_rows = table[table["model"] == model]
            x = model_rows["recording"].map(places).to_numpy(float) + 0.22 * (k - (len(models) - 1) / 2)
            value = model_rows["value"].to_numpy(float)
            error = np.nan_to_num(np.abs([value - model_rows["ci_low"], model_rows["ci_high"] - value]))
            axes.errorbar(
                x, value, error, fmt=style.MARKERS[k % len(style.MARKERS)], color=colour[model], markersize=6,
                elinewidth=1.4, label=regions.named(style.shown(model)),
            )  # fmt: skip
        axes.axhline(0, color=style.FAINT, linewidth=1)
        style.at_least(axes, style.LEAST_BITS)
        axes.axvline(len(recordings) - 0.25, color=style.FAINT, linewidth=1, linestyle=":")
        names = [style.shown(r) for r in recordings]
        turn: dict[str, Any] = {"rotation": 30, "ha": "right"} if max(map(len, names)) > 10 else {}
        axes.set_xticks(list(places.values()), [*names, "all"], **turn)
        axes.set_ylabel("bits/spike over mean rate")
        style.headline(figure, regions.named("Translation of held-out target spikes (0: mean rate)"))
        figure.legend(loc="outside right upper")
        return style.save(figure, out_path)
