"""What the two regions share, over the time before the decision, by what was decided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.figures import style

name = "latent_trajectories"
needs = ("latents", "latent_trials")
caption = (
    "The latents of the translator over time before the decision, on held-out trials, in standard deviations (SD). "
    "First panel: along the direction that separates the decisions best in training trials, single trials of one "
    "recording (thin; at most 20 a decision) and their mean with the standard error over trials (SEM) of that "
    "recording. Second panel: the same direction, mean of every recording (thin) and mean of the recordings (bold); "
    "trials are not pooled over recordings. Components: principal components of the one recording's latents, mean and "
    "SEM over its trials. Mean path: the plane of the decision axis and component 1. The legend has n, the number of "
    "trials; the title has the recording, in which decisions differ as much as in the median one."
)
how_to_read = (
    "Good: the means of the decisions part before time 0 in most recordings, and single trials lie around their mean. "
    "With coupling and label_information 1 of the simulator they part during the second before the decision; where "
    "the choice is independent of the spikes (label_information 0) the bands overlap all the time, and with coupling 0 "
    "the latents do not vary at all. SEM bands describe one recording and are no test: the figures declared_tests and "
    "time_resolved have the tests."
)
ALL, DECISION = "all", "decision"
MAX_PARTS = 4
CENTRAL = (0.005, 0.995)
"""Share of the single trials' values that the axis holds."""
STILL = 1e-6
"""SD. Latents that vary less do not vary."""
MIN_SHARE = 0.01
"""A component with less of the variance than this is not drawn: it is noise of the fits."""


def draw(tables_folder: Path, out_path: Path) -> bool:
    """Along the decision axis: single trials, mean and standard error of one recording, and the means of all.

    Then the components of the one recording, that in which the decisions part as far as in the median one; there also
    as a path in the plane. The panels over time share their scale, but for the one with single trials.
    """
    table, single = (read_table(tables_folder, needed) for needed in needs)
    if table.empty:
        return False
    table = table[table["model"] == table["model"].iloc[0]]
    colour = style.class_colours(list(dict.fromkeys(table["label"])))
    recording = _typical(table)
    of_recording = table[table["recording"] == recording]
    along = of_recording[of_recording["axis"] == DECISION]
    each = table[(table["axis"] == DECISION) & (table["recording"] != ALL)]
    parts = [rows for axis, rows in of_recording.groupby("axis", sort=True) if axis != DECISION]
    parts = [rows for k, rows in enumerate(parts) if k == 0 or rows["variance_share"].iloc[0] >= MIN_SHARE][:MAX_PARTS]
    count = len(parts) + 3 * (len(along) > 0)
    across = 4 if count > 6 else 2 if count == 4 else min(3, count)
    down = -(-count // across)
    with style.styled():
        figure = style.new((3.9 if across == 4 else 4.3) * across + 0.2, 3.4 * down + 0.6)
        grid = list(figure.subplots(down, across, squeeze=False).ravel())
        for axes in grid[count:]:
            axes.set_visible(False)
        if len(along):
            trials = single[(single["model"] == table["model"].iloc[0]) & (single["recording"] == recording)]
            _trials(grid.pop(0), along, trials, colour)
            _recordings(grid.pop(0), each, colour)
        ends = _ends(parts)
        for rows in parts:
            axes = grid.pop(0)
            _in_time(axes, rows, colour, _component(rows))
            axes.set_ylim(ends)
        if len(along):
            _plane(grid.pop(0), along, parts[0], colour)
        labels = list(dict.fromkeys(of_recording["label"]))
        handles = [Line2D([], [], color=colour[label], linewidth=2.5) for label in labels]
        names = [_counted(label, each, of_recording, recording) for label in labels]
        figure.legend(handles, names, loc="outside lower center", ncols=len(names) if sum(map(len, names)) < 120 else 1)
        still = ", which do not vary\n" if (of_recording["mean"].abs() < STILL).all() else ", held-out trials "
        about = f"Latents of {style.shown(table['model'].iloc[0])} by decision{still}"
        style.headline(figure, f"{about}(single trials, SEM and components: {recording})")
        return style.save(figure, out_path)


def _typical(table: pd.DataFrame) -> str:
    """The recording of median distance between decisions along the decision axis; the first where there is none."""
    along = table[(table["axis"] == DECISION) & (table["recording"] != ALL)]
    spread = along.groupby(["recording", "time_s"])["mean"].agg(lambda m: m.max() - m.min()).groupby("recording").mean()
    if spread.empty:
        return str(table["recording"].iloc[0])
    return str(spread.sort_values(kind="stable").index[(len(spread) - 1) // 2])


def _counted(label: str, each: pd.DataFrame, of_recording: pd.DataFrame, recording: str) -> str:
    """The decision, and the number of trials and recordings behind its lines."""
    n = int(of_recording[of_recording["label"] == label]["n"].max())
    recordings = each[each["label"] == label].drop_duplicates("recording")
    everywhere = f", {int(recordings['n'].sum())} in {len(recordings)} recordings" if len(recordings) else ""
    return f"{style.shown(label)}: n = {n} trials in {recording}{everywhere}"


def _ends(panels: list[pd.DataFrame]) -> tuple[float, float]:
    """One scale for all components: what hardly differs between decisions looks flat."""
    rows = pd.concat(panels)
    low, high = float((rows["mean"] - rows["sem"]).min()), float((rows["mean"] + rows["sem"]).max())
    room = 0.05 * (high - low)
    return (low - room, high + room) if high - low > STILL else (-1.0, 1.0)


def _component(rows: pd.DataFrame) -> str:
    return f"component {rows['axis'].iloc[0]} ({100 * rows['variance_share'].iloc[0]:.0f} % of variance)"


def _trials(axes: style.Axes, along: pd.DataFrame, single: pd.DataFrame, colour: dict[str, str]) -> None:
    """Single trials of one recording, faint, below their mean with its standard error."""
    for (label, _), rows in single.groupby(["label", "trial"], sort=False):
        axes.plot(rows["time_s"], rows["value"], color=colour[str(label)], linewidth=0.7, alpha=0.35, zorder=1)
    _in_time(axes, along, colour, "single trials, mean ± SEM")
    axes.set_ylabel("decision axis (SD)")
    if len(single):  # a few excursions would flatten the rest
        low, high = np.quantile(single["value"], CENTRAL)
        axes.set_ylim((low - 0.1 * (high - low), high + 0.1 * (high - low)) if high - low > STILL else (-1.0, 1.0))


def _recordings(axes: style.Axes, each: pd.DataFrame, colour: dict[str, str]) -> None:
    """The mean of every recording, thin, and the mean of the recordings: trials are not pooled over recordings."""
    for label, rows in each.groupby("label", sort=False):
        wide = rows.pivot(index="time_s", columns="recording", values="mean")
        axes.plot(wide.index, wide.to_numpy(), color=colour[str(label)], linewidth=0.9, alpha=0.55)
        axes.plot(wide.index, wide.mean(axis=1), color=colour[str(label)], linewidth=3)
    style.time_zero(axes)
    n = each["recording"].nunique()
    axes.set_title("mean of the recording" if n == 1 else f"means of {n} recordings, bold: of all")
    axes.set_xlabel(style.event_label(each["event"].iloc[0]))
    axes.set_ylabel("decision axis (SD)")


def _in_time(axes: style.Axes, table: pd.DataFrame, colour: dict[str, str], title: str) -> None:
    """Mean and standard error over the trials of one recording."""
    for label, rows in table.groupby("label", sort=False):
        low, high = rows["mean"] - rows["sem"], rows["mean"] + rows["sem"]
        axes.fill_between(rows["time_s"], low, high, color=colour[str(label)], alpha=0.3, linewidth=0, zorder=2)
        axes.plot(rows["time_s"], rows["mean"], color=colour[str(label)], linewidth=2.5, zorder=3)
    style.time_zero(axes)
    axes.set_title(title)
    axes.set_xlabel(style.event_label(table["event"].iloc[0]))
    axes.set_ylabel("latent (SD)")


def _plane(axes: style.Axes, along: pd.DataFrame, other: pd.DataFrame, colour: dict[str, str]) -> None:
    for label, rows in along.groupby("label", sort=False):
        both = rows.set_index("time_s")["mean"], other[other["label"] == label].set_index("time_s")["mean"]
        wide = pd.concat(both, axis=1, join="inner").sort_index().to_numpy()
        axes.plot(wide[:, 0], wide[:, 1], color=colour[str(label)])
        axes.plot(*wide[0], "o", color="white", markeredgecolor=colour[str(label)], markersize=7)
        axes.plot(*wide[-1], "o", color=colour[str(label)], markersize=8)
    axes.set_title("mean path")
    axes.set_aspect("equal", adjustable="datalim")
    for point_name, face in (("start", "white"), ("end", style.INK)):
        axes.plot([], [], "o", color=face, markeredgecolor=style.INK, markersize=7, label=point_name)
    axes.legend(loc="best", handletextpad=0.2)
    axes.set_xlabel("decision axis (SD)")
    axes.set_ylabel("component 1 (SD)")
    axes.margins(0.18)
