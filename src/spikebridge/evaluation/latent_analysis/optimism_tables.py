"""Leakage optimism: how much higher scores are inside the tuner, in leaky folds, and how much they vary between seeds.

Nothing here is a result. Leaky scores are in the table and the summary of this analysis alone, never among the scores
of models or the comparisons, which the gate of the registry reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.latent_analysis import INNER_SCORES, LatentAnalysisRun
from spikebridge.errors import DataError
from spikebridge.evaluation.latent_analysis.scores import IntervalSettings
from spikebridge.evaluation.resampling import Resampling
from spikebridge.metrics import clustered

COLUMNS = [
    "model", "metric", "inner", "outer", "inner_minus_outer", "blocked", "leaky", "leaky_minus_blocked", "ci_low",
    "ci_high", "seeds_sd", "n_seeds", "n_trials_blocked", "n_trials_leaky",
]  # fmt: skip
PLACES = {"balanced_accuracy": "models", "bits_per_spike": "translation"}
"""Metric -> the part of metrics.json that holds the reported score."""


def optimism_table(folder: Path | None, scores: Mapping[str, Any], how: IntervalSettings) -> pd.DataFrame:
    """A row a model and metric; no rows where the analysis was not run.

    inner: mean over outer folds of what the tuner's best trial scored. outer: the reported score. blocked, leaky: the
    same settings fitted shortly, in the first outer folds, and in random folds of as many windows without a gap; their
    difference with an interval over clusters (statistics.cluster). seeds_sd: standard deviation over seeds of the
    blocked score, n - 1. scores: content of metrics.json.
    Raises DataError for a table that lacks a column.
    """
    empty = pd.DataFrame(columns=COLUMNS)
    if folder is None or not LatentAnalysisRun(folder).path("optimism").is_file():
        return empty
    run = LatentAnalysisRun(folder)
    trials, inner = run.read_table("optimism"), run.read_table(INNER_SCORES)
    try:
        rows = [
            _row(str(model), metric, of_model.dropna(subset=[column]), inner, scores, how)
            for model, of_model in trials.groupby("model", sort=False)
            for metric, column in (("balanced_accuracy", "predicted"), ("bits_per_spike", "nats"))
            if of_model[column].notna().any()
        ]
    except KeyError as error:
        raise DataError(f"{run.path('optimism')}: lacks the column {error}; run the stage analyze again") from None
    return pd.DataFrame(rows, columns=COLUMNS)


def optimism_scores(table: pd.DataFrame) -> dict[str, Any]:
    """The part "optimism" of metrics.json's analysis: metric -> model -> the rest of the row."""
    content: dict[str, Any] = {}
    for row in table.to_dict("records"):
        content.setdefault(row["metric"], {})[row["model"]] = {k: row[k] for k in COLUMNS[2:]}
    return content


def _row(
    model: str, metric: str, trials: pd.DataFrame, inner: pd.DataFrame, scores: Mapping[str, Any], how: IntervalSettings
) -> dict[str, Any]:
    first = trials[trials["seed"] == 0]
    both = {folds: first["folds"].to_numpy() == folds for folds in ("blocked", "leaky")}
    resampling = Resampling.of(first, how.settings, how.rng, how.animals)
    index = resampling.clusters.index
    blocked, leaky = (score(metric, first[rows], index[rows]) for rows in both.values())
    difference = resampling.interval(lambda weights: leaky(weights) - blocked(weights))
    seeds = [
        _plain(metric, rows) for _, rows in trials[trials["folds"] == "blocked"].groupby("seed", sort=True) if len(rows)
    ]
    known = inner[(inner["model"] == model) & (inner["metric"] == metric)]["inner"]
    outer = scores.get(PLACES[metric], {}).get(model, {}).get(metric, {}).get("value", np.nan)
    return {
        "model": model,
        "metric": metric,
        "inner": float(known.mean()) if len(known) else np.nan,
        "outer": outer,
        "inner_minus_outer": float(known.mean()) - outer if len(known) else np.nan,
        "blocked": _plain(metric, first[both["blocked"]]),
        "leaky": _plain(metric, first[both["leaky"]]),
        "leaky_minus_blocked": difference["value"],
        "ci_low": difference["ci_low"],
        "ci_high": difference["ci_high"],
        "seeds_sd": float(np.std(seeds, ddof=1)) if len(seeds) > 1 else np.nan,
        "n_seeds": len(seeds),
        "n_trials_blocked": int(both["blocked"].sum()),
        "n_trials_leaky": int(both["leaky"].sum()),
    }


def score(metric: str, rows: pd.DataFrame, index: Any) -> clustered.Score:
    """The score of some trials. metric: balanced_accuracy or bits_per_spike. index: (trial,), cluster of each.

    A function of all clusters' weights, of those rows alone. Clusters without such a row are left out.
    """
    if metric == "balanced_accuracy":
        label, predicted = (rows[c].to_numpy(np.int64) for c in ("label", "predicted"))
        of_all = clustered.balanced_accuracy(label, predicted, index, int(max(label.max(), predicted.max())) + 1)
    else:
        of_all = clustered.ratio(rows["nats"].to_numpy(float) / np.log(2), rows["spikes"].to_numpy(float), index)
    return lambda weights: of_all(weights[:, : int(index.max()) + 1])


def _plain(metric: str, rows: pd.DataFrame) -> float:
    """The score of all rows together."""
    return float(score(metric, rows, np.zeros(len(rows), dtype=np.int64))(np.ones((1, 1)))[0])
