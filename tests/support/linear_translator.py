"""The linear translator from which the networks start, written down at once in memory: the oracle of `initialize`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spikebridge.baseline import LogOffset
from spikebridge.models.seq2seq.initialization import read_in_directions
from spikebridge.types import Windows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearTranslator:
    """mean, sd: (source unit,), of smoothed counts. rate, target_sd: (target unit,), spikes per bin.

    directions: (source unit, n). weights: (n, target unit). Both for standardised counts.
    """

    mean: Array
    sd: Array
    rate: Array
    target_sd: Array
    directions: Array
    weights: Array


def linear_translator(w: Windows, offset: LogOffset, sigma_bins: float, n: int, penalty: float) -> LinearTranslator:
    """Of what the baseline of the windows leaves. sigma_bins: SD of the Gaussian kernel on counts. n: rank."""
    known, y = np.exp(offset.array().astype(float)), w.target.astype(float)
    x = gaussian_filter1d(w.source.astype(float), sigma_bins, axis=1, mode="nearest")
    mean, sd = x.mean(axis=(0, 1)), np.maximum(x.std(axis=(0, 1)), 0.05)
    rate, target_sd = y.mean(axis=(0, 1)), np.maximum(y.std(axis=(0, 1)), 0.05)
    left = (y - rate * known / known.mean(axis=(0, 1))) / target_sd
    left = gaussian_filter1d(left, sigma_bins, axis=1, mode="nearest").reshape(-1, y.shape[2])
    z = ((x - mean) / sd).reshape(-1, x.shape[2])
    directions, weights = read_in_directions(z.T @ z / len(z), z.T @ left / len(z), n, penalty)
    return LinearTranslator(mean, sd, rate, target_sd, directions, weights)
