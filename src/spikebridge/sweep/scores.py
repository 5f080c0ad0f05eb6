"""The stage collect, tables: intervals, tests and false discovery rate over all pairs.

The test of a pair. A pair is tested as the declared test `translation_from_source` does it: a sign flip over recordings
of the trial-shift contrast, because drift alone lifts the plain source bits/spike. `statistics.cluster: auto` asks for
six recordings for that. A pair with fewer is tested by the trial shuffle, the primary null of translations: its p holds
for these recordings and not for others. A sign flip over test blocks is not used: the folds of a recording learn from
each other's test blocks, and in the calibration of tests it made 10 to 14 % false claims at 5 %.

False discovery rate. A sweep asks which pairs are worth a study, so the share of false claims among the claims is
bounded, not the probability of any (Holm over a hundred pairs would need p below 0.0005). Benjamini & Hochberg bound it
where tests are positively dependent; pairs share regions, hence counts, and their one-sided tests are. q_by bounds it
under any dependence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.sweep import LagAndDimension, PairEstimates
from spikebridge.artifacts.sweep_plan import SweepPlan
from spikebridge.config import Sections, StatisticsConfig
from spikebridge.evaluation.resampling import MIN_RECORDINGS, Resampling, clusters_of
from spikebridge.evaluation.translation_scores import MIN_BITS
from spikebridge.metrics import clustered
from spikebridge.runtime.seeds import random_generator
from spikebridge.statistics import clusters_needed, false_discovery_rate, sign_flip
from spikebridge.types.verdicts import Verdict, VerdictColumns

SHUFFLE, SIGN_FLIP = "trial_shuffle", "sign_flip"
INTERVALS = ("bits_per_spike", "source_bits_per_spike", "trial_contrast_bits_per_spike", "communication_gain")
NUMBERS = ("n_recordings", "source_units", "target_units", "n_trials")
TESTED = ("test", "test_clusters", "n_test_clusters", "p", "smallest_attainable_p", "q", "q_by")
COLUMNS = [
    "source", "target", "model", "recordings", *NUMBERS, "interval_clusters", "n_interval_clusters",
    *(f"{name}{end}" for name in INTERVALS for end in ("", "_low", "_high")),
    "lag_s", "lag_s_low", "lag_s_high", "dimension", *TESTED, "verdict_code", "verdict", "left_out_code", "reason",
]  # fmt: skip
Array = NDArray[np.float64]


@dataclass(frozen=True)
class CollectSections(Sections):
    """The sections of params.yaml that the stage collect uses.

    Parameters
    ----------
    seed : int
        Of every random stream.
    statistics : StatisticsConfig
        alpha, n_resamples and cluster.
    """

    seed: int
    statistics: StatisticsConfig


@dataclass(frozen=True)
class PairResult:
    """What the stage of a pair wrote. trials: one row a trial, artifacts.sweep.TRIAL_COLUMNS."""

    key: str
    trials: pd.DataFrame
    estimates: PairEstimates


@dataclass(frozen=True)
class PairTest:
    """The test of one pair. clusters: what the signs are of, or "trial" for the shuffle within recordings."""

    name: str
    clusters: str
    n: int
    p: float
    smallest: float


def pair_table(plan: SweepPlan, results: Sequence[PairResult], sections: CollectSections) -> pd.DataFrame:
    """One row for every ordered pair of the matrix, those that are left out with their reason.

    Parameters
    ----------
    plan : SweepPlan
        The pairs.
    results : sequence of PairResult
        Of every pair that was run.
    sections : CollectSections
        The settings of the stage.

    Returns
    -------
    DataFrame
        COLUMNS, in the order of the matrix. Intervals resample the clusters that `statistics.cluster` names.
    """
    settings = sections.statistics
    rows = [_row(result, plan.animals, sections) for result in results]
    p = [row["p"] for row in rows]
    q, q_by = false_discovery_rate(p), false_discovery_rate(p, "any")
    rows = [
        {**row, "q": q[k], "q_by": q_by[k], **verdict_of_pair({**row, "q": q[k]}, settings.alpha)}
        for k, row in enumerate(rows)
    ]
    rows += [
        {
            "source": pair.source,
            "target": pair.target,
            **Verdict.LEFT_OUT.columns(reason=pair.reason),
            "left_out_code": pair.code,
            "reason": pair.reason,
        }
        for pair in plan.left_out
    ]
    place = {region: k for k, region in enumerate(plan.folders)}
    rows.sort(key=lambda row: (place[row["source"]], place[row["target"]]))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(result: PairResult, animals: Mapping[str, str], sections: CollectSections) -> dict[str, Any]:
    trials, about, settings = result.trials, result.estimates, sections.statistics
    rng = random_generator(sections.seed, "sweep", "resample", result.key)
    resampling = Resampling.of(trials, settings, rng, animals)
    test = pair_test(result, settings, animals, random_generator(sections.seed, "sweep", "signs", result.key))
    row: dict[str, Any] = {
        "source": about.source,
        "target": about.target,
        "model": about.model,
        "recordings": "; ".join(sorted(about.units)),
        "n_recordings": len(about.units),
        "source_units": sum(n for n, _ in about.units.values()),
        "target_units": sum(n for _, n in about.units.values()),
        "n_trials": len(trials),
        "interval_clusters": resampling.clusters.kind,
        "n_interval_clusters": len(resampling.clusters),
    }
    for name, nats in nats_of_scores(trials).items():
        interval = resampling.interval(bits_score(nats, trials, resampling.clusters.index))
        row |= {name: interval["value"], f"{name}_low": interval["ci_low"], f"{name}_high": interval["ci_high"]}
    return {
        **row,
        **coupling_columns(about.coupling),
        "test": test.name,
        "test_clusters": test.clusters,
        "n_test_clusters": test.n,
        "p": test.p,
        "smallest_attainable_p": test.smallest,
    }


def nats_of_scores(trials: pd.DataFrame) -> dict[str, Array]:
    """Score -> (trial,), nats that it is the sum of."""
    of = {name: trials[name].to_numpy(np.float64) for name in trials.columns if name.startswith("nats")}
    return dict(
        zip(
            INTERVALS,
            (
                of["nats"],
                of["nats"] - of["nats_without_source"],
                trials["trial_shift_nats"].to_numpy(np.float64),
                of["nats_with_source_and_history"] - of["nats_of_history"],
            ),
            strict=True,
        )
    )


def bits_score(nats: Array, trials: pd.DataFrame, index: NDArray[np.int64]) -> clustered.Score:
    """Bits per spike of the target."""
    return clustered.ratio(nats / np.log(2), trials["spikes"].to_numpy(np.float64), index)


def coupling_columns(coupling: LagAndDimension) -> dict[str, Any]:
    lag = {"lag_s": coupling.lag_s, "lag_s_low": coupling.lag_low_s, "lag_s_high": coupling.lag_high_s}
    return {**{key: np.nan if value is None else value for key, value in lag.items()}, "dimension": coupling.dimension}


def pair_test(
    result: PairResult, settings: StatisticsConfig, animals: Mapping[str, str], rng: np.random.Generator
) -> PairTest:
    """Test whether the source predicts the target in one pair; see the module for the reasons.

    Parameters
    ----------
    result : PairResult
        The trials, and the p of the trial shuffle.
    settings : StatisticsConfig
        `cluster` auto: recordings where there are six or more, else the trial shuffle; recording, nested: recordings;
        animal: animals; block: the trial shuffle.
    animals : mapping of str to str
        Recording -> animal.
    rng : numpy.random.Generator
        Source of random signs.

    Returns
    -------
    PairTest
        p, and the smallest p that the test can give.
    """
    n = len(result.estimates.units)
    rule = {"nested": "recording", "block": ""}.get(settings.cluster, settings.cluster)
    if rule == "auto":
        rule = "recording" if n >= MIN_RECORDINGS else ""
    if not rule:
        p = result.estimates.shuffle_p
        smallest = result.estimates.shuffle_smallest_p
        return PairTest(SHUFFLE, "trial", len(result.trials), np.nan if p is None else p, smallest)
    clusters = clusters_of(result.trials, rule, animals)
    score = bits_score(result.trials["trial_shift_nats"].to_numpy(np.float64), result.trials, clusters.index)
    test = sign_flip(score(np.eye(len(clusters))), rng, "greater", settings.n_resamples)
    return PairTest(SIGN_FLIP, clusters.kind, test.n, test.p, test.smallest)


def verdict_of_pair(row: Mapping[str, Any], alpha: float) -> VerdictColumns:
    """The columns verdict and verdict_code of a pair that was run.

    Parameters
    ----------
    row : mapping
        q, smallest_attainable_p, the source bits/spike and the trial-shift contrast, and the clusters of the test.
    alpha : float
        Level of the false discovery rate.

    Returns
    -------
    VerdictColumns
        The source predicts the target where q is at most alpha and both scores are more than next to nothing. Where no
        data could have reached alpha, even in all pairs at once, there are too few clusters.
    """
    if row["smallest_attainable_p"] > alpha:
        cluster, needed = row["test_clusters"], clusters_needed(alpha)
        return Verdict.TOO_FEW_CLUSTERS.columns(cluster=cluster, needed=needed)
    if not row["q"] <= alpha:
        return Verdict.NOT_SIGNIFICANT.columns()
    if not min(row["source_bits_per_spike"], row["trial_contrast_bits_per_spike"]) > MIN_BITS:
        return Verdict.NEXT_TO_NOTHING.columns(least=MIN_BITS)
    return Verdict.SOURCE_PREDICTS_TARGET.columns(source=row["source"], target=row["target"])
