"""Table of the figure leakage_optimism: the reported score, a short blocked and a short leaky fit, each with interval.

As in `optimism_tables`, nothing here but the reported score is a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import OPTIMISM_FOLDS
from spikebridge.artifacts.latent_analysis import LatentAnalysisRun
from spikebridge.artifacts.training import Decisions, Translation
from spikebridge.errors import DataError
from spikebridge.evaluation.latent_analysis.optimism_tables import score
from spikebridge.evaluation.latent_analysis.scores import IntervalSettings
from spikebridge.evaluation.resampling import Resampling

KEYS = ["recording", "trial"]
REPORTED, SCHEMES = "reported", ("blocked", "leaky")


def optimism_folds(
    folder: Path | None,
    decisions: Mapping[str, Decisions],
    translations: Mapping[str, Translation],
    n_classes: int,
    how: IntervalSettings,
) -> pd.DataFrame:
    """A row a model, metric and kind of folds, all over test trials of the same outer folds.

    folds: "reported" (the fits of the stage train, on exactly the trials of "blocked"), "blocked" and "leaky" (the
    short fits of the analysis optimism, first seed). chance: 1 / classes, or 0 bits/spike. n_folds: outer folds that
    the trials are from. No rows where the analysis was not run; none of "reported" where a trial lacks a prediction.
    Raises DataError for a table that lacks a column.
    """
    if folder is None or not LatentAnalysisRun(folder).path("optimism").is_file():
        return pd.DataFrame(columns=list(OPTIMISM_FOLDS))
    trials = LatentAnalysisRun(folder).read_table("optimism")
    reported = {
        "balanced_accuracy": {
            m: d.table[KEYS].assign(label=d.label, predicted=d.predicted) for m, d in decisions.items()
        },
        "bits_per_spike": {m: t.table[[*KEYS, "nats", "spikes"]] for m, t in translations.items()},
    }
    chance = {"balanced_accuracy": 1 / n_classes, "bits_per_spike": 0.0}
    rows: list[dict[str, Any]] = []
    try:
        for model, of_model in trials[trials["seed"] == 0].groupby("model", sort=False):
            for metric, column in (("balanced_accuracy", "predicted"), ("bits_per_spike", "nats")):
                known = of_model.dropna(subset=[column])
                if len(known):
                    about = {"model": str(model), "metric": metric, "chance": chance[metric]}
                    rows += [about | row for row in _rows(metric, known, reported[metric].get(str(model)), how)]
    except KeyError as error:
        path = LatentAnalysisRun(folder).path("optimism")
        raise DataError(f"{path}: lacks the column {error}; run the stage analyze again") from None
    return pd.DataFrame(rows, columns=list(OPTIMISM_FOLDS))


def _rows(
    metric: str, trials: pd.DataFrame, reported: pd.DataFrame | None, how: IntervalSettings
) -> Iterator[dict[str, Any]]:
    kinds = {folds: trials[trials["folds"] == folds] for folds in SCHEMES}
    if reported is not None:
        blocked = kinds["blocked"]
        same = blocked[[*KEYS, "fold", "block"]].merge(reported, on=KEYS, how="inner")
        kinds = ({REPORTED: same} if len(same) == len(blocked) else {}) | kinds
    for folds, rows in kinds.items():
        if len(rows):
            resampling = Resampling.of(rows, how.settings, how.rng, how.animals)
            interval = resampling.interval(score(metric, rows, resampling.clusters.index))
            yield {"folds": folds, **interval, "n_trials": len(rows), "n_folds": int(np.unique(rows["fold"]).size)}
