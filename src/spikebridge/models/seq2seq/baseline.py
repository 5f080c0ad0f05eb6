"""Baseline of the target without the source: its PSTH in trial windows, and its slow drift over the recording.

The baseline is an offset of the translator's log rate, so that the latents need not represent it, and two regions that
merely drift at the same time are not taken for coupled ("nonsense correlations", Harris 2020).
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
N_BLOCKS = 5
CHUNK = 32  # windows that are computed together
MIN_TRIALS = 10
MIN_SHARE = 0.05  # of the mean rate, in a bin of the PSTH
MIN_BASELINE_SPIKES = 1e-3  # per window


@dataclass(frozen=True)
class LogOffset:
    """Log of a baseline, relative to each unit's mean rate, in some windows. drift: (window, unit), log drift.

    psth: (block, bin, unit), log of the PSTH as cross-fitted for each block of windows; None where there is none.
    block: (window,), number of the block of a trial window, -1 for any other.
    """

    drift: NDArray[np.float32]
    psth: NDArray[np.float32] | None
    block: NDArray[np.int64]
    n_bins: int

    def array(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """(window, bin, unit) of these windows."""
        offset = np.repeat(self.drift[rows][:, None], self.n_bins, axis=1)
        if self.psth is not None:
            block = self.block[rows]
            offset[block >= 0] += self.psth[block[block >= 0]]
        return offset


@dataclass(frozen=True)
class Baseline:
    """A factor on each unit's mean rate: exp(log offset) = PSTH (trial windows only) x drift.

    psth: (bin, unit), relative to the mean; 1 without modulation. times_s: (window,), starts of the training windows,
    in order. totals: (window, unit), their spikes. The drift at time t is the kernel-weighted count of spikes around t
    over the expected one, both with `prior` spikes added: the posterior mean of a factor under a Gamma(prior, prior).
    kernel_s: SD of the Gaussian kernel, seconds; 0 for no drift.
    """

    psth: Array
    times_s: Array
    totals: Array
    kernel_s: float
    prior: float

    def log_offset(self, windows: Windows) -> LogOffset:
        """In these windows. Where a window's start is not known (NaN) there is no drift."""
        drift = np.log(_drift(self.totals, self.times_s, windows.start_s, self.kernel_s, self.prior))
        psth = np.log(self.psth)[None].astype(np.float32)
        return LogOffset(drift.astype(np.float32), psth, np.where(windows.in_trial, 0, -1), windows.n_bins)

    def arrays(self) -> dict[str, Array]:
        """For saving; `from_arrays` reads it back."""
        return {k: np.asarray(v, dtype=np.float64) for k, v in vars(self).items()}

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> Baseline:
        scalars = {"kernel_s": arrays["kernel_s"].item(), "prior": arrays["prior"].item()}
        return Baseline(arrays["psth"], arrays["times_s"], arrays["totals"], **scalars)


def fit_baseline(w: Windows, psth: bool, drift: bool) -> tuple[Baseline, LogOffset]:
    """The baseline of one recording, and its cross-fitted log offset in the same windows.

    Kernel widths and shrinkage are those of highest Poisson likelihood on held-out contiguous blocks of the windows; no
    PSTH and no drift are among the choices. The log offset of a block is fitted to the other blocks, so that a network
    is trained with offsets such as it has on held-out data.
    """
    blocks, sums = _blocks(len(w)), _sums(w)
    totals = sums.totals
    kernel_s, prior = _choose_drift(totals, w.start_s, blocks) if drift else (0.0, 1.0)
    slow = np.ones_like(totals)
    for rest, block in blocks:
        slow[block] = _drift(totals[rest], w.start_s[rest], w.start_s[block], kernel_s, prior)
    trials = int(sums.n_trials.sum())
    shape = _choose_psth(sums, slow, w.in_trial) if psth and trials >= MIN_TRIALS else None
    number = np.where(w.in_trial, _block_of(len(w)), -1)
    crossed, mean = None, np.ones(sums.trials.shape[1:])
    if shape is not None:
        mean = _psth(sums.trials.sum(axis=0) / trials, *shape)
        crossed = np.log([_psth(rest / max(n, 1), *shape) for rest, n in sums.other_trials()]).astype(np.float32)
    offset = LogOffset(np.log(slow).astype(np.float32), crossed, number, w.n_bins)
    return Baseline(mean, w.start_s.copy(), totals, kernel_s, prior), offset


@dataclass(frozen=True)
class _Sums:
    """Spikes. totals: (window, unit). every, trials: (block, bin, unit), over all or trial windows of a block.

    n_every, n_trials: (block,), their numbers.
    """

    totals: Array
    every: Array
    trials: Array
    n_every: NDArray[np.int64]
    n_trials: NDArray[np.int64]

    def other_trials(self) -> list[tuple[Array, int]]:
        """For every block: sum over the trial windows of the other blocks, (bin, unit), and their number."""
        whole, n = self.trials.sum(axis=0), int(self.n_trials.sum())
        return [(whole - part, n - int(k)) for part, k in zip(self.trials, self.n_trials, strict=True)]

    def other_rates(self) -> Array:
        """(block, unit), spikes per bin in the windows of the other blocks."""
        bins = self.every.shape[1]
        rest = self.every.sum(axis=(0, 1)) - self.every.sum(axis=1)
        rates = rest / np.maximum(bins * (self.n_every.sum() - self.n_every), 1)[:, None]
        return np.maximum(rates, MIN_BASELINE_SPIKES / bins)


def _sums(w: Windows) -> _Sums:
    """One pass over the counts."""
    shape = (min(N_BLOCKS, max(len(w), 1)), w.n_bins, w.target.shape[2])
    every, trials, totals = np.zeros(shape), np.zeros(shape), np.empty((len(w), shape[2]))
    block = _block_of(len(w))
    for start in range(0, len(w), CHUNK):
        rows = slice(start, start + CHUNK)
        y = w.target[rows].astype(np.float64)
        totals[rows] = y.sum(axis=1)
        for k in np.unique(block[rows]):
            here = block[rows] == k
            every[k] += y[here].sum(axis=0)
            trials[k] += y[here & w.in_trial[rows]].sum(axis=0)
    counts = [np.bincount(block[some], minlength=shape[0]) for some in (slice(None), w.in_trial)]
    return _Sums(totals, every, trials, *counts)


def _block_of(n: int) -> NDArray[np.int64]:
    """(window,), number of the block that a window belongs to."""
    parts = np.array_split(np.arange(n), min(N_BLOCKS, max(n, 1)))
    return np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _blocks(n: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(the other windows, block) for contiguous blocks of windows."""
    block = _block_of(n)
    return [(np.flatnonzero(block != k), np.flatnonzero(block == k)) for k in np.unique(block) if n > 1]


def _choose_drift(totals: Array, times_s: Array, blocks: list[tuple[NDArray, NDArray]]) -> tuple[float, float]:
    """Kernel SD in seconds and prior spikes of highest held-out likelihood; (0, 1) for no drift."""
    nats = dict.fromkeys(product(KERNELS_S, PRIOR_SPIKES), 0.0)
    for kernel_s, (rest, block) in product(KERNELS_S, blocks):
        around = _around(totals[rest], times_s[rest], times_s[block], kernel_s)
        expected = np.maximum(totals[rest].mean(axis=0), MIN_BASELINE_SPIKES)
        for prior in PRIOR_SPIKES:
            drift = (around[0] + prior) / (around[1] * expected + prior)
            nats[kernel_s, prior] += float((totals[block] * np.log(drift) - (drift - 1) * expected).sum())
    best = max(nats, key=lambda choice: nats[choice])
    return best if nats[best] > 0 else (0.0, 1.0)


def _choose_psth(sums: _Sums, slow: Array, trial: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Smoothing in bins and shrinkage of highest held-out likelihood; None for no PSTH."""
    block = _block_of(len(slow))
    expected = np.stack([slow[(block == k) & trial].sum(axis=0) for k in range(len(sums.every))]) * sums.other_rates()
    nats = dict.fromkeys(product(SMOOTHING_BINS, SHRINKAGE), 0.0)
    for k, (rest, n) in enumerate(sums.other_trials()):
        if sums.n_trials[k] == 0 or n < 2:
            continue
        for shape in nats:
            mean = _psth(rest / n, *shape)
            nats[shape] += float((sums.trials[k] * np.log(mean) - expected[k] * (mean - 1)).sum())
    best = max(nats, key=lambda choice: nats[choice])
    return best if nats[best] > 0 else None


def _psth(raw: Array, smoothing: float, shrinkage: float) -> Array:
    """(bin, unit): mean over trials `raw` (bin, unit), smoothed, relative to the unit's mean, shrunk towards 1."""
    mean = np.maximum(raw.mean(axis=0), MIN_BASELINE_SPIKES / len(raw))
    smooth = gaussian_filter1d(raw, smoothing, axis=0, mode="nearest")
    return np.asarray(np.maximum(1 + shrinkage * (smooth / mean - 1), MIN_SHARE))


def _drift(totals: Array, times_s: Array, at_s: Array, kernel_s: float, prior: float) -> Array:
    """(window, unit): factor on the mean rate at the times `at_s`."""
    if kernel_s <= 0 or len(times_s) == 0:
        return np.ones((len(at_s), totals.shape[1]))
    spikes, weight = _around(totals, times_s, at_s, kernel_s)
    expected = np.maximum(totals.mean(axis=0), MIN_BASELINE_SPIKES)
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
