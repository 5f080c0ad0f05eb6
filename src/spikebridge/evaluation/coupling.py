"""Lag and dimension of what the two regions share, from counts alone: needs no model and no truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikebridge.evaluation.inputs import Inputs
from spikebridge.metrics import DimensionEstimate, LagEstimate, estimate_dimension, estimate_lag, pooled_lag
from spikebridge.types import Windows

MAX_LAG_S = 0.4


@dataclass(frozen=True)
class Coupling:
    """lag_s: the lag of all recordings together, seconds. lags, dimensions: recording -> its own estimate."""

    lag_s: float
    lags: Mapping[str, LagEstimate]
    dimensions: Mapping[str, DimensionEstimate]


def coupling_of(inputs: Inputs) -> Coupling:
    """From the counts of the labelled windows; recordings with too short windows or too few trials are left out.

    The dimension of every recording is estimated at the lag of all recordings.
    """
    parts = {name: w.select(w.labelled) for name, w in inputs.windows.items() if _enough(w)}
    lags = {name: estimate_lag(w.source, w.target, w.bin_s, _steps(w) * w.bin_s) for name, w in parts.items()}
    lag_s = pooled_lag(list(lags.values()))
    bins = {n: max(0, round(lag_s / w.bin_s)) if np.isfinite(lag_s) else 0 for n, w in parts.items()}
    dimensions = {name: estimate_dimension(w.source, w.target, bins[name]) for name, w in parts.items()}
    return Coupling(lag_s, lags, dimensions)


def coupling_tables(
    coupling: Coupling, true_lag_s: Mapping[str, float], true_dimension: Mapping[str, float]
) -> dict[str, pd.DataFrame]:
    """lag: held-out R2 of each lag tried. dimension: of each rank. true*: NaN where nobody knows."""
    lags = [
        pd.DataFrame({"lag_s": e.lags_s, "score": e.score}).assign(
            recording=name, estimate_s=e.lag_s, pooled_s=coupling.lag_s, true_s=true_lag_s.get(name, np.nan)
        )
        for name, e in coupling.lags.items()
    ]
    ranks = [
        pd.DataFrame({"rank": np.arange(len(e.score)) + 1, "score": e.score, "sem": e.sem}).assign(
            recording=name, estimate=e.dimension, true=true_dimension.get(name, np.nan)
        )
        for name, e in coupling.dimensions.items()
    ]
    return {
        "lag": _joined(lags, ["recording", "lag_s", "score", "estimate_s", "pooled_s", "true_s"]),
        "dimension": _joined(ranks, ["recording", "rank", "score", "sem", "estimate", "true"]),
    }


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _enough(w: Windows) -> bool:
    return w.n_bins - 2 * _steps(w) >= 2 and int(w.labelled.sum()) >= 4


def _steps(w: Windows) -> int:
    return max(1, min(round(MAX_LAG_S / w.bin_s), w.n_bins // 4))
