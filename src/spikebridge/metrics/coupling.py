"""Lag and dimension of what two regions share, from their counts alone (Semedo et al. 2019).

Both regress the target's counts on the source's by ridge regression and score it on held-out contiguous runs of trials
(random bins would share slow fluctuations with their neighbours and understate the standard error). Square roots of
the counts are used, whose variance hardly depends on the rate, and every sum of squares is computed once per run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikebridge.errors import DataError

Array = NDArray[np.float64]
PENALTIES = np.logspace(-3, 2, 11)
"""Ridge penalties, in units of the mean variance of a source unit times the number of bins."""
NO_LINK = 5e-4
"""Held-out R2 at or below this is taken for no link at all: there is no lag and no dimension to speak of."""


@dataclass(frozen=True)
class LagEstimate:
    """lag_s: seconds by which the target follows the source, NaN without a link (NO_LINK).

    lags_s, score: (lag,), held-out R2 at each lag tried.
    """

    lag_s: float
    lags_s: Array
    score: Array


@dataclass(frozen=True)
class DimensionEstimate:
    """dimension: smallest rank within one standard error of the best, 0 without a link (NO_LINK).

    score, sem: (rank,), held-out R2 of rank 1, 2 ... and its standard error over runs of trials.
    """

    dimension: int
    score: Array
    sem: Array


@dataclass(frozen=True)
class _Moments:
    """Sums over the bins of each run of trials. xx: (run, source, source), xy: (run, source, target), yy: (run,)."""

    xx: Array
    xy: Array
    yy: Array


def estimate_lag(source: ArrayLike, target: ArrayLike, bin_s: float, max_lag: float, folds: int = 5) -> LagEstimate:
    """The lag at which the source's counts tell most about the target's, refined between bins by a parabola.

    source, target: (trial, bin, unit), spikes per bin. bin_s: seconds. max_lag: seconds, lags from -max_lag to max_lag
    are tried; positive = the target follows. Every lag is scored on the same target bins.
    Raises DataError where windows are too short for the lag or trials too few for the folds.
    """
    x, y = _roots(source), _roots(target)
    steps = round(max_lag / bin_s)
    n_bins = x.shape[1]
    if steps < 1 or n_bins - 2 * steps < 2:
        needed = f"at least one bin of lag and windows of 2 x {max_lag:g} s + 2 bins"
        raise DataError(f"lag: expected {needed}, got {n_bins} bins of {bin_s:g} s")
    lags = np.arange(-steps, steps + 1)
    kept = y[:, steps : n_bins - steps]
    moments = [_moments(x[:, steps - lag : n_bins - steps - lag], kept, folds) for lag in lags]
    score = np.array([_ridge_scores(m).max() for m in moments])
    lag_s = _peak(lags, score) * bin_s if score.max() > NO_LINK else float("nan")
    return LagEstimate(float(lag_s), np.asarray(lags * bin_s, dtype=np.float64), score)


def pooled_lag(estimates: Sequence[LagEstimate]) -> float:
    """The one lag of recordings that share it: where their mean score peaks, seconds; steadier than any single one's.

    Recordings without a link are left out. NaN where none has one. All must have tried the same lags.
    """
    linked = [e for e in estimates if np.isfinite(e.lag_s)]
    if not linked:
        return float("nan")
    lags = linked[0].lags_s
    steps = np.arange(len(lags))
    return float(lags[0] + _peak(steps, np.mean([e.score for e in linked], axis=0)) * (lags[1] - lags[0]))


def estimate_dimension(
    source: ArrayLike, target: ArrayLike, lag_bins: int = 0, max_rank: int = 12, folds: int = 10
) -> DimensionEstimate:
    """Number of source dimensions that the target follows: reduced-rank regression with the one-standard-error rule.

    The coefficients B of a ridge regression are projected on the leading right singular vectors of X B; the smallest
    rank whose held-out R2 is within one SEM of the best rank's is the estimate (Semedo et al. 2019, Methods).

    source, target: (trial, bin, unit), spikes per bin. lag_bins: bins by which the target follows, zero or more.
    """
    x, y = _roots(source), _roots(target)
    if lag_bins > 0:
        x, y = x[:, :-lag_bins], y[:, lag_bins:]
    moments = _moments(x, y, folds)
    penalty = PENALTIES[int(np.argmax(_ridge_scores(moments)))]
    top = min(max_rank, x.shape[2], y.shape[2])
    score = np.array([_rank_scores(moments, run, penalty, top) for run in range(len(moments.yy))])
    mean = score.mean(axis=0)
    sem = score.std(axis=0, ddof=1) / np.sqrt(len(score))
    best = int(np.argmax(mean))
    linked = mean[best] > max(NO_LINK, sem[best])
    return DimensionEstimate(int(np.argmax(mean >= mean[best] - sem[best])) + 1 if linked else 0, mean, sem)


def _roots(counts: ArrayLike) -> Array:
    return np.sqrt(np.asarray(counts, dtype=np.float64))


def _moments(x: Array, y: Array, folds: int) -> _Moments:
    runs = np.array_split(np.arange(len(x)), min(folds, len(x)))
    if len(runs) < 2:
        raise DataError(f"lag and dimension: expected two trials or more, got {len(x)}")
    x = (x - x.mean(axis=(0, 1))).astype(np.float64)
    y = (y - y.mean(axis=(0, 1))).astype(np.float64)
    flat = [(x[r].reshape(-1, x.shape[2]), y[r].reshape(-1, y.shape[2])) for r in runs]
    return _Moments(
        np.stack([a.T @ a for a, _ in flat]),
        np.stack([a.T @ b for a, b in flat]),
        np.array([np.sum(b * b) for _, b in flat]),
    )


def _ridge_scores(m: _Moments) -> Array:
    """Held-out R2 at each of PENALTIES, over all runs together."""
    rest = np.zeros(len(PENALTIES))
    for run in range(len(m.yy)):
        values, vectors = np.linalg.eigh(m.xx.sum(axis=0) - m.xx[run])
        train = vectors.T @ (m.xy.sum(axis=0) - m.xy[run])
        gain, test = vectors.T @ m.xx[run] @ vectors, vectors.T @ m.xy[run]
        b = train / (values[:, None] + PENALTIES[:, None, None] * values.mean())
        rest += m.yy[run] - 2 * np.sum(b * test, axis=(1, 2)) + np.sum(b * (gain @ b), axis=(1, 2))
    return np.asarray(1 - rest / m.yy.sum())


def _rank_scores(m: _Moments, run: int, penalty: float, top: int) -> Array:
    """Held-out R2 of ranks 1 .. top in one run of trials."""
    xx = m.xx.sum(axis=0) - m.xx[run]
    xy = m.xy.sum(axis=0) - m.xy[run]
    b = np.linalg.solve(xx + penalty * np.trace(xx) / len(xx) * np.eye(len(xx)), xy)
    v = np.linalg.eigh(b.T @ xx @ b)[1][:, ::-1][:, :top]
    c = b @ v
    explained = 2 * np.sum(c * (m.xy[run] @ v), axis=0) - np.sum(c * (m.xx[run] @ c), axis=0)
    return np.asarray(np.cumsum(explained) / m.yy[run])


def _peak(lags: NDArray[np.int64], score: Array) -> float:
    """Lag of the vertex of the parabola through the best score and its neighbours."""
    k = int(np.argmax(score))
    if k in (0, len(score) - 1):
        return float(lags[k])
    left, mid, right = score[k - 1 : k + 2]
    bend = left - 2 * mid + right
    return float(lags[k] + (0.5 * (left - right) / bend if bend < 0 else 0.0))
