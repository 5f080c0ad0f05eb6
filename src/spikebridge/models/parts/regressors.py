"""Regressors of translators: lagged source counts, spike history, and the PSTH. Windows are handled one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spikebridge.types import Windows

MAX_S = 60.0
"""Longest kernel and lag, seconds: wider ones than any window would only cost memory."""
MIN_RATE_SHARE = 0.05
"""Of a unit's mean rate: predicted rates are at least this, because a linear prediction can be negative."""
SMOOTHING_BINS = 1.5
PRIOR_WINDOWS = 20.0
"""Weight of the mean rate in a PSTH that is one term of a model; close to the best on real recordings."""


def lagged_counts(
    counts: NDArray[np.generic],
    bin_s: float,
    smoothing_s: float,
    max_lag_s: float,
    dtype: type[np.floating[Any]] = np.float64,
) -> NDArray[Any]:
    """(window, bin, lag * unit), counts (window, bin, unit) smoothed by a Gaussian, at the lags of `lag_bins`.

    smoothing_s: SD of the kernel. Beyond a window's edge the nearest bin is repeated.
    """
    smooth = gaussian_filter1d(counts.astype(dtype), smoothing_s / bin_s, axis=1, mode="nearest")
    n, units = counts.shape[1:]
    lags = lag_bins(bin_s, smoothing_s, max_lag_s)
    lagged = np.empty((len(counts), n, len(lags), units), dtype)
    for k, lag in enumerate(lags):
        lagged[:, :, k] = smooth[:, np.clip(np.arange(n) - lag, 0, n - 1)]
    return lagged.reshape(len(counts), n, len(lags) * units)


def lag_bins(bin_s: float, smoothing_s: float, max_lag_s: float) -> list[int]:
    """Lags in bins, from -max_lag_s to +max_lag_s.

    At most four on either side, and none nearer to the next than the SD of the kernel: such lags would be redundant.
    """
    longest = round(max_lag_s / bin_s)
    each_way = min(4, longest // max(1, round(smoothing_s / bin_s)))
    return sorted({round(lag) for lag in np.linspace(-longest, longest, 2 * each_way + 1)}) if each_way else [0]


def spike_history(counts: NDArray[np.generic], mean: NDArray[np.float64], decay: float) -> NDArray[np.float64]:
    """(window, bin, unit), exponentially weighted counts above the mean in the bins before each one, 0 in the first.

    h(t) = decay h(t - 1) + (1 - decay) (y(t - 1) - mean): where little history is known, h is small.
    counts: (window, bin, unit), spikes per bin. mean: (unit,), spikes per bin.
    """
    excess = counts.astype(np.float64) - mean
    h = np.zeros_like(excess)
    for t in range(1, h.shape[1]):
        h[:, t] = decay * h[:, t - 1] + (1 - decay) * excess[:, t - 1]
    return h


@dataclass(frozen=True)
class SmoothedPsth:
    """Peristimulus time histogram of any values, and their mean, both in the unit of the values.

    mean: (unit,), over all bins. curve: (bin, unit), over trial windows.
    """

    mean: NDArray[np.float64]
    curve: NDArray[np.float64]

    @staticmethod
    def fit(
        values: NDArray[np.generic],
        w: Windows,
        smoothing_bins: float = SMOOTHING_BINS,
        prior_windows: float | None = None,
    ) -> SmoothedPsth:
        """The smoothed PSTH of trial windows, shrunk towards the mean as if `prior_windows` windows had shown the mean.

        curve = mean + n / (n + prior_windows) (smooth(PSTH of n trial windows) - mean). prior_windows None: the mean in
        every bin. values: (window, bin, unit), of the windows w.
        """
        mean = values.reshape(-1, values.shape[2]).mean(axis=0, dtype=np.float64)
        curve = np.tile(mean, (values.shape[1], 1))
        n = int(w.in_trial.sum())
        if prior_windows is not None and n:
            psth = values[w.in_trial].mean(axis=0, dtype=np.float64)
            psth = gaussian_filter1d(psth, smoothing_bins, axis=0, mode="nearest")
            curve = mean + n / (n + prior_windows) * (psth - mean)
        return SmoothedPsth(mean, curve)

    def expected(self, w: Windows) -> NDArray[np.float64]:
        """(window, bin, unit): the curve in trial windows, the mean in continuous ones."""
        return np.where(w.in_trial[:, None, None], self.curve, self.mean)
