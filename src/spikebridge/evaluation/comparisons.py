"""comparisons.csv: the few tests that were declared beforehand, and descriptive tests of every pair of models."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.config import StatisticsConfig
from spikebridge.config.declared_tests import BASELINE, DECIDING, TRANSLATING
from spikebridge.evaluation.descriptive_tests import BITS, descriptive_decisions, descriptive_translations
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.resampling import Resampling, mean_of_clusters
from spikebridge.evaluation.scores import WITHIN, within_blocks
from spikebridge.evaluation.translation_scores import TRIAL_SHIFT, translation_score, trial_shift_score
from spikebridge.statistics import (
    clusters_needed,
    design_effect,
    holm,
    sign_flip,
    sign_flip_power,
    verdict_columns,
    verdict_of,
)
from spikebridge.types import Comparison, DetectableEffect, Difference, Sample, Significance
from spikebridge.types.verdicts import VerdictColumns

Array = NDArray[np.float64]
ABOVE_MAJORITY = "above_majority"
"""The family of the declared tests against the majority model."""
NO_SOURCE = "without_source"
"""Name of the reference of the trial-shift contrast: the rates of neighbouring trials (see translation_scores)."""
BLOCK_NULL_SCALE = 1.1
"""Scale of the null distribution of a sign flip over test blocks, which are not quite independent: their folds share
training data. The factor was measured. Models against majority, four or five recordings, false claims at 5 %: in 160
null studies of the calibration of tests 8.3 % with random signs and 5.2 % with this factor, chosen there; in 240 others
7.2 % and 4.6 %."""


@dataclass(frozen=True)
class Family:
    """Tests that share one Holm correction; fixed here, before any data. pairs: (better by hypothesis, other)."""

    name: str
    metric: str
    pairs: tuple[tuple[str, str], ...]


def families(deciders: list[str], translators: list[str]) -> list[Family]:
    """The families of the models at hand; a missing model makes its families smaller.

    Only models of spikebridge.config.declared_tests are tested; comparisons of all others are descriptive.

    The direction of every test is declared (one-sided): with six recordings the smallest p is 1/64, and three tests
    still reach 3/64 after Holm; two-sided they could not.
    """
    declared = [
        Family(ABOVE_MAJORITY, WITHIN, tuple((m, BASELINE) for m in DECIDING)),
        Family("seq2seq_against_competitors", WITHIN, tuple((DECIDING[0], m) for m in DECIDING[1:])),
        Family("translation", BITS, tuple((TRANSLATING[0], m) for m in TRANSLATING[1:])),
        Family("translation_from_source", TRIAL_SHIFT, tuple((m, NO_SOURCE) for m in TRANSLATING)),
    ]
    present = {WITHIN: set(deciders), BITS: set(translators), TRIAL_SHIFT: {*translators, NO_SOURCE}}
    kept = [replace(f, pairs=tuple(p for p in f.pairs if present[f.metric].issuperset(p))) for f in declared]
    return [f for f in kept if f.pairs]


def compare(
    inputs: Inputs,
    deciding: Resampling | None,
    translating: Resampling | None,
    settings: StatisticsConfig,
    rng: np.random.Generator,
) -> list[Comparison]:
    """All rows: primary families first, each with Holm correction and verdict, then the descriptive tests.

    Primary test: sign flip over clusters of the paired difference, with its cluster-bootstrap interval in the row. Its
    score is the balanced accuracy within test blocks, averaged over a cluster's blocks (metrics.decision), the
    bits/spike of a cluster, or the trial-shift contrast (translation_scores).
    """
    rows: list[Comparison] = []
    declared = families(list(inputs.decisions), list(inputs.translations))
    for family in declared:
        resampling = deciding if family.metric == WITHIN else translating
        assert resampling is not None
        resampling = _of_models(family, resampling, inputs, settings, rng)
        values = _by_cluster(inputs, family.metric, resampling)
        tested = [_primary(family, pair, values, resampling, settings, rng) for pair in family.pairs]
        counted = [_with_trials(row, inputs, resampling) for row in tested]
        rows += _decide(counted, resampling.clusters.kind, settings.alpha)
    if deciding is not None:
        pairs = {pair for family in declared for pair in family.pairs if family.metric == WITHIN}
        rows += list(descriptive_decisions(inputs, deciding, settings, pairs))
    if translating is not None:
        rows += list(descriptive_translations(inputs, translating))
    return rows


def _of_models(
    family: Family, resampling: Resampling, inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator
) -> Resampling:
    """The clusters of a family: recordings where two models or translations are tested, however few.

    Blocks replace few recordings only where decisions are compared with majority. Of two models of equal quality one is
    better throughout a recording, because of its units and their drift (a third of the variance of bits/spike between
    blocks), and a test over blocks would attribute that to the models. Chance agreement of a translation is shared by
    the blocks of a recording as well, because its folds train on each other's test blocks. Measured in studies of the
    calibration of tests with four or five recordings: 10 to 14 % false claims at 5 % over blocks, at most 5 % over
    recordings. Against majority the null distribution is scaled where blocks are the clusters (BLOCK_NULL_SCALE).
    """
    if settings.cluster != "auto" or any(b == BASELINE for _, b in family.pairs):
        return resampling
    table = (inputs.decisions if family.metric == WITHIN else inputs.translations)[family.pairs[0][0]].table
    return Resampling.of(table, settings.model_copy(update={"cluster": "recording"}), rng, inputs.animals)


def _by_cluster(inputs: Inputs, metric: str, resampling: Resampling) -> Mapping[str, Array]:
    clusters = resampling.clusters
    if metric == WITHIN:
        return {m: within_blocks(d, clusters, len(inputs.classes)) for m, d in inputs.decisions.items()}
    each = np.eye(len(clusters))
    score = translation_score if metric == BITS else partial(trial_shift_score, inputs)
    bits = {m: score(t, clusters.index)(each) for m, t in inputs.translations.items()}
    return {**bits, NO_SOURCE: np.zeros(len(clusters))}


def _with_trials(row: Comparison, inputs: Inputs, resampling: Resampling) -> Comparison:
    """Add the number of trials and, for decisions, the effective number of independent trials."""
    if row.metric != WITHIN:
        return replace(row, sample=replace(row.sample, n=len(inputs.translations[row.model_a].table)))
    a, b = inputs.decisions[row.model_a], inputs.decisions[row.model_b]
    effect = design_effect(a.right, b.right, resampling.clusters.index)
    return replace(row, sample=Sample(effect.n, row.sample.n_clusters, effect.effect, effect.effective_n))


def _primary(
    family: Family,
    pair: tuple[str, str],
    values: Mapping[str, Array],
    resampling: Resampling,
    settings: StatisticsConfig,
    rng: np.random.Generator,
) -> Comparison:
    difference = values[pair[0]] - values[pair[1]]
    null_scale = BLOCK_NULL_SCALE if resampling.clusters.kind == "block" and pair[1] == BASELINE else 1.0
    test = sign_flip(difference, rng, "greater", settings.n_resamples, null_scale)
    interval = resampling.interval(mean_of_clusters(difference))
    power = sign_flip_power(difference, settings.alpha, len(family.pairs), null_scale=null_scale)
    return Comparison(
        family=family.name,
        model_a=pair[0],
        model_b=pair[1],
        metric=family.metric,
        role="primary",
        sample=Sample(0, test.n),
        difference=Difference(test.estimate, interval["ci_low"], interval["ci_high"]),
        significance=Significance("sign_flip", test.p, test.smallest),
        power=DetectableEffect(power.detectable, power.for_power),
    )


def _decide(rows: list[Comparison], kind: str, alpha: float) -> list[Comparison]:
    """Holm within the family, and verdicts, which distinguish too few clusters from no difference shown.

    Where no difference is shown, the verdict names the difference that the test detects with 80 % power.
    """
    decided = []
    for row, p in zip(rows, holm([row.significance.p for row in rows]), strict=True):
        verdict = _verdict(row, float(p), len(rows), kind, alpha)
        decided.append(replace(row, significance=replace(row.significance, p_holm=float(p), **verdict)))
    return decided


def _verdict(row: Comparison, p_holm: float, tests: int, kind: str, alpha: float) -> VerdictColumns:
    verdict = verdict_of(p_holm, row.significance.smallest_attainable_p, tests, alpha)
    return verdict_columns(verdict, row.model_a, kind, tests, alpha, row.power.detectable)


def detectable_effects(rows: Sequence[Comparison], cluster: str | None, alpha: float) -> dict[str, dict[str, Any]]:
    """Power of each primary test, for metrics.json: family -> "a_minus_b" -> entries.

    cluster: kind of the clusters. design_effect: variance of the paired difference in correctness over that of
    independent trials. effective_trials (effective_n of a row): number of independent trials with the same variance.
    Both of decisions only. detectable: smallest true difference found with 80 % power, None where no data could.
    clusters_to_decide: fewest with which the smallest p, times the tests of the family, reaches alpha.
    clusters_for_power: clusters that show the observed difference with 80 % power. clusters_still_needed: to reach
    both; None where the observed difference is not above zero.
    """
    primary = [row for row in rows if row.role == "primary"]
    tests = Counter(row.family for row in primary)
    content: dict[str, dict[str, Any]] = {}
    for row in primary:
        to_decide = clusters_needed(alpha, tests[row.family])
        for_power, sample = row.power.clusters_for_power, row.sample
        wanted = max(to_decide, for_power) if math.isfinite(for_power) else math.nan
        content.setdefault(row.family, {})[f"{row.model_a}_minus_{row.model_b}"] = {
            "cluster": cluster,
            "metric": row.metric,
            "n_trials": sample.n,
            "design_effect": sample.design_effect,
            "effective_trials": sample.effective_n,
            "detectable": row.power.detectable,
            "n_clusters": sample.n_clusters,
            "clusters_to_decide": to_decide,
            "clusters_for_power": _whole(for_power),
            "clusters_still_needed": _whole(max(wanted - sample.n_clusters, 0.0) if math.isfinite(wanted) else wanted),
        }
    return content


def _whole(number: float) -> int | None:
    return int(number) if math.isfinite(number) else None
