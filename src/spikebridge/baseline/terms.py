"""A fitted baseline of one recording: the factors on each unit's mean rate, and the rates that they give.

All translators have the same log offset, so that their latents need not represent what time in the trial and slow drift
tell, and two regions that merely drift at the same time are not taken for coupled ("nonsense correlations", Harris
2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spikebridge.types import Windows

Array = NDArray[np.float64]

CHUNK = 32  # windows that are computed together
MIN_BASELINE_SPIKES = 1e-3  # per window


@dataclass(frozen=True)
class LogOffset:
    """Log of a baseline, relative to each unit's level, in some windows.

    Parameters
    ----------
    drift : NDArray, shape (window, unit)
        Log of the drift.
    psth : NDArray, shape (block, bin, unit), optional
        Log of the PSTH, one for each block of windows (cross-fitted) or one for all; None: no PSTH.
    block : NDArray, shape (window,)
        Number of the block of a trial window, -1 for any other.
    n_bins : int
        Bins of a window.
    """

    drift: NDArray[np.float32]
    psth: NDArray[np.float32] | None
    block: NDArray[np.int64]
    n_bins: int

    def array(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """Write the offset out.

        Parameters
        ----------
        rows : NDArray or slice, optional
            Which windows.

        Returns
        -------
        NDArray, shape (window, bin, unit)
            The log offset of these windows.
        """
        offset = np.repeat(self.drift[rows][:, None], self.n_bins, axis=1)
        if self.psth is not None:
            block = self.block[rows]
            offset[block >= 0] += self.psth[block[block >= 0]]
        return offset

    def select(self, rows: NDArray[np.int64]) -> LogOffset:
        """Give the offset of some of the windows.

        Parameters
        ----------
        rows : NDArray
            Which windows.

        Returns
        -------
        LogOffset
            Theirs.
        """
        return replace(self, drift=self.drift[rows], block=self.block[rows])

    def total(self) -> Array:
        """Sum the factor exp(offset) over all windows and bins.

        Returns
        -------
        NDArray, shape (unit,)
            The sum.
        """
        slow = np.exp(self.drift.astype(np.float64))
        if self.psth is None:
            return np.asarray(self.n_bins * slow.sum(axis=0))
        course = np.exp(self.psth.astype(np.float64)).sum(axis=1)
        inside = [slow[self.block == k].sum(axis=0) * of_block for k, of_block in enumerate(course)]
        return np.asarray(np.sum(inside, axis=0) + self.n_bins * slow[self.block < 0].sum(axis=0))


@dataclass(frozen=True)
class Baseline:
    """Rates without the source: level x PSTH (trial windows only) x drift.

    The drift at time t is the kernel-weighted count of spikes around t over the expected one, both with `prior` spikes
    added: the posterior mean of a factor under a Gamma(prior, prior). Far from all training windows it is 1.

    Parameters
    ----------
    psth : NDArray, shape (bin, unit)
        Relative to the mean; 1 without modulation.
    times_s : NDArray, shape (window,), seconds
        Starts of the training windows, in order.
    totals : NDArray, shape (window, unit)
        Spikes of the training windows.
    level : NDArray, shape (unit,), spikes per bin
        The rate where PSTH and drift are 1.
    kernel_s : float, seconds
        SD of the Gaussian kernel of the drift; 0: no drift.
    prior : float, spikes
        Prior of the drift.
    smoothing_bins : float, bins
        SD of the Gaussian kernel that smoothed the PSTH; 0: no PSTH.
    shrinkage : float
        Factor on the modulation of the PSTH; 0: no PSTH.
    """

    psth: Array
    times_s: Array
    totals: Array
    level: Array
    kernel_s: float = 0.0
    prior: float = 1.0
    smoothing_bins: float = 0.0
    shrinkage: float = 0.0

    def log_offset(self, windows: Windows) -> LogOffset:
        """Give the log offset in windows of the recording.

        Parameters
        ----------
        windows : Windows
            Where the start of a window is not known (NaN) there is no drift.

        Returns
        -------
        LogOffset
            Relative to `level`.
        """
        slow = drift_factor(self.totals, self.times_s, windows.start_s, self.kernel_s, self.prior)
        psth = np.log(self.psth)[None].astype(np.float32)
        return LogOffset(np.log(slow).astype(np.float32), psth, np.where(windows.in_trial, 0, -1), windows.n_bins)

    def rates(self, windows: Windows) -> NDArray[np.float32]:
        """Give the rates of the target without the source.

        Parameters
        ----------
        windows : Windows
            Of the recording.

        Returns
        -------
        NDArray, shape (window, bin, unit)
            Expected spikes per bin.
        """
        return rates_of(self.level, self.log_offset(windows))

    def arrays(self) -> dict[str, Array]:
        """List the fields as arrays, for saving; `from_arrays` reads them back.

        Returns
        -------
        dict
            Name of a field -> its value.
        """
        return {k: np.asarray(v, dtype=np.float64) for k, v in vars(self).items()}

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> Baseline:
        """Make a baseline of what `arrays` gave.

        Parameters
        ----------
        arrays : mapping
            Name of a field -> its value.

        Returns
        -------
        Baseline
            The same.
        """
        scalars = {k: arrays[k].item() for k in ("kernel_s", "prior", "smoothing_bins", "shrinkage")}
        return Baseline(arrays["psth"], arrays["times_s"], arrays["totals"], arrays["level"], **scalars)


def rates_of(level: Array, offset: LogOffset) -> NDArray[np.float32]:
    """(window, bin, unit), spikes per bin: level (unit,) times exp(offset)."""
    rates = offset.array()
    np.exp(rates, out=rates)
    rates *= level.astype(np.float32)
    return rates


def drift_factor(totals: Array, times_s: Array, at_s: Array, kernel_s: float, prior: float) -> Array:
    """(window, unit): factor on the mean rate at the times `at_s`."""
    if kernel_s <= 0 or len(times_s) == 0:
        return np.ones((len(at_s), totals.shape[1]))
    spikes, weight = weighted_spikes(totals, times_s, at_s, kernel_s)
    expected = np.maximum(totals.mean(axis=0), MIN_BASELINE_SPIKES)
    return np.asarray((spikes + prior) / (weight * expected + prior))


def weighted_spikes(totals: Array, times_s: Array, at_s: Array, kernel_s: float) -> tuple[Array, Array]:
    """Kernel-weighted spikes (window, unit) around the times `at_s`, and the sum of weights (window, 1)."""
    spikes, weights = np.empty((len(at_s), totals.shape[1])), np.empty((len(at_s), 1))
    for start in range(0, len(at_s), CHUNK):
        rows = slice(start, start + CHUNK)
        away = (at_s[rows, None] - times_s) / kernel_s
        weight = np.where(np.isfinite(away), np.exp(-0.5 * np.square(away)), 0.0)
        spikes[rows], weights[rows, 0] = weight @ totals, weight.sum(axis=1)
    return spikes, weights
