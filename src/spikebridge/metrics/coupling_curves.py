"""The lag and the dimension that curves of held-out bits/spike show, and their draws of clusters.

Each cluster (a run of trials, a recording) has the nats of every lag, or rank, and its spikes; see lag_and_dimension,
which makes them. Sums over clusters give the curve, so curves of any draw of clusters cost a matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.regression import one_sem_rank

Array = NDArray[np.float64]
NO_LINK = 2e-3
"""Held-out bits/spike at or below this, or two standard errors, count as no link: no lag and no dimension."""
MIN_RECORDINGS = 6
"""With fewer recordings than this, runs of trials, not recordings, are the clusters of pooled estimates."""
RESAMPLES = 1000


@dataclass(frozen=True)
class LagEstimate:
    """An estimated lag.

    Parameters
    ----------
    lag_s : float
        Seconds by which the target follows the source; NaN without a link (NO_LINK).
    lags_s : NDArray, shape (lag,)
        Lags tried, seconds.
    score : NDArray, shape (lag,)
        Held-out bits/spike at each lag.
    nats, spikes : NDArray, shape (cluster, lag) and (cluster,)
        The parts of the score, by held-out run of trials (or recording).
    ci_low, ci_high : float
        95 % bootstrap interval of lag_s over clusters, seconds.
    """

    lag_s: float
    lags_s: Array
    score: Array
    nats: Array
    spikes: Array
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class DimensionEstimate:
    """An estimated dimension.

    Parameters
    ----------
    dimension : int
        Smallest rank within one standard error of the best; 0 without a link (NO_LINK).
    score, sem : NDArray, shape (rank,)
        Held-out bits/spike of rank 1, 2 ... and its standard error over clusters.
    nats, spikes : NDArray, shape (cluster, rank) and (cluster,)
        The parts of the score, as in LagEstimate.
    """

    dimension: int
    score: Array
    sem: Array
    nats: Array
    spikes: Array


def pooled_lag(estimates: Sequence[LagEstimate], seed: int = 0) -> LagEstimate:
    """Return the one lag of recordings that share it: the peak of their summed score.

    Recordings without a link are left out. The interval is over recordings, or over runs of trials where there are
    fewer than MIN_RECORDINGS of them.

    Parameters
    ----------
    estimates : sequence of LagEstimate
        Estimate of each recording; all must have tried the same lags.
    seed : int
        Seed of the resampling.

    Returns
    -------
    LagEstimate
        The pooled estimate; lag_s is NaN where no recording has a link.
    """
    linked = [e for e in estimates if np.isfinite(e.lag_s)] or list(estimates[:1])
    if not linked:
        nan = float("nan")
        return LagEstimate(nan, np.empty(0), np.empty(0), np.empty((0, 0)), np.empty(0), nan, nan)
    return lag_of_scores(linked[0].lags_s, *_clusters(linked), seed)


def pooled_dimension(estimates: Sequence[DimensionEstimate]) -> DimensionEstimate:
    """Return the one dimension of recordings that share it, from their summed scores.

    Recordings without a link are left out; ranks that not all recordings have tried are, too. The standard error is
    over clusters as in pooled_lag.

    Parameters
    ----------
    estimates : sequence of DimensionEstimate
        Estimate of each recording.

    Returns
    -------
    DimensionEstimate
        The pooled estimate.
    """
    linked = [e for e in estimates if e.dimension > 0] or list(estimates[:1])
    if not linked:
        return DimensionEstimate(0, np.empty(0), np.empty(0), np.empty((0, 0)), np.empty(0))
    return dimension_of_scores(*_clusters(linked))


def _clusters(linked: Sequence[LagEstimate] | Sequence[DimensionEstimate]) -> tuple[Array, Array]:
    width = min(e.nats.shape[1] for e in linked)
    if len(linked) < MIN_RECORDINGS:
        return np.concatenate([e.nats[:, :width] for e in linked]), np.concatenate([e.spikes for e in linked])
    return np.stack([e.nats[:, :width].sum(axis=0) for e in linked]), np.array([e.spikes.sum() for e in linked])


def lag_of_scores(lags_s: Array, nats: Array, spikes: Array, seed: int) -> LagEstimate:
    score = _bits(nats, spikes)
    if not _linked(score, _ratio_sem(nats, spikes)):
        return LagEstimate(float("nan"), lags_s, score, nats, spikes, float("nan"), float("nan"))
    step = lags_s[1] - lags_s[0]
    drawn = np.random.default_rng(seed).multinomial(len(nats), np.full(len(nats), 1 / len(nats)), RESAMPLES)
    peaks = [lags_s[0] + step * parabola_peak(np.arange(len(lags_s)), curve) for curve in drawn @ nats]
    low, high = np.quantile(peaks, [0.025, 0.975])
    lag_s = lags_s[0] + step * parabola_peak(np.arange(len(lags_s)), score)
    return LagEstimate(float(lag_s), lags_s, score, nats, spikes, float(low), float(high))


def dimension_of_scores(nats: Array, spikes: Array) -> DimensionEstimate:
    score = _bits(nats, spikes)
    sem = _ratio_sem(nats, spikes)
    return DimensionEstimate(one_sem_rank(score, sem) + 1 if _linked(score, sem) else 0, score, sem, nats, spikes)


def _linked(score: Array, sem: Array) -> bool:
    best = int(np.argmax(score))
    return bool(score[best] > max(NO_LINK, 2 * sem[best]))


def _bits(nats: Array, spikes: Array) -> Array:
    return np.asarray(nats.sum(axis=0) / (max(spikes.sum(), 1.0) * np.log(2)))


def _ratio_sem(nats: Array, spikes: Array) -> Array:
    """Standard error over clusters of sum(nats) / sum(spikes), in bits (the linearised ratio estimator)."""
    n, total = len(spikes), max(spikes.sum(), 1.0)
    off = nats - spikes[:, None] * nats.sum(axis=0) / total
    return np.asarray(np.sqrt(n / (n - 1) * np.sum(off**2, axis=0)) / (total * np.log(2)))


def parabola_peak(lags: NDArray[np.int64], score: Array) -> float:
    """Lag of the vertex of the parabola through the best score and its neighbours."""
    k = int(np.argmax(score))
    if k in (0, len(score) - 1):
        return float(lags[k])
    left, mid, right = score[k - 1 : k + 2]
    bend = left - 2 * mid + right
    return float(lags[k] + (0.5 * (left - right) / bend if bend < 0 else 0.0))


def lags_of_draws(weights: Array, nats: Array, lags_s: Array) -> Array:
    """Return the lag of every draw of clusters; see `parabola_peak`.

    Parameters
    ----------
    weights : NDArray, shape (draw, cluster)
        How often each cluster is drawn.
    nats : NDArray, shape (cluster, lag)
        As in LagEstimate.
    lags_s : NDArray, shape (lag,), seconds
        Lags tried, evenly spaced.

    Returns
    -------
    NDArray, shape (draw,), seconds
        Whether there is a link is not asked.
    """
    curves = weights @ nats
    k = np.argmax(curves, axis=1)
    inner = np.clip(k, 1, max(len(lags_s) - 2, 1))
    left, mid, right = (np.take_along_axis(curves, inner[:, None] + j, axis=1)[:, 0] for j in (-1, 0, 1))
    bend = left - 2 * mid + right
    vertex = np.divide(0.5 * (left - right), bend, out=np.zeros_like(bend), where=(bend < 0) & (inner == k))
    return np.asarray(lags_s[0] + (lags_s[1] - lags_s[0]) * (k + vertex))


def dimensions_of_draws(weights: Array, nats: Array, spikes: Array) -> Array:
    """Return the dimension of every draw of clusters, 0 without a link; see `dimension_of_scores`.

    Parameters
    ----------
    weights : NDArray, shape (draw, cluster)
        How often each cluster is drawn; every draw has as many.
    nats, spikes : NDArray, shape (cluster, rank) and (cluster,)
        As in DimensionEstimate.

    Returns
    -------
    NDArray, shape (draw,)
        Whole numbers.
    """
    n = weights.sum(axis=1, keepdims=True)
    total = np.maximum(weights @ spikes, 1.0)[:, None]
    ratio = (weights @ nats) / total
    squares = weights @ nats**2 - 2 * ratio * (weights @ (nats * spikes[:, None]))
    squares += ratio**2 * (weights @ spikes**2)[:, None]
    score = ratio / np.log(2)
    sem = np.sqrt(n / np.maximum(n - 1, 1) * np.maximum(squares, 0.0)) / (total * np.log(2))
    best = np.argmax(score, axis=1)[:, None]
    top, spread = np.take_along_axis(score, best, axis=1), np.take_along_axis(sem, best, axis=1)
    rank = np.argmax(score >= top - spread, axis=1) + 1
    return np.where((top > np.maximum(NO_LINK, 2 * spread))[:, 0], rank, 0).astype(np.float64)
