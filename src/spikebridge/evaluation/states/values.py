"""states.csv: every measure of every state, over all recordings and for each one; or why there is no value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.states.coupling import (
    MIN_BINS,
    MIN_RUNS,
    StateCounts,
    StateCoupling,
    StateEstimates,
    run_table,
)
from spikebridge.evaluation.states.held_out import HeldOutBins, HeldOutMeasure
from spikebridge.metrics import DimensionEstimate, LagEstimate, dimensions_of_draws, lags_of_draws
from spikebridge.statistics import interval_from_samples

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Row = dict[str, Any]
Estimates = Mapping[str, LagEstimate] | Mapping[str, DimensionEstimate]
ALL = "all"
LAG, DIMENSION, FITTED = "lag_s", "dimension", "fitted_bits_per_spike"
FROM_COUNTS = (FITTED, LAG, DIMENSION)
"""Measures that are estimated from the counts of a state alone. FITTED: held-out bits/spike over the mean rate of the
regression of the dimension at its highest rank, fitted to the state."""
NEEDED_BINS, NEEDED_SPIKES = 50, 100
"""Held-out bins, and target spikes in them, below which bits/spike of a state are not computed."""
NO_LINK = "no link: in these bins the source's counts do not predict the target's"


@dataclass(frozen=True)
class Draws:
    """How clusters are drawn. key: of the random stream, which every table of trials or runs begins anew."""

    settings: StatisticsConfig
    key: tuple[int, ...]
    animals: Mapping[str, str]

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(list(self.key))

    def of(self, table: pd.DataFrame) -> Resampling:
        return Resampling.of(table, self.settings, self.rng(), self.animals)

    @property
    def within_recordings(self) -> Draws:
        """Of the blocks of one recording: descriptive."""
        return replace(self, settings=self.settings.model_copy(update={"cluster": "block"}))


def held_out_rows(measure: HeldOutMeasure, data: HeldOutBins, draws: Draws) -> Iterator[Row]:
    """Of every state: all recordings together, and each one."""
    for state, bins in data.inside.items():
        named = {"measure": measure.name, "model": measure.model, "state": state}
        yield {**named, "recording": ALL, **_held_out(measure, data, bins, draws)}
        for recording in sorted(data.counts):
            part, rows = data.of(recording), data.rows[recording]
            value = _held_out(measure.of(recording), part, bins[rows], draws.within_recordings)
            if recording in data.missing[state]:
                value = {"reason": f"{recording} has {data.missing[state][recording]}"}
            yield {**named, "recording": recording, **value}


def _held_out(measure: HeldOutMeasure, data: HeldOutBins, bins: Bools, draws: Draws) -> Row:
    amount = data.amount(bins)
    if reason := too_little(amount):
        return {**amount, "reason": reason}
    resampling = draws.of(data.table)
    return {**amount, **resampling.interval(measure.score(data, bins, resampling.clusters.index)), "reason": ""}


def too_little(amount: Mapping[str, float]) -> str:
    """Why held-out bins are too few; "" where they are not. amount: see HeldOutBins."""
    if amount["n_bins"] >= NEEDED_BINS and amount["n_spikes"] >= NEEDED_SPIKES:
        return ""
    return (
        f"too few data: expected {NEEDED_BINS} held-out bins with {NEEDED_SPIKES} spikes of the target, got "
        f"{amount['n_bins']:g} with {amount['n_spikes']:g}"
    )


def left_out_rows(measure: str, states: Sequence[str], reason: str) -> Iterator[Row]:
    """Rows of a measure that is not there."""
    yield from ({"measure": measure, "state": state, "recording": ALL, "reason": reason} for state in states)


def coupling_rows(state: str, coupling: StateCoupling, counts: StateCounts, draws: Draws) -> Iterator[Row]:
    """The measures FROM_COUNTS of one state: all recordings together, and each one."""
    for measure in FROM_COUNTS:
        estimates = estimates_of(measure, coupling)
        named = {"measure": measure, "state": state, "max_lag_s": estimates.steps * counts.bin_s}
        none: Row = {"reason": too_few(measure, estimates)}
        value = coupling_value(measure, estimates.estimates, draws) if estimates.estimates else none
        yield {**named, "recording": ALL, **counts_amount(counts, estimates, list(estimates.estimates)), **value}
        for recording in counts.windows:
            alone: Any = {r: e for r, e in estimates.estimates.items() if r == recording}
            value = coupling_value(measure, alone, draws.within_recordings) if alone else none
            if recording not in counts.inside[state]:
                value = {"reason": f"the state is not known in {recording}"}
            here = [recording] if recording in estimates.bins else []
            yield {**named, "recording": recording, **counts_amount(counts, estimates, here), **value}


def estimates_of(measure: str, coupling: StateCoupling) -> StateEstimates:
    """The estimates that a measure is made of."""
    return coupling.lag if measure == LAG else coupling.dimension


def too_few(measure: str, estimates: StateEstimates) -> str:
    """Why a recording, or all of them, have no estimate."""
    if measure == LAG and estimates.steps == 0:
        return "its stretches are too short: most of its bins have no bin of the state before and after them"
    return f"too few data: expected {MIN_BINS} pairs of bins in {MIN_RUNS} runs of windows of a recording"


def coupling_value(measure: str, estimates: Estimates, draws: Draws) -> Row:
    """value, ci_low, ci_high and reason of recordings together. estimates: at least one.

    Whether there is a link is judged by the curve of all of them: of many recordings without one, some seem to have it.
    """
    resampling = draws.of(run_table(estimates))
    curves = Curves.of(measure, [estimates], resampling)
    if measure == LAG and not curves.linked(resampling.ones):
        return {"reason": NO_LINK}
    value = float(curves.score(resampling.ones)[0])
    samples = curves.score(resampling.weights)
    interval = interval_from_samples(value, samples, resampling.independent, resampling.alpha)
    return {"value": value, "ci_low": interval.ci_low, "ci_high": interval.ci_high, "reason": ""}


@dataclass(frozen=True)
class Curves:
    """Held-out nats and spikes of every cluster, of several sides one behind the other; see metrics.coupling_curves.

    nats: (sides x cluster, lag or rank). spikes: (sides x cluster,). lags_s: (lag,), None for ranks.
    """

    measure: str
    nats: Array
    spikes: Array
    lags_s: Array | None

    @staticmethod
    def of(measure: str, sides: Sequence[Estimates], resampling: Resampling) -> Curves:
        """sides: estimates of the same recordings. resampling: of the runs of one side."""
        every = [e for side in sides for e in side.values()]
        width = min(e.nats.shape[1] for e in every)
        parts = [
            np.concatenate([np.column_stack([e.nats[:, :width], e.spikes]) for e in side.values()]) for side in sides
        ]
        joined = np.concatenate([_of_clusters(part, resampling) for part in parts])
        lags_s = next(e.lags_s for e in every if isinstance(e, LagEstimate)) if measure == LAG else None
        return Curves(measure, joined[:, :-1], joined[:, -1], lags_s)

    def score(self, weights: Array) -> Array:
        """The measure of every draw. weights: (draw, sides x cluster)."""
        if self.lags_s is not None:
            return lags_of_draws(weights, self.nats, self.lags_s)
        if self.measure == DIMENSION:
            return dimensions_of_draws(weights, self.nats, self.spikes)
        spikes = weights @ self.spikes
        nats = weights @ self.nats[:, -1]
        return np.divide(nats, spikes * np.log(2), out=np.full(len(spikes), np.nan), where=spikes > 0)

    def linked(self, weights: Array) -> bool:
        """Whether the best lag, or rank, of the first draw is above chance: a dimension of one or more."""
        return bool(dimensions_of_draws(weights, self.nats, self.spikes)[0] > 0)


def _of_clusters(values: Array, resampling: Resampling) -> Array:
    """(cluster, k), sums of (run, k)."""
    total = np.zeros((len(resampling.clusters), values.shape[1]))
    np.add.at(total, resampling.clusters.index, values)
    return total


def counts_amount(counts: StateCounts, estimates: StateEstimates, recordings: Sequence[str]) -> Row:
    """How much data the bins of some recordings hold; see HeldOutBins.amount."""
    n = {r: int(estimates.bins[r].sum()) for r in recordings}
    row: Row = {"n_bins": sum(n.values()), "seconds": sum(n.values()) * counts.bin_s}
    for k, region in enumerate(("source", "target")):
        spikes = sum(estimates.spikes[r][k] for r in recordings)
        units = sum(n[r] * len(getattr(counts.windows[r], f"{region}_units")) for r in recordings) * counts.bin_s
        row |= {"n_spikes": spikes, f"{region}_hz": spikes / units if units else np.nan}
    return row
