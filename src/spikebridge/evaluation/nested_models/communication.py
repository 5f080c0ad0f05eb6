"""Communication gain: what the source adds to the target's own past and to behaviour, in held-out bits/spike.

The gain is the log likelihood ratio of two nested encoding models, the last with the source over the target's history,
per spike of the target (as in Granger-causal analyses of point processes, Kim et al. 2011, PLoS Comput Biol
7:e1001110). The models are nested: of two models that are tuned separately the one with more predictors can gain
without communication, because their histories are tuned differently. Common input that reaches the target's own past or
behaviour is removed; common input that does not reach them is not.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.nested_models.encoding import COMMUNICATION, HISTORY, SOURCES, TranslationSteps
from spikebridge.evaluation.resampling import Resampling
from spikebridge.statistics import cluster_bootstrap

ALL = "all"
PARTS = tuple(f"{step}_gain" for step in SOURCES)
COLUMNS = ["recording", "unit", "gain", "ci_low", "ci_high", *PARTS, "spikes"]
Array = NDArray[np.float64]


def communication_gain(
    encoding: TranslationSteps, translating: Resampling | None, settings: StatisticsConfig
) -> pd.DataFrame:  # fmt: skip
    """One row a unit, one a recording (unit "all") and one over all; none where a step is not there.

    gain: bits/spike; linear_source_gain and seq2seq_gain are its parts, NaN for a step that is left out. Intervals of
    all resample the clusters of `translating`; those of a recording and of its units the recording's test blocks:
    descriptive.
    """
    if encoding.last is None or translating is None:
        return pd.DataFrame(columns=COLUMNS)
    steps = [HISTORY, *(s for s in SOURCES if s in encoding.steps)]
    rows: list[list[Any]] = []
    for recording, of in encoding.units[encoding.units["step"].isin(steps)].groupby("recording", sort=True):
        nats = {s: rows.pivot(index="block", columns="unit", values="nats") for s, rows in of.groupby("step")}
        spikes = of[of["step"] == HISTORY].pivot(index="block", columns="unit", values="spikes").to_numpy(np.float64)
        bits = np.stack([nats[s].to_numpy(np.float64) for s in steps]) / np.log(2)  # (step, block, unit)
        weights = cluster_bootstrap.resample_weights(
            bits.shape[1], settings.n_resamples, np.random.default_rng(0)
        )  # fmt: skip
        units = nats[HISTORY].columns.tolist()
        rows += _rows(str(recording), units, steps, bits, spikes, weights, settings.alpha)
        pooled = bits.sum(axis=2, keepdims=True), spikes.sum(axis=1, keepdims=True)
        rows += _rows(str(recording), [ALL], steps, *pooled, weights, settings.alpha)
    index, n = translating.clusters.index, len(translating.clusters)

    def by_cluster(values: Array) -> Array:
        return np.bincount(index, weights=values, minlength=n).astype(np.float64)[:, None]

    bits = np.stack([by_cluster(encoding.steps[s].nats) for s in steps]) / np.log(2)
    spikes = by_cluster(encoding.steps[HISTORY].spikes)
    rows += _rows(ALL, [ALL], steps, bits, spikes, translating.weights, settings.alpha)
    return pd.DataFrame(rows, columns=COLUMNS)


def gain_scores(table: pd.DataFrame, ladder: pd.DataFrame) -> dict[str, Any]:
    """For metrics.json: the pooled gain with parts and test, the gain of each recording, the number of units that gain.

    ladder: ladder.csv, whose family the test of the pooled gain belongs to.
    """
    pooled = table[table["unit"] == ALL].set_index("recording")
    units = table[table["unit"] != ALL]
    by_recording = {
        str(name): {"value": row["gain"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
        | {part: row[part] for part in PARTS}
        for name, row in pooled.iterrows()
    }
    tested = ladder[ladder["metric"] == COMMUNICATION].iloc[0]
    test = {key: tested[key] for key in ("reference", "p", "p_holm", "verdict", "verdict_code")}
    counts = {"n_units": len(units), "n_units_above_zero": int((units["ci_low"] > 0).sum())}
    return {**by_recording.pop(ALL), **test, **counts, "per_recording": by_recording}


def _rows(
    recording: str, units: list[Any], steps: list[str], bits: Array, spikes: Array, weights: Array, alpha: float
) -> list[list[Any]]:
    """bits: (step, cluster, unit). spikes: (cluster, unit). A unit without a spike has no gain per spike."""
    rows = []
    total, gained = bits.sum(axis=1), bits[-1] - bits[0]
    for k, unit in enumerate(units):
        n = float(spikes[:, k].sum())
        value, *parts = (
            float(b - a) / n if n else float("nan") for a, b in [(total[0, k], total[-1, k]), *pairwise(total[:, k])]
        )
        drawn = weights @ spikes[:, k]
        samples = np.divide(weights @ gained[:, k], drawn, out=np.full(len(weights), np.nan), where=drawn > 0)
        interval = cluster_bootstrap.interval_from_samples(value, samples, len(spikes), alpha)
        known = dict(zip(steps[1:], parts, strict=True))
        each = [known.get(s, float("nan")) for s in SOURCES]
        rows.append([recording, unit, value, interval.ci_low, interval.ci_high, *each, n])
    return rows
