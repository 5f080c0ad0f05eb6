"""How far fits with another seed, or to half of the units, find the same latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "consistency"
needs = ("latent_consistency",)
caption = (
    "Whether other fits of the translator find the same latents: share of variance (R², without unit) of the latents "
    "of one fit that a linear map of another fit's latents explains in held-out windows. The fits differ in their "
    "random seed, or each sees one half of the units of a region. Grey dots: recordings; squares: their mean with "
    f"{style.INTERVALS}."
)
how_to_read = (
    "Good: two seeds agree nearly fully (R² of 0.9 or more). Halves of the units agree less, because each half is a "
    "noisier view; with coupling 1 of the simulator and 20 to 80 units R² is 0.2 to 0.8 and rises with the number of "
    "units. Latents with R² near 0 should not be interpreted; with coupling 0 there are none to compare, and the "
    "figure is not drawn."
)
ALL = "all"
COMPARED = {
    "seeds": "two seeds",
    "source_halves": "two halves of\nthe source units",
    "target_halves": "two halves of\nthe target units",
}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """R2 of linear maps between the latents of two fits, held-out windows: a dot a recording, all with interval."""
    table = read_table(tables_folder, "latent_consistency")
    if table.empty:
        return False
    with style.styled():
        figure = style.new(6.5, 4.2)
        axes = figure.subplots()
        kinds = [k for k in COMPARED if k in set(table["compared"])]
        for k, kind in enumerate(kinds):
            kind_rows = table[table["compared"] == kind]
            each = kind_rows[kind_rows["recording"] != ALL]["value"].to_numpy(float)
            spread = 0.12 * np.linspace(-1, 1, len(each)) if len(each) > 1 else np.zeros(len(each))
            axes.plot(
                k - 0.15 + spread, each, "o", color=style.FAINT, markersize=6, label="a recording" if not k else ""
            )
            pooled = kind_rows[kind_rows["recording"] == ALL]
            value = pooled["value"].to_numpy(float)
            error = np.nan_to_num(np.abs([value - pooled["ci_low"], pooled["ci_high"] - value]))
            label = "mean of recordings, 95 % interval" if not k else ""
            axes.errorbar(k + 0.2, value, error, fmt="s", color=style.PALETTE[0], markersize=7, label=label)
        regions = regions_of(tables_folder)
        axes.set_xticks(range(len(kinds)), [regions.named(COMPARED[k]) for k in kinds])
        axes.set_xlim(-0.6, len(kinds) - 0.4)
        axes.axhline(1, color=style.FAINT, linewidth=1, linestyle=":")
        axes.set_ylim(min(0.0, float(table["value"].min()) - 0.05), 1.05)
        axes.set_ylabel("R² of one fit's latents from the other's")
        style.headline(figure, "Do other fits find the same latents?")
        figure.legend(loc="outside lower center", ncols=2)
        return style.save(figure, out_path)
