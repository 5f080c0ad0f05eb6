"""Co-smoothing information of predicted rates about held-out spikes (Pillow et al. 2008; Pei et al. 2021)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikebridge.errors import DataError

RATE_FLOOR = 1e-6
"""Spikes per bin. A predicted or base rate below this counts as this: a rate of zero would forbid the spike."""


def floored(rates: ArrayLike) -> NDArray[np.float64]:
    """Return rates of at least RATE_FLOOR.

    Parameters
    ----------
    rates : ArrayLike
        Rates of any shape, spikes per bin.

    Returns
    -------
    NDArray of float64
        The rates, in the same shape.
    """
    return np.maximum(np.asarray(rates, dtype=np.float64), RATE_FLOOR)


def information(
    rates: ArrayLike, counts: ArrayLike, base: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the information of rates about counts over a constant rate, and the number of spikes, of each trial.

    nats[n] = sum_{t,u} y log(rate / base) - (rate - base), the Poisson log likelihood ratio.

    Parameters
    ----------
    rates : ArrayLike, shape (trial, bin, unit)
        Predicted rates, spikes per bin.
    counts : ArrayLike, shape (trial, bin, unit)
        Observed counts, spikes per bin.
    base : ArrayLike, shape (unit,)
        Mean of each unit over the TRAINING bins, spikes per bin. Rates and base below RATE_FLOOR = 1e-6 spikes per bin,
        zeros included, are raised to it.

    Returns
    -------
    nats : NDArray, shape (trial,)
        Information, natural units.
    spikes : NDArray, shape (trial,)
        Number of spikes.

    Raises
    ------
    DataError
        Where shapes differ, or a rate is negative or not finite.

    References
    ----------
    Pillow et al. 2008, Nature 454:995. Pei et al. 2021, Neural Latents Benchmark, NeurIPS Datasets and Benchmarks.
    """
    rates = np.asarray(rates)
    counts = np.asarray(counts)
    base = np.asarray(base, dtype=np.float64)
    if rates.shape != counts.shape or rates.ndim != 3:
        raise DataError(f"bits/spike: expected rates (trial, bin, unit) like counts {counts.shape}, got {rates.shape}")
    if base.shape != rates.shape[2:]:
        raise DataError(f"bits/spike: expected base ({rates.shape[2]},), one rate a unit, got {base.shape}")
    for name, value in (("rates", rates), ("base", base)):
        if not np.all(np.isfinite(value)) or np.any(value < 0):
            raise DataError(f"bits/spike: expected finite {name} of zero or more spikes per bin")
    rates, base = floored(rates), floored(base)
    y = counts.astype(np.float64)
    nats = np.einsum("nbu,nbu->n", y, np.log(rates / base)) - (rates - base).sum(axis=(1, 2))
    return nats, y.sum(axis=(1, 2))


def bits_per_spike(nats: ArrayLike, spikes: ArrayLike) -> float:
    """Return sum(nats) / (sum(spikes) ln 2) over any set of trials.

    Parameters
    ----------
    nats : ArrayLike, shape (trial,)
        Information of each trial, from `information`.
    spikes : ArrayLike, shape (trial,)
        Number of spikes of each trial.

    Returns
    -------
    float
        Bits per spike; NaN where there is no spike.
    """
    total = float(np.sum(spikes))
    return float(np.sum(nats)) / (total * np.log(2)) if total > 0 else float("nan")
