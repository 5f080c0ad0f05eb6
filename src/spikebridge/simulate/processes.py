"""Random processes of the simulator: Ornstein-Uhlenbeck, slow drift, and Poisson spikes with a refractory period."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
STEP_S = 0.01
DRIFT_TAU_S = 300.0


def ornstein_uhlenbeck(rng: np.random.Generator, n: int, k: int, tau_s: float, step_s: float = STEP_S) -> Array:
    """(time, k) Ornstein-Uhlenbeck processes with unit variance, exact at the grid points."""
    from scipy.signal import lfilter

    decay = np.exp(-step_s / tau_s)
    noise = rng.normal(0, np.sqrt(1 - decay**2), (n, k))
    noise[0] = rng.normal(0, 1, k)
    return np.asarray(lfilter([1.0], [1.0, -decay], noise, axis=0))


def drift(rng: np.random.Generator, n: int, n_units: int) -> Array:
    """(time, unit): slow drift, simulated at one point per second and interpolated."""
    coarse = ornstein_uhlenbeck(rng, int(n * STEP_S) + 2, n_units, DRIFT_TAU_S, step_s=1.0)
    at = np.arange(n) * STEP_S
    low = at.astype(int)
    part = (at - low)[:, None]
    return coarse[low] * (1 - part) + coarse[low + 1] * part


def draw_spikes(rng: np.random.Generator, rate_hz: Array, refractory_s: float) -> list[Array]:
    """Poisson spikes from (time, unit) rates; a spike within the refractory period of the one before is dropped."""
    counts = rng.poisson(rate_hz * STEP_S)
    step, unit = np.nonzero(counts)
    repeat = counts[step, unit]
    step, unit = np.repeat(step, repeat), np.repeat(unit, repeat)
    times = np.round((step + rng.random(len(step))) * STEP_S, 6)
    order = np.lexsort((times, unit))
    times, unit = times[order], unit[order]
    while len(times):
        close = (np.diff(times) < refractory_s) & (np.diff(unit) == 0)
        # Remove only the first of consecutive close spikes: its removal may make the next one valid.
        close &= ~np.concatenate([[False], close[:-1]])
        if not close.any():
            break
        keep = np.concatenate([[True], ~close])
        times, unit = times[keep], unit[keep]
    return np.split(times, np.searchsorted(unit, np.arange(1, rate_hz.shape[1])))
