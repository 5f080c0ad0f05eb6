"""states.csv: every measure of every state, over all recordings and for each one; or why there is no value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.states.coupling import MIN_BINS, MIN_RUNS, StateCounts, StateCoupling, run_table
from spikebridge.evaluation.states.held_out import HeldOutBins, HeldOutMeasure
from spikebridge.metrics import DimensionEstimate, LagEstimate, dimensions_of_draws, lags_of_draws
from spikebridge.statistics import interval_from_samples

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Row = dict[str, Any]
Estimates = Mapping[str, LagEstimate] | Mapping[str, DimensionEstimate]
ALL = "all"
LAG, DIMENSION = "lag_s", "dimension"
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
        for recording in sorted(data.table["recording"].unique()):
            rows = (data.table["recording"] == recording).to_numpy()
            mine = replace(measure, nats=measure.nats[rows])
            value = _held_out(mine, data.of(rows), bins[rows], draws.within_recordings)
            if recording in data.missing[state]:
                value = {"reason": f"{recording} has {data.missing[state][recording]}"}
            yield {**named, "recording": str(recording), **value}


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
    """Lag and dimension of one state: all recordings together, and each one."""
    for measure in (LAG, DIMENSION):
        estimates, bins, steps = parts_of(measure, coupling)
        named = {"measure": measure, "state": state, "max_lag_s": steps * counts.bin_s}
        none = too_few(measure, coupling)
        own = {"reason": none, **coupling_value(measure, estimates, draws)} if estimates else {"reason": none}
        yield {**named, "recording": ALL, **counts_amount(counts, {r: bins[r] for r in estimates}), **own}
        for recording in counts.windows:
            alone: Any = {r: e for r, e in estimates.items() if r == recording}
            value = coupling_value(measure, alone, draws.within_recordings) if alone else {"reason": none}
            if recording not in counts.inside[state]:
                value = {"reason": f"the state is not known in {recording}"}
            amount = counts_amount(counts, {r: flags for r, flags in bins.items() if r == recording})
            yield {**named, "recording": recording, **amount, **value}


def parts_of(measure: str, coupling: StateCoupling) -> tuple[Estimates, Mapping[str, Bools], int]:
    """Estimates and target bins by recording, and the bins by which source and target are shifted at most."""
    if measure == LAG:
        return coupling.lag, coupling.lag_bins, coupling.lag_steps
    return coupling.dimension, coupling.dimension_bins, coupling.dimension_steps


def too_few(measure: str, coupling: StateCoupling) -> str:
    """Why a recording, or all of them, have no estimate."""
    if measure == LAG and coupling.lag_steps == 0:
        return "its stretches are too short: most of its bins have no bin of the state before and after them"
    return f"too few data: expected {MIN_BINS} pairs of bins in {MIN_RUNS} runs of windows of a recording"


def has_link(estimate: LagEstimate | DimensionEstimate) -> bool:
    """Whether the source's counts predict the target's."""
    return bool(np.isfinite(estimate.lag_s)) if isinstance(estimate, LagEstimate) else estimate.dimension > 0


def coupling_value(measure: str, estimates: Estimates, draws: Draws) -> Row:
    """value, ci_low, ci_high and reason of recordings together. Those without a link do not count if others have one.

    estimates: at least one.
    """
    linked: Any = {r: e for r, e in estimates.items() if has_link(e)}
    if measure == LAG and not linked:
        return {"reason": NO_LINK}
    used = linked or estimates
    resampling = draws.of(run_table(used))
    score = score_of_draws(measure, [used], resampling)
    value = float(score(resampling.ones)[0])
    interval = interval_from_samples(value, score(resampling.weights), resampling.independent, resampling.alpha)
    return {"value": value, "ci_low": interval.ci_low, "ci_high": interval.ci_high, "reason": ""}


def score_of_draws(measure: str, sides: Sequence[Estimates], resampling: Resampling) -> Callable[[Array], Array]:
    """Lag or dimension as a function of how often each cluster is drawn; of several sides, one behind the other.

    sides: estimates of the same recordings. resampling: of the runs of one side. Returns a function of (draw, sides x
    clusters).
    """
    every = [e for side in sides for e in side.values()]
    width = min(e.nats.shape[1] for e in every)
    nats = np.concatenate([_of_clusters(np.concatenate([e.nats[:, :width] for e in side.values()]), resampling)
                           for side in sides])  # fmt: skip
    if measure == LAG:
        lags_s = next(e.lags_s for e in every if isinstance(e, LagEstimate))
        return lambda weights: lags_of_draws(weights, nats, lags_s)
    spikes = [np.concatenate([e.spikes for e in side.values()])[:, None] for side in sides]
    totals = np.concatenate([_of_clusters(each, resampling) for each in spikes])[:, 0]
    return lambda weights: dimensions_of_draws(weights, nats, totals)


def _of_clusters(values: Array, resampling: Resampling) -> Array:
    """(cluster, k), sums of (run, k)."""
    total = np.zeros((len(resampling.clusters), values.shape[1]))
    np.add.at(total, resampling.clusters.index, values)
    return total


def counts_amount(counts: StateCounts, bins: Mapping[str, Bools]) -> Row:
    """How much data some bins of recordings hold; see HeldOutBins.amount."""
    seconds = {r: float(flags.sum()) * counts.bin_s for r, flags in bins.items()}
    spikes = {
        region: sum(float(np.asarray(getattr(counts.windows[r], region))[flags].sum()) for r, flags in bins.items())
        for region in ("source", "target")
    }
    units = {
        region: sum(seconds[r] * len(getattr(counts.windows[r], f"{region}_units")) for r in bins)
        for region in ("source", "target")
    }
    rates = {f"{region}_hz": spikes[region] / units[region] if units[region] else np.nan for region in spikes}
    n = sum(int(flags.sum()) for flags in bins.values())
    return {"n_bins": n, "seconds": sum(seconds.values()), "n_spikes": int(spikes["target"]), **rates}
