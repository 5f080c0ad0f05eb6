"""Draw docs/result.png, the picture of README.md, from a finished study.

    python scripts/readme_picture.py FOLDER     # of the project, with the results of the default study

Top: one held-out trial of the source, the latents, and the target with its predicted rates. Bottom: what the source
adds in each translator, and the decisions of all models, with intervals.
"""

from __future__ import annotations

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import Regions, regions_of, style

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "result.png"
COLOURS = 256
WITHIN = "balanced_accuracy_within_blocks"


def counts(axes: Axes, raster: pd.DataFrame, panel: str, title: str) -> None:
    """Spikes of a trial, or predicted rates, each relative to its largest; units from top to bottom."""
    rows = raster[raster["panel"] == panel].pivot_table(index="row", columns="time_s", values="value", sort=True)
    time = rows.columns.to_numpy(float)
    half = (time[1] - time[0]) / 2
    values = rows.to_numpy(float)
    image = values / values.max(axis=1, keepdims=True) if panel == "predicted" else np.minimum(values, 2)
    axes.imshow(image, aspect="auto", cmap="Greys", vmin=0, vmax=image.max() or 1,
                extent=(time[0] - half, time[-1] + half, len(rows), 0))  # fmt: skip
    axes.set(title=title, xlabel="time from decision (s)", ylabel=f"{len(rows)} units", yticks=[])


def latents(axes: Axes, table: pd.DataFrame) -> None:
    """Mean latents of each decision along the axis that separates decisions, over recordings."""
    along = table[(table["axis"] == "decision") & (table["recording"] != "all")]
    colour = style.class_colours(list(dict.fromkeys(along["label"])))
    for label, rows in along.groupby("label", sort=False):
        for _, course in rows.groupby("recording"):
            axes.plot(course["time_s"], course["mean"], color=colour[str(label)], linewidth=0.8, alpha=0.5)
        mean = rows.groupby("time_s")["mean"].mean()
        axes.plot(mean.index, mean, color=colour[str(label)], linewidth=3, label=str(label))
    axes.set(title="shared latents", xlabel="time from decision (s)", ylabel="decision axis (SD)")
    axes.legend(loc="upper left")


def scores(axes: Axes, values: dict[str, dict[str, float]], title: str, unit: str, start: float) -> None:
    """One dot with its interval a model, the best at the top; the axis begins at `start`."""
    values = dict(sorted(values.items(), key=lambda item: -item[1]["value"]))
    for k, (model, score) in enumerate(values.items()):
        error = [[score["value"] - score["ci_low"]], [score["ci_high"] - score["value"]]]
        axes.errorbar(score["value"], k, xerr=error, fmt="o", markersize=8, elinewidth=2.5,
                      color=style.KNOWN.get(model, style.PALETTE[6]))  # fmt: skip
    axes.set_yticks(range(len(values)), [style.shown(model) for model in values])
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E6E6E6")
    axes.set(title=title, xlabel=unit, xlim=(start, None))


def picture(run: EvaluationRun, regions: Regions) -> Figure:
    """The whole picture."""
    metrics = run.read_metrics()
    raster, course = read_table(run.tables, "raster"), read_table(run.tables, "latents")
    with style.styled():
        figure = style.new(12, 5.6)
        grid = figure.subplot_mosaic([list("aabbccdd"), list("eeeeffff")], height_ratios=[1.15, 1])
        counts(grid["a"], raster, "source", regions.named("source spikes, one trial"))
        latents(grid["b"], course)
        counts(grid["c"], raster, "predicted", regions.named("target rates, predicted"))
        counts(grid["d"], raster, "target", regions.named("target spikes, same trial"))
        bits = {m: s["source_bits_per_spike"] for m, s in metrics["translation"].items() if m != "psth"}
        decided = {m: s[WITHIN] for m, s in metrics["models"].items()}
        scores(grid["e"], bits, "translation", "bits/spike that the source adds, held out", 0)
        scores(grid["f"], decided, "decision (seq2seq: from the latents alone)", "balanced accuracy, held out", 0.48)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("project", type=Path, help="a finished project")
    run = EvaluationRun(parser.parse_args().project / EVALUATION_FOLDER)
    figure = picture(run, regions_of(run.tables))
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=100, metadata={"Software": None})
    Image.open(stream).convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
