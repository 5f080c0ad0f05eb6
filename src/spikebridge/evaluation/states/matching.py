"""Bins of two states in equal numbers, and spikes of two states at equal rates.

Bins: in every block (a test block, or a run of windows) the state with more bins gives as many as the other has, evenly
spread in time. So the two states share the time in the recording, and drift with it.

Rates: of every unit, spikes of the state in which it fires more are deleted at random until both rates are the lower
one (as for the comparison of variances and correlations, Churchland et al. 2010, Nat Neurosci 13:369, who match
distributions of rates). Bins are not chosen by their rates: where both states share latents, the bins of the faster
state that are as slow as those of the other one are those in which its latents are low. Measured in 2 simulated
recordings, the same link in both states, all rates 1.6 times as high in one: its bits/spike seemed 0.13 lower in bins
of equal rates [-0.25, -0.01], and were equal in all bins (0.008 [-0.10, 0.12]).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


def matched_bins(first: Bools, second: Bools, block: NDArray[np.int64]) -> tuple[Bools, Bools]:
    """As many bins of two states in every block.

    Parameters
    ----------
    first, second : NDArray, shape (window, bin)
        Bins of the two states, windows in the order of time.
    block : NDArray, shape (window,)
        Number of the block of each window.

    Returns
    -------
    NDArray, NDArray, shape (window, bin)
        The chosen bins of the first and of the second state.
    """
    chosen = np.zeros(first.shape, dtype=bool), np.zeros(first.shape, dtype=bool)
    for number in np.unique(block):
        here = (block == number)[:, None]
        places = [np.flatnonzero(inside & here) for inside in (first, second)]
        fewest = min(map(len, places))
        for side, own in zip(chosen, places, strict=True):
            side.flat[own[_spread(len(own), fewest)]] = True
    return chosen


def thinned(
    counts: NDArray[Any], bins: Sequence[Bools], used: Sequence[Bools], rng: np.random.Generator
) -> tuple[NDArray[Any], ...]:
    """Counts in which every unit has the same mean rate in the bins of each state.

    Parameters
    ----------
    counts : NDArray, shape (window, bin, unit)
        Spikes per bin.
    bins : sequence of NDArray, shape (window, bin)
        Bins of each state in which the rates are to be equal.
    used : sequence of NDArray, shape (window, bin)
        Bins of each state whose spikes are thinned; other bins stay as they are.
    rng : numpy.random.Generator
        Chooses the spikes that stay.

    Returns
    -------
    tuple of NDArray, shape (window, bin, unit)
        The counts for each state.
    """
    rates = [counts[inside].mean(axis=0, dtype=np.float64) for inside in bins]
    lowest = np.min(rates, axis=0)
    kept = []
    for rate, where in zip(rates, used, strict=True):
        share = np.divide(lowest, rate, out=np.ones_like(rate), where=rate > 0)
        made = np.array(counts)
        made[where] = rng.binomial(made[where], np.minimum(share, 1.0)).astype(made.dtype)
        kept.append(made)
    return tuple(kept)


def _spread(n: int, m: int) -> NDArray[np.int64]:
    """m of the numbers 0 .. n - 1, evenly spread."""
    return np.asarray((np.arange(m) + 0.5) * n / m, dtype=np.int64)
