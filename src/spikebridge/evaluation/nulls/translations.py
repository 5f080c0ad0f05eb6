"""Nulls of translations: predicted rates scored against counts of other trials or times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.config import StatisticsConfig
from spikebridge.errors import ConfigError
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.evaluation.nulls.rows import ModelNull
from spikebridge.evaluation.translation_scores import pairings, rates_and_counts
from spikebridge.splits import decorrelation_s
from spikebridge.statistics.nulls import condition_shuffle, time_shift, trial_shuffle
from spikebridge.types import Windows
from spikebridge.types.covariates import column_and_value, covariates_of, is_column

Index = NDArray[np.int64]
Array = NDArray[np.float64]
METRIC = "bits_per_spike"
MAX_SHUFFLES = 2_000


@dataclass(frozen=True)
class _RecordingTrials:
    """One recording's held-out trials in the order of time.

    rates: (trial, feature), predicted spikes per bin of every bin and unit, above zero. counts: as rates, spikes.
    block, condition: (trial,). nats, spikes: (trial,). start_s: (trial,), seconds.
    """

    rates: Array
    counts: Array
    block: Index
    condition: Index
    nats: Array
    spikes: Array
    start_s: Array


def translation_nulls(inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator) -> Iterator[ModelNull]:
    """All nulls of every translator, the primary one first."""
    if not inputs.translations:
        return
    memory = {name: decorrelation_s(w) for name, w in inputs.windows.items()}
    for t in inputs.translations.values():
        parts = {str(r): _recording_trials(inputs, t, str(r), settings) for r in t.table["recording"].unique()}
        yield from _nulls(t, parts, memory, settings, rng)


def _nulls(
    t: Translation,
    parts: dict[str, _RecordingTrials],
    memory: dict[str, float],
    settings: StatisticsConfig,
    rng: np.random.Generator,
) -> Iterator[ModelNull]:
    blocks, conditions = [], []
    for part in parts.values():
        for b in np.unique(part.block):
            at = np.flatnonzero(part.block == b)
            blocks.append(pairings(part.rates[at], part.counts[at]))
            conditions.append(part.condition[at])
    sums = float(t.nats.sum()), float(t.spikes.sum())
    draws = min(settings.n_resamples, MAX_SHUFFLES)
    shuffled = trial_shuffle.trial_shuffle(blocks, *sums, rng, draws)
    within = condition_shuffle.condition_shuffle(blocks, conditions, *sums, rng, draws)
    shifted = time_shift.time_shift(_shift_scores(parts, memory, settings.alpha))
    condition = f"; condition: {settings.condition or 'label'}"
    yield ModelNull(trial_shuffle.NAME, t.model, METRIC, shuffled, True, trial_shuffle.ASSUMPTIONS)
    yield ModelNull(condition_shuffle.NAME, t.model, METRIC, within, False, condition_shuffle.ASSUMPTIONS + condition)
    yield ModelNull(time_shift.NAME, t.model, METRIC, shifted, False, time_shift.ASSUMPTIONS)


def _recording_trials(inputs: Inputs, t: Translation, recording: str, settings: StatisticsConfig) -> _RecordingTrials:
    w = inputs.windows[recording]
    rows = t.table[t.table["recording"] == recording]
    trials = rows["trial"].to_numpy(np.int64)
    at = rows_of(w, trials)
    rates, counts = rates_and_counts(inputs, t, recording, trials)
    return _RecordingTrials(
        rates=rates,
        counts=counts,
        block=np.asarray(pd.factorize(rows["fold"])[0], dtype=np.int64),
        condition=_condition(w, settings.condition)[at],
        nats=rows["nats"].to_numpy(np.float64),
        spikes=rows["spikes"].to_numpy(np.float64),
        start_s=w.start_s[at],
    )


def _condition(w: Windows, column: str | None) -> Index:
    """(window,): number of the condition: the label, or the value of a covariate; missing values are one condition."""
    if column is None:
        return w.label
    names = covariates_of(w.covariate_names, column)
    if not names:
        raise ConfigError(
            f"statistics.condition: expected a column of trials.covariates, got {column!r}; windows of {w.recording} "
            f"have {[column_and_value(n) for n in w.covariate_names if is_column(n)]}"
        )
    values = pd.DataFrame({n: w.covariate(n) for n in names})
    return values.groupby(names, dropna=False).ngroup().to_numpy(np.int64)


def _shift_scores(parts: dict[str, _RecordingTrials], memory: dict[str, float], alpha: float) -> Array:
    """Bits/spike of the shifts -n .. n, recordings shifted together, about the counts that every shift leaves."""
    step = max(time_shift.trials_a_step(p.start_s, memory[r]) for r, p in parts.items())
    n = time_shift.steps(min(len(p.nats) for p in parts.values()), step, alpha)
    nats, spikes = np.zeros(2 * n + 1), 0.0
    for p in parts.values():
        middle = slice(n * step, len(p.nats) - n * step)
        shifted = time_shift.shifted_nats(p.rates, p.counts, step, n)
        nats += float(p.nats[middle].sum()) + shifted - shifted[n]
        spikes += float(p.spikes[middle].sum())
    return nats / (spikes * np.log(2)) if spikes else np.full(2 * n + 1, np.nan)
