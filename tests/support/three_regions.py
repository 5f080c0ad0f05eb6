"""Recordings of three regions with a known link: A drives B after 100 ms, C has nothing to do with either.

The rates of all units drift, in part together, so that every pair has slow fluctuations in common. A fourth region, D,
has few units.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.io.readers import tables
from spikebridge.simulate import STEP_S
from spikebridge.simulate.processes import draw_spikes, drift, ornstein_uhlenbeck
from spikebridge.types import Recording

LAG_S = 0.1
UNITS = {"A": 12, "B": 12, "C": 12, "D": 3}
EVERY_S, BEFORE_S = 3.0, 2.5
"""Trials begin so often, and end with a decision after so long."""


def recording(name: str, seed: int, n_trials: int = 60, units: dict[str, int] | None = None) -> Recording:
    """One recording. units: region -> number; a region without units is not there."""
    rng, units = np.random.default_rng(seed), units or UNITS
    n = int((n_trials * EVERY_S + 4.0) / STEP_S)
    driver, other = (ornstein_uhlenbeck(rng, n, 2, tau_s=0.25) for _ in range(2))
    lag = round(LAG_S / STEP_S)
    follower = driver[np.maximum(np.arange(n) - lag, 0)]
    common = drift(rng, n, 1)
    spikes: list[np.ndarray] = []
    regions: list[str] = []
    for region, latents in (("A", driver), ("B", follower), ("C", other), ("D", other)):
        k = units.get(region, 0)
        if k:
            gain = latents @ rng.normal(0, 0.6, (2, k))
            slow = 0.2 * drift(rng, n, k) + 0.2 * common
            spikes += draw_spikes(rng, np.exp(np.log(8.0) + gain + slow), 0.002)
            regions += [region] * k
    start = 1.0 + EVERY_S * np.arange(n_trials)
    table = pd.DataFrame(
        {
            "start_time": start,
            "stop_time": start + BEFORE_S,
            "decision_time": start + BEFORE_S,
            "choice": rng.permutation(np.array(["left", "right"] * n_trials)[:n_trials]),
        }
    )
    unit = np.repeat(np.arange(len(spikes)), [len(s) for s in spikes])
    return Recording(
        name=name,
        animal=name.split("_")[0],
        spikes=pd.DataFrame({"unit": unit, "time_s": np.concatenate(spikes)}),
        units=pd.DataFrame({"unit": np.arange(len(spikes)), "region": regions}),
        trials=table,
        behavior=pd.DataFrame({"series": [], "time_s": [], "value": []}),
        observed=np.array([[0.0, n * STEP_S]]),
    )


def write_recordings(folder: Path, n: int = 2, n_trials: int = 60) -> Path:
    """Folders of tables, one a recording."""
    for k in range(n):
        tables.write(recording(f"rat{k}_day", 10 + k, n_trials), folder)
    return folder


PARAMS = {
    "seed": 1,
    "data": {"path": "recordings", "source": ["A"], "target": ["B"]},
    "quality": {"min_presence_ratio": None, "max_isi_violations": None},
    "trials": {"window_s": [-2.0, 0.0]},
    "bins": {"width_s": 0.05},
    "split": {"n_outer_folds": 3},
    "models": {"ridge": {"smoothing_s": 0.05, "max_lag_s": 0.2, "penalty": 3.0}},
    "tune": {"n_trials": 1, "n_startup_trials": 1},
    "sweep": {"model": "ridge", "min_units": 10},
    "statistics": {"n_resamples": 500},
    "compute": {"workers": 1, "device": "cpu"},
}
"""Settings with which a sweep over these recordings takes seconds a pair."""
