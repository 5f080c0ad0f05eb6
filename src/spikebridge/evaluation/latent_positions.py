"""The table of latents by position and other behaviour series, held-out trials only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import LATENT_POSITIONS
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.evaluation.latent_trajectories import held_out_components
from spikebridge.types import Windows

Array = NDArray[np.float64]
MOST_SERIES, MOST_COMPONENTS = 4, 3
PLACES = 10
"""Ranges of a series, each with equally many bins of the windows; fewer where values repeat."""
MIN_TRIALS = 3


def latent_position_table(inputs: Inputs) -> pd.DataFrame:
    """Mean latents in ranges of each behaviour series.

    Parameters
    ----------
    inputs : Inputs
        Windows with behaviour, and latents of all folds.

    Returns
    -------
    pandas.DataFrame
        Columns LATENT_POSITIONS. The first components of a recording's latents (see latent_trajectories), for
        MOST_SERIES series at most, positions first. The mean is over trials of their means within the range, so its
        standard error is that of trials. Without rows where no recording has a behaviour series.
    """
    rows = []
    for model, latents in inputs.latents.items():
        for recording, folds in latents.items():
            w = inputs.windows[recording]
            if not w.behavior_names:
                continue
            values, trial, share = held_out_components(w, folds)
            behavior = np.asarray(w.behavior)[rows_of(w, trial)]
            for name in chosen_series(w):
                series = behavior[:, :, w.behavior_names.index(name)].astype(np.float64)
                for row in _by_place(series, values[:, :, :MOST_COMPONENTS]):
                    share_of = {"variance_share": share[int(row["axis"]) - 1]}
                    rows.append({"model": model, "recording": recording, "series": name, **row, **share_of})
    return pd.DataFrame(rows, columns=list(LATENT_POSITIONS))


def chosen_series(w: Windows) -> Sequence[str]:
    """Names of the series that are shown: positions first, in the order of the file."""
    return sorted(w.behavior_names, key=lambda name: not is_position(name))[:MOST_SERIES]


def is_position(name: str) -> bool:
    """Whether a series has the name of a position: position, pos_x, x, linear_position, ..."""
    words = name.lower().replace("-", "_").split("_")
    return any(word in {"x", "y", "pos", "place", "location"} or word.startswith("position") for word in words)


def _by_place(series: Array, values: Array) -> Iterator[dict[str, Any]]:
    """Rows of a series. series: (trial, bin), NaN where not recorded; values: (trial, bin, component)."""
    known = np.isfinite(series)
    if not known.any():
        return
    edges = np.unique(np.quantile(series[known], np.linspace(0, 1, PLACES + 1)))
    if len(edges) < 3:  # it hardly varies
        return
    place = np.where(known, np.clip(np.searchsorted(edges, series, side="right") - 1, 0, len(edges) - 2), -1)
    for k in range(len(edges) - 1):
        inside = place == k
        n = inside.sum(axis=1)
        visited = n > 0
        if visited.sum() < MIN_TRIALS:
            continue
        means = np.einsum("tb,tbc->tc", inside[visited], values[visited]) / n[visited, None]
        sem = means.std(axis=0, ddof=1) / np.sqrt(len(means))
        for c in range(values.shape[2]):
            yield {
                "axis": str(c + 1), "place": k, "from": edges[k], "to": edges[k + 1],
                "value": float(series[inside].mean()), "mean": float(means[:, c].mean()), "sem": float(sem[c]),
                "n": len(means),
            }  # fmt: skip
