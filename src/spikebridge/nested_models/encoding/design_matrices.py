"""Predictors of the encoding models: behaviour, the target's past, the source, latents; scaled on training windows.

The target's past is strictly past: bins at t and after are not used for bin t. The source is two-sided or causal as the
translator is (`causal`): a two-sided source is smoothed over, and lagged to, both sides of t within the
window; a causal one uses bins at t and before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.regressors import spike_history
from spikebridge.types import Windows
from spikebridge.types.intervals import TOLERANCE_S

Array = NDArray[np.float64]
LONG_MEMORY = 4.0
"""The longer memory of the past, in units of the shorter one."""
SLOW_S, PRIOR_WINDOWS = (20.0, 100.0), 1.0
"""Slow memories in seconds; windows at the mean rate that each of them begins with."""


@dataclass(frozen=True)
class Earlier:
    """What the target did in windows that ended before each one began, by slow exponential memories (SLOW_S).

    mean: (window, memory, unit), weighted sum of mean spikes per bin. weight: (window, memory), sum of the weights.
    """

    mean: Array
    weight: Array

    def select(self, rows: NDArray[np.generic]) -> Earlier:
        return Earlier(self.mean[rows], self.weight[rows])


@dataclass(frozen=True)
class FitData:
    """What one fit learns from, and what it is scored on, of one recording.

    train: every window that may be learned from, labelled or not. learn: the labelled ones of them. score: labelled
    windows that the fit has not seen. z_learn, z_score: (window, bin, latent), the translator's latents of both.
    earlier_learn, earlier_score: what the target did before each of them.
    """

    train: Windows
    learn: Windows
    score: Windows
    z_learn: Array | None = None
    z_score: Array | None = None
    earlier_learn: Earlier | None = None
    earlier_score: Earlier | None = None

    def level(self) -> Array:
        """(unit,), mean spikes per bin of the target in the labelled windows that are learned from."""
        return np.asarray(self.learn.target.mean(axis=(0, 1), dtype=np.float64))


@dataclass(frozen=True)
class Predictors:
    """Predictors that share a penalty, of mean variance one where they are learned.

    learn, score: (sample, predictor), without the mean of learn; or (sample, k, unit), which their own unit alone has.
    """

    learn: Array
    score: Array

    @property
    def own(self) -> bool:
        return self.learn.ndim == 3


def behavior(data: FitData) -> Predictors:
    """Every series in its own bin, its square and the products of two; a bin without a sample is at the mean."""
    learn, score = (w.behavior.reshape(-1, len(w.behavior_names)).astype(np.float64) for w in (data.learn, data.score))
    known = np.isfinite(learn)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, learn, 0.0).sum(axis=0) / n
    sd = np.sqrt((np.where(known, learn - mean, 0.0) ** 2).sum(axis=0) / n)
    scale = np.where(sd > 0, sd, np.inf)
    first, second = np.triu_indices(learn.shape[1])

    def expanded(values: Array) -> Array:
        z = np.where(np.isfinite(values), (values - mean) / scale, 0.0)
        return np.concatenate([z, z[:, first] * z[:, second]], axis=1)

    return _each_scaled(expanded(learn), expanded(score))


def own_history(data: FitData, history_s: float) -> Predictors:
    """Of each unit alone: its last bin; its excess count over two exponential memories, history_s and four times that,
    of the bins before t in the same window (Truccolo et al. 2005, J Neurophysiol 93:1074); and, where the data holds
    them, the log of its rate in earlier windows over its mean rate, by two slow memories.

    The slow memories take out drift. Source and target that drift, each on its own, predict each other in blocked
    folds: near a test block both are as in the training trials next to it, so the source predicts the time, and the
    time predicts how high the target is (Harris 2020, "Nonsense correlations in neuroscience").
    """
    level = data.level()
    parts = ((data.learn, data.earlier_learn), (data.score, data.earlier_score))
    learn, score = (_own(w, level, history_s, earlier) for w, earlier in parts)
    scale = 1 / np.sqrt(np.maximum((learn**2).mean(axis=(0, 2)), 1e-12))[:, None]
    return Predictors(learn * scale, score * scale)


def earlier_windows(w: Windows, known: NDArray[np.int64]) -> Earlier:
    """Of every window of a recording, in the order of w: nothing of the window itself or after it is used.

    known: numbers of the windows that may be looked at. What is learned from must not know the test block.
    """
    each, may = w.target.mean(axis=1, dtype=np.float64), np.zeros(len(w))
    may[known] = 1.0
    stops, starts = np.argsort(w.stop_s, kind="stable"), np.argsort(w.start_s, kind="stable")
    tau = np.asarray(SLOW_S)
    mean, weight = np.zeros((len(w), len(tau), each.shape[1])), np.zeros((len(w), len(tau)))
    total, n, now, ended = mean[0].copy(), weight[0].copy(), float(w.start_s.min()), 0
    for row in starts:
        fade = np.exp(-(w.start_s[row] - now) / tau)
        total, n, now = total * fade[:, None], n * fade, float(w.start_s[row])
        while ended < len(w) and w.stop_s[stops[ended]] <= now + TOLERANCE_S:
            weights = may[stops[ended]] * np.exp(-(now - w.stop_s[stops[ended]]) / tau)
            total, n, ended = total + weights[:, None] * each[stops[ended]], n + weights, ended + 1
        mean[row], weight[row] = total, n
    return Earlier(mean, weight)


def population_history(data: FitData, history_s: float) -> Predictors:
    """Of every unit together: the two memories of all units."""
    level = data.level()
    return scaled(*(np.concatenate(_memories(w, level, history_s), axis=2) for w in (data.learn, data.score)))


def latents(data: FitData, causal: bool) -> Predictors:
    """The translator's latents in the bin, and one bin before and after it (causal: one and two before)."""
    assert data.z_learn is not None and data.z_score is not None
    lags = (0, 1, 2) if causal else (-1, 0, 1)
    return _each_scaled(*(_flat(at_lags(z, lags)) for z in (data.z_learn, data.z_score)))


def at_lags(values: Array, lags: Sequence[int]) -> Array:
    """(window, bin, lag * predictor): values of so many bins before (lag > 0) or after; the edge stands in beyond."""
    n = values.shape[1]
    return np.concatenate([values[:, np.clip(np.arange(n) - lag, 0, n - 1)] for lag in lags], axis=2)


def scaled(learn: Array, score: Array) -> Predictors:
    """One scale for all predictors: those that vary more count more. (window, bin, predictor)."""
    learn, score = _flat(learn), _flat(score)
    mean = learn.mean(axis=0)
    scale = 1 / np.sqrt(max(float(((learn - mean) ** 2).mean()), 1e-12))
    return Predictors((learn - mean) * scale, (score - mean) * scale)


def _each_scaled(learn: Array, score: Array) -> Predictors:
    """Every predictor to variance one; one that does not vary is 0. (sample, predictor)."""
    mean, sd = learn.mean(axis=0), learn.std(axis=0)
    scale = np.where(sd > 1e-9, 1 / np.maximum(sd, 1e-9), 0.0)
    return Predictors((learn - mean) * scale, (score - mean) * scale)


def _own(w: Windows, level: Array, history_s: float, earlier: Earlier | None) -> Array:
    """(sample, k, unit)."""
    slow: list[Array] = []
    if earlier is not None:
        floor = np.maximum(level, 1e-6)
        ratio = np.log((earlier.mean + PRIOR_WINDOWS * floor) / ((earlier.weight[:, :, None] + PRIOR_WINDOWS) * floor))
        slow = [np.broadcast_to(r[:, None], w.target.shape) for r in ratio.swapaxes(0, 1)]
    return _flat(np.stack([spike_history(w.target, level, 0.0), *_memories(w, level, history_s), *slow], axis=2))


def _memories(w: Windows, level: Array, history_s: float) -> list[Array]:
    return [spike_history(w.target, level, float(np.exp(-w.bin_s / (c * history_s)))) for c in (1.0, LONG_MEMORY)]


def _flat(values: Array) -> Array:
    """(window, bin, ...) -> (sample, ...)."""
    return values.reshape(-1, *values.shape[2:])
