"""Behaviour in the bins of windows: means of the samples inside each bin, and nothing from outside the window."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.preprocess.binning import EDGE


def bin_behavior(
    table: pd.DataFrame, start_s: NDArray[np.float64], n_bins: int, bin_s: float
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """(window, bin, series), mean of the finite samples in each bin, NaN where there is none; and the series' names.

    table: columns series, time_s (seconds), value. start_s: (window,), seconds, in any order; windows may overlap.
    Bin b of a window covers [start + b bin_s, start + (b + 1) bin_s), with the rounding of `bin_windows`. Nothing is
    interpolated: a sample after the window, which may lie after the decision, has no say in it.
    """
    found, names = [], []
    for name, rows in table.groupby("series", sort=True) if len(table) else ():
        time, value = rows["time_s"].to_numpy(np.float64), rows["value"].to_numpy(np.float64)
        known = np.isfinite(time) & np.isfinite(value)
        order = np.argsort(time[known], kind="stable")
        found.append(_means(time[known][order], value[known][order], start_s, n_bins, bin_s))
        names.append(str(name))
    if not found:
        return np.empty((len(start_s), n_bins, 0), np.float32), ()
    return np.stack(found, axis=2), tuple(names)


def _means(
    time: NDArray[np.float64], value: NDArray[np.float64], start_s: NDArray[np.float64], n_bins: int, bin_s: float
) -> NDArray[np.float32]:
    edges = start_s[:, None] + (np.arange(n_bins + 1) - EDGE) * bin_s
    at = np.searchsorted(time, edges, side="left")
    n = np.diff(at, axis=1)
    # Sums from differences of a running sum lose the digits that all samples have in common: take the middle away.
    middle = value.mean() if len(value) else 0.0
    running = np.concatenate([[0.0], np.cumsum(value - middle)])
    sums = np.diff(running[at], axis=1)
    means = np.full(n.shape, np.nan)
    np.divide(sums, n, out=means, where=n > 0)
    return (means + middle).astype(np.float32)
