"""What each mode of the translation contributes, and how the shared subspace lies in each region."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import Regions, regions_of

name = "shared_subspace"
needs = ("ablation", "alignment", "shared_variance")
caption = (
    "Modes of the translation and the subspace that they span, all recordings together. First panels: loss of score "
    "when one mode is removed (bits per spike from the source; balanced accuracy). Then: share of a region's variance "
    "in the shared subspace, in as many of its principal components (the most possible), and in a random subspace. "
    "Last: variance of smoothed counts split into the baseline, what is shared with the other region, what is "
    f"private, and Poisson noise (shares, without unit). Error bars: {style.INTERVALS}; lines and stacks have none. "
    "Modes are ordered by how much they translate."
)
how_to_read = (
    "Good: a few modes carry the translation, and the shared subspace holds more variance than a random one. With "
    "coupling 1 of the simulator the first four modes (the true dimension) cost bits and a fifth costs nothing; with "
    "coupling 0 there is no mode, and the shared part is 0. A mode that costs bits but no balanced accuracy "
    "is shared between the regions and does not predict the decision."
)
ALL = "all"
LOSSES = {
    "source_bits_per_spike": "loss of bits/spike\nfrom the source",
    "balanced_accuracy": "loss of balanced accuracy",
}
REGIONS = {"source": style.PALETTE[1], "target": style.PALETTE[0]}
PARTS = {
    "baseline": ("baseline", style.PALETTE[5]),
    "shared": ("shared", style.PALETTE[2]),
    "private": ("private", style.PALETTE[3]),
    "noise": ("Poisson spikes", "#C8C8C8"),
}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Four panels at most, of all recordings together; those without a table are left out."""
    tables = {table: read_table(tables_folder, table) for table in needs}
    tables = {k: t[t["recording"] == ALL].reset_index(drop=True) if len(t) else t for k, t in tables.items()}
    ablation = tables["ablation"]
    removed = ablation[ablation["removed"] > 0] if len(ablation) else ablation
    metrics = [m for m in LOSSES if len(removed) and (removed["metric"] == m).any()]
    n = len(metrics) + sum(len(tables[k]) > 0 for k in needs[1:])
    if not n:
        return False
    regions = regions_of(tables_folder)
    with style.styled():
        figure = style.new(max(4.4 * min(n, 2) + 0.4, 6.6), 4.0 * ((n + 1) // 2) + 0.4)
        panels = list(np.ravel(figure.subplots((n + 1) // 2, min(n, 2))))
        for metric in metrics:
            _losses(panels.pop(0), removed[removed["metric"] == metric], regions.named(LOSSES[metric]))
        if len(tables["alignment"]):
            _alignment(panels.pop(0), tables["alignment"], regions)
        if len(tables["shared_variance"]):
            _variance(panels.pop(0), tables["shared_variance"], regions)
        for axes in panels:
            axes.set_axis_off()
        about = "Modes of the translation from the source to the target, and the shared subspace"
        style.headline(figure, regions.named(about if metrics else f"{about}:\nno mode was found"))
        return style.save(figure, out_path)


def _losses(axes: Axes, rows: pd.DataFrame, label: str) -> None:
    x, loss = rows["removed"].to_numpy(float), rows["loss"].to_numpy(float)
    error = np.nan_to_num(np.maximum([loss - rows["loss_low"], rows["loss_high"] - loss], 0))
    axes.bar(x, loss, 0.7, yerr=error, color=style.PALETTE[0], error_kw={"elinewidth": 1.2, "ecolor": style.INK})
    axes.axhline(0, color=style.FAINT, linewidth=1)
    axes.set_xticks(x, [f"{k:g}" for k in x])
    axes.set_xlabel("mode that is removed")
    axes.set_ylabel(label)


def _alignment(axes: Axes, table: pd.DataFrame, regions: Regions) -> None:
    table = table[table["measure"].isin(("captured", "captured_by_components", "random"))]
    for region, colour in REGIONS.items():
        curves = table[table["region"] == region].pivot_table(index="n_dimensions", columns="measure", values="value")
        if len(curves):
            who = regions.role(region)
            axes.plot(curves.index, curves["captured"], "-o", color=colour, label=f"{who}: shared subspace")
            axes.plot(
                curves.index,
                curves["captured_by_components"],
                "--",
                color=colour,
                label=f"{who}: components (most possible)",
            )
            axes.plot(curves.index, curves["random"], ":", color=colour, label=f"{who}: random subspace")
    axes.set_xticks(sorted(table["n_dimensions"].unique()))
    axes.set_ylim(0, 1.05 * float(table["value"].max()))
    axes.set_xlabel("dimensions")
    axes.set_ylabel("share of variance")
    _below(axes, 2)


def _variance(axes: Axes, table: pd.DataFrame, regions: Regions) -> None:
    """Stacked from zero, parts below zero downwards."""
    roles = [r for r in REGIONS if (table["region"] == r).any()]
    ends = {sign: np.zeros(len(roles)) for sign in (1, -1)}
    for part, (label, colour) in PARTS.items():
        share = table[table["part"] == part].set_index("region")["value"].reindex(roles).fillna(0.0).to_numpy(float)
        bottom = np.where(share < 0, ends[-1], ends[1])
        axes.bar(range(len(roles)), share, 0.6, bottom=bottom, color=colour, label=label)
        ends[1] += np.maximum(share, 0)
        ends[-1] += np.minimum(share, 0)
    axes.axhline(0, color=style.FAINT, linewidth=1)
    axes.set_xticks(range(len(roles)), [regions.role(r) for r in roles])
    axes.set_xlim(-0.6, len(roles) - 0.4)
    axes.set_ylabel("share of variance of smoothed counts")
    _below(axes, len(PARTS))


def _below(axes: Axes, columns: int) -> None:
    """The legend, below the panel, where it touches no line."""
    axes.legend(fontsize=8, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.2), columnspacing=1.2)
