"""What the two regions share, over the time before the decision, by what was decided."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikebridge.artifacts.evaluation import read_table
from spikebridge.figures import style

name = "latent_trajectories"
needs = ("latents",)
caption = (
    "The latents of the translator over time before the decision, on held-out trials, in standard deviations (SD). "
    "First panel: along the direction that separates the decisions best in training trials, single trials of one "
    "recording (thin) and their mean with the standard error over trials (SEM) of that recording. Second panel: the "
    "same direction, mean of every recording (thin) and the mean of the recordings (thick); trials are not pooled "
    "over recordings. Other panels over time: principal components of the one recording's latents, mean and SEM over "
    "its trials. Last: mean path in the plane of the decision axis and component 1. The legend has n, the number of "
    "trials. The recording shown is the one in which decisions differ as much as in the median one."
)
how_to_read = (
    "Good: the means of the decisions part before time 0 in most recordings, and single trials lie around their mean. "
    "With coupling and label_information 1 of the simulator they part during the second before the decision; where "
    "the choice is independent of the spikes (label_information 0) the bands overlap all the time. SEM bands describe "
    "one recording and are no test: the figures declared_tests and time_resolved have the tests."
)
ALL, DECISION = "all", "decision"
MAX_PARTS = 4
MIN_SHARE = 0.01
"""A component with less of the variance than this is not drawn: it is noise of the fits."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Mean and standard error over held-out trials: along the decision axis in all recordings, and every component of
    one recording, that in which the decisions part as far as in the median one; there also as a path in the plane. The
    panels over time share their scale.
    """
    table = read_table(tables_folder, "latents")
    if table.empty:
        return False
    table = table[table["model"] == table["model"].iloc[0]]
    colour = style.class_colours(list(dict.fromkeys(table["label"])))
    together = table[table["recording"] == ALL]
    one = table[table["recording"] == _typical(table)]
    parts = [rows for axis, rows in one.groupby("axis", sort=True) if axis != DECISION]
    parts = [rows for k, rows in enumerate(parts) if k == 0 or rows["variance_share"].iloc[0] >= MIN_SHARE][:MAX_PARTS]
    along = one[one["axis"] == DECISION]
    panels = [*([together] if len(together) else []), *parts]
    count = len(panels) + (len(along) > 0)
    across = 2 if count == 4 else min(3, count)
    down = -(-count // across)
    with style.styled():
        figure = style.new(4.2 * across + 0.2, 3.4 * down + 0.6)
        grid = figure.subplots(down, across, squeeze=False).ravel()
        ends = _ends(panels)
        for axes, rows in zip(grid, panels, strict=False):
            _in_time(axes, rows, colour)
            axes.set_ylim(ends)
        if len(along):
            _plane(grid[len(panels)], along, parts[0], colour)
        for axes in grid[count:]:
            axes.set_visible(False)
        recording = str(one["recording"].iloc[0])
        handles = [grid[0].lines[k] for k in range(panels[0]["label"].nunique())]
        names = [_counted(label, together, one, recording) for label in dict.fromkeys(panels[0]["label"])]
        figure.legend(handles, names, loc="outside lower center", ncols=len(names) if sum(map(len, names)) < 120 else 1)
        about = f"Latents of {style.shown(table['model'].iloc[0])} by decision, held-out trials, mean ± SEM"
        style.headline(figure, f"{about} (components: {recording})")
        return style.save(figure, out_path)


def _typical(table: pd.DataFrame) -> str:
    """The recording of median distance between decisions along the decision axis; the first where there is none."""
    along = table[(table["axis"] == DECISION) & (table["recording"] != ALL)]
    spread = along.groupby(["recording", "time_s"])["mean"].agg(lambda m: m.max() - m.min()).groupby("recording").mean()
    if spread.empty:
        return str(table["recording"].iloc[0])
    return str(spread.sort_values(kind="stable").index[(len(spread) - 1) // 2])


def _counted(label: str, together: pd.DataFrame, one: pd.DataFrame, recording: str) -> str:
    """The decision, and the number of trials behind its lines."""
    n = [t[t["label"] == label]["n"].max() for t in (together, one)]
    places = [f"n = {int(k)} trials in {w}" for k, w in zip(n, ("all recordings", recording), strict=True) if k > 0]
    return f"{style.shown(label)}: {', '.join(places)}"


def _ends(panels: list[pd.DataFrame]) -> tuple[float, float]:
    """One scale for all panels over time: what hardly differs between decisions looks flat."""
    rows = pd.concat(panels)
    low, high = float((rows["mean"] - rows["sem"]).min()), float((rows["mean"] + rows["sem"]).max())
    room = 0.05 * max(high - low, 1e-9)
    return low - room, high + room


def _title(rows: pd.DataFrame) -> str:
    axis = rows["axis"].iloc[0]
    if axis == DECISION:
        return "decision axis, all recordings"
    return f"component {axis} ({100 * rows['variance_share'].iloc[0]:.0f} % of variance)"


def _in_time(axes: style.Axes, table: pd.DataFrame, colour: dict[str, str]) -> None:
    for label, rows in table.groupby("label", sort=False):
        axes.plot(rows["time_s"], rows["mean"], color=colour[str(label)])
    for label, rows in table.groupby("label", sort=False):
        low, high = rows["mean"] - rows["sem"], rows["mean"] + rows["sem"]
        axes.fill_between(rows["time_s"], low, high, color=colour[str(label)], alpha=0.25, linewidth=0)
    style.time_zero(axes)
    axes.set_title(_title(table))
    axes.set_xlabel(style.event_label(table["event"].iloc[0]))
    axes.set_ylabel("latent (SD)")


def _plane(axes: style.Axes, along: pd.DataFrame, other: pd.DataFrame, colour: dict[str, str]) -> None:
    for label, rows in along.groupby("label", sort=False):
        both = rows.set_index("time_s")["mean"], other[other["label"] == label].set_index("time_s")["mean"]
        wide = pd.concat(both, axis=1, join="inner").sort_index().to_numpy()
        axes.plot(wide[:, 0], wide[:, 1], color=colour[str(label)])
        axes.plot(*wide[0], "o", color="white", markeredgecolor=colour[str(label)], markersize=7)
        axes.plot(*wide[-1], "o", color=colour[str(label)], markersize=8)
    axes.set_title(f"mean path in {along['recording'].iloc[0]}")
    axes.set_aspect("equal", adjustable="datalim")
    for said, face in (("start", "white"), ("end", style.INK)):
        axes.plot([], [], "o", color=face, markeredgecolor=style.INK, markersize=7, label=said)
    axes.legend(loc="best", handletextpad=0.2)
    axes.set_xlabel("decision axis (SD)")
    axes.set_ylabel("component 1 (SD)")
    axes.margins(0.18)
