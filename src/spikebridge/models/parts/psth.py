"""The window-locked mean (peristimulus time histogram): what follows from the place in a trial alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spikebridge.types import Windows

SMOOTHING_BINS = 1.5
SHRINK_WINDOWS = 20.0
"""Where the course of a trial is one term of a model, not the model; close to the best on real recordings."""


@dataclass(frozen=True)
class LockedMean:
    """mean: (unit,), over all bins. curve: (bin, unit), over trial windows. Both in the unit of what was given."""

    mean: NDArray[np.float64]
    curve: NDArray[np.float64]

    @staticmethod
    def fit(
        values: NDArray[np.generic], w: Windows, smoothing_bins: float = SMOOTHING_BINS, shrink: float | None = None
    ) -> LockedMean:
        """The course of the trial windows, smoothed, drawn towards the mean as if `shrink` windows had shown none.

        curve = mean + n / (n + shrink) (smooth(mean of n trial windows) - mean). shrink None: no course at all.
        values: (window, bin, unit), of the windows w.
        """
        mean = values.reshape(-1, values.shape[2]).mean(axis=0, dtype=np.float64)
        curve = np.tile(mean, (values.shape[1], 1))
        n = int(w.in_trial.sum())
        if shrink is not None and n:
            course = values[w.in_trial].mean(axis=0, dtype=np.float64)
            course = gaussian_filter1d(course, smoothing_bins, axis=0, mode="nearest")
            curve = mean + n / (n + shrink) * (course - mean)
        return LockedMean(mean, curve)

    def of(self, w: Windows) -> NDArray[np.float64]:
        """(window, bin, unit): the curve in trial windows, the mean in continuous ones."""
        return np.where(w.in_trial[:, None, None], self.curve, self.mean)
