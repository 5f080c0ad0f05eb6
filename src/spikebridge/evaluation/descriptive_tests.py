"""The descriptive rows of comparisons.csv: every pair of models, with every test that readers may ask for.

None of them decides anything. The verdict of a test that is known to fail on such data names the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.out_of_fold import Decisions
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.resampling import Clusters, Resampling
from spikebridge.evaluation.scores import WITHIN, decision_scores, within_blocks
from spikebridge.evaluation.translation_scores import translation_score
from spikebridge.metrics import clustered
from spikebridge.statistics import (
    bayes_factor,
    cluster_bootstrap,
    correctness_model,
    delong,
    design_effect,
    equivalence,
    mcnemar,
    nadeau_bengio,
    rope,
)
from spikebridge.types import Comparison, DetectableEffect, Difference, Sample, Significance
from spikebridge.types.verdicts import Verdict, VerdictColumns

Array = NDArray[np.float64]
BITS, LOG_ODDS = "bits_per_spike", "log_odds_of_being_right"
Sampled = Mapping[tuple[str, str], tuple[float, Array]]
"""(model, metric) -> (score of all data, scores of the resamples)."""


def descriptive_decisions(
    inputs: Inputs, resampling: Resampling, settings: StatisticsConfig, declared: Collection[tuple[str, str]]
) -> Iterator[Comparison]:
    """Rows of every pair of decoders. declared: pairs of the primary tests; only they get the slow test (gee)."""
    clusters, k = resampling.clusters, len(inputs.classes)
    sampled = _samples({m: decision_scores(d, clusters, k) for m, d in inputs.decisions.items()}, resampling)
    by_cluster = {m: within_blocks(d, clusters, k) for m, d in inputs.decisions.items()}
    by_fold = {m: within_blocks(d, _folds(d), k) for m, d in inputs.decisions.items()}
    for a, b in combinations(inputs.decisions, 2):
        first, second = inputs.decisions[a], inputs.decisions[b]
        row = _description(a, b, "accuracy", len(first.label), len(clusters))
        yield from _of_trials(row, first, second, clusters, settings.alpha)
        row = replace(row, metric=WITHIN)
        yield _of_folds(row, by_fold[a] - by_fold[b], first, settings.alpha)
        yield from _of_clusters(row, by_cluster[a] - by_cluster[b], settings)
        yield _bootstrapped_equivalence(row, sampled, resampling, settings)
        if (a, b) in declared or (b, a) in declared:
            yield _of_correctness(row, first, second, clusters, inputs, settings.alpha)
        for metric in [m for model, m in sampled if model == a]:
            yield _bootstrap(a, b, metric, sampled, resampling, len(first.label))


def descriptive_translations(inputs: Inputs, resampling: Resampling) -> Iterator[Comparison]:
    """Rows of every pair of translators."""
    index = resampling.clusters.index
    sampled = _samples({m: {BITS: translation_score(t, index)} for m, t in inputs.translations.items()}, resampling)
    for a, b in combinations(inputs.translations, 2):
        yield _bootstrap(a, b, BITS, sampled, resampling, len(index))


def _samples(scores: Mapping[str, Mapping[str, clustered.Score]], resampling: Resampling) -> Sampled:
    return {
        (model, metric): (float(score(resampling.ones)[0]), score(resampling.weights))
        for model, each in scores.items()
        for metric, score in each.items()
    }


def _bootstrap(a: str, b: str, metric: str, sampled: Sampled, resampling: Resampling, n: int) -> Comparison:
    row = _description(a, b, metric, n, len(resampling.clusters))
    return _with_bootstrap(row, "cluster_bootstrap", sampled, resampling, resampling.alpha)


def _with_bootstrap(row: Comparison, test: str, sampled: Sampled, resampling: Resampling, alpha: float) -> Comparison:
    """The row with the difference between its models and the (1 - alpha) bootstrap interval of that."""
    (value_a, draws_a), (value_b, draws_b) = (sampled[model, row.metric] for model in (row.model_a, row.model_b))
    interval = cluster_bootstrap.interval_from_samples(
        value_a - value_b, draws_a - draws_b, resampling.independent, alpha
    )
    difference = Difference(interval.value, interval.ci_low, interval.ci_high)
    return replace(row, difference=difference, significance=replace(row.significance, test=test))


def _difference(result: Any) -> Difference:
    """The estimate and interval of a test's result."""
    return Difference(result.estimate, result.ci_low, result.ci_high)


def _over(row: Comparison, n_clusters: int) -> Sample:
    """The sample of the row, in other clusters."""
    return replace(row.sample, n_clusters=n_clusters)


def _of_trials(row: Comparison, a: Decisions, b: Decisions, clusters: Clusters, alpha: float) -> Iterator[Comparison]:
    """McNemar, McNemar divided by its design effect, and DeLong."""
    test = mcnemar(a.right, b.right)
    row = replace(row, difference=Difference(float(a.right.mean() - b.right.mean())))
    verdict = Verdict.DEPENDENT_TRIALS.columns()
    yield replace(row, significance=Significance("mcnemar_exact", test.p_exact, test.smallest_exact, **verdict))
    yield replace(row, significance=Significance("mcnemar_mid_p", test.p_mid, test.smallest_mid, **verdict))
    inflated = design_effect(a.right, b.right, clusters.index)
    yield replace(
        row,
        sample=replace(row.sample, design_effect=inflated.effect, effective_n=inflated.effective_n),
        significance=Significance("mcnemar_design_effect", inflated.p, **Verdict.DESCRIPTIVE.columns()),
    )
    areas = delong(a.label, a.evidence, b.evidence, alpha)
    significance = Significance("delong", areas.p, **verdict)
    yield replace(row, metric="auc", difference=_difference(areas), significance=significance)


def _of_folds(row: Comparison, differences: Array, d: Decisions, alpha: float) -> Comparison:
    """Nadeau-Bengio; a fold trains on the trials of all other folds except the few in the gap."""
    n_test = len(d.label) / len(differences)
    n_train = max(len(d.label) - n_test, 1.0)
    test = nadeau_bengio(differences, n_train, n_test, alpha)
    significance = Significance("nadeau_bengio", test.p, **Verdict.DEPENDENT_FOLDS.columns())
    return replace(row, sample=_over(row, test.n), difference=_difference(test), significance=significance)


def _of_clusters(row: Comparison, differences: Array, settings: StatisticsConfig) -> Iterator[Comparison]:
    """Equivalence, region of practical equivalence and Bayes factor."""
    alike = equivalence(differences, settings.equivalence_margin, min(settings.alpha, 0.49))
    verdict = _equivalence(alike.equivalent, alike.not_worse, settings.equivalence_margin)
    yield replace(
        row,
        sample=_over(row, alike.n),
        difference=_difference(alike),
        significance=Significance("tost", alike.p, **verdict),
        power=DetectableEffect(clusters_for_power=alike.needed),
    )
    odds = rope(differences, settings.equivalence_margin, alpha=settings.alpha)
    shares = ", ".join(f"{x:.2f}" for x in (odds.worse, odds.equal, odds.better))
    row = replace(row, sample=_over(row, odds.n))
    verdict = Verdict.POSTERIOR.columns(margin=settings.equivalence_margin, shares=shares)
    yield replace(row, difference=_difference(odds), significance=Significance("rope", **verdict))
    verdict = Verdict.BAYES_FACTOR.columns(factor=bayes_factor(differences))
    significance = Significance("bayes_factor", **verdict)
    yield replace(row, difference=Difference(odds.estimate), significance=significance)


def _bootstrapped_equivalence(
    row: Comparison, sampled: Sampled, resampling: Resampling, settings: StatisticsConfig
) -> Comparison:
    """Equivalence by the (1 - 2 alpha) bootstrap interval, next to the t interval of `tost`."""
    margin = settings.equivalence_margin
    row = _with_bootstrap(row, "tost_bootstrap", sampled, resampling, 2 * min(settings.alpha, 0.49))
    inside = row.difference.ci_low > -margin, row.difference.ci_high < margin
    verdict = _equivalence(all(inside), inside[0], margin)
    return replace(row, significance=replace(row.significance, **verdict))


def _of_correctness(
    row: Comparison, a: Decisions, b: Decisions, clusters: Clusters, inputs: Inputs, alpha: float
) -> Comparison:
    fitted = correctness_model(a.right, b.right, clusters.index, _stratum(a.table, clusters.kind, inputs), alpha)
    return replace(
        row,
        metric=LOG_ODDS,
        sample=_over(row, fitted.n_clusters),
        difference=Difference(fitted.log_odds, fitted.ci_low, fitted.ci_high),
        significance=replace(row.significance, test="gee", p=fitted.p),
    )


def _stratum(table: pd.DataFrame, kind: str, inputs: Inputs) -> NDArray[np.int64] | None:
    """The recording of a block, the animal of a recording where it is known; (trial,)."""
    if kind == "block":
        names = table["recording"]
    elif kind == "recording" and inputs.animals:
        names = table["recording"].map(dict(inputs.animals)).fillna("")
    else:
        return None
    return np.asarray(pd.factorize(names)[0], dtype=np.int64)


def _folds(d: Decisions) -> Clusters:
    index, names = pd.factorize(d.table["fold"], sort=True)
    return Clusters("fold", tuple(str(n) for n in names), np.asarray(index, dtype=np.int64))


def _equivalence(equivalent: bool, not_worse: bool, margin: float) -> VerdictColumns:
    if equivalent:
        return Verdict.EQUIVALENT.columns(margin=margin)
    return (Verdict.NOT_WORSE if not_worse else Verdict.EQUIVALENCE_NOT_SHOWN).columns(margin=margin)


def _description(a: str, b: str, metric: str, n: int, k: int) -> Comparison:
    significance = Significance("", **Verdict.DESCRIPTIVE.columns())
    return Comparison("pairs", a, b, metric, "descriptive", Sample(n, k), Difference(), significance)
