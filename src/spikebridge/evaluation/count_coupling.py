"""Lag and dimension of what the two regions share, from counts alone, without a model or the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikebridge.evaluation.inputs import Inputs
from spikebridge.metrics import (
    DimensionEstimate,
    LagEstimate,
    estimate_dimension,
    estimate_lag,
    pooled_dimension,
    pooled_lag,
)
from spikebridge.types import Windows

MAX_LAG_S = 0.4
LAG_COLUMNS = [
    "recording", "lag_s", "score", "estimate_s", "low_s", "high_s", "pooled_s", "pooled_low_s", "pooled_high_s",
    "true_s",
]  # fmt: skip


@dataclass(frozen=True)
class Coupling:
    """lag, dimension: of all recordings together. lags, dimensions: recording -> its own estimate."""

    lag: LagEstimate
    dimension: DimensionEstimate
    lags: Mapping[str, LagEstimate]
    dimensions: Mapping[str, DimensionEstimate]


def estimate_coupling(inputs: Inputs, seed: int = 0) -> Coupling:
    """From the counts of all windows; recordings with too short windows or too few of them are left out. See couple."""
    return couple({name: w for name, w in inputs.windows.items() if _enough(w)}, seed)


def couple(windows: Mapping[str, Windows], seed: int = 0) -> Coupling:
    """Lag and dimension of each recording and of all together; windows without a label count as well.

    The dimension of every recording is estimated at the lag of all recordings. seed: of the resampling.
    """
    parts = {name: w.select(np.argsort(w.start_s, kind="stable")) for name, w in windows.items()}
    lags = {n: estimate_lag(w.source, w.target, w.bin_s, _steps(w) * w.bin_s, seed=seed) for n, w in parts.items()}
    lag = pooled_lag(list(lags.values()), seed)
    bins = {n: round(lag.lag_s / w.bin_s) if np.isfinite(lag.lag_s) else 0 for n, w in parts.items()}
    dimensions = {name: estimate_dimension(w.source, w.target, bins[name]) for name, w in parts.items()}
    return Coupling(lag, pooled_dimension(list(dimensions.values())), lags, dimensions)


def coupling_tables(
    coupling: Coupling, true_lag_s: Mapping[str, float], true_dimension: Mapping[str, float]
) -> dict[str, pd.DataFrame]:
    """lag: held-out bits/spike of each lag tried. dimension: of each rank. true*: NaN where unknown.

    *_pooled: of all recordings together. low_s, high_s: 95 % interval.
    """
    lag, dimension = coupling.lag, coupling.dimension
    lags = [
        pd.DataFrame({"lag_s": e.lags_s, "score": e.score}).assign(
            recording=name,
            estimate_s=e.lag_s,
            low_s=e.ci_low,
            high_s=e.ci_high,
            pooled_s=lag.lag_s,
            pooled_low_s=lag.ci_low,
            pooled_high_s=lag.ci_high,
            true_s=true_lag_s.get(name, np.nan),
        )
        for name, e in coupling.lags.items()
    ]
    ranks = [
        pd.DataFrame({"rank": np.arange(len(e.score)) + 1, "score": e.score, "sem": e.sem}).assign(
            recording=name, estimate=e.dimension, pooled=dimension.dimension, true=true_dimension.get(name, np.nan)
        )
        for name, e in coupling.dimensions.items()
    ]
    return {
        "lag": _joined(lags, LAG_COLUMNS),
        "dimension": _joined(ranks, ["recording", "rank", "score", "sem", "estimate", "pooled", "true"]),
        "lag_pooled": pd.DataFrame({"lag_s": lag.lags_s, "score": lag.score}).assign(
            estimate_s=lag.lag_s, low_s=lag.ci_low, high_s=lag.ci_high
        ),
        "dimension_pooled": pd.DataFrame(
            {"rank": np.arange(len(dimension.score)) + 1, "score": dimension.score, "sem": dimension.sem}
        ).assign(estimate=dimension.dimension),
    }


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _enough(w: Windows) -> bool:
    return w.n_bins - 2 * _steps(w) >= 2 and len(w) >= 4


def _steps(w: Windows) -> int:
    return max(1, min(round(MAX_LAG_S / w.bin_s), w.n_bins // 4))
