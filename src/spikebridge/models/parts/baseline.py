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
FEWEST_TRIALS = 10
LEAST_SHARE = 0.05  # of the mean rate, for a bin of the window-locked mean
LEAST_RATE = 1e-3  # spikes per window


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

    def log_gain(self, windows: Windows) -> Array:
        """(window, bin, unit). Where a window's start is not known (NaN) there is no drift to tell."""
        drift = np.log(_drift(self.totals, self.times_s, windows.start_s, self.kernel_s, self.prior))
        locked = np.where((windows.trial >= 0)[:, None, None], np.log(self.locked), 0.0)
        return np.asarray(drift[:, None, :] + locked)

    def arrays(self) -> dict[str, Array]:
        """For saving; `from_arrays` reads it back."""
        return {k: np.asarray(v, dtype=np.float64) for k, v in vars(self).items()}

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> Baseline:
        scalars = {"kernel_s": arrays["kernel_s"].item(), "prior": arrays["prior"].item()}
        return Baseline(arrays["locked"], arrays["times_s"], arrays["totals"], **scalars)


def fit_baseline(w: Windows, locked: bool, drift: bool) -> tuple[Baseline, Array]:
    """The baseline of one recording, and its log gain in the very windows that it was learned from.

    Widths and shrinkage are those under which held-out contiguous runs of the given windows are most likely (Poisson);
    "nothing" is among the choices. The log gain (window, bin, unit) of a run is told by the other runs, so that a
    network trained on top of it meets what it will meet on held-out data, not its own counts.
    """
    y = w.target.astype(np.float64)
    totals, runs = y.sum(axis=1), _runs(len(w))
    kernel_s, prior = _choose_drift(totals, w.start_s, runs) if drift else (0.0, 1.0)
    slow = np.ones_like(totals)
    for rest, run in runs:
        slow[run] = _drift(totals[rest], w.start_s[rest], w.start_s[run], kernel_s, prior)
    trial = w.trial >= 0
    shape = _choose_locked(y, trial, slow, runs) if locked and trial.sum() >= FEWEST_TRIALS else None
    crossed = np.repeat(np.log(slow)[:, None, :], w.n_bins, axis=1)
    if shape is not None:
        for rest, run in runs:
            run = run[trial[run]]
            crossed[run] += np.log(_locked(y[rest][trial[rest]], *shape))
    mean = _locked(y[trial], *shape) if shape is not None else np.ones(y.shape[1:])
    return Baseline(mean, w.start_s.copy(), totals, kernel_s, prior), crossed


def _runs(n: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(the others, run) for contiguous runs of windows."""
    every = np.arange(n)
    return [(np.setdiff1d(every, run), run) for run in np.array_split(every, min(RUNS, n)) if n > 1]


def _choose_drift(totals: Array, times_s: Array, runs: list[tuple[NDArray, NDArray]]) -> tuple[float, float]:
    best, chosen = 0.0, (0.0, 1.0)
    for kernel_s, prior in product(KERNELS_S, PRIOR_SPIKES):
        gain = 0.0
        for rest, run in runs:
            drift = _drift(totals[rest], times_s[rest], times_s[run], kernel_s, prior)
            expected = np.maximum(totals[rest].mean(axis=0), LEAST_RATE)
            gain += float((totals[run] * np.log(drift) - (drift - 1) * expected).sum())
        if gain > best:
            best, chosen = gain, (kernel_s, prior)
    return chosen


def _choose_locked(
    y: Array, trial: NDArray[np.bool_], slow: Array, runs: list[tuple[NDArray, NDArray]]
) -> tuple[float, float] | None:
    best: float = 0.0
    chosen = None
    for shape in product(SMOOTHING_BINS, SHRINKAGE):
        gain = 0.0
        for rest, run in runs:
            run = run[trial[run]]
            known = y[rest][trial[rest]]
            if len(run) == 0 or len(known) < 2:
                continue
            mean = _locked(known, *shape)
            expected = slow[run][:, None, :] * np.maximum(y[rest].mean(axis=(0, 1)), LEAST_RATE / y.shape[1])
            gain += float((y[run] * np.log(mean) - expected * (mean - 1)).sum())
        if gain > best:
            best, chosen = gain, shape
    return chosen


def _locked(y: Array, smoothing: float, shrinkage: float) -> Array:
    """(bin, unit): mean over trials (trial, bin, unit), smoothed, relative to the unit's mean, drawn towards 1."""
    mean = np.maximum(y.mean(axis=(0, 1)), LEAST_RATE / y.shape[1])
    smooth = gaussian_filter1d(y.mean(axis=0), smoothing, axis=0, mode="nearest")
    return np.asarray(np.maximum(1 + shrinkage * (smooth / mean - 1), LEAST_SHARE))


def _drift(totals: Array, times_s: Array, at_s: Array, kernel_s: float, prior: float) -> Array:
    """(window, unit): gain at the times `at_s`."""
    if kernel_s <= 0 or len(times_s) == 0:
        return np.ones((len(at_s), totals.shape[1]))
    away = (at_s[:, None] - times_s[None, :]) / kernel_s
    weight = np.where(np.isfinite(away), np.exp(-0.5 * np.square(away)), 0.0)
    expected = np.maximum(totals.mean(axis=0), LEAST_RATE)
    return np.asarray((weight @ totals + prior) / (weight.sum(axis=1)[:, None] * expected + prior))
