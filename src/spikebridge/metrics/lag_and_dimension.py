"""Lag and dimension of what two regions share, from their counts alone (Semedo et al. 2019, Neuron 102:249).

The target's counts, divided by the roots of their means so that all units have the same noise, are predicted by ridge
regression on the square roots of the source's counts. Contiguous runs of trials are held out (random bins would share
slow fluctuations with their neighbours and understate the standard error). The score is bits/spike of the predicted
rates over each unit's mean rate in the other runs; rates below RATE_SHARE of that mean are raised to it. One penalty
serves all lags and ranks: the best by held-out R2, which needs only sums over each run.

A lag can be estimated only where the shared activity changes quickly. Where it is smooth, such as place on a track, a
linear map can express any delay as a rotation of its axes, and the interval is about as wide as the range of lags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikebridge.errors import DataError
from spikebridge.metrics.bits_per_spike import RATE_FLOOR
from spikebridge.regression import one_sem_rank, principal_directions, ridge_slope

Array = NDArray[np.float64]
PENALTIES = np.logspace(-3, 2, 11)
"""Ridge penalties, in units of the mean variance of a source unit times the number of bins."""
RATE_SHARE = 0.1
"""A linear prediction may fall to zero and below; a rate is at least this share of the mean rate."""
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


@dataclass(frozen=True)
class _Moments:
    """Sums over the bins of each run of trials. xx: (run, source, source), xy: (run, source, target), yy: (run,)."""

    xx: Array
    xy: Array
    yy: Array


@dataclass(frozen=True)
class _Fold:
    """One run of trials held out. x, y: (bin, unit), both as regressed; b: (source, target), fitted to the other runs.

    v: (target, target), directions of the target, those first that the fit explains most of. base: (unit,), mean rates
    of the other runs, spikes per bin; scale: (unit,), rate of one unit of y. counts: (bin, unit).
    """

    x: Array
    b: Array
    v: Array
    base: Array
    scale: Array
    counts: Array

    def nats(self, predicted: Array) -> float:
        """Information of predicted deviations from the mean rate about the counts: sum y log(r / base) - (r - base)."""
        ratio = np.maximum(1 + predicted * (self.scale / self.base), RATE_SHARE)
        return float(np.sum(self.counts * np.log(ratio)) - np.sum(self.base * (ratio - 1)))


def estimate_lag(
    source: ArrayLike, target: ArrayLike, bin_s: float, max_lag: float, folds: int = 10, seed: int = 0
) -> LagEstimate:
    """Return the lag at which the source's counts predict the target's best, refined between bins by a parabola.

    Every lag is scored on the same target bins.

    Parameters
    ----------
    source, target : ArrayLike, shape (trial, bin, unit)
        Counts, spikes per bin.
    bin_s : float
        Width of a bin, seconds.
    max_lag : float
        Lags from -max_lag to max_lag are tried, seconds; positive: the target follows.
    folds : int
        Number of runs of trials, each held out once.
    seed : int
        Seed of the resampling.

    Returns
    -------
    LagEstimate
        Lag, interval and scores.

    Raises
    ------
    DataError
        Where windows are too short for the lag or trials too few for the folds.
    """
    x, y = np.asarray(source), np.asarray(target)
    steps = round(max_lag / bin_s)
    n_bins = x.shape[1]
    if steps < 1 or n_bins - 2 * steps < 2:
        needed = f"at least one bin of lag and windows of 2 x {max_lag:g} s + 2 bins"
        raise DataError(f"lag: expected {needed}, got {n_bins} bins of {bin_s:g} s")
    lags = np.arange(-steps, steps + 1)
    kept = y[:, steps : n_bins - steps]
    shifted = [x[:, steps - lag : n_bins - steps - lag] for lag in lags]
    coarse = [ridge_scores(run_moments(*_regressed(part, kept), folds)) for part in shifted[:: max(1, steps // 2)]]
    penalty = PENALTIES[int(np.argmax(np.max(coarse, axis=0)))]
    nats = [[fold.nats(fold.x @ fold.b) for fold in held_out_runs(part, kept, penalty, folds)] for part in shifted]
    return lag_of_scores(np.asarray(lags * bin_s, dtype=np.float64), np.array(nats).T, _spikes(kept, folds), seed)


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


def estimate_dimension(
    source: ArrayLike, target: ArrayLike, lag_bins: int = 0, max_rank: int = 12, folds: int = 10
) -> DimensionEstimate:
    """Return the number of source dimensions that the target follows.

    Reduced-rank regression with the one-standard-error rule: the coefficients B of a ridge regression are projected on
    the leading right singular vectors of X B; the smallest rank whose held-out bits/spike are within one SEM of the
    best rank's is the estimate.

    Parameters
    ----------
    source, target : ArrayLike, shape (trial, bin, unit)
        Counts, spikes per bin.
    lag_bins : int
        Bins by which the target follows; negative: it leads.
    max_rank : int
        Largest rank tried.
    folds : int
        Number of runs of trials, each held out once.

    Returns
    -------
    DimensionEstimate
        Dimension and scores.

    References
    ----------
    Semedo et al. 2019, Neuron 102:249, Methods.
    """
    x, y = np.asarray(source), np.asarray(target)
    if lag_bins > 0:
        x, y = x[:, :-lag_bins], y[:, lag_bins:]
    elif lag_bins < 0:
        x, y = x[:, -lag_bins:], y[:, :lag_bins]
    penalty = PENALTIES[int(np.argmax(ridge_scores(run_moments(*_regressed(x, y), folds))))]
    top = min(max_rank, x.shape[2], y.shape[2])
    nats = np.array([rank_nats(fold, top) for fold in held_out_runs(x, y, penalty, folds)])
    return dimension_of_scores(nats, _spikes(y, folds))


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


def _regressed(source: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
    """Roots of the source's counts and the target's over the roots of their means; both centred."""
    x = np.sqrt(np.asarray(source, dtype=np.float64))
    y = np.asarray(target, dtype=np.float64)
    y = y / np.sqrt(np.maximum(y.mean(axis=(0, 1)), RATE_FLOOR))
    return x - x.mean(axis=(0, 1)), y - y.mean(axis=(0, 1))


def _runs(n_trials: int, folds: int) -> list[NDArray[np.intp]]:
    if n_trials < 2:
        raise DataError(f"lag and dimension: expected two trials or more, got {n_trials}")
    return np.array_split(np.arange(n_trials), min(folds, n_trials))


def _spikes(counts: ArrayLike, folds: int) -> Array:
    counts = np.asarray(counts)
    return np.array([counts[run].sum() for run in _runs(len(counts), folds)], dtype=np.float64)


def run_moments(x: Array, y: Array, folds: int) -> _Moments:
    flat = [(x[r].reshape(-1, x.shape[2]), y[r].reshape(-1, y.shape[2])) for r in _runs(len(x), folds)]
    return _Moments(
        np.stack([a.T @ a for a, _ in flat]),
        np.stack([a.T @ b for a, b in flat]),
        np.array([np.sum(b * b) for _, b in flat]),
    )


def held_out_runs(source: ArrayLike, target: ArrayLike, penalty: float, folds: int) -> Iterator[_Fold]:
    """Ridge regressions that leave out one run each; means, too, are those of the other runs."""
    x, y = _regressed(source, target)
    counts = np.asarray(target, dtype=np.float64)
    runs = _runs(len(x), folds)
    m = run_moments(x, y, folds)
    xx, xy = m.xx.sum(axis=0), m.xy.sum(axis=0)
    n = len(x) * x.shape[1]
    scale = np.sqrt(np.maximum(counts.mean(axis=(0, 1)), RATE_FLOOR))
    total = counts.sum(axis=(0, 1))
    for k, run in enumerate(runs):
        left = n - len(run) * x.shape[1]
        mean_x, mean_y = -x[run].sum(axis=(0, 1)) / left, -y[run].sum(axis=(0, 1)) / left
        a = xx - m.xx[k] - left * np.outer(mean_x, mean_x)
        b = xy - m.xy[k] - left * np.outer(mean_x, mean_y)
        b = ridge_slope(a, b, penalty * max(np.trace(a) / len(a), RATE_FLOOR))
        v = principal_directions(b, a)
        base = np.maximum((total - counts[run].sum(axis=(0, 1))) / left, RATE_FLOOR)
        flat = x[run].reshape(-1, x.shape[2]) - mean_x
        yield _Fold(flat, b, v, base, scale, counts[run].reshape(-1, counts.shape[2]))


def rank_nats(fold: _Fold, top: int) -> list[float]:
    """Of ranks 1 .. top."""
    parts = fold.x @ (fold.b @ fold.v[:, :top])
    return [fold.nats(parts[:, :rank] @ fold.v[:, :rank].T) for rank in range(1, top + 1)]


def ridge_scores(m: _Moments) -> Array:
    """Held-out R2 at each of PENALTIES, over all runs together."""
    rest = np.zeros(len(PENALTIES))
    # Not regression.ridge_slope: one eigendecomposition serves every penalty.
    for run in range(len(m.yy)):
        values, vectors = np.linalg.eigh(m.xx.sum(axis=0) - m.xx[run])
        train = vectors.T @ (m.xy.sum(axis=0) - m.xy[run])
        gain, test = vectors.T @ m.xx[run] @ vectors, vectors.T @ m.xy[run]
        b = train / (values[:, None] + PENALTIES[:, None, None] * values.mean())
        rest += m.yy[run] - 2 * np.sum(b * test, axis=(1, 2)) + np.sum(b * (gain @ b), axis=(1, 2))
    return np.asarray(1 - rest / m.yy.sum())


def parabola_peak(lags: NDArray[np.int64], score: Array) -> float:
    """Lag of the vertex of the parabola through the best score and its neighbours."""
    k = int(np.argmax(score))
    if k in (0, len(score) - 1):
        return float(lags[k])
    left, mid, right = score[k - 1 : k + 2]
    bend = left - 2 * mid + right
    return float(lags[k] + (0.5 * (left - right) / bend if bend < 0 else 0.0))
