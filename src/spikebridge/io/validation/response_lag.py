"""Whether spikes lock to the trials where the table says, or at another time.

The count of each unit in bins of `BIN_S`, slow changes removed and scaled to standard deviation 1, is averaged over the
odd and over the even trials at every lag tau. With z_odd(u, tau) and z_even(u, tau), sqrt(n) times these averages,

    D(tau) = sum_u z_odd(u, tau) z_even(u, tau)

is zero on average where nothing locks to the trials, and positive at the lags of a response, whatever its sign in each
unit (a cross-validated power of the PSTHs). It is divided by its robust standard deviation over all lags.

Lags within the usual interval between trials (the zone) are explained by the trial itself, the last one or the next. A
peak beyond it is believed only where it is `MIN_PEAK` high and D stays below `MAX_RIVAL` of it everywhere else: trials
that follow each other like a clock have many such peaks, and say nothing. Hence a shift that is shorter than the zone
is never claimed: it looks the same as a response within the trial.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.types.spike_trains import SpikeTrains

Array = NDArray[np.float64]

BIN_S = 0.1
MAX_BINS = 400_000
SMOOTH_S, SLOW_S = 0.3, 20.0
"""Widths of running means: of a response, and of what counts as a slow change."""
MAX_DEVIATION = 5.0
"""Standard deviations at which a count is cut off: one burst of noise must not look like a response."""
MAX_UNITS = 48
"""Units that are looked at: those with the most spikes."""
MAX_LAG_S = 600.0
MIN_TRIALS = 20
MIN_ZONE_S = 5.0
MIN_PEAK, MAX_RIVAL = 12.0, 0.6
MIN_PEAK_IN_PLACE = 8.0
"""A peak within the zone from which the trials are known to be in place."""


@dataclass(frozen=True)
class ResponseLag:
    """lag_s: of the peak that is believed, seconds after the trials; None where there is none.

    in_place: whether spikes lock to the trials where they are. height: of the highest peak within the zone, and beyond.
    """

    lag_s: float | None = None
    in_place: bool = False
    height: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class UnitRates:
    """rate: (unit, bin), as the module says. start_s: of the first bin; bin_s: width."""

    rate: NDArray[np.float32]
    start_s: float
    bin_s: float


def unit_rates(trains: SpikeTrains) -> UnitRates:
    """Of the units with the most spikes; no bins where there are no spikes."""
    first, last = trains.span
    if not last > first:
        return UnitRates(np.empty((0, 0), np.float32), 0.0, BIN_S)
    bin_s = max(BIN_S, (last - first) / MAX_BINS)
    n = int((last - first) / bin_s) + 1
    best = np.argsort(-trains.n, kind="stable")[:MAX_UNITS]
    rows = [_rate(trains.times[trains.start[k] : trains.start[k] + trains.n[k]], first, bin_s, n) for k in best]
    return UnitRates(np.stack(rows), first, bin_s)


def response_lag(rates: UnitRates, trials: Array) -> ResponseLag:
    """trials: (trial,), seconds. See the module."""
    duration = rates.rate.shape[1] * rates.bin_s
    near = (trials > rates.start_s - MAX_LAG_S) & (trials < rates.start_s + duration + MAX_LAG_S)
    trials = np.sort(trials[near])
    if len(trials) < MIN_TRIALS or not duration:
        return ResponseLag()
    zone = max(MIN_ZONE_S, 1.5 * float(np.quantile(np.diff(trials), 0.95)))
    reach = min(MAX_LAG_S, duration / 2)
    if reach < 3 * zone:
        return ResponseLag()
    lags = np.arange(-int(reach / rates.bin_s), int(reach / rates.bin_s) + 1)
    tau = lags * rates.bin_s
    power = _power(rates, trials, lags)
    beyond = np.abs(tau) > zone
    here = float(power[~beyond].max(initial=0.0))
    at = int(np.argmax(np.where(beyond, power, -np.inf)))
    peak, lag = float(power[at]), float(tau[at])
    if here >= MIN_PEAK_IN_PLACE and here >= MAX_RIVAL * peak:
        return ResponseLag(None, True, (here, peak))
    rival = float(np.abs(power[np.abs(tau - lag) > zone]).max(initial=0.0))
    believed = peak >= MIN_PEAK and rival <= MAX_RIVAL * peak
    return ResponseLag(lag if believed else None, False, (here, peak))


def _power(rates: UnitRates, trials: Array, lags: NDArray[np.int64]) -> Array:
    """D at each lag, over its robust standard deviation."""
    from scipy.fft import irfft, next_fast_len, rfft

    n_bins = rates.rate.shape[1]
    bins = np.floor((trials - rates.start_s) / rates.bin_s).astype(np.int64)
    low = int(min(bins.min(), 0))
    size = next_fast_len(int(max(bins.max(), n_bins) - low + n_bins + len(lags)), real=True)
    halves = []
    for half in (bins[::2], bins[1::2]):
        events = np.bincount(half - low, minlength=1).astype(np.float32)
        halves.append(np.conj(rfft(events, size)))
    inside = np.zeros(n_bins, np.float32) + 1.0
    at = (lags + low) % size
    counted = [np.maximum(irfft(rfft(inside, size) * e, size)[at], 0.0) for e in halves]
    power = np.zeros(len(lags))
    for rate in rates.rate:
        spectrum = rfft(rate, size)
        odd, even = (irfft(spectrum * e, size)[at] for e in halves)
        power += odd * even
    n = np.sqrt(counted[0] * counted[1])
    power = np.where(2 * n >= len(trials) / 4, power / np.maximum(n, 1.0), 0.0)
    spread = 1.4826 * float(np.median(np.abs(power[power != 0.0]))) if power.any() else 0.0
    return power / spread if spread > 0 else power


def _rate(times: Array, first: float, bin_s: float, n: int) -> NDArray[np.float32]:
    from scipy.ndimage import uniform_filter1d

    counts = np.bincount(((times - first) / bin_s).astype(np.int64), minlength=n)[:n].astype(np.float64)
    smooth, slow = (max(round(width / bin_s), 1) for width in (SMOOTH_S, SLOW_S))
    rate = uniform_filter1d(counts, smooth) - uniform_filter1d(counts, slow)
    spread = float(rate.std())
    scaled = np.clip(rate / spread, -MAX_DEVIATION, MAX_DEVIATION) if spread > 0 else rate
    return np.asarray(scaled, dtype=np.float32)
