"""metrics.json: the scores of every model over all out-of-fold trials, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.out_of_fold import Decisions, Translation
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.resampling import Clusters, Resampling, mean_of_clusters
from spikebridge.evaluation.translation_scores import TRIAL_SHIFT, source_score, translation_score, trial_shift_score
from spikebridge.metrics import clustered, decision

Array = NDArray[np.float64]
WITHIN = "balanced_accuracy_within_blocks"


def decision_scores(d: Decisions, clusters: Clusters, n_classes: int) -> dict[str, clustered.Score]:
    """The scores of one model's decisions as functions of the clusters' weights."""
    c = clusters.index
    return {
        "balanced_accuracy": clustered.balanced_accuracy(d.label, d.predicted, c, n_classes),
        WITHIN: mean_of_clusters(within_blocks(d, clusters, n_classes)),
        "accuracy": clustered.mean(d.right.astype(np.float64), c),
        # of the evidence: shares differ between folds, and a fold with few of a class in training has many in test
        # (stratification bias, Parker et al. 2007, BMC Bioinformatics 8:326)
        "auc": clustered.auc(d.label, d.evidence, c),
        "log_loss": clustered.mean(decision.log_loss_per_trial(d.label, d.probabilities), c),
        "brier": clustered.mean(decision.brier_per_trial(d.label, d.probabilities), c),
    }


def within_blocks(d: Decisions, clusters: Clusters, n_classes: int, weight: Array | None = None) -> Array:
    """Mean over a cluster's test blocks of the balanced accuracy within the block; see metrics.decision for why.

    weight: (trial,), weight of each trial; None: all alike.
    Returns (cluster,), NaN for a cluster none of whose blocks holds every class.
    """
    block, _ = pd.factorize(d.table["block"])
    block = np.asarray(block, dtype=np.int64)
    score = decision.balanced_accuracy_within_blocks(d.label, d.predicted, block, n_classes, weight)
    home = np.zeros(len(score), dtype=np.int64)
    home[block] = clusters.index
    known = np.isfinite(score)
    total = np.bincount(home[known], weights=score[known], minlength=len(clusters))
    n = np.bincount(home[known], minlength=len(clusters))
    return np.divide(total, n, out=np.full(len(clusters), np.nan), where=n > 0)


def metrics(
    inputs: Inputs, resampling: Resampling | None, translating: Resampling | None, settings: StatisticsConfig
) -> dict[str, Any]:
    """The content of metrics.json. resampling: of decisions, translating: of translations."""
    content: dict[str, Any] = {"models": {}, "translation": {}, "n_recordings": len(inputs.recordings)}
    clusters = [r.clusters for r in (resampling, translating) if r is not None]
    content["cluster"] = clusters[0].kind if clusters else None
    content["n_clusters"] = len(clusters[0]) if clusters else 0
    if settings.cluster == "nested":
        content["nested"] = True
    if resampling is not None:
        for name, d in inputs.decisions.items():
            scores = decision_scores(d, resampling.clusters, len(inputs.classes))
            entry: dict[str, Any] = {key: resampling.interval(score) for key, score in scores.items()}
            content["models"][name] = {**entry, "n_trials": len(d.label)}
        label = next(iter(inputs.decisions.values())).label
        content["no_information_rate"] = {"value": decision.no_information_rate(label)}
    if translating is not None:
        for name, t in inputs.translations.items():
            content["translation"][name] = {
                "bits_per_spike": translating.interval(translation_score(t, translating.clusters.index)),
                "source_bits_per_spike": translating.interval(source_score(t, translating.clusters.index)),
                TRIAL_SHIFT: translating.interval(trial_shift_score(inputs, t, translating.clusters.index)),
                "n_trials": len(t.table),
                "n_spikes": int(t.spikes.sum()),
                "per_recording": _per_recording(t, settings),
            }
    return content


def _per_recording(t: Translation, settings: StatisticsConfig) -> Mapping[str, dict[str, float]]:
    """Bits/spike of each recording; its interval resamples the recording's own test blocks: descriptive."""
    content = {}
    for name, rows in t.table.groupby("recording", sort=True):
        part = Translation(t.model, rows, t.rates_folder)
        # the same draws for every model and recording, so that scores never differ because of the draws
        rng = np.random.default_rng(0)
        blocks = Resampling.of(rows, settings.model_copy(update={"cluster": "block"}), rng)
        content[str(name)] = blocks.interval(translation_score(part, blocks.clusters.index))
    return content
