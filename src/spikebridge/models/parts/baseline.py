"""What can be said of the target without the source: its mean in the window, and its slow drift over the recording.

A translator that knows these need not spend latents on them, and two regions that merely drift side by side are not
taken for coupled ("nonsense correlations", Harris 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spikebridge.types import Windows

Array = NDArray[np.float64]

KERNELS_S = (15.0, 30.0, 60.0, 120.0, 240.0, 480.0)
PRIOR_SPIKES = (1.0, 3.0, 10.0, 30.0, 100.0)
SMOOTHING_BINS = (1.0, 2.0, 4.0)
SHRINKAGE = (0.25, 0.5, 0.75, 1.0)
RUNS = 5
CHUNK = 32  # windows that are looked at together
FEWEST_TRIALS = 10
LEAST_SHARE = 0.05  # of the mean rate, for a bin of the window-locked mean
LEAST_RATE = 1e-3  # spikes per window


@dataclass(frozen=True)
class LogGain:
    """The log gain of a baseline in some windows. slow: (window, unit), log drift.

    locked: (run, bin, unit), log of the window-locked mean as each run of windows has it; None where there is none.
    run: (window,), number of the run of a trial window, -1 for any other.
    """

    slow: NDArray[np.float32]
    locked: NDArray[np.float32] | None
    run: NDArray[np.int64]
    n_bins: int

    def log(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """(window, bin, unit) of these windows."""
        slow = np.repeat(self.slow[rows][:, None], self.n_bins, axis=1)
        if self.locked is not None:
            run = self.run[rows]
            slow[run >= 0] += self.locked[run[run >= 0]]
        return slow


@dataclass(frozen=True)
class Baseline:
    """Gain on a unit's mean rate: exp(log_gain) = window-locked mean (trial windows only) x drift.

    locked: (bin, unit), 1 where the window says nothing. times_s: (window,), starts of the windows learned from, in
    order. totals: (window, unit), their spikes. The drift at time t is the kernel-weighted count of spikes around t
    over the expected one, both with `prior` spikes added: the posterior mean of a gain under a Gamma(prior, prior).
    kernel_s: SD of the Gaussian kernel, seconds; 0 for no drift.
    """

    locked: Array
    times_s: Array
    totals: Array
    kernel_s: float
    prior: float

    def gain(self, windows: Windows) -> LogGain:
        """In these windows. Where a window's start is not known (NaN) there is no drift to tell."""
        drift = np.log(_drift(self.totals, self.times_s, windows.start_s, self.kernel_s, self.prior))
        locked = np.log(self.locked)[None].astype(np.float32)
        return LogGain(drift.astype(np.float32), locked, np.where(windows.in_trial, 0, -1), windows.n_bins)

    def log_gain(self, windows: Windows) -> NDArray[np.float32]:
        """(window, bin, unit)."""
        return self.gain(windows).log()

    def arrays(self) -> dict[str, Array]:
        """For saving; `from_arrays` reads it back."""
        return {k: np.asarray(v, dtype=np.float64) for k, v in vars(self).items()}

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> Baseline:
        scalars = {"kernel_s": arrays["kernel_s"].item(), "prior": arrays["prior"].item()}
        return Baseline(arrays["locked"], arrays["times_s"], arrays["totals"], **scalars)


def fit_baseline(w: Windows, locked: bool, drift: bool) -> tuple[Baseline, LogGain]:
    """The baseline of one recording, and its log gain in the very windows that it was learned from.

    Widths and shrinkage are those under which held-out contiguous runs of the given windows are most likely (Poisson);
    "nothing" is among the choices. The log gain of a run is told by the other runs, so that a network trained on top of
    it meets what it will meet on held-out data, not its own counts.
    """
    runs, sums = _runs(len(w)), _sums(w)
    totals = sums.totals
    kernel_s, prior = _choose_drift(totals, w.start_s, runs) if drift else (0.0, 1.0)
    slow = np.ones_like(totals)
    for rest, run in runs:
        slow[run] = _drift(totals[rest], w.start_s[rest], w.start_s[run], kernel_s, prior)
    trials = int(sums.n_trials.sum())
    shape = _choose_locked(sums, slow, w.in_trial) if locked and trials >= FEWEST_TRIALS else None
    number = np.where(w.in_trial, _run_of(len(w)), -1)
    course, mean = None, np.ones(sums.trials.shape[1:])
    if shape is not None:
        mean = _locked(sums.trials.sum(axis=0) / trials, *shape)
        course = np.log([_locked(rest / max(n, 1), *shape) for rest, n in sums.other_trials()]).astype(np.float32)
    crossed = LogGain(np.log(slow).astype(np.float32), course, number, w.n_bins)
    return Baseline(mean, w.start_s.copy(), totals, kernel_s, prior), crossed


@dataclass(frozen=True)
class _Sums:
    """Spikes. totals: (window, unit). every, trials: (run, bin, unit), over the windows, or trial windows, of a run.

    n_every, n_trials: (run,), their numbers.
    """

    totals: Array
    every: Array
    trials: Array
    n_every: NDArray[np.int64]
    n_trials: NDArray[np.int64]

    def other_trials(self) -> list[tuple[Array, int]]:
        """For every run: sum over the trial windows of the other runs, (bin, unit), and their number."""
        whole, n = self.trials.sum(axis=0), int(self.n_trials.sum())
        return [(whole - part, n - int(k)) for part, k in zip(self.trials, self.n_trials, strict=True)]

    def other_rates(self) -> Array:
        """(run, unit), spikes per bin in the windows of the other runs."""
        bins = self.every.shape[1]
        rest = self.every.sum(axis=(0, 1)) - self.every.sum(axis=1)
        rates = rest / np.maximum(bins * (self.n_every.sum() - self.n_every), 1)[:, None]
        return np.maximum(rates, LEAST_RATE / bins)


def _sums(w: Windows) -> _Sums:
    """One pass over the counts."""
    shape = (min(RUNS, max(len(w), 1)), w.n_bins, w.target.shape[2])
    every, trials, totals = np.zeros(shape), np.zeros(shape), np.empty((len(w), shape[2]))
    run = _run_of(len(w))
    for start in range(0, len(w), CHUNK):
        rows = slice(start, start + CHUNK)
        y = w.target[rows].astype(np.float64)
        totals[rows] = y.sum(axis=1)
        for k in np.unique(run[rows]):
            here = run[rows] == k
            every[k] += y[here].sum(axis=0)
            trials[k] += y[here & w.in_trial[rows]].sum(axis=0)
    counts = [np.bincount(run[some], minlength=shape[0]) for some in (slice(None), w.in_trial)]
    return _Sums(totals, every, trials, *counts)


def _run_of(n: int) -> NDArray[np.int64]:
    """(window,), number of the run that a window belongs to."""
    parts = np.array_split(np.arange(n), min(RUNS, max(n, 1)))
    return np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _runs(n: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(the others, run) for contiguous runs of windows."""
    run = _run_of(n)
    return [(np.flatnonzero(run != k), np.flatnonzero(run == k)) for k in np.unique(run) if n > 1]


def _choose_drift(totals: Array, times_s: Array, runs: list[tuple[NDArray, NDArray]]) -> tuple[float, float]:
    gains = dict.fromkeys(product(KERNELS_S, PRIOR_SPIKES), 0.0)
    for kernel_s, (rest, run) in product(KERNELS_S, runs):
        around = _around(totals[rest], times_s[rest], times_s[run], kernel_s)
        expected = np.maximum(totals[rest].mean(axis=0), LEAST_RATE)
        for prior in PRIOR_SPIKES:
            drift = (around[0] + prior) / (around[1] * expected + prior)
            gains[kernel_s, prior] += float((totals[run] * np.log(drift) - (drift - 1) * expected).sum())
    best = max(gains, key=lambda choice: gains[choice])
    return best if gains[best] > 0 else (0.0, 1.0)


def _choose_locked(sums: _Sums, slow: Array, trial: NDArray[np.bool_]) -> tuple[float, float] | None:
    run = _run_of(len(slow))
    expected = np.stack([slow[(run == k) & trial].sum(axis=0) for k in range(len(sums.every))]) * sums.other_rates()
    gains = dict.fromkeys(product(SMOOTHING_BINS, SHRINKAGE), 0.0)
    for k, (rest, n) in enumerate(sums.other_trials()):
        if sums.n_trials[k] == 0 or n < 2:
            continue
        for shape in gains:
            mean = _locked(rest / n, *shape)
            gains[shape] += float((sums.trials[k] * np.log(mean) - expected[k] * (mean - 1)).sum())
    best = max(gains, key=lambda choice: gains[choice])
    return best if gains[best] > 0 else None


def _locked(course: Array, smoothing: float, shrinkage: float) -> Array:
    """(bin, unit): mean over trials (bin, unit), smoothed, relative to the unit's mean, drawn towards 1."""
    mean = np.maximum(course.mean(axis=0), LEAST_RATE / len(course))
    smooth = gaussian_filter1d(course, smoothing, axis=0, mode="nearest")
    return np.asarray(np.maximum(1 + shrinkage * (smooth / mean - 1), LEAST_SHARE))


def _drift(totals: Array, times_s: Array, at_s: Array, kernel_s: float, prior: float) -> Array:
    """(window, unit): gain at the times `at_s`."""
    if kernel_s <= 0 or len(times_s) == 0:
        return np.ones((len(at_s), totals.shape[1]))
    spikes, weight = _around(totals, times_s, at_s, kernel_s)
    expected = np.maximum(totals.mean(axis=0), LEAST_RATE)
    return np.asarray((spikes + prior) / (weight * expected + prior))


def _around(totals: Array, times_s: Array, at_s: Array, kernel_s: float) -> tuple[Array, Array]:
    """Kernel-weighted spikes (window, unit) around the times `at_s`, and the sum of weights (window, 1)."""
    spikes, weights = np.empty((len(at_s), totals.shape[1])), np.empty((len(at_s), 1))
    for start in range(0, len(at_s), CHUNK):
        rows = slice(start, start + CHUNK)
        away = (at_s[rows, None] - times_s) / kernel_s
        weight = np.where(np.isfinite(away), np.exp(-0.5 * np.square(away)), 0.0)
        spikes[rows], weights[rows, 0] = weight @ totals, weight.sum(axis=1)
    return spikes, weights
