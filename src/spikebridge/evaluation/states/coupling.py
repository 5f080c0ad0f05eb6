"""Lag and dimension in each state, from the counts in its bins alone (metrics.lag_and_dimension).

All windows are used, those between trials as well. Source and target bin of a pair lie in one stretch of the state with
all bins between: a target bin is used where the stretch reaches max_lag back and forward (for the dimension: back by
the lag). So all lags are scored on the same target bins, and none pairs a bin of the state with one outside. Short
stretches (ripples) leave short lags: max_lag is the largest for which every state keeps at least half of its bins, one
for all states. A state whose stretches allow no lag of one bin has no lag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.evaluation.count_coupling import MAX_LAG_S
from spikebridge.evaluation.states.matching import REACH_S, local_rate, matched_bins
from spikebridge.metrics import (
    DimensionEstimate,
    LagEstimate,
    estimate_dimension,
    estimate_lag,
    pooled_lag,
    surrounded,
)
from spikebridge.preprocess.states import StateBins
from spikebridge.types import Windows

Bools = NDArray[np.bool_]
FOLDS = 10
"""Runs of windows, each held out once."""
KEPT_SHARE = 0.5
"""Share of a state's bins that must have the whole range of lags around them."""
MIN_BINS = 300
"""Pairs of bins of a recording below which its regressions say nothing."""
MIN_RUNS = 5
"""Runs of windows that must hold bins of the state."""


@dataclass(frozen=True)
class StateCounts:
    """Counts of all recordings, windows in the order of time, and which bins are in which state.

    windows: recording -> windows. inside: state -> recording -> (window, bin); a recording in which a state cannot be
    known is left out.
    """

    windows: Mapping[str, Windows]
    inside: Mapping[str, Mapping[str, Bools]]

    @staticmethod
    def of(windows: Mapping[str, Windows], states: Mapping[str, Mapping[str, StateBins]]) -> StateCounts:
        order = {name: np.argsort(w.start_s, kind="stable") for name, w in windows.items()}
        inside = {
            state: {r: bins.inside[order[r]] for r, bins in recordings.items() if not bins.missing}
            for state, recordings in states.items()
        }
        return StateCounts({name: w.select(order[name]) for name, w in windows.items()}, inside)

    @property
    def bin_s(self) -> float:
        return next(iter(self.windows.values())).bin_s

    def lag_steps(self) -> dict[str, int]:
        """State -> bins of its largest lag; 0 where its stretches allow none, else the same for all states."""
        w = next(iter(self.windows.values()))
        most = min(round(MAX_LAG_S / w.bin_s), w.n_bins // 4, (w.n_bins - 2) // 2)
        each = {state: self._largest(state, most) for state in self.inside}
        common = min((steps for steps in each.values() if steps > 0), default=0)
        return {state: min(steps, common) for state, steps in each.items()}

    def _largest(self, state: str, most: int) -> int:
        total = sum(int(flags.sum()) for flags in self.inside[state].values())
        for steps in range(most, 0, -1):
            kept = sum(int(surrounded(flags, steps, steps).sum()) for flags in self.inside[state].values())
            if total and kept >= KEPT_SHARE * total:
                return steps
        return 0

    def dimension_steps(self, state: str, lag_s: float) -> int:
        """Bins by which source and target are shifted for the dimension: the lag, or less where stretches are short."""
        wanted = round(lag_s / self.bin_s) if np.isfinite(lag_s) else 0
        total = sum(int(flags.sum()) for flags in self.inside[state].values())
        for steps in range(abs(wanted), 0, -1):
            shift = int(np.sign(wanted)) * steps
            kept = sum(int(paired(flags, shift).sum()) for flags in self.inside[state].values())
            if kept >= KEPT_SHARE * total:
                return shift
        return 0


@dataclass(frozen=True)
class StateCoupling:
    """Lag and dimension of one state, or of its matched bins.

    lag, dimension: recording -> estimate, of recordings with enough bins. lag_bins, dimension_bins: recording -> target
    bins (window, bin), of all recordings. lag_steps: bins of the largest lag tried, 0: none. dimension_steps: bins by
    which the target follows in the dimension's regression.
    """

    lag: Mapping[str, LagEstimate] = field(default_factory=dict)
    dimension: Mapping[str, DimensionEstimate] = field(default_factory=dict)
    lag_bins: Mapping[str, Bools] = field(default_factory=dict)
    dimension_bins: Mapping[str, Bools] = field(default_factory=dict)
    lag_steps: int = 0
    dimension_steps: int = 0


def paired(inside: Bools, shift: int) -> Bools:
    """Target bins whose source bin, `shift` bins before, lies in the same stretch."""
    return surrounded(inside, max(shift, 0), max(-shift, 0))


def state_couplings(counts: StateCounts, overall_lag_s: float, seed: int) -> dict[str, StateCoupling]:
    """Lag and dimension of every state in every recording.

    Parameters
    ----------
    counts : StateCounts
        Counts, and bins of the states.
    overall_lag_s : float
        Lag of all bins; of the dimension of a state that has no lag of its own.
    seed : int
        Of the resampling.

    Returns
    -------
    dict of str to StateCoupling
        By state.
    """
    steps = counts.lag_steps()
    return {state: _coupling(counts, state, steps[state], overall_lag_s, seed) for state in counts.inside}


def _coupling(counts: StateCounts, state: str, steps: int, overall_lag_s: float, seed: int) -> StateCoupling:
    inside = counts.inside[state]
    around = {r: surrounded(flags, steps, steps) for r, flags in inside.items()} if steps else {}
    lags = {r: _lag(counts.windows[r], bins, steps, seed) for r, bins in around.items() if _enough(bins)}
    own = pooled_lag(list(lags.values()), seed).lag_s
    shift = counts.dimension_steps(state, own if np.isfinite(own) else overall_lag_s)
    pairs = {r: paired(flags, shift) for r, flags in inside.items()}
    dimensions = {r: _dimension(counts.windows[r], bins, shift) for r, bins in pairs.items() if _enough(bins)}
    return StateCoupling(lags, dimensions, around, pairs, steps, shift)


def matched_couplings(
    counts: StateCounts, names: tuple[str, str], pair: tuple[StateCoupling, StateCoupling], seed: int
) -> tuple[StateCoupling, StateCoupling]:
    """Lag and dimension of two states anew, from as many bins with similar rates; see matching.

    Blocks are the runs of windows that are held out one after the other. Recordings without enough of them are left
    out.
    """
    reach = max(1, round(REACH_S / counts.bin_s))
    found: list[dict[str, dict]] = [{"lag": {}, "dimension": {}, "lag_bins": {}, "dimension_bins": {}} for _ in names]
    for recording in counts.windows:
        if not all(recording in counts.inside[state] for state in names):
            continue
        w = counts.windows[recording]
        totals = [np.asarray(c).sum(axis=2, dtype=np.float64) for c in (w.source, w.target)]
        states = [counts.inside[state][recording] for state in names]
        rates = [tuple(local_rate(c, flags, reach) for flags in states) for c in totals]
        block = run_of_windows(len(w))
        for key in ("lag", "dimension"):
            usable = [getattr(side, f"{key}_bins").get(recording, np.zeros_like(states[0])) for side in pair]
            bins = matched_bins(usable[0], usable[1], [(one, other) for one, other in rates], block)
            for k, side in enumerate(pair):
                found[k][f"{key}_bins"][recording] = bins[k]
                if not (_enough(bins[0]) and _enough(bins[1])):
                    continue
                found[k][key][recording] = (
                    _lag(w, bins[k], side.lag_steps, seed)
                    if key == "lag"
                    else _dimension(w, bins[k], side.dimension_steps)
                )
    first, second = (
        StateCoupling(**parts, lag_steps=side.lag_steps, dimension_steps=side.dimension_steps)
        for parts, side in zip(found, pair, strict=True)
    )
    return first, second


def run_of_windows(n: int) -> NDArray[np.int64]:
    """(window,): number of the run that holds each out."""
    runs = np.array_split(np.arange(n), min(FOLDS, n))
    return np.repeat(np.arange(len(runs)), [len(run) for run in runs])


def run_table(estimates: Mapping[str, LagEstimate] | Mapping[str, DimensionEstimate]) -> pd.DataFrame:
    """recording, block: one row a run of windows, in the order of the estimates' clusters."""
    rows = [(r, f"{r}/{k}") for r, e in estimates.items() for k in range(len(e.spikes))]
    return pd.DataFrame(rows, columns=["recording", "block"])


def _lag(w: Windows, bins: Bools, steps: int, seed: int) -> LagEstimate:
    return estimate_lag(w.source, w.target, w.bin_s, steps * w.bin_s, FOLDS, seed, bins)


def _dimension(w: Windows, bins: Bools, shift: int) -> DimensionEstimate:
    return estimate_dimension(w.source, w.target, shift, folds=FOLDS, bins=bins)


def _enough(bins: Bools) -> bool:
    held = np.bincount(run_of_windows(len(bins)), weights=bins.sum(axis=1))
    return bool(bins.sum() >= MIN_BINS and np.count_nonzero(held) >= min(MIN_RUNS, len(held)))
