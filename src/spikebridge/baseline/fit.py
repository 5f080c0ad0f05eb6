"""Fit of a baseline: its terms and how smooth they are, chosen by the likelihood of held-out blocks of windows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spikebridge.baseline.terms import (
    CHUNK,
    MIN_BASELINE_SPIKES,
    Array,
    Baseline,
    LogOffset,
    drift_factor,
    rates_of,
    weighted_spikes,
)
from spikebridge.types import Windows

KERNELS_S = (15.0, 30.0, 60.0, 120.0, 240.0, 480.0)
PRIOR_SPIKES = (1.0, 3.0, 10.0, 30.0, 100.0)
SMOOTHING_BINS = (1.0, 2.0, 4.0)
SHRINKAGE = (0.25, 0.5, 0.75, 1.0)
N_BLOCKS = 5
MIN_TRIALS = 10
MIN_SHARE = 0.05  # of the mean rate, in a bin of the PSTH
MIN_SPIKES = 1e-3  # of a unit in all windows together, so that a silent unit keeps a finite log rate
Term = bool | Literal["auto"]
"""Whether a term is in the baseline; auto: where it raises the likelihood of held-out blocks."""


class FittedBaseline(NamedTuple):
    """The baseline of one recording, and its cross-fitted log offset in the windows that it was fitted to.

    Parameters
    ----------
    baseline : Baseline
        For windows that were not learned from.
    crossed : LogOffset
        Of the windows that were learned from, each block by a fit to the other blocks.
    """

    baseline: Baseline
    crossed: LogOffset

    def crossed_rates(self) -> NDArray[np.float32]:
        """Give the cross-fitted rates in the windows that the baseline was fitted to.

        Returns
        -------
        NDArray, shape (window, bin, unit)
            Expected spikes per bin.
        """
        return rates_of(self.baseline.level, self.crossed)


def fit_baseline(w: Windows, psth: Term = "auto", drift: Term = "auto") -> FittedBaseline:
    """Fit the baseline of one recording.

    Kernel widths and shrinkage are those of highest Poisson likelihood on held-out contiguous blocks of the windows,
    and so is, with "auto", whether a term is there at all. The cross-fitted log offset of a block is fitted to the
    other blocks, so that a translator is trained with offsets such as it has on held-out data.

    Parameters
    ----------
    w : Windows
        What to learn from.
    psth, drift : bool or "auto"
        Whether the term is there. There is no PSTH with fewer than ten trial windows.

    Returns
    -------
    FittedBaseline
        The level of each unit is such that its expected spikes, by the cross-fitted offset, are those observed.
    """
    blocks, sums = _blocks(len(w)), _sums(w)
    totals = sums.totals
    kernel_s, prior = (0.0, 1.0) if drift is False else _choose_drift(totals, w.start_s, blocks, always=drift is True)
    slow = np.ones_like(totals)
    for rest, block in blocks:
        slow[block] = drift_factor(totals[rest], w.start_s[rest], w.start_s[block], kernel_s, prior)
    trials = int(sums.n_trials.sum())
    shape = None
    if psth is not False and trials >= MIN_TRIALS:
        shape = _choose_psth(sums, slow, w.in_trial, always=psth is True)
    number = np.where(w.in_trial, _block_of(len(w)), -1)
    crossed, mean = None, np.ones(sums.trials.shape[1:])
    if shape is not None:
        mean = _psth(sums.trials.sum(axis=0) / trials, *shape)
        crossed = np.log([_psth(rest / max(n, 1), *shape) for rest, n in sums.other_trials()]).astype(np.float32)
    offset = LogOffset(np.log(slow).astype(np.float32), crossed, number, w.n_bins)
    level = np.maximum(totals.sum(axis=0), MIN_SPIKES) / np.maximum(offset.total(), MIN_SPIKES)
    chosen = shape or (0.0, 0.0)
    return FittedBaseline(Baseline(mean, w.start_s.copy(), totals, level, kernel_s, prior, *chosen), offset)


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


def _choose_drift(
    totals: Array, times_s: Array, blocks: list[tuple[NDArray, NDArray]], always: bool
) -> tuple[float, float]:
    """Kernel SD in seconds and prior spikes of highest held-out likelihood; (0, 1) for no drift, unless `always`."""
    nats = dict.fromkeys(product(KERNELS_S, PRIOR_SPIKES), 0.0)
    for kernel_s, (rest, block) in product(KERNELS_S, blocks):
        around = weighted_spikes(totals[rest], times_s[rest], times_s[block], kernel_s)
        expected = np.maximum(totals[rest].mean(axis=0), MIN_BASELINE_SPIKES)
        for prior in PRIOR_SPIKES:
            drift = (around[0] + prior) / (around[1] * expected + prior)
            nats[kernel_s, prior] += float((totals[block] * np.log(drift) - (drift - 1) * expected).sum())
    best = max(nats, key=lambda choice: nats[choice])
    return best if nats[best] > 0 or always else (0.0, 1.0)


def _choose_psth(sums: _Sums, slow: Array, trial: NDArray[np.bool_], always: bool) -> tuple[float, float] | None:
    """Smoothing in bins and shrinkage of highest held-out likelihood; None for no PSTH, unless `always`."""
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
    return best if nats[best] > 0 or always else None


def _psth(raw: Array, smoothing: float, shrinkage: float) -> Array:
    """(bin, unit): mean over trials `raw` (bin, unit), smoothed, relative to the unit's mean, shrunk towards 1."""
    mean = np.maximum(raw.mean(axis=0), MIN_BASELINE_SPIKES / len(raw))
    smooth = gaussian_filter1d(raw, smoothing, axis=0, mode="nearest")
    return np.asarray(np.maximum(1 + shrinkage * (smooth / mean - 1), MIN_SHARE))
