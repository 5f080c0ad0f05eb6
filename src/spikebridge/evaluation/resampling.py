"""Clusters of trials, and one resampling of them that all models and scores share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import StatisticsConfig
from spikebridge.errors import ConfigError
from spikebridge.metrics import clustered
from spikebridge.statistics import cluster_bootstrap

Array = NDArray[np.float64]

MIN_RECORDINGS = 6
"""With six recordings a one-sided sign flip reaches p = 1/64, and 3/64 < 0.05 after Holm over three tests."""


@dataclass(frozen=True)
class Clusters:
    """kind: "recording", "block" or "animal". names: (cluster,). index: (trial,), number of each trial's cluster."""

    kind: str
    names: tuple[str, ...]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)


def clusters_of(table: pd.DataFrame, rule: str, animals: Mapping[str, str] | None = None) -> Clusters:
    """Clusters of a table of trials with the columns recording and block.

    rule: auto (recordings where there are at least six, else contiguous test blocks), recording, block or animal.
    Blocks of one recording are not fully independent: intervals over blocks hold for these recordings, not for new
    ones. animals: recording -> animal, for the rule animal.
    """
    if rule == "auto":
        rule = "recording" if table["recording"].nunique() >= MIN_RECORDINGS else "block"
    groups = table["recording"].map(dict(animals or {})) if rule == "animal" else table[rule]
    if groups.isna().any():
        unknown = sorted(set(table["recording"][groups.isna()]))
        raise ConfigError(f"statistics.cluster = animal needs the animal of every recording, got none for {unknown}")
    index, names = pd.factorize(groups, sort=True)
    return Clusters(rule, tuple(str(n) for n in names), np.asarray(index, dtype=np.int64))


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
        """Number of independent units: recordings where these are drawn first, else clusters."""
        return self.parents or len(self.clusters)

    @cached_property
    def ones(self) -> Array:
        return np.ones((1, len(self.clusters)))

    def interval(self, score: clustered.Score) -> dict[str, float]:
        interval = cluster_bootstrap.bootstrap_interval(score, self.weights, self.alpha, self.independent)
        return {"value": interval.value, "ci_low": interval.ci_low, "ci_high": interval.ci_high}


def mean_of_clusters(values: Array) -> clustered.Score:
    """Every cluster counts the same; clusters without a value are left out. values: (cluster,)."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    return clustered.ratio(filled, known.astype(np.float64), np.arange(len(values)))
