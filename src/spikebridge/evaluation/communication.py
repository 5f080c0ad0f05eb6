"""Communication gain: what the source adds to the target's own past, in held-out bits/spike.

The gain is the log likelihood ratio of two models that differ in the source alone, target_history_source over
target_history, per spike of the target (as in Granger-causal analyses of point processes, Kim et al. 2011, PLoS Comput
Biol 7:e1001110). Common input that reaches the target's own past is taken out; common input that does not, is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Inputs, Translation
from spikebridge.evaluation.scores import Resampling
from spikebridge.metrics import floored
from spikebridge.statistics import cluster_bootstrap

WITHOUT, WITH = "target_history", "target_history_source"
ALL = "all"
COLUMNS = ["recording", "unit", "gain", "ci_low", "ci_high", "spikes"]
Array = NDArray[np.float64]


def communication_gain(inputs: Inputs, translating: Resampling | None, settings: StatisticsConfig) -> pd.DataFrame:
    """One row a unit, one a recording (unit "all") and one over all; no row without both models.

    Intervals of all resample its clusters; those of a recording and of its units the recording's test blocks:
    descriptive. gain: bits/spike.
    """
    both = [inputs.translations.get(name) for name in (WITHOUT, WITH)]
    if translating is None or both[0] is None or both[1] is None:
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    for recording, trials in both[0].table.groupby("recording", sort=True):
        rows += _of_recording(inputs, both[0], both[1], str(recording), trials, settings)
    bits, spikes = (both[1].nats - both[0].nats) / np.log(2), both[0].spikes
    index, n = translating.clusters.index, len(translating.clusters)
    of_bits, of_spikes = (np.bincount(index, weights=v, minlength=n).astype(np.float64) for v in (bits, spikes))
    rows += _rows(ALL, [ALL], of_bits[:, None], of_spikes[:, None], translating.weights, settings.alpha)
    return pd.DataFrame(rows, columns=COLUMNS)


def gain_scores(table: pd.DataFrame) -> dict[str, Any]:
    """What metrics.json says of it: the pooled gain, each recording's, and how many units gain."""
    pooled = table[table["unit"] == ALL].set_index("recording")
    units = table[table["unit"] != ALL]
    said = {
        str(name): {"value": row["gain"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
        for name, row in pooled.iterrows()
    }
    told = {"n_units": len(units), "n_units_above_zero": int((units["ci_low"] > 0).sum())}
    return {**said.pop(ALL), **told, "per_recording": said}


def _of_recording(
    inputs: Inputs, without: Translation, full: Translation, recording: str, trials: pd.DataFrame,
    settings: StatisticsConfig,
) -> list[list[Any]]:  # fmt: skip
    """Rows of every unit and of all units of one recording, by its test blocks."""
    w, number = inputs.windows[recording], trials["trial"].to_numpy()
    counts = w.target[_places(w.trial, number)].astype(np.float64)
    rates = []
    for model in (without, full):
        known, values = model.rates[recording]
        rates.append(floored(values[_places(known, number)]).astype(np.float64))
    bits = (counts * np.log(rates[1] / rates[0]) - (rates[1] - rates[0])).sum(axis=1) / np.log(2)  # (trial, unit)
    block, names = pd.factorize(trials["block"])
    member = (np.asarray(block)[None] == np.arange(len(names))[:, None]).astype(np.float64)  # (block, trial)
    of_bits, of_spikes = member @ bits, member @ counts.sum(axis=1)
    weights = cluster_bootstrap.resample_weights(len(names), settings.resamples, np.random.default_rng(0))
    units = _rows(recording, w.target_units.tolist(), of_bits, of_spikes, weights, settings.alpha)
    pooled = of_bits.sum(axis=1, keepdims=True), of_spikes.sum(axis=1, keepdims=True)
    return units + _rows(recording, [ALL], pooled[0], pooled[1], weights, settings.alpha)


def _rows(
    recording: str, units: list[Any], bits: Array, spikes: Array, weights: Array, alpha: float
) -> list[list[Any]]:
    """bits, spikes: (cluster, unit). A unit without a spike has no gain per spike."""
    rows = []
    for k, unit in enumerate(units):
        n = float(spikes[:, k].sum())
        value = float(bits[:, k].sum()) / n if n else float("nan")
        drawn = weights @ spikes[:, k]
        samples = np.divide(weights @ bits[:, k], drawn, out=np.full(len(weights), np.nan), where=drawn > 0)
        found = cluster_bootstrap.from_samples(value, samples, len(bits), alpha)
        rows.append([recording, unit, value, found.ci_low, found.ci_high, n])
    return rows


def _places(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of the wanted trials stands in `known`."""
    order = np.argsort(known, kind="stable")
    return np.asarray(order[np.searchsorted(known, wanted, sorter=order)])
