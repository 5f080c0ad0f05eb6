"""Recordings in memory, as a reader would give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.inspection import Inspection
from spikebridge.io import Contents
from spikebridge.io.contents import no_behavior

Found = Callable[..., Inspection]


def session(
    *,
    regions: Mapping[str, int] | None = None,
    columns: Mapping[str, Any] | None = None,
    trials: int = 60,
    rate_hz: float = 8.0,
    seed: int = 0,
    **changes: Any,
) -> Contents:
    """Poisson spikes of units of some regions, and trials of 4 s every 6 s with a decision after 3 s."""
    rng = np.random.default_rng(seed)
    regions = {"CA1": 6, "PL": 5} if regions is None else regions
    names = [name for name, n in regions.items() for _ in range(n)]
    length = 10.0 + 6.0 * trials
    trains = [np.sort(rng.uniform(0.0, length, rng.poisson(rate_hz * length))) for _ in names]
    start = 5.0 + 6.0 * np.arange(trials)
    table = pd.DataFrame(
        {
            "start_time": start,
            "stop_time": start + 4.0,
            "decision_time": start + 3.0,
            "choice": rng.permutation(np.array(["left", "right"] * trials)[:trials]),
        }
    ).assign(**(columns or {}))
    made: dict[str, Any] = {
        "name": "day",
        "animal": "rat",
        "spikes": pd.DataFrame(
            {"unit": np.repeat(np.arange(len(names)), [len(t) for t in trains]), "time_s": np.concatenate(trains)}
        ),
        "units": pd.DataFrame({"unit": np.arange(len(names)), "region": names}),
        "tables": {"trials": table},
        "behavior": no_behavior(),
        "source_file": "day.memory",
    }
    return Contents(**(made | changes))
