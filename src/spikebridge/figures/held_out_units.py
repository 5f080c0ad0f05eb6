"""Target units that the translator never saw, predicted from its latents and directly from the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style
from spikebridge.figures.study import regions_of

name = "held_out_units"
needs = ("held_out_units",)
caption = (
    "Prediction of target units that the translator never saw, in bits per spike over the mean rate, against the "
    "number of trials from which the read-out of these units learned. Circles: read-out of the translator's latents; "
    "other symbols: regressions straight from the units of the source region. All recordings together; bars: "
    f"{style.INTERVALS}."
)
how_to_read = (
    "Good: the latents are above the regressions where the read-out has few trials, which means that the latents hold "
    "what the whole target region shares. With coupling 1 of the simulator all curves rise with the number of trials "
    "and come close to each other with all windows. With coupling 0 all lie at 0 or, with few trials, below."
)
ALL = "all"
READOUTS = {
    "latents": "Poisson read-out of the latents",
    "source": "ridge from the source",
    "source_poisson": "Poisson regression on the source",
}


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Bits/spike against the number of trials that the read-out learned from, all recordings together."""
    table = read_table(tables_folder, "held_out_units")
    table = table[table["recording"] == ALL] if len(table) else table
    if table.empty:
        return False
    numbers = sorted({n for n in map(str, table["n_trials"]) if n != ALL}, key=lambda n: float(n))
    places = {n: float(k) for k, n in enumerate([*numbers, ALL])}
    with style.styled():
        figure = style.new(6.5, 4.2)
        axes = figure.subplots()
        regions = regions_of(tables_folder)
        for k, (readout, label) in enumerate(READOUTS.items()):
            readout_rows = table[table["readout"] == readout]
            x = readout_rows["n_trials"].astype(str).map(places).to_numpy(float)
            order = np.argsort(x)
            value = readout_rows["value"].to_numpy(float)
            error = np.nan_to_num(np.abs([value - readout_rows["ci_low"], readout_rows["ci_high"] - value]))
            axes.errorbar(
                x[order] + 0.06 * (k - 1), value[order], error[:, order], fmt=f"-{style.MARKERS[k]}",
                color=style.PALETTE[k], markersize=6, elinewidth=1.4, label=regions.named(label),
            )  # fmt: skip
        axes.axhline(0, color=style.FAINT, linewidth=1)
        axes.set_xticks(list(places.values()), [*(f"{float(n):g}" for n in numbers), "all windows"])
        axes.set_xlabel("trials that the read-out learned from")
        axes.set_ylabel("bits/spike over mean rate")
        style.headline(figure, regions.named("Target units held out of the translator's fit"))
        figure.legend(loc="outside lower center", ncols=2)
        return style.save(figure, out_path)
