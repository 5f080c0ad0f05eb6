"""Lag and dimension in each state, from the counts in its bins alone (metrics.lag_and_dimension).

All windows are used, those between trials as well. Source and target bin of a pair lie in one stretch of the state with
all bins between: a target bin is used where the stretch reaches max_lag back and forward (for the dimension: back by
the lag). So all lags are scored on the same target bins, and none pairs a bin of the state with one outside. Short
stretches (ripples) leave short lags: max_lag is the largest for which every state keeps at least half of its bins, one
for all states. A state whose stretches allow no lag of one bin has no lag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.evaluation.count_coupling import MAX_LAG_S
from spikebridge.evaluation.states.matching import matched_bins, thinned
from spikebridge.metrics import (
    DimensionEstimate,
    LagEstimate,
    estimate_dimension,
    estimate_lag,
    surrounded,
)
from spikebridge.metrics.coupling_curves import lag_of_scores
from spikebridge.preprocess.states import StateBins
from spikebridge.runtime.seeds import random_generator
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
class StateEstimates:
    """Estimates of one state, or of its matched bins, by recording.

    estimates: of recordings with enough bins. bins: (window, bin), target bins, of all recordings. spikes: of source
    and of target in these bins, as they were counted or thinned. steps: bins of the largest lag tried (0: none), or by
    which the target follows in the regression of the dimension.
    """

    estimates: Mapping[str, LagEstimate] | Mapping[str, DimensionEstimate] = field(default_factory=dict)
    bins: Mapping[str, Bools] = field(default_factory=dict)
    spikes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    steps: int = 0


@dataclass(frozen=True)
class StateCoupling:
    """Lag and dimension of one state, or of its matched bins."""

    lag: StateEstimates
    dimension: StateEstimates


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
        Lag of all bins; of the dimension of a state in which no lag is estimated.
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
    own = _pooled_lag_s(list(lags.values()))
    shift = counts.dimension_steps(state, own if np.isfinite(own) else overall_lag_s)
    pairs = {r: paired(flags, shift) for r, flags in inside.items()}
    dimensions = {r: _dimension(counts.windows[r], bins, shift) for r, bins in pairs.items() if _enough(bins)}
    spikes = [{r: _spikes(counts.windows[r], bins) for r, bins in each.items()} for each in (around, pairs)]
    return StateCoupling(
        StateEstimates(lags, around, spikes[0], steps), StateEstimates(dimensions, pairs, spikes[1], shift)
    )


def _pooled_lag_s(estimates: Sequence[LagEstimate]) -> float:
    """Seconds; NaN without estimates, or where the curve of all runs shows no link."""
    if not estimates:
        return float("nan")
    nats, spikes = np.concatenate([e.nats for e in estimates]), np.concatenate([e.spikes for e in estimates])
    return lag_of_scores(estimates[0].lags_s, nats, spikes, 0).lag_s


def matched_couplings(
    counts: StateCounts, names: tuple[str, str], pair: tuple[StateCoupling, StateCoupling], seed: int
) -> tuple[StateCoupling, StateCoupling]:
    """Lag and dimension of two states anew, from as many bins in each run of windows and at equal rates of each unit.

    See matching. Recordings without enough of such bins are left out.
    """
    lags = _matched(counts, names, (pair[0].lag, pair[1].lag), "lag", seed)
    dimensions = _matched(counts, names, (pair[0].dimension, pair[1].dimension), "dimension", seed)
    return StateCoupling(lags[0], dimensions[0]), StateCoupling(lags[1], dimensions[1])


def _matched(
    counts: StateCounts, names: tuple[str, str], pair: tuple[StateEstimates, StateEstimates], key: str, seed: int
) -> tuple[StateEstimates, StateEstimates]:
    """key: lag or dimension, part of the key of the random stream that thins."""
    estimates: list[dict[str, Any]] = [{}, {}]
    chosen: list[dict[str, Bools]] = [{}, {}]
    spikes: list[dict[str, tuple[int, int]]] = [{}, {}]
    for recording, w in counts.windows.items():
        if not all(recording in side.bins for side in pair):
            continue
        inside = [counts.inside[state][recording] for state in names]
        bins = matched_bins(pair[0].bins[recording], pair[1].bins[recording], run_of_windows(len(w)))
        if not bins[0].any():
            continue
        rng = random_generator(seed, "states", recording, key, *names)
        both = zip(thinned(w.source, inside, inside, rng), thinned(w.target, bins, inside, rng), strict=True)
        for k, (source, target) in enumerate(both):
            thin = replace(w, source=source, target=target)
            chosen[k][recording], spikes[k][recording] = bins[k], _spikes(thin, bins[k])
            if _enough(bins[0]) and _enough(bins[1]):
                steps = pair[k].steps
                estimates[k][recording] = (
                    _lag(thin, bins[k], steps, seed) if key == "lag" else _dimension(thin, bins[k], steps)
                )
    first, second = (StateEstimates(estimates[k], chosen[k], spikes[k], pair[k].steps) for k in (0, 1))
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


def _spikes(w: Windows, bins: Bools) -> tuple[int, int]:
    """Of all units of source and of target."""
    source, target = (int(np.asarray(c)[bins].sum(dtype=np.int64)) for c in (w.source, w.target))
    return source, target


def _enough(bins: Bools) -> bool:
    held = np.bincount(run_of_windows(len(bins)), weights=bins.sum(axis=1))
    return bool(bins.sum() >= MIN_BINS and np.count_nonzero(held) >= min(MIN_RUNS, len(held)))
