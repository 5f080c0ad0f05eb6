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
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikebridge.errors import DataError
from spikebridge.metrics.bits_per_spike import RATE_FLOOR
from spikebridge.metrics.coupling_curves import DimensionEstimate, LagEstimate, dimension_of_scores, lag_of_scores
from spikebridge.regression import principal_directions, ridge_slope

Array = NDArray[np.float64]
Runs = Sequence[NDArray[np.intp]]
"""Rows of each held-out run."""
PENALTIES = np.logspace(-3, 2, 11)
"""Ridge penalties, in units of the mean variance of a source unit times the number of bins."""
RATE_SHARE = 0.1
"""A linear prediction may fall to zero and below; a rate is at least this share of the mean rate."""


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
    source: ArrayLike,
    target: ArrayLike,
    bin_s: float,
    max_lag: float,
    folds: int = 10,
    seed: int = 0,
    bins: ArrayLike | None = None,
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
    bins : ArrayLike, shape (trial, bin), optional
        Target bins that are used, such as those of a state; None: all. Source bins within max_lag of them are used as
        well (see `surrounded`). Runs are of trials, with as many bins as they have.

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
    inner = slice(steps, n_bins - steps)
    used = None if bins is None else np.asarray(bins, dtype=bool)[:, inner]
    runs = _runs(len(y), folds) if used is None else _runs_of_bins(used, folds)
    kept = _chosen(y[:, inner], used)
    shifted = [_chosen(x[:, steps - lag : n_bins - steps - lag], used) for lag in lags]
    coarse = [ridge_scores(run_moments(*_regressed(part, kept), runs)) for part in shifted[:: max(1, steps // 2)]]
    penalty = PENALTIES[int(np.argmax(np.max(coarse, axis=0)))]
    nats = [[fold.nats(fold.x @ fold.b) for fold in held_out_runs(part, kept, penalty, runs)] for part in shifted]
    return lag_of_scores(np.asarray(lags * bin_s, dtype=np.float64), np.array(nats).T, _spikes(kept, runs), seed)


def estimate_dimension(
    source: ArrayLike,
    target: ArrayLike,
    lag_bins: int = 0,
    max_rank: int = 12,
    folds: int = 10,
    bins: ArrayLike | None = None,
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
    bins : ArrayLike, shape (trial, bin), optional
        Target bins that are used; None: all. Source bins `lag_bins` before them are used as well (see `surrounded`).

    Returns
    -------
    DimensionEstimate
        Dimension and scores.

    References
    ----------
    Semedo et al. 2019, Neuron 102:249, Methods.
    """
    x, y = np.asarray(source), np.asarray(target)
    used = None if bins is None else np.asarray(bins, dtype=bool)
    if lag_bins > 0:
        x, y, used = x[:, :-lag_bins], y[:, lag_bins:], None if used is None else used[:, lag_bins:]
    elif lag_bins < 0:
        x, y, used = x[:, -lag_bins:], y[:, :lag_bins], None if used is None else used[:, :lag_bins]
    runs = _runs(len(y), folds) if used is None else _runs_of_bins(used, folds)
    x, y = _chosen(x, used), _chosen(y, used)
    penalty = PENALTIES[int(np.argmax(ridge_scores(run_moments(*_regressed(x, y), runs))))]
    top = min(max_rank, x.shape[2], y.shape[2])
    nats = np.array([rank_nats(fold, top) for fold in held_out_runs(x, y, penalty, runs)])
    return dimension_of_scores(nats, _spikes(y, runs))


def surrounded(inside: ArrayLike, before: int, after: int) -> NDArray[np.bool_]:
    """Return the bins from which a stretch reaches that many bins back and forward within its window.

    A pair of bins that lie `before` or `after` apart is then in the stretch with all bins between.

    Parameters
    ----------
    inside : ArrayLike, shape (trial, bin)
        Bins of a state.
    before, after : int
        Bins, zero or more.

    Returns
    -------
    NDArray, shape (trial, bin)
        False where the stretch, or the window, ends sooner.
    """
    flags = np.asarray(inside, dtype=bool)
    n = flags.shape[1]
    padded = np.pad(flags, ((0, 0), (before, after)))
    return np.logical_and.reduce([padded[:, k : k + n] for k in range(before + after + 1)])


def _regressed(source: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
    """Roots of the source's counts and the target's over the roots of their means; both centred."""
    x = np.sqrt(np.asarray(source, dtype=np.float64))
    y = np.asarray(target, dtype=np.float64)
    y = y / np.sqrt(np.maximum(y.mean(axis=(0, 1)), RATE_FLOOR))
    return x - x.mean(axis=(0, 1)), y - y.mean(axis=(0, 1))


def _runs(n_trials: int, folds: int) -> Runs:
    if n_trials < 2:
        raise DataError(f"lag and dimension: expected two trials or more, got {n_trials}")
    return np.array_split(np.arange(n_trials), min(folds, n_trials))


def _runs_of_bins(used: NDArray[np.bool_], folds: int) -> Runs:
    """The same runs of trials, as rows of what `_chosen` gives."""
    last = np.cumsum(used.sum(axis=1))
    rows = [(last[run[0]] - used[run[0]].sum(), last[run[-1]]) for run in _runs(len(used), folds)]
    if sum(stop > start for start, stop in rows) < 2:
        raise DataError(f"lag and dimension: expected bins in two runs of trials or more, got {int(used.sum())} bins")
    return [np.arange(start, stop) for start, stop in rows]


def _chosen(counts: NDArray[Any], used: NDArray[np.bool_] | None) -> NDArray[Any]:
    """(trial, bin, unit) as it is, or the chosen bins alone as trials of one bin."""
    return counts if used is None else counts[used][:, None]


def _spikes(counts: ArrayLike, runs: Runs) -> Array:
    counts = np.asarray(counts)
    return np.array([counts[run].sum() for run in runs], dtype=np.float64)


def run_moments(x: Array, y: Array, runs: int | Runs) -> _Moments:
    """runs: how many runs of trials, or the rows of each."""
    runs = _runs(len(x), runs) if isinstance(runs, int) else runs
    flat = [(x[r].reshape(-1, x.shape[2]), y[r].reshape(-1, y.shape[2])) for r in runs]
    return _Moments(
        np.stack([a.T @ a for a, _ in flat]),
        np.stack([a.T @ b for a, b in flat]),
        np.array([np.sum(b * b) for _, b in flat]),
    )


def held_out_runs(source: ArrayLike, target: ArrayLike, penalty: float, runs: int | Runs) -> Iterator[_Fold]:
    """Ridge regressions that leave out one run each; means, too, are those of the other runs. runs: see run_moments."""
    x, y = _regressed(source, target)
    counts = np.asarray(target, dtype=np.float64)
    runs = _runs(len(x), runs) if isinstance(runs, int) else runs
    m = run_moments(x, y, runs)
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
