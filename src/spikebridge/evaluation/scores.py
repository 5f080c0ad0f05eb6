"""metrics.json: every model's scores over all out-of-fold trials together, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.training import Decisions, Translation
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.clusters import Clusters, clusters_of
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.trial_shift_contrast import specific_nats
from spikebridge.metrics import clustered, decision
from spikebridge.statistics import cluster_bootstrap

Array = NDArray[np.float64]
WITHIN = "balanced_accuracy_within_blocks"
SPECIFIC = "trial_contrast_bits_per_spike"


@dataclass(frozen=True)
class Resampling:
    """One draw of clusters, shared by all models and scores, so that every difference is paired.

    weights: (resample, cluster). parents: number of recordings where these are drawn first, and blocks within; None
    where clusters are drawn at once.
    """

    clusters: Clusters
    weights: Array
    alpha: float
    parents: int | None = None

    @staticmethod
    def of(
        table: pd.DataFrame,
        settings: StatisticsConfig,
        rng: np.random.Generator,
        animals: Mapping[str, str] | None = None,
    ) -> Resampling:
        if settings.cluster == "nested":
            return Resampling._nested(table, settings, rng)
        clusters = clusters_of(table, settings.cluster, animals)
        weights = cluster_bootstrap.resample_weights(len(clusters), settings.n_resamples, rng)
        return Resampling(clusters, weights, settings.alpha)

    @staticmethod
    def _nested(table: pd.DataFrame, settings: StatisticsConfig, rng: np.random.Generator) -> Resampling:
        clusters = clusters_of(table, "block")
        home, names = pd.factorize(table["recording"])
        parent = np.zeros(len(clusters), dtype=np.int64)
        parent[clusters.index] = home
        weights = cluster_bootstrap.nested_weights(parent, settings.n_resamples, rng)
        return Resampling(clusters, weights, settings.alpha, len(names))

    @property
    def independent(self) -> int:
        """How many of what is drawn first: what the width of an interval rests on."""
        return self.parents or len(self.clusters)

    @cached_property
    def ones(self) -> Array:
        return np.ones((1, len(self.clusters)))

    def interval(self, score: clustered.Score) -> dict[str, float]:
        found = cluster_bootstrap.bootstrap_interval(score, self.weights, self.alpha, self.independent)
        return {"value": found.value, "ci_low": found.ci_low, "ci_high": found.ci_high}


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

    weight: (trial,), how much each counts; None: all alike.
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


def mean_of_clusters(values: Array) -> clustered.Score:
    """Every cluster counts the same; clusters without a value are left out. values: (cluster,)."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    return clustered.ratio(filled, known.astype(np.float64), np.arange(len(values)))


def translation_score(t: Translation, index: NDArray[np.int64]) -> clustered.Score:
    """Bits per spike; index: (trial,), number of each trial's cluster."""
    return clustered.ratio(t.nats / np.log(2), t.spikes, index)


def source_score(t: Translation, index: NDArray[np.int64]) -> clustered.Score:
    """Bits per spike that the source adds to what the model says without it."""
    return clustered.ratio(t.from_source / np.log(2), t.spikes, index)


def specific_score(inputs: Inputs, t: Translation, index: NDArray[np.int64]) -> clustered.Score:
    """Bits per spike of the own trial's rates less those of neighbouring trials' rates."""
    return clustered.ratio(specific_nats(inputs, t) / np.log(2), t.spikes, index)


def metrics(
    inputs: Inputs, resampling: Resampling | None, translating: Resampling | None, settings: StatisticsConfig
) -> dict[str, Any]:
    """The content of metrics.json; see design.md. resampling: of decisions, translating: of translations."""
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
                SPECIFIC: translating.interval(specific_score(inputs, t, translating.clusters.index)),
                "n_trials": len(t.table),
                "n_spikes": int(t.spikes.sum()),
                "per_recording": _per_recording(t, settings),
            }
    return content


def _per_recording(t: Translation, settings: StatisticsConfig) -> Mapping[str, dict[str, float]]:
    """Bits/spike of each recording; its interval resamples the recording's own test blocks: descriptive."""
    found = {}
    for name, rows in t.table.groupby("recording", sort=True):
        part = Translation(t.model, rows, t.rates_folder)
        # the same draws for every model and recording: a difference between them is never one of the draws
        rng = np.random.default_rng(0)
        blocks = Resampling.of(rows, settings.model_copy(update={"cluster": "block"}), rng)
        found[str(name)] = blocks.interval(translation_score(part, blocks.clusters.index))
    return found
